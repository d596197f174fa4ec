"""Time the dashboard queries over many runs."""

import math
from functools import partial
from tempfile import TemporaryDirectory

import psycopg

from scripts import connection
from scripts.bench.measure import Row, in_turn
from scripts.paths import PROJECT_ROOT

FOLDER = "analyses/dashboard"
GOAL_MS = 25


def queries() -> dict[str, str]:
    """Compile the dashboard queries for the target in use; return their SQL by name.

    Raises:
        RuntimeError: the project does not compile.
    """
    from dbt.artifacts.schemas.run import RunExecutionResult  # noqa: PLC0415  # seconds
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # seconds

    with TemporaryDirectory(prefix="retail-") as folder:
        places = {"project-dir": PROJECT_ROOT, "profiles-dir": PROJECT_ROOT, "target-path": folder, "log-path": folder}
        options = [f"--{name}={place}" for name, place in places.items()]
        outcome = dbtRunner().invoke(["compile", "--select", f"path:{FOLDER}", "--log-level=none", *options])
    if not isinstance(outcome.result, RunExecutionResult):
        raise RuntimeError(f"the dashboard queries do not compile: {outcome.exception}")
    compiled = {result.node.name: str(getattr(result.node, "compiled_code", "")) for result in outcome.result.results}
    return dict(sorted(compiled.items()))


def measure(url: str, runs: int = 100, compiled: dict[str, str] | None = None) -> list[Row]:
    """Run each dashboard query many times, in turn with the others. The note of its row states the 95th percentile.

    Args:
        url: the database of the target in use, with a built warehouse.
        runs: how often each query runs.
        compiled: the queries, if they are compiled already.
    """
    compiled = compiled or queries()
    # Plan each query on every run, as for a dashboard; psycopg would otherwise prepare a query after five runs.
    with psycopg.connect(url, autocommit=True, prepare_threshold=None, options=connection.OPTIONS) as session:
        rows = in_turn({name: partial(_answer, session, query) for name, query in compiled.items()}, runs)
    for row in rows.values():
        row.note = f"p95 {1000 * percentile_95(row):.1f} ms, goal {GOAL_MS} ms"
    return list(rows.values())


def percentile_95(row: Row) -> float:
    """Return the seconds that 95 of 100 runs do not exceed."""
    return sorted(row.values)[math.ceil(0.95 * len(row.values)) - 1]


def _answer(session: psycopg.Connection, query: str) -> int:
    return len(session.execute(query.encode()).fetchall())
