"""Every run is on record, whatever becomes of it, and the views on that say what docs/operations.md promises."""

import json
import subprocess
import time

import psycopg
import pytest
import test_publishing
from conftest import Database
from dbt_project import Dbt
from test_publishing import Store

# The fixtures of a small project that publishes.
project, store = test_publishing.project, test_publishing.store

LAST = "select status, published from audit.runs order by started_at desc limit 1"


def test_success_is_recorded_with_its_release(store: Store) -> None:
    """Who asks a year later what was served on a Monday has to find the run, its nodes and its rows."""
    assert store.build(2), store.errors
    assert store.ask(
        "select command, target, is_full_refresh, status, published, files, ended_at > started_at"
        " from audit.runs order by started_at"
    ) == [("dbt build", "prod", False, "success", number, 1, True) for number in (1, 2)]
    assert store.ask(
        "select name, resource_type, node_results.status, failures, seconds > 0,"
        " node_results.started_at >= runs.started_at"
        " from audit.node_results inner join audit.runs using (invocation_id) where published = 2 order by name"
    ) == [
        ("facts", "model", "success", None, True, True),
        ("shown", "model", "success", None, True, True),
        ("summary", "model", "success", None, True, True),
        ("total", "model", "success", None, True, True),
        ("versions_agree", "test", "pass", 0, True, True),
    ]


def test_rows_of_gold_are_recorded_with_each_release(store: Store) -> None:
    """A relation that lost half of its rows is seen by comparing releases; partitions count as one relation."""
    store.ask("insert into raw.months values ('2011-04-01', true)")
    assert store.build(2), store.errors
    recorded = "select relation, row_estimate from audit.published_rows where release_id = {} order by relation"
    assert store.ask(recorded.format(1)) == [("gold.facts", 3), ("gold.summary", 3), ("gold.total", 1)]
    assert store.ask(recorded.format(2)) == [("gold.facts", 4), ("gold.summary", 3), ("gold.total", 1)]


def test_failing_check_is_recorded(store: Store) -> None:
    """The runs that matter most are those that did not end well."""
    assert not store.build(-1)
    assert store.ask(LAST) == [("fail", None)]
    assert store.ask(
        "select status, failures from audit.node_results where name = 'versions_agree' order by started_at"
    ) == [
        ("pass", 0),
        ("fail", 1),
    ]


def test_failing_model_is_recorded_with_what_dbt_said(store: Store) -> None:
    """Logs are gone after a while, and a message may hold any character."""
    store.model("total", "select 1 as id, 'a ''quoted\\ name'::integer as version from {{ ref('summary') }}")
    assert not store.build(2)
    assert store.ask(LAST) == [("error", None)]
    found = store.ask("select name, status, message from audit.node_results where status not in ('success', 'pass')")
    assert {name: status for name, status, _ in found} == {
        "total": "error",
        "shown": "skipped",
        "versions_agree": "skipped",
    }
    assert 'invalid input syntax for type integer: "a \'quoted\\ name"' in " ".join(text or "" for _, _, text in found)


def test_run_that_could_not_publish_is_recorded_as_failed(store: Store) -> None:
    """After a hook that failed dbt runs no other: what was written before it must not say success."""
    with psycopg.connect(store.database.url) as reader:
        reader.execute("select * from gold.total")
        assert not store.build(2)
    assert store.ask(LAST) == [("error", None)]
    assert store.ask("select count(*) from audit.node_results where status in ('success', 'pass')") == [(10,)]
    assert store.dbt("run-operation", "publish"), store.errors
    assert store.ask("select command, status, published from audit.runs order by started_at") == [
        ("dbt build", "success", 1),
        ("dbt build", "error", None),
        ("dbt run-operation publish", "success", 2),
    ]


def test_rollback_is_recorded(store: Store) -> None:
    """What readers saw changed, so there has to be somebody who did that, at some time."""
    assert store.build(2), store.errors
    assert store.dbt("run-operation", "rollback"), store.errors
    assert store.ask("select command, status, published, run_by from audit.runs order by started_at desc limit 1") == [
        ("dbt run-operation rollback", "success", 3, "postgres")
    ]
    assert store.ask("select row_estimate from audit.published_rows where release_id = 3 order by relation") == [
        (3,),
        (3,),
        (1,),
    ]


def wait_until_asleep(store: Store, process: subprocess.Popen) -> None:
    """Wait for a build to come to the model that sleeps."""
    while not store.ask("select pid from pg_stat_activity where wait_event = 'PgSleep' and pid <> pg_backend_pid()"):
        assert process.poll() is None
        time.sleep(0.05)


def test_killed_run_is_recorded(store: Store) -> None:
    """What takes the machine's memory dies without a word, every night, until somebody counts."""
    store.ask("update raw.state set version = 2, delay = 3")
    with store.dbt_apart("build") as process:
        wait_until_asleep(store, process)
        process.kill()
        process.wait()
    assert store.ask(LAST) == [("running", None)]
    store.ask("update raw.state set delay = 0")
    # the server goes on with the statement of the dead
    assert store.build(3, "--vars", "swap_patience_seconds: 30"), store.errors
    assert store.ask("select status, published, ended_at is null from audit.runs order by started_at") == [
        ("success", 1, False),
        ("killed", None, True),
        ("success", 2, False),
    ]


