"""Write the seed of bank holidays from the `holidays` library. Run this when you extend the calendar.

The dates are a seed, so that builds do not depend on the library or its version.
"""

import csv
from pathlib import Path

import click
import holidays

from scripts.paths import PROJECT_ROOT

SEED = PROJECT_ROOT / "seeds" / "uk_bank_holidays.csv"


@click.command()
@click.option("--first-year", default=2009, show_default=True, help="First year of the calendar.")
@click.option("--last-year", default=2030, show_default=True, help="Last year of the calendar.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), default=SEED, help="The file to write.")
def main(first_year: int, last_year: int, out: Path) -> None:
    """Write the bank holidays of England and Wales to a seed."""
    days = holidays.country_holidays("GB", subdiv="ENG", years=range(first_year, last_year + 1), language="en_GB")
    with out.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["holiday_date", "holiday_name"])
        writer.writerows((day.isoformat(), name) for day, name in sorted(days.items()))
    click.echo(f"{len(days)} bank holidays, {first_year} to {last_year}, written to {out.name}.")


if __name__ == "__main__":
    main()
