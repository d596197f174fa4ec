"""`make plans`: write the plan of each dashboard query to `docs/plans/`, to compare it with later plans."""

import click
import psycopg
from rich.console import Console
from rich.table import Table

from scripts import connection
from scripts.bench.dashboard import measure, percentile_95, queries
from scripts.paths import PROJECT_ROOT

PLANS = PROJECT_ROOT / "docs" / "plans"


@click.command()
@click.option("--runs", default=100, show_default=True, help="Number of timed runs of each query.")
def main(runs: int) -> None:
    """Write the plan of each dashboard query on the built warehouse to docs/plans/, and print its times."""
    compiled = queries()
    rows = measure(connection.url(), runs, compiled)
    with connection.connect(autocommit=True) as session:
        for row in rows:
            (PLANS / f"{row.name}.txt").write_text(explain(session, compiled[row.name]) + "\n")
    table = Table("query", "p50 ms", "p95 ms")
    for row in rows:
        table.add_row(row.name, f"{1000 * row.median:.1f}", f"{1000 * percentile_95(row):.1f}")
    Console().print(table)


def explain(session: psycopg.Connection, query: str) -> str:
    """Return the plan of a query that ran with all its data in memory.

    Args:
        session: a connection to the built warehouse.
        query: the SQL of the query.
    """
    session.execute(query.encode())
    return "\n".join(line for (line,) in session.execute(b"explain (analyze, buffers) " + query.encode()))


if __name__ == "__main__":
    main(prog_name="python -m scripts.bench.plans")