def test_run_that_another_overtook_says_itself_how_it_ended(store: Store) -> None:
    """Taken for dead by the other, it is not, and its end is on record."""
    store.ask("update raw.state set version = 2, delay = 10")
    with store.dbt_apart("build") as first:
        wait_until_asleep(store, first)
        store.ask("update raw.state set delay = 0")
        assert store.build(3, "--vars", "swap_patience_seconds: 30"), store.errors
        assert first.wait(timeout=60) != 0
    assert store.ask("select status, published, ended_at is null from audit.runs order by started_at") == [
        ("success", 1, False),
        ("error", None, False),
        ("success", 2, False),
    ]
    (command,) = store.ask("select command from audit.runs order by started_at desc limit 1")[0]
    assert command.removeprefix("dbt build --vars ") == "'" + json.dumps({"swap_patience_seconds": 30}) + "'"


def test_full_refresh_keeps_what_is_on_record(store: Store) -> None:
    """Everything can be built again but what happened."""
    before = store.ask("select * from audit.node_results order by unique_id"), store.ask("select * from audit.runs")
    assert store.build(2, "--full-refresh"), store.errors
    (newest,) = store.ask("select invocation_id from audit.runs where is_full_refresh")[0]
    others = f"where invocation_id <> '{newest}'"
    after = (
        store.ask(f"select * from audit.node_results {others} order by unique_id"),
        store.ask(f"select * from audit.runs {others}"),
    )
    assert after == before


def test_old_runs_are_deleted_and_no_others(store: Store) -> None:
    """A table that only grows is truncated one day, with all that is in it."""
    for days in (399, 401):
        store.ask(
            "insert into audit.runs (invocation_id, command, target, is_full_refresh, status, started_at)"
            f" values ('{days}', 'dbt build', 'prod', false, 'success', clock_timestamp() - interval '{days} days')"
        )
        store.ask(
            "insert into audit.node_results (invocation_id, unique_id, name, resource_type, status, seconds)"
            f" values ('{days}', 'model.store.total', 'total', 'model', 'success', 1)"
        )
        store.ask(
            "insert into audit.published_rows"
            f" values (-{days}, 'gold.total', clock_timestamp() - interval '{days} days', 1)"
        )
    assert store.build(2), store.errors
    assert store.ask("select invocation_id from audit.runs where invocation_id ~ '^\\d{3}$'") == [("399",)]
    assert store.ask("select invocation_id from audit.node_results where invocation_id ~ '^\\d{3}$'") == [("399",)]
    assert store.ask("select release_id from audit.published_rows where release_id < 0") == [(-399,)]
    assert store.build(3, "--vars", "run_history_days: 100"), store.errors
    assert store.ask("select count(*) from audit.runs where invocation_id = '399'") == [(0,)]


def test_broken_view_on_runs_keeps_gold_from_nothing(store: Store) -> None:
    """Gold is for analysts, and late if it waits for who looks at the builds; the view is made as soon as it can be."""
    folder = store.folder / "models" / "operations"
    folder.mkdir()
    config = "{{ config(schema='audit', materialized='view') }}"
    model = folder / "ops_view.sql"
    try:
        model.write_text(f"{config} select 1 as id")
        assert store.build(2), store.errors
        model.write_text(f"{config} select 2 as id from raw.missing")
        assert not store.build(3)
        assert store.ask(LAST) == [("error", 3)]
        assert store.ask("select version from gold.total") == [(3,)]
        store.ask("create table raw.missing as select")
        assert store.build(4), store.errors
        assert store.ask("select id from audit.ops_view") == [(2,)]
        # a delta build all the while
        assert store.ask(
            "select count(*) from audit.delta_models"
            " where built_in_full_at > (select min(published_at) from audit.releases)"
            " and unique_id not like '%.ops_view'"
        ) == [(0,)]
    finally:
        model.unlink()
        folder.rmdir()


# The project itself


def test_every_command_that_builds_or_tests_is_recorded(copy_of_built: Database, dbt: Dbt) -> None:
    """A check that fails in a test by hand fails as well as one in a build."""
    for arguments in (
        ["seed", "--select", "countries", "--full-refresh"],
        ["run", "--select", "dim_country"],
        ["snapshot", "--select", "snp_product_versions"],
        ["test", "--select", "dim_country"],
    ):
        dbt(*arguments)
    with psycopg.connect(copy_of_built.url) as session:
        found = session.execute(
            """
            select command, runs.status, array_agg(distinct resource_type), sum(rows_affected) > 0
            from audit.runs inner join audit.node_results using (invocation_id)
            where published is null
            group by invocation_id
            order by runs.started_at
            """
        ).fetchall()
    assert found == [
        ("dbt seed --select countries --full-refresh", "success", ["seed"], True),
        ("dbt run --select dim_country", "success", ["model"], None),
        ("dbt snapshot --select snp_product_versions", "success", ["snapshot"], False),
        ("dbt test --select dim_country", "success", ["test", "unit_test"], None),
    ]


