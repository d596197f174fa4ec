"""`make gates`: write what all gates declare to models/_docs/gates.md, and tell when each last found something."""

from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import click
import psycopg
from psycopg import sql
from psycopg.rows import class_row
from rich.console import Console
from rich.table import Table

from scripts import connection, publication
from scripts.paths import PROJECT_ROOT

# Within the folders that dbt reads, so that it is a page of the documentation.
PAGE = PROJECT_ROOT / "models" / "_docs" / "gates.md"
# dbt shows a block of this name as the page of the project.
HEADER = """{% docs __retail_warehouse__ %}
# Gates

<!-- Written by `make gates` from what the YAML files declare: change those. -->

What has to hold before gold is published. A hard gate that finds a row keeps gold as it was; a soft one warns, and the
build says how many rows it found before. Rules and references belong to the gate above them, which checks all of them
in one scan. When each gate last found something is in `audit.gate_catalogue`, and `make gates` prints it. How to
declare one is told in `docs/gates.md` of the repository.
"""
FOOTER = "{% enddocs %}\n"
COLUMNS = ("gate", "what holds, and why", "protects", "severity", "threshold")


class Gate(NamedTuple):
    """A gate, or a rule or reference of one, as `audit.gate_catalogue` has it."""

    gate: str
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
def main() -> None:
    """Write the catalogue of all gates, and tell when each of them last found something."""
    publication.operate("note_gates")
    with connection.connect() as session:
        gates = catalogue(session)
    PAGE.write_text(page(gates))
    table = Table(box=None)
    # Names are there to be copied: they are not cut where the terminal is narrow.
    table.add_column("gate", min_width=max(len(gate.name) for gate in gates))
    for column in ("owner", "severity", "last failed", "rows"):
        table.add_column(column)
    for gate in gates:
        if gate.kind == "gate":
            found = "" if gate.rows_found_then is None else f"{gate.rows_found_then:,}"
            table.add_row(gate.name, gate.owner, gate.severity, gate.last_failed or "never on record", found)
    Console().print(table)


def catalogue(session: psycopg.Connection) -> list[Gate]:
    """Read what the gates declare, and what they found last.

    Args:
        session: a connection to a warehouse whose gates are noted, as any build does.

    Returns:
        All gates by owner, each followed by its rules and references.
    """
    columns = sql.SQL(", ").join(sql.Identifier(name) for name in Gate._fields if name != "last_failed")
    query = sql.SQL(
        """
        select {}, to_char(last_failed_at, 'YYYY-MM-DD HH24:MI:SS TZ') as last_failed
        from {}
        order by first_value(owner) over (partition by gate order by position), position
        """
    ).format(columns, sql.Identifier(connection.audit_schema(), "gate_catalogue"))
    return session.cursor(row_factory=class_row(Gate)).execute(query).fetchall()


def page(gates: list[Gate]) -> str:
    """Return the catalogue as a page of dbt's documentation; nothing in it depends on when or where it is made.

    Args:
        gates: as `catalogue` gives them.
    """
    of_gate = [list(members) for _, members in groupby(gates, key=attrgetter("gate"))]
    parts = [HEADER]
    for owner, members in groupby(of_gate, key=lambda each: each[0].owner):
        rows = [COLUMNS, ("---",) * len(COLUMNS), *(_row(gate, owner) for each in members for gate in each)]
        parts.append(f"## Of {owner}\n\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows))
    return "\n".join([*parts, FOOTER])


def _row(gate: Gate, owner: str) -> tuple[str, ...]:
    name = gate.name if gate.kind == "gate" else f"↳ {gate.name}"
    # In a cell, a bar would begin the next one.
    states = gate.states.replace("|", "\\|")
    holds = f"`{states}`" if gate.kind == "rule" else states
    of = "" if gate.owner == owner else f" (of {gate.owner})"
    reason = gate.reason.replace("|", "\\|")
    return (name, f"{holds} {reason}", ", ".join(gate.protects), gate.severity + of, ", ".join(gate.threshold))


if __name__ == "__main__":
    main(prog_name="python -m scripts.gate_catalogue")
