"""Every run is on record, however it ends: what docs/runs.md promises. The views on the records have other tests."""

import shutil

import psycopg

from .project import AUDIT, PACKAGE, PUBLISHED, Project
from .versions import MODELS, Versions

LAST = f"select status, release_id from {AUDIT}.runs order by started_at desc limit 1"


def test_a_success_is_recorded_with_its_release(versions: Versions) -> None:
    """A year later, a user has to find the run behind a release, its nodes and its rows."""
    versions.ask("insert into raw.months values ('2011-04-01', true)")
    assert versions.build_version(2), versions.errors
    assert versions.ask(
        "select command, target, is_full_refresh, status, release_id, files, ended_at > started_at"
        f" from {AUDIT}.runs order by started_at"
    ) == [("dbt build", "test", False, "success", number, 1, True) for number in (1, 2)]
    assert versions.ask(
        "select name, resource_type, node_results.status, failures, seconds > 0,"
        " node_results.started_at >= runs.started_at"
        f" from {AUDIT}.node_results inner join {AUDIT}.runs using (invocation_id) where release_id = 2 order by name"
    ) == [
        ("customers", "model", "success", None, True, True),
        ("orders", "model", "success", None, True, True),
        ("orders_since", "function", "success", None, True, True),
        ("shown", "model", "success", None, True, True),
        ("totals", "model", "success", None, True, True),
        ("versions_agree", "test", "pass", 0, True, True),
    ]
    # partitions count as one relation, and neither a view nor a function has rows
    recorded = f"select relation, row_estimate from {AUDIT}.published_rows where release_id = {{}} order by relation"
    names = [f"{PUBLISHED}.{name}" for name in ("customers", "orders", "totals")]
    assert versions.ask(recorded.format(1)) == list(zip(names, (3, 3, 1), strict=True))
    assert versions.ask(recorded.format(2)) == list(zip(names, (3, 4, 1), strict=True))


def test_a_failing_check_is_recorded(versions: Versions) -> None:
    """The runs that matter most are those that failed."""
    assert not versions.build_version(-1)
    assert versions.ask(LAST) == [("fail", None)]
    found = f"select status, failures from {AUDIT}.node_results where name = 'versions_agree' order by started_at"
    assert versions.ask(found) == [("pass", 0), ("fail", 1)]


def test_a_failing_model_is_recorded_with_the_message(versions: Versions) -> None:
    """Logs are deleted after a while, and a message may hold any character."""
    versions.model("totals", "select 1 as id, 'a ''quoted\\ name'::integer as version from {{ ref('customers') }}")
    config = "{{ config(unique_key='id') }}"
    versions.model("totals", config + versions.read("models/totals.sql"))
    assert not versions.build_version(2)
    assert versions.ask(LAST) == [("error", None)]
    bad = f"select name, status, message from {AUDIT}.node_results where status not in ('success', 'pass')"
    found = versions.ask(bad)
    assert {name: status for name, status, _ in found} == {
        "totals": "error",
        "shown": "skipped",
        "versions_agree": "skipped",
    }
    assert 'invalid input syntax for type integer: "a \'quoted\\ name"' in " ".join(text or "" for _, _, text in found)


def test_a_run_that_could_not_publish_is_recorded_as_failed(versions: Versions) -> None:
    """After a failed hook dbt runs no other hook: nothing that was written before may say success."""
    with psycopg.connect(versions.url) as reader:
        reader.execute(f"select * from {PUBLISHED}.totals".encode())
        assert not versions.build_version(2)
    assert versions.ask(LAST) == [("error", None)]
    passed = f"select count(*) from {AUDIT}.node_results where status in ('success', 'pass')"
    assert versions.ask(passed) == [(12,)]
    assert versions.dbt("run-operation", "pg_wap.publish"), versions.errors
    assert versions.ask(f"select command, status, release_id from {AUDIT}.runs order by started_at") == [
        ("dbt build", "success", 1),
        ("dbt build", "error", None),
        ("dbt run-operation pg_wap.publish", "success", 2),
    ]


def test_a_rollback_is_recorded(versions: Versions) -> None:
    """A rollback changes what readers see, so its user and time are on record."""
    assert versions.build_version(2), versions.errors
    assert versions.dbt("run-operation", "pg_wap.rollback"), versions.errors
    last = f"select command, status, release_id, run_by from {AUDIT}.runs order by started_at desc limit 1"
    assert versions.ask(last) == [("dbt run-operation pg_wap.rollback", "success", 3, "postgres")]
    rows = f"select row_estimate from {AUDIT}.published_rows where release_id = 3 order by relation"
    assert versions.ask(rows) == [(3,), (3,), (1,)]


def test_a_killed_run_is_recorded(versions: Versions) -> None:
    """A process that runs out of memory dies without a word, every night, until somebody counts."""
    versions.ask("update raw.state set version = 2, delay = 3")
    with versions.dbt_apart("build") as process:
        versions.wait_until_asleep(process)
        process.kill()
        process.join()
    assert versions.ask(LAST) == [("running", None)]
    versions.ask("update raw.state set delay = 0")
    # the server goes on with the statement of the killed process
    assert versions.build_version(3, "--vars", "pg_wap_lock_patience_seconds: 30"), versions.errors
    assert versions.ask(f"select status, release_id, ended_at is null from {AUDIT}.runs order by started_at") == [
        ("success", 1, False),
        ("killed", None, True),
        ("success", 2, False),
    ]


