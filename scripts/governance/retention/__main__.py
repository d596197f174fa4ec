"""`make archive` and `make restore-archive`: retention from the command line."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, timezone
from itertools import groupby
from pathlib import Path

import click
import psycopg

from scripts.errors import Refusal, printable
from scripts.governance.retention import records, store
from scripts.governance.retention.archive import archive
from scripts.governance.retention.due import Leaving, plan
from scripts.governance.retention.restore import chosen, restore
from scripts.land.contract import CONTRACT, read_contract
from scripts.privacy import keep_private

contract_option = click.option(
    "--contract",
    default=CONTRACT,
    type=click.Path(dir_okay=False, path_type=Path),
    help="The sources file with the contract.",
)


@click.group()
def main() -> None:
    """Archive the rows that are older than the contract keeps them, and restore them."""
    keep_private()


@main.command(name="archive")
@click.option("--dry-run", is_flag=True, help="List what would leave, and change nothing.")
@click.option("--as-of", "as_of", default="", help="The day from which ages count [default: today].")
@click.option("--to", "folder", type=click.Path(file_okay=False, path_type=Path), help="The folder of the archive.")
@contract_option
def archive_command(*, dry_run: bool, as_of: str, folder: Path | None, contract: Path) -> None:
    """Write the rows of old files to Parquet, read each file back, and delete the rows."""
    day, agreed = _day(as_of, dry_run=dry_run), read_contract(contract)
    if not any(retention.keep for retention in agreed.retentions.values()):
        click.echo("Archived    nothing: no table has a `keep` in its contract (docs/retention.md)")
        return
    with records.alone() as session, _in_one_line():
        found = plan(session, agreed, day)
        archived = [] if dry_run or not found.leaving else archive(session, found.leaving, folder or store.FOLDER, day)
    for name, reason in sorted(found.staying.items()):
        click.echo(f"Kept        {printable(name)}: {reason}")
    for each in found.leaving if dry_run else []:
        span = f", {each.span.oldest} to {each.span.newest}" if each.span.newest else ""
        click.echo(f"Would go    {each.rows:,} rows of {each.relation}, {printable(each.name)}{span}")
    for line in _totals(found.leaving):
        click.echo(f"{'Would go' if dry_run else 'Archived':<12}{line}")
    if not found.leaving:
        click.echo(f"Archived    nothing: no file is older than its table keeps it, as of {day}")
    elif archived:
        click.echo(f"            archives {archived[0]} to {archived[-1]} in {folder or store.FOLDER}")
        click.echo("Next        make build: takes their lines out of silver and gold")


@main.command(name="restore")
@click.option("--file", "name", default="", help="A manifest of the archive, or the name of a landed file.")
@click.option("--all", "everything", is_flag=True, help="Restore all archives.")
def restore_command(*, name: str, everything: bool) -> None:
    """Verify files of the archive, and put their rows back into bronze."""
    if bool(name) == everything:
        raise Refusal("say what to restore: FILE=<manifest or name of a landed file>, or ALL=1. Nothing changed.")
    with records.alone() as session, _in_one_line():
        wanted = chosen(session, name, everything=everything)
        if not wanted:
            click.echo("Restored    nothing: the archive is empty")
            return
        rows = restore(session, wanted)
    for each, _ in wanted:
        click.echo(f"Restored    {each.rows:,} rows of {each.relation}, {printable(each.label)}")
    click.echo(f"Restored    {rows:,} rows of {len(wanted):,} archives; their files stay where they are")
    click.echo("Next        make build: builds their lines again")


def _day(text: str, *, dry_run: bool) -> date:
    """Return the day from which ages count.

    Raises:
        Refusal: it is no day, or in the future.
    """
    today = datetime.now(timezone.utc).date()
    try:
        day = date.fromisoformat(text) if text else today
    except ValueError:
        raise Refusal(f"AS_OF={printable(text)!r} is no day: write it like AS_OF={today}.") from None
    if day > today and not dry_run:
        raise Refusal(f"AS_OF={day} is in the future, so rows would leave too early: only DRY=1 may look ahead.")
    return day


@contextmanager
def _in_one_line() -> Iterator[None]:
    """Say in one line what the server says."""
    try:
        yield
    except psycopg.Error as error:
        said = " ".join((error.diag.message_primary or str(error)).split())
        raise Refusal(f"the database gave up: {said}. Nothing changed.") from error


def _totals(leaving: Iterable[Leaving]) -> Iterable[str]:
    """Yield a line for each table."""
    for relation, group in groupby(sorted(leaving, key=lambda each: each.relation), lambda each: each.relation):
        of = list(group)
        days = [day for each in of for day in each.span if day]
        span = f", {min(days)} to {max(days)}" if days else ""
        way = "" if of[0].is_exported else ", dropped without an archive (`archive: none`)"
        files = f" of {len(of):,} files" if of[0].file_id else ""
        yield f"{sum(each.rows for each in of):,} rows of bronze.{relation}{files}{span}{way}"


if __name__ == "__main__":
    main(prog_name="python -m scripts.governance.retention")