def test_nodes_are_recorded_in_one_statement(built: Database) -> None:
    """One insert for each of a hundred nodes would be time that each build pays."""
    with psycopg.connect(built.url) as session:
        statements, nodes = session.execute(
            "select count(distinct (xmin::text, cmin::text)), count(*) from audit.node_results"
        ).fetchone()
    assert statements == 1
    assert nodes > 80


def test_release_and_its_rows_are_told(built: Database) -> None:
    """The first question after a complaint is who put there what, and how much of it."""
    with psycopg.connect(built.url) as session:
        assert session.execute(
            "select kind, is_served, built_command, published_command, published_by, files, last_landed_at"
            " from audit.ops_releases"
        ).fetchall() == [
            (
                "publish",
                True,
                "dbt build",
                "dbt build",
                "postgres",
                *session.execute("select count(*), max(landed_at) from bronze.landed_files").fetchone(),
            )
        ]
        told = dict(
            session.execute("select relation, row_estimate from audit.ops_relation_rows where is_changed").fetchall()
        )
        views = session.execute("select 'gold.' || viewname from pg_views where schemaname = 'gold'").fetchall()
        # a view on others of gold has no rows of its own
        assert set(told) == {name for (name,) in views} - {"gold.fct_product_offered_day"}
        for name in ("gold.dim_country", "gold.dim_date", "gold.daily_sales"):
            assert told[name] == session.execute(f"select count(*) from {name}").fetchone()[0]


@pytest.fixture(scope="module")
def told(built: Database):
    """Look at a history that was made up: nothing else is on record while the transaction lasts."""
    # of thirty runs, one a day: what each of four checks said, the last on the right
    said = {
        "steady": "." * 30,
        "mended": "F" * 6 + "." * 24,
        "broken": "." * 28 + "EF",
        "flapping": "." * 20 + "FFFF.F.F" + "w.",
    }
    statuses = {".": "pass", "F": "fail", "E": "error", "w": "warn"}
    with psycopg.connect(built.url) as session:
        session.execute("delete from audit.runs")
        session.execute(
            "insert into audit.runs (invocation_id, command, target, is_full_refresh, status, started_at)"
            " select 'run ' || day, 'dbt build', 'prod', false, 'success', '2026-01-01 06:00+00'::timestamptz"
            " + make_interval(days => day - 1) from generate_series(1, 30) as day"
        )
        for check, letters in said.items():
            for day, letter in enumerate(letters, start=1):
                session.execute(
                    "insert into audit.node_results (invocation_id, unique_id, name, resource_type, status, seconds)"
                    " values (%s, %s, %s, 'test', %s, 1)",
                    [f"run {day}", f"test.{check}", check, statuses[letter]],
                )
        session.execute(
            "insert into audit.node_results (invocation_id, unique_id, name, resource_type, status, seconds)"
            " select 'run ' || day, 'model.slow', 'slow', 'model', 'success', day from generate_series(1, 30) as day"
        )
        yield session
        session.rollback()


def test_pass_rates_are_told(told: psycopg.Connection) -> None:
    """A rule that fails once a week is another one than that which has failed since yesterday."""
    columns = "check_name, runs, passes, warnings, pass_rate::float, last_status, last_failing_invocation_id"
    assert told.execute(f"select {columns} from audit.ops_checks order by check_name").fetchall() == [
        ("broken", 30, 28, 0, 0.9333, "fail", "run 30"),
        ("flapping", 30, 24, 1, 0.8, "pass", "run 28"),
        ("mended", 30, 24, 0, 0.8, "pass", "run 6"),
        ("steady", 30, 30, 0, 1.0, "pass", None),
    ]
    days = "select ran_on::text from audit.ops_check_days where check_name = 'mended' and pass_rate < 1 order by ran_on"
    assert told.execute(days).fetchall() == [(f"2026-01-0{day}",) for day in range(1, 7)]


def test_flapping_checks_are_told(told: psycopg.Connection) -> None:
    """One that comes and goes is read no more; one that broke, or was mended, changed once."""
    changes = "select check_name, recent_changes, is_flapping from audit.ops_checks order by check_name"
    assert told.execute(changes).fetchall() == [
        ("broken", 1, False),
        ("flapping", 6, True),
        ("mended", 0, False),
        ("steady", 0, False),
    ]


def test_slow_nodes_are_told(told: psycopg.Connection) -> None:
    """Time is saved where most of it goes."""
    slowest = "select node_name, runs, median_seconds, p95_seconds, last_seconds, share_of_runs from audit.ops_nodes"
    assert [float(value) for value in told.execute(f"{slowest} order by total_seconds desc").fetchone()[1:]] == [
        30,
        15.5,
        28.55,
        30,
        0.7949,
    ]
