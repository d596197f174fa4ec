"""`make disclose`: everything that the warehouse holds of a customer, as one JSON file."""

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click
import psycopg

from scripts import connection
from scripts.errors import Refusal
from scripts.governance.events.recording import record_event
from scripts.governance.people.archived import archived, with_archived_addresses
from scripts.governance.people.held import Held, number_of, person, rows_of
from scripts.paths import PROJECT_ROOT
from scripts.privacy import keep_private

FOLDER = PROJECT_ROOT / "disclosures"


@click.group()
def main() -> None:
    """Show what the warehouse holds of a person."""
    keep_private()


@main.command()
@click.option("--customer", default="", help="The number of the customer.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The file to write.")
def disclose(customer: str, out: Path | None) -> None:
    """Write all rows of a customer to one JSON file, by layer, and record that they were disclosed."""
    number = number_of(customer)
    with connection.connect(name="disclose", operator=True) as session:
        found = read(session, number)
    target = out or FOLDER / f"customer-{number}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = target.with_name(f".{target.name}.new")
    try:
        aside.write_text(as_json(number, found), encoding="utf-8")
        with connection.connect(name="disclose", operator=True) as session:
            record(session, number, found)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)
    for each in found:
        click.echo(f"{len(each.rows):>9,} rows  {each.table.layer}.{each.table.name}, by {each.found_by}")
    click.echo(f"Disclosed   {sum(len(each.rows) for each in found):,} rows of customer {number} in {target}")


def read(session: psycopg.Connection[Any], number: int) -> list[Held]:
    """Return all rows of a customer, of one snapshot.

    Args:
        session: a session of a role that may read every table.
        number: the number of the customer.

    Raises:
        Refusal: no table holds a row of the customer.
    """
    session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    session.read_only = True
    with session.transaction():
        who = with_archived_addresses(session, person(session, number))
        found = [*rows_of(session, who), *archived(session, who)]
    if not found:
        raise Refusal(f"customer {number} is unknown: no table holds a row of this number. Nothing was written.")
    return found


def as_json(number: int, found: list[Held]) -> str:
    """Return the disclosure. Rows are as PostgreSQL writes them, so no decimal is lost.

    Args:
        number: the number of the customer.
        found: the rows, by table.
    """
    at = datetime.now(timezone.utc).isoformat(timespec="seconds")
    tables = [
        '{{"layer": {}, "relation": {}, "found_by": {}, "rows": [\n{}\n]}}'.format(
            *map(json.dumps, (each.table.layer, each.table.name, each.found_by)), ",\n".join(each.rows)
        )
        for each in found
    ]
    return f'{{"customer": {number}, "disclosed_at": "{at}", "held": [\n{",".join(tables)}\n]}}\n'


def record(session: psycopg.Connection[Any], number: int, found: list[Held]) -> None:
    """Record the disclosure in `audit.events`, if the warehouse has them.

    Args:
        session: a session.
        number: the number of the customer.
        found: the rows, by table.
    """
    rows = {f"{each.table.layer}.{each.table.name}": len(each.rows) for each in found}
    record_event(session, "disclosure", f"customer {number}", rows)


if __name__ == "__main__":
    main(prog_name="python -m scripts.governance.people")