def test_a_full_refresh_keeps_the_records(versions: Versions) -> None:
    """Everything can be built again but the record of what happened."""
    nodes, runs = f"select * from {AUDIT}.node_results", f"select * from {AUDIT}.runs"
    before = versions.ask(f"{nodes} order by unique_id"), versions.ask(runs)
    assert versions.build_version(2, "--full-refresh"), versions.errors
    (newest,) = versions.ask(f"select invocation_id from {AUDIT}.runs where is_full_refresh")[0]
    others = f"where invocation_id <> '{newest}'"
    assert (versions.ask(f"{nodes} {others} order by unique_id"), versions.ask(f"{runs} {others}")) == before


def test_old_runs_are_deleted_and_no_others(versions: Versions) -> None:
    """A table that only grows is truncated one day, with everything in it."""
    for days in (399, 401):
        versions.ask(
            f"insert into {AUDIT}.runs (invocation_id, command, target, is_full_refresh, status, started_at)"
            f" values ('{days}', 'dbt build', 'test', false, 'success', clock_timestamp() - interval '{days} days')"
        )
        versions.ask(
            f"insert into {AUDIT}.node_results (invocation_id, unique_id, name, resource_type, status, seconds)"
            f" values ('{days}', 'model.store.totals', 'totals', 'model', 'success', 1)"
        )
        versions.ask(
            f"insert into {AUDIT}.published_rows"
            f" values (-{days}, '{PUBLISHED}.totals', clock_timestamp() - interval '{days} days', 1)"
        )
    assert versions.build_version(2), versions.errors
    for table in ("runs", "node_results"):
        found = f"select invocation_id from {AUDIT}.{table} where invocation_id ~ '^\\d{{3}}$'"
        assert versions.ask(found) == [("399",)]
    assert versions.ask(f"select release_id from {AUDIT}.published_rows where release_id < 0") == [(-399,)]
    assert versions.build_version(3, "--vars", "pg_wap_run_history_days: 100"), versions.errors
    assert versions.ask(f"select count(*) from {AUDIT}.runs where invocation_id = '399'") == [(0,)]


def test_a_broken_view_on_runs_holds_back_no_release(versions: Versions) -> None:
    """Readers must not wait for views on the history of runs; the view is made as soon as it can be."""
    package = versions.folder / "dbt_packages" / "pg_wap"
    path = "dbt_packages/pg_wap/models/ops_view.sql"
    package.unlink()
    package.mkdir()
    try:
        for part in ("macros", "tests", "dbt_project.yml"):
            (package / part).symlink_to(PACKAGE / part)
        settings = versions.read("dbt_project.yml")
        versions.write("dbt_project.yml", settings.replace("+enabled: false", "+enabled: true"))
        versions.write(path, "select 1 as id")
        assert versions.build_version(2), versions.errors
        versions.write(path, "select 2 as id from raw.missing")
        assert not versions.build_version(3)
        assert versions.ask(LAST) == [("error", 3)]
        assert versions.versions_seen() == {3}
        versions.ask("create table raw.missing as select")
        assert versions.build_version(4), versions.errors
        assert versions.ask(f"select id from {AUDIT}.ops_view") == [(2,)]
        # only the view was built in full meanwhile
        built_in_full = f"""
            select count(*) from {AUDIT}.model_states
            where
                built_in_full_at > (select min(published_at) from {AUDIT}.releases)
                and unique_id not like '%.ops_view'
        """
        assert versions.ask(built_in_full) == [(0,)]
    finally:
        versions.remove(path)
        shutil.rmtree(package)
        package.symlink_to(PACKAGE)


def test_every_command_that_builds_or_tests_is_recorded(store: Project) -> None:
    """A check that fails in a test by hand fails as well as a check in a build."""
    for arguments in (
        ["seed", "--select", "countries", "--full-refresh"],
        ["run", "--select", "customer_totals"],
        ["snapshot", "--select", "customer_countries"],
        ["test", "--select", "customer_totals", "ops_check_days"],
    ):
        assert store.dbt(*arguments), store.errors
    found = store.ask(
        f"""
        select command, runs.status, array_agg(distinct resource_type), sum(rows_affected) > 0
        from {AUDIT}.runs inner join {AUDIT}.node_results using (invocation_id)
        where release_id is null
        group by invocation_id
        order by runs.started_at
        """
    )
    assert found == [
        ("dbt seed --select countries --full-refresh", "success", ["seed"], True),
        ("dbt run --select customer_totals", "success", ["model"], None),
        ("dbt snapshot --select customer_countries", "success", ["snapshot"], False),
        ("dbt test --select customer_totals ops_check_days", "success", ["test", "unit_test"], None),
    ]


def test_nodes_are_recorded_in_one_statement(store: Project) -> None:
    """One insert for each of a hundred nodes would be time that each build pays."""
    statements = f"select count(distinct (xmin::text, cmin::text)), count(*) > {len(MODELS)} from {AUDIT}.node_results"
    assert store.ask(statements) == [(1, True)]
