"""The views on the history of runs answer the questions of docs/runs.md. Their unit tests run with each build."""

from collections.abc import Iterator

import psycopg
import pytest

from .databases import Databases
from .project import AUDIT, PUBLISHED


@pytest.fixture(scope="module")
def history(databases: Databases, built_store: str) -> Iterator[psycopg.Connection]:
    """Show the record of the build; a test may change it for itself."""
    with databases.working(built_store) as url, psycopg.connect(url) as session:
        session.execute(f"set search_path to {AUDIT}".encode())
        session.commit()
        yield session
        session.rollback()


@pytest.fixture
def made_up(history: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """Replace the record by a made-up one while the transaction lasts."""
    # of thirty runs, one a day: the result of each of four checks, the last on the right
    results = {
        "steady": "." * 30,
        "mended": "F" * 6 + "." * 24,
        "broken": "." * 28 + "EF",
        "flapping": "." * 20 + "FFFF.F.F" + "w.",
    }
    statuses = {".": "pass", "F": "fail", "E": "error", "w": "warn"}
    history.execute("delete from runs")
    history.execute(
        "insert into runs (invocation_id, command, target, is_full_refresh, status, started_at)"
        " select 'run ' || day, 'dbt build', 'test', false, 'success', '2026-01-01 06:00+00'::timestamptz"
        " + make_interval(days => day - 1) from generate_series(1, 30) as day"
    )
    for check, letters in results.items():
        for day, letter in enumerate(letters, start=1):
            history.execute(
                "insert into node_results (invocation_id, unique_id, name, resource_type, status, seconds)"
                " values (%s, %s, %s, 'test', %s, 1)",
                [f"run {day}", f"test.{check}", check, statuses[letter]],
            )
    history.execute(
        "insert into node_results (invocation_id, unique_id, name, resource_type, status, seconds)"
        " select 'run ' || day, 'model.slow', 'slow', 'model', 'success', day from generate_series(1, 30) as day"
    )
    yield history
    history.rollback()


def test_a_release_and_its_rows_are_shown(history: psycopg.Connection) -> None:
    """The first question after a complaint is who published what, and how many rows."""
    releases = "select kind, is_published, built_command, published_command, published_by, files from ops_releases"
    assert history.execute(releases).fetchall() == [("publish", True, "dbt build", "dbt build", "postgres", 2)]
    rows = "select relation, row_estimate from ops_relation_rows where is_changed"
    # a view has no rows
    assert dict(history.execute(rows).fetchall()) == {
        f"{PUBLISHED}.{name}": history.execute(f"select count(*) from {PUBLISHED}.{name}".encode()).fetchone()[0]
        for name in ("customer_totals", "month_totals", "orders")
    }


def test_pass_rates_are_shown(made_up: psycopg.Connection) -> None:
    """A check that fails once a week differs from a check that has failed since yesterday."""
    columns = "check_name, runs, passes, warnings, pass_rate::float, last_status, last_failing_invocation_id"
    assert made_up.execute(f"select {columns} from ops_checks order by check_name".encode()).fetchall() == [
        ("broken", 30, 28, 0, 0.9333, "fail", "run 30"),
        ("flapping", 30, 24, 1, 0.8, "pass", "run 28"),
        ("mended", 30, 24, 0, 0.8, "pass", "run 6"),
        ("steady", 30, 30, 0, 1.0, "pass", None),
    ]
    days = "select ran_on::text from ops_check_days where check_name = 'mended' and pass_rate < 1 order by ran_on"
    assert made_up.execute(days).fetchall() == [(f"2026-01-0{day}",) for day in range(1, 7)]


def test_flapping_checks_are_shown(made_up: psycopg.Connection) -> None:
    """People ignore a check that comes and goes; a check that broke, or was mended, changed once."""
    changes = "select check_name, recent_changes, is_flapping from ops_checks order by check_name"
    assert made_up.execute(changes).fetchall() == [
        ("broken", 1, False),
        ("flapping", 6, True),
        ("mended", 0, False),
        ("steady", 0, False),
    ]


def test_slow_nodes_are_shown(made_up: psycopg.Connection) -> None:
    """Time is saved where most of it goes."""
    slowest = "select runs, median_seconds, p95_seconds, last_seconds, share_of_runs from ops_nodes"
    found = made_up.execute(f"{slowest} order by total_seconds desc".encode()).fetchone()
    assert [float(value) for value in found or ()] == [30, 15.5, 28.55, 30, 0.7949]
