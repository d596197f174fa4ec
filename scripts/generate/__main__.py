"""`python -m scripts.generate`: see the package."""

import time
from datetime import date, datetime, timedelta
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress

from scripts.errors import Refusal
from scripts.generate.faults import KINDS
from scripts.generate.plan import Settings, end_of
from scripts.generate.run import Run
from scripts.generate.writing import termination_as_exit, whole_folder

# The calendar of the warehouse.
FIRST_DAY, LAST_DAY = date(2009, 1, 1), date(2030, 12, 31)
MOST_ROWS = 1_000_000_000
MOST_MONTHS = 12 * (LAST_DAY.year - FIRST_DAY.year + 1)
MOST_UNUSABLE = 0.2


def _check(settings: Settings) -> None:
    """Check what was asked for.

    Raises:
        Refusal: a value is out of its range.
    """
    if not 1 <= settings.rows <= MOST_ROWS:
        raise Refusal(f"--rows is {settings.rows}: give a number from 1 to {MOST_ROWS:,}.")
    if settings.seed < 0:
        raise Refusal(f"--seed is {settings.seed}: give a number that is not negative.")
    if not 0 <= settings.unusable_share <= MOST_UNUSABLE:
        raise Refusal(f"--unusable-share is {settings.unusable_share}: give a share from 0 to {MOST_UNUSABLE}.")
    if settings.faults < 0:
        raise Refusal(f"--faults is {settings.faults}: give a number that is not negative.")
    in_calendar = 1 <= settings.months <= MOST_MONTHS and FIRST_DAY <= settings.start <= LAST_DAY
    if not in_calendar or end_of(settings) > LAST_DAY + timedelta(days=1):
        raise Refusal(f"--start and --months must span at least a month, within {FIRST_DAY} to {LAST_DAY}.")


def _count(files: int, rows: int) -> str:
    return f"{files:,} files with {rows:,} rows"


@click.command()
@click.option("--rows", type=int, required=True, help="Sales rows to write, all files together.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed makes the same bytes.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder to make.")
@click.option(
    "--start", type=click.DateTime(["%Y-%m-%d"]), default="2009-12-01", show_default=True, help="First day of trade."
)
@click.option("--months", type=int, default=24, show_default=True, help="Calendar months to span.")
@click.option(
    "--unusable-share", type=float, default=0.0005, show_default=True, help="Share of rows that cannot be used."
)
@click.option("--price-list/--no-price-list", default=True, show_default=True, help="Write the price list, too.")
@click.option(
    "--customer-master/--no-customer-master",
    default=True,
    show_default=True,
    help="Write the profiles of the customers, too: made-up names, addresses and consents.",
)
@click.option(
    "--faults",
    type=int,
    default=0,
    show_default=True,
    help=f"Faults to deliver on purpose, told in truth.json; their kinds take turns: {', '.join(KINDS)}.",
)
@click.option("--overwrite", is_flag=True, help="Replace a folder that this command made before.")
def generate(
    *,
    rows: int,
    seed: int,
    out: Path,
    start: datetime,
    months: int,
    unusable_share: float,
    price_list: bool,
    customer_master: bool,
    faults: int,
    overwrite: bool,
) -> None:
    """Write raw sales files, and truth.json: what a warehouse must find in them."""
    settings = Settings(rows, seed, start.date(), months, unusable_share, price_list, faults, customer_master)
    _check(settings)
    began = time.perf_counter()
    console = Console(stderr=True)
    with (
        termination_as_exit(),
        whole_folder(out, overwrite=overwrite) as folder,
        Progress(console=console, transient=True, disable=not console.is_terminal) as progress,
    ):
        task = progress.add_task("rows", total=rows)
        truth = Run(settings, folder, lambda written: progress.advance(task, written)).write()
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    seconds = time.perf_counter() - began
    written = [_count(truth["raw"]["files"], truth["raw"]["rows"])]
    if price_list:
        written.append(f"a price list of {_count(truth['price_list']['files'], truth['price_list']['raw_rows'])}")
    if customer_master:
        master = truth["customer_master"]
        written.append(f"a customer master of {_count(master['files'], master['raw_rows'])}")
    click.echo(f"{out}: {', '.join(written)}, {size / 1e6:,.1f} MB in {seconds:.1f} s")


if __name__ == "__main__":
    generate(prog_name="python -m scripts.generate")
