"""`make catalogue`: write the declarations of all checks to models/_docs/checks.md, and print when each last failed."""

import json
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import click
import psycopg
from psycopg import sql
from psycopg.rows import class_row
from rich.console import Console
from rich.table import Table

from scripts import connection, release
from scripts.paths import PROJECT_ROOT
from scripts.privacy import keep_private

# Within the folders that dbt reads, so that it is a page of the documentation.
PAGE = PROJECT_ROOT / "models" / "_docs" / "checks.md"
# dbt shows a block of this name as the page of the project.
HEADER = """{% docs __retail_warehouse__ %}
# Checks

<!-- Written by `make catalogue` from what the YAML files declare: change those. -->

What has to hold before gold is published. A hard check that finds a row stops the release; a soft one warns, and the
build says how many rows it found before. Rules and references belong to the check above them, which checks all of them
in one scan. When each check last found something is in `audit.check_catalogue`, and `make catalogue` prints it. To
declare a check: see `packages/pg_wap/docs/checks.md` of the repository.
"""
FOOTER = "{% enddocs %}\n"
# Of a line in a pipe or a log: wider than any check.
WIDEST = 1_000
COLUMNS = ("check", "what holds, and why", "protects", "severity", "threshold")


class Check(NamedTuple):
    """A check, or a rule or reference of one, as `audit.check_catalogue` has it."""

    check_name: str
    name: str
    kind: str
    owner: str
    severity: str
    threshold: list[str]
    states: str
    reason: str
    protects: list[str]
    last_failed: str | None
    rows_found_then: int | None


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print all checks, rules and references as JSON.")
def main(as_json: bool) -> None:
    """Write the catalogue of all checks, and tell when each of them last found something."""
    keep_private()
    # A partial parse may have lost the descriptions of singular tests.
    release.operate("record_checks", "--no-partial-parse")
    with connection.connect() as session:
        checks = catalogue(session)
    PAGE.write_text(page(checks))
    if as_json:
        click.echo(json.dumps([check._asdict() for check in checks], indent=2))
    else:
        show(Console(), checks)


def show(console: Console, checks: list[Check]) -> None:
    """Print the checks as a table that fits a terminal. In a pipe or a log, each check has one line, however long.

    Args:
        console: where to print.
        checks: the checks, as `catalogue` returns them.
    """
    table = Table(box=None)
    for column in ("check", "owner", "severity", "last failed", "rows"):
        # Broken into several lines where the terminal is narrow, never cut.
        table.add_column(column, overflow="fold")
    for check in checks:
        if check.kind == "check":
            found = "" if check.rows_found_then is None else f"{check.rows_found_then:,}"
            table.add_row(check.name, check.owner, check.severity, check.last_failed or "never on record", found)
    if not console.is_terminal:
        console.width = WIDEST
    console.print(table)


def catalogue(session: psycopg.Connection) -> list[Check]:
    """Read what the checks declare, and what they found last.

    Args:
        session: a connection to a warehouse whose checks are noted, as any build does.

    Returns:
        All checks by owner, each followed by its rules and references.
    """
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in Check._fields if name != "last_failed")
    query = sql.SQL(
        """
        select {}, to_char(last_failed_at, 'YYYY-MM-DD HH24:MI:SS TZ') as last_failed
        from {}
        order by first_value(owner) over (partition by check_name order by position), position
        """
    ).format(columns, sql.Identifier(connection.audit_schema(), "check_catalogue"))
    return session.cursor(row_factory=class_row(Check)).execute(query).fetchall()


def page(checks: list[Check]) -> str:
    """Return the catalogue as a page of dbt's documentation; nothing in it depends on when or where it is made.

    Args:
        checks: as `catalogue` gives them.
    """
    of_check = [list(members) for _, members in groupby(checks, key=attrgetter("check_name"))]
    parts = [HEADER]
    for owner, members in groupby(of_check, key=lambda each: each[0].owner):
        rows = [COLUMNS, ("---",) * len(COLUMNS), *(_row(check, owner) for each in members for check in each)]
        parts.append(f"## Of {owner}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows))
    return "\n".join([*parts, FOOTER])


def _row(check: Check, owner: str) -> tuple[str, ...]:
    name = check.name if check.kind == "check" else f"↳ {check.name}"
    # In a cell, a bar would begin the next one.
    states = check.states.replace("|", "\\|")
    holds = f"`{states}`" if check.kind == "rule" else states
    of = "" if check.owner == owner else f" (of {check.owner})"
    reason = check.reason.replace("|", "\\|")
    return (name, f"{holds} {reason}", ", ".join(check.protects), check.severity + of, ", ".join(check.threshold))


if __name__ == "__main__":
    main(prog_name="python -m scripts.check_catalogue")
