"""A release is published whole, after every check has passed: what docs/releases.md promises to readers."""

import os
import random
import time
from typing import Any

import psycopg
import pytest

from .project import AUDIT, PARTITIONS, PUBLISHED, TABLES
from .versions import CHECK_PATH, FUNCTION, FUNCTION_YAML, MODELS, Reader, Versions

# How many releases a reader polls through; set it higher for a night.
RELEASES = int(os.environ.get("RELEASES", "6"))
PUBLISH = ("run-operation", "pg_wap.publish")
ROLLBACK = ("run-operation", "pg_wap.rollback")
PATIENTLY = ("--vars", "pg_wap_lock_patience_seconds: 60")


def test_all_that_passed_is_published(versions: Versions) -> None:
    """All relations are of one build, and the log of releases names it, its inputs and its checks."""
    assert versions.build_version(2), versions.errors
    assert versions.published() == {
        "customers": [(1, 2), (2, 0), (12, 2)],
        "orders": versions.ask("select month + 1, case when is_touched then 2 else 1 end from raw.months order by 1"),
        "totals": [(1, 2, 2)],
        "shown": [(1, 2)],
        "orders_since": [(1,), (2,)],
    }
    assert versions.ask(f"select kind, files, checks_passed from {AUDIT}.releases order by release_id") == [
        ("publish", 1, ["versions_agree"]),
        ("publish", 1, ["versions_agree"]),
    ]
    assert versions.dbt("run-operation", "pg_wap.published")
    assert versions.said[0].startswith("Release 2 is published since ")
    assert ": from 1 files up to file 1, git commit unknown, 1 checks passed." in versions.said[0]
    assert versions.said[1] == f"It changed {', '.join(f'{PUBLISHED}.{name}' for name in sorted(MODELS)[:2])}" + (
        f", {PUBLISHED}.totals."
    )


@pytest.mark.parametrize("options", [[], ["--full-refresh"]], ids=["incremental", "full"])
def test_a_failing_check_keeps_the_release(versions: Versions, options: list[str]) -> None:
    """A fault that is found after everything was built has reached no reader; the next build publishes all of it."""
    before = versions.published()
    assert not versions.build_version(-1, *options)
    assert versions.said[-1].startswith("Not published: versions_agree failed. The release of ")
    assert versions.said[-1].endswith(" stays.")
    assert versions.published() == before
    assert versions.build_version(3), versions.errors
    assert versions.published()["customers"] == [(1, 3), (2, 0), (13, 3)]
    assert versions.published()["totals"] == [(1, 3, 3)]


def test_incremental_builds_make_what_a_full_build_makes(versions: Versions) -> None:
    """What is published in pieces is what would be published at once, also after builds that failed."""
    for version in (2, -1, 3, -2):
        versions.build_version(version)
    versions.ask("update raw.months set is_touched = true")
    assert versions.build_version(5), versions.errors
    incremental = versions.published()
    assert versions.build_version(5, "--full-refresh"), versions.errors
    assert versions.published() == incremental


def test_a_null_in_a_key_is_refused(versions: Versions) -> None:
    """A row without a key could neither be replaced nor removed, and would be there twice after the next build."""
    before = versions.published()
    versions.model("customers", MODELS["customers"].replace("2, 0", "nullif(raw.version(), 2), 0"))
    versions.write(CHECK_PATH, "select * from {{ ref('totals') }} where version < 0")
    assert not versions.build_version(2)
    assert 'column "id" of relation "customers__new" contains null values' in versions.outcomes["customers"].message
    assert versions.published() == before
    assert versions.build_version(3), versions.errors
    assert not versions.build_version(2)
    assert 'null value in column "id"' in versions.outcomes["customers"].message
    assert versions.versions_seen() == {3}


@pytest.mark.parametrize("options", [[], ["--full-refresh"]], ids=["incremental", "full"])
def test_views_of_others_follow(versions: Versions, options: list[str]) -> None:
    """PostgreSQL binds a view to an object, not to a name: a user's view must neither go nor stay behind."""
    versions.ask(f"create view outside.report as select version from {PUBLISHED}.totals")
    versions.ask(f"create view outside.months as select day, version from {PUBLISHED}.orders")
    versions.ask(f"grant select on {PUBLISHED}.totals to public")
    for version in (2, 3):
        assert versions.build_version(version, *options), versions.errors
        assert versions.ask("select * from outside.report") == [(version,)]
        assert versions.ask("select max(version) from outside.months") == [(version,)]
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.ask("select * from outside.report") == [(2,)]
    assert versions.ask(f"select has_table_privilege('public', '{PUBLISHED}.totals', 'select')") == [(True,)]


def test_one_column_more_leaves_views_of_others(versions: Versions) -> None:
    """A model with one more column takes nothing away from its readers."""
    versions.ask(f"create view outside.report as select version from {PUBLISHED}.totals")
    versions.model("totals", MODELS["totals"].replace(" as customers_version", " as customers_version, true as is_new"))
    assert versions.build_version(2), versions.errors
    assert versions.ask(f"select version, is_new from {PUBLISHED}.totals") == [(2, True)]
    assert versions.ask("select * from outside.report") == [(2,)]


def test_one_column_less_is_refused_while_a_view_of_others_reads_it(versions: Versions) -> None:
    """Dropped in silence, a user's view would be missed on Monday morning; the message names the view."""
    versions.ask(f"create view outside.report as select version from {PUBLISHED}.totals")
    before = versions.published()
    versions.model(
        "totals",
        MODELS["totals"]
        .replace("max(orders.version) as version, ", "max(orders.version) as newest, ")
        .replace("1 as id", "1 as number, 1 as id"),
    )
    versions.write(CHECK_PATH, "select * from {{ ref('totals') }} where id < 0")
    assert not versions.build_version(2)
    assert "has other columns than before, and outside.report reads it" in " ".join(versions.errors)
    assert versions.published() == before
    versions.ask("drop view outside.report")
    assert versions.dbt(*PUBLISH), versions.errors
    assert versions.ask(f"select newest from {PUBLISHED}.totals") == [(2,)]
    assert versions.published()["shown"] == [(1, 2)]
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.published() == before


def test_readers_meet_neither_errors_nor_mixtures(versions: Versions) -> None:
    """In one transaction, everything that a reader sees is of one release, however often releases change."""
    reader = Reader(versions.url)
    for version in range(2, 2 + RELEASES):
        full = ["--full-refresh"] if version % 3 == 0 else []
        assert versions.build_version(version, *PATIENTLY, *full), versions.errors
        if version == 5:
            assert versions.dbt(*ROLLBACK, *PATIENTLY), versions.errors
    answers, errors = reader.stop()
    assert not errors
    assert {tuple(answer) for answer in answers if len(set(answer)) > 1} == set()
    assert {answer[0] for answer in answers} == set(range(1, 2 + RELEASES))


@pytest.mark.parametrize("isolation", ["read committed", "repeatable read"])
def test_a_reader_who_holds_on_is_waited_for_and_named(versions: Versions, isolation: str) -> None:
    """A long transaction sees one release from first to last; the build names the session, and gives up."""
    with psycopg.connect(versions.url, application_name="month end report") as session:
        session.execute(f"set transaction isolation level {isolation}".encode())
        assert session.execute(f"select version from {PUBLISHED}.totals".encode()).fetchall() == [(1,)]
        assert not versions.build_version(2)
        message = " ".join(versions.errors)
        assert f"{PUBLISHED} could not be swapped within 1 s because it is in use by process" in message
        assert "month end report" in message
        assert "nothing changed. Run the command again when they are done" in message
        for name in ("orders", "customers"):
            assert session.execute(f"select max(version) from {PUBLISHED}.{name}".encode()).fetchall() == [(1,)]
    assert versions.dbt(*PUBLISH), versions.errors
    assert versions.ask(f"select version, customers_version from {PUBLISHED}.totals") == [(2, 2)]


def test_whoever_holds_a_new_table_is_named(versions: Versions) -> None:
    """Autovacuum works on new tables after a full build; attempts of 50 ms to rename them never stop it."""
    with psycopg.connect(versions.url) as reader:
        reader.execute(f"select version from {PUBLISHED}.totals".encode())
        assert not versions.build_version(2, "--full-refresh")
    with psycopg.connect(versions.url, application_name="vacuum by hand") as session:
        session.execute(f"lock table {PUBLISHED}_tables.orders__new in share update exclusive mode".encode())
        assert not versions.dbt(*PUBLISH)
        assert "vacuum by hand" in " ".join(versions.errors)
    assert versions.dbt(*PUBLISH), versions.errors


@pytest.mark.parametrize("options", [[], ["--full-refresh"]], ids=["incremental", "full"])
def test_a_rollback_shows_the_release_before(versions: Versions, options: list[str]) -> None:
    """What passed all checks may still be wrong: the way back needs no build, and the way forward is open."""
    assert versions.build_version(2), versions.errors
    before = versions.published()
    assert versions.build_version(3, *options), versions.errors
    after = versions.published()
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.said[0].startswith("Release 4 (a rollback of 3) is published since ")
    assert versions.published() == before
    assert versions.dbt("test"), versions.errors
    assert versions.build_version(3), versions.errors
    assert versions.published()["customers"] == after["customers"]
    assert versions.published()["totals"] == after["totals"]


def test_a_table_that_becomes_a_view_can_come_back(versions: Versions) -> None:
    """A rollback shows the rows of before, also where the model is no table any more."""
    versions.model("shown", MODELS["shown"].replace("materialized='published_view'", "unique_key='id'"))
    assert versions.build_version(2), versions.errors
    before = versions.published()
    versions.ask(f"create view outside.report as select version from {PUBLISHED}.shown")
    versions.model("shown", MODELS["shown"])
    assert versions.build_version(3), versions.errors
    assert versions.published()["shown"] == [(1, 3)]
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.published() == before
    for version in (4, 5):
        assert versions.build_version(version), versions.errors
        assert versions.published()["shown"] == [(1, version)]
        assert versions.ask("select * from outside.report") == [(version,)]
    tables = f"relkind = 'r' and relnamespace = '{TABLES}'::regnamespace"
    assert versions.ask(f"select relname from pg_class where {tables} and relname ~ '^shown'") == []


def test_the_definition_of_a_view_and_of_a_function_can_come_back(versions: Versions) -> None:
    """Neither has rows that could be kept: a rollback restores their definitions, with the descriptions."""
    before = versions.published()
    described = f"select obj_description('{PUBLISHED}.orders_since'::regproc, 'pg_proc')"
    assert versions.ask(described) == [("Orders from a day on.",)]
    versions.model("shown", MODELS["shown"].replace("customers_version", "10 * customers_version"))
    versions.write("functions/orders_since.sql", FUNCTION.replace("version", "-version, version"))
    columns = FUNCTION_YAML.replace("(version integer)", "(debt integer, version integer)").replace("Orders", "Debts")
    versions.write("functions/orders_since.yml", columns)
    assert versions.build_version(1), versions.errors
    assert versions.published()["shown"] == [(1, 10)]
    assert versions.published()["orders_since"] == [(-1, 1), (-1, 1)]
    assert versions.ask(described) == [("Debts from a day on.",)]
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.published() == before
    assert versions.ask(described) == [("Orders from a day on.",)]


def test_checks_read_a_view_before_it_is_published(versions: Versions) -> None:
    """A view shows the candidate while the candidate is checked, and the release to readers."""
    before = versions.published()
    versions.write(CHECK_PATH, "select * from {{ ref('shown') }} where version = 2")
    assert not versions.build_version(2)
    assert versions.published() == before
    assert versions.dbt("run", "--select", "customers"), versions.errors
    assert versions.dbt("test"), versions.errors
    assert versions.build_version(3), versions.errors
    assert versions.dbt("test"), versions.errors
    assert versions.published()["shown"] == [(1, 3)]


def test_a_rollback_with_nothing_before_it_is_refused(versions: Versions) -> None:
    """One earlier release is kept. To end up with none, or with half of one, would be worse than to stay."""
    before = versions.published()
    assert not versions.dbt(*ROLLBACK)
    refused = "there is nothing to go back to: the present release is the first. Nothing changed."
    assert refused in versions.errors[0]
    versions.build_version(2)
    assert versions.dbt(*ROLLBACK), versions.errors
    assert not versions.dbt(*ROLLBACK)
    refused = "there is nothing to go back to: release 3 took back release 2 already, at 20"
    assert refused in versions.errors[0]
    assert versions.published() == before


def test_publishing_without_a_build_is_refused(versions: Versions) -> None:
    """Nothing is wrong, and there is nothing to do; the message says what to do first."""
    assert not versions.dbt(*PUBLISH)
    assert "there is nothing to publish: run `dbt build` first. The release did not change." in versions.errors[0]


def test_publishing_what_checks_have_not_read_is_refused(versions: Versions) -> None:
    """`dbt run` leaves checks out; its candidate waits for `dbt test`."""
    versions.ask("update raw.state set version = 2")
    assert versions.dbt("run"), versions.errors
    assert not versions.dbt(*PUBLISH)
    assert "not all checks have passed on the candidate: run `dbt test`" in versions.errors[0]
    assert versions.dbt("run-operation", "pg_wap.published")
    assert versions.said[-1].endswith(" waits: its checks have not all passed.")
    assert versions.dbt("test"), versions.errors
    assert versions.ask(f"select version from {PUBLISHED}.totals") == [(1,)]
    assert versions.dbt(*PUBLISH), versions.errors
    assert versions.ask(f"select version from {PUBLISHED}.totals") == [(2,)]


def test_a_candidate_of_other_code_is_refused(versions: Versions) -> None:
    """The code that is checked out is what a reviewer saw; a candidate of other code is not published."""
    versions.ask("update raw.state set version = 2")
    assert versions.dbt("run"), versions.errors
    assert versions.dbt("test"), versions.errors
    versions.model("totals", MODELS["totals"] + "\n-- another")
    assert not versions.dbt(*PUBLISH)
    refused = "the candidate was built by other code than this (git commit unknown): run `dbt build`"
    assert refused in versions.errors[0]
    assert versions.ask(f"select version from {PUBLISHED}.totals") == [(1,)]


def test_some_models_are_published_when_their_checks_passed(versions: Versions) -> None:
    """A user who mends one mart need not build all; all other changes are published by the next build."""
    versions.ask("update raw.state set version = 2")
    mended = MODELS["totals"].replace("as customers_version", "as customers_version, 'mended' as state")
    versions.model("totals", mended)
    assert versions.dbt("build", "--select", "totals"), versions.errors
    assert versions.ask(f"select version, state from {PUBLISHED}.totals") == [(1, "mended")], versions.said
    assert versions.build_version(2), versions.errors
    assert versions.ask(f"select version, state from {PUBLISHED}.totals") == [(2, "mended")]


def test_two_builds_at_once_run_one_after_the_other(versions: Versions) -> None:
    """Two schedulers, or a person and a scheduler: the second waits, and neither publishes half of the other."""
    versions.ask("update raw.state set version = 2, delay = 3")
    with versions.dbt_apart("build") as first:
        versions.wait_until_asleep(first)
        assert versions.dbt("build", *PATIENTLY), versions.errors
        first.join(timeout=60)
        assert first.exitcode == 0
    assert versions.versions_seen() == {2}
    assert versions.ask(f"select status, release_id, ended_at is null from {AUDIT}.runs order by started_at") == [
        ("success", 1, False),
        ("success", 2, False),
        ("success", 3, False),
    ]
    command = versions.ask(f"select command from {AUDIT}.runs order by started_at desc limit 1")[0][0]
    assert command == """dbt build --vars '{"pg_wap_lock_patience_seconds": 60}'"""


def test_a_build_that_waits_in_vain_says_for_whom(versions: Versions) -> None:
    """A build that hangs must not hang all others, and its owner must be found."""
    versions.ask("update raw.state set version = 2, delay = 30")
    with versions.dbt_apart("build") as first:
        versions.wait_until_asleep(first)
        assert not versions.build_version(3)
        assert len(versions.errors) == 1
        message = "another run writes to this warehouse (dbt build by postgres, since 20"
        assert message in versions.errors[0]
        assert "has not ended within 1 s: run this again when it has ended. Nothing was built." in versions.errors[0]
        assert first.is_alive()
    assert versions.versions_seen() == {1}


def test_a_run_that_is_no_longer_the_writer_stops(versions: Versions) -> None:
    """A run between two nodes has no session and looks dead. If another run takes over, it must not write any more."""
    versions.model("aside", "{{ config(schema='staging', unique_key='id') }} select 1 as id where raw.sleep()")
    versions.ask("update raw.state set version = 2, delay = 3")
    with versions.dbt_apart("run", "--select", "aside") as first:
        versions.wait_until_asleep(first)
        versions.ask(f"update {AUDIT}.writer set invocation_id = 'another'")
        first.join(timeout=60)
        assert first.exitcode == 1
    found = versions.ask(f"select message from {AUDIT}.node_results where name = 'aside'")
    assert "another build of this warehouse began after this one, so this one stops" in found[0][0]
    assert versions.ask("select to_regclass('store_staging.aside')") == [(None,)]


def test_a_kill_at_any_moment_leaves_a_whole_release(versions: Versions) -> None:
    """Readers see the old release or the new one, and the next build removes what the killed one left behind."""
    chance = random.Random(5)
    seen = 1
    for version in range(2, 8):
        versions.ask(f"update raw.state set version = {version}")
        with versions.dbt_apart("build", *(["--full-refresh"] if version % 2 else [])) as process:
            begun = f"select from {AUDIT}.candidate where begun_at > clock_timestamp() - interval '1 second'"
            while process.is_alive() and not versions.ask(begun):
                time.sleep(0.02)
            time.sleep(chance.uniform(0, 1.5))
        found = versions.versions_seen()
        assert found in ({seen}, {version})
        seen = found.pop()
    assert versions.build_version(10, *PATIENTLY), versions.errors
    assert versions.published()["customers"] == [(1, 10), (2, 0), (20, 10)]
    left = f"""
        select relname
        from pg_class
        where
            relnamespace in ('{TABLES}'::regnamespace, '{PARTITIONS}'::regnamespace)
            and relkind in ('r', 'p')
            and relname ~ '__(new|gone|added|staged)$'
    """
    assert versions.ask(left) == []


def test_a_column_less_leaves_published_views_that_do_not_read_it(versions: Versions) -> None:
    """A rollback after a release that only added a column must work, whatever published views read the relation."""
    described = {"description": "Shown.", "config": {"persist_docs": {"relation": True}}}
    versions.model("shown", MODELS["shown"] + "-- described", **described)
    versions.model("above", "{{ config(materialized='view') }} select version from {{ ref('shown') }}")
    assert versions.build_version(2), versions.errors
    before = versions.published()
    versions.model("totals", MODELS["totals"].replace("select 1 as id", "select 7 as seven, 1 as id"))
    assert versions.build_version(2, "--select", "totals"), versions.errors
    assert versions.ask(f"select seven from {PUBLISHED}.totals") == [(7,)]
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.published() == before
    assert versions.ask(f"select version from {PUBLISHED}.above") == [(2,)]
    assert versions.ask(f"select obj_description('{PUBLISHED}.shown'::regclass)") == [("Shown.",)]


def test_a_release_creates_a_published_view_after_the_views_that_it_reads(versions: Versions) -> None:
    """A view must not depend on how the views that it reads are called, in the first release or after a rollback."""
    view = "{{ config(materialized='published_view') }} select version from {{ ref('%s') }}"
    versions.model("a_view", view % "read_by_a_view")
    versions.model("read_by_a_view", view % "shown")
    assert versions.build_version(2), versions.errors
    assert versions.ask(f"select version from {PUBLISHED}.a_view") == [(2,)]
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.build_version(3), versions.errors
    assert versions.ask(f"select version from {PUBLISHED}.a_view") == [(3,)]


# Statements of the project, and rights


STATEMENTS = f"""
{{% macro postgres__release_statements() %}}
insert into outside.released select max(version) from {PUBLISHED}.totals;
{{% endmacro %}}
"""


def test_statements_of_the_project_are_part_of_the_release(versions: Versions) -> None:
    """Rights that come a moment after a release, or with a release that fails, are wrong for that moment."""
    versions.ask("create table outside.released (version integer)")
    versions.write("macros/release_statements.sql", STATEMENTS)
    assert versions.build_version(2), versions.errors
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.ask("select version from outside.released order by 1") == [(1,), (2,)]
    versions.ask("alter table outside.released add check (version < 3)")
    assert not versions.build_version(3)
    assert versions.versions_seen() == {1}


def test_a_full_build_keeps_the_rights_on_a_table_that_is_not_published(versions: Versions) -> None:
    """The table is another one afterwards, and its readers would be locked out until somebody notices."""
    versions.model(
        "rated", "{{ config(unique_key='n', schema='rest', materialized='incremental_by_key') }} select 1 as n"
    )
    assert versions.build_version(2), versions.errors
    (schema,) = versions.ask("select relnamespace::regnamespace::text from pg_class where relname = 'rated'")[0]
    versions.ask(
        f"grant select on {schema}.rated to pg_monitor with grant option; grant select on {schema}.rated to public"
    )
    granted = f"select relacl::text from pg_class where oid = '{schema}.rated'::regclass"
    before = versions.ask(granted)
    assert versions.build_version(3, "--full-refresh"), versions.errors
    assert versions.ask(granted) == before


# What leaves the project leaves the release


def test_what_leaves_the_project_leaves_the_release(versions: Versions) -> None:
    """Readers would go on reading a relation that nobody refreshes. A rollback brings all of it back."""
    versions.model(
        "country",
        "{{ config(unique_key='code') }} select 'FR' as code",
        description="Codes.",
        config={"persist_docs": {"relation": True, "columns": True}, "grants": {"select": ["pg_monitor"]}},
        columns=[{"name": "code", "description": "Two letters."}],
    )
    versions.model("countries", "{{ config(materialized='view') }} select code from {{ ref('country') }}")
    assert versions.build_version(2), versions.errors
    before = versions.published()
    assert {name: versions.ask(text) for name, text in RETIRED.items()} == THERE
    for path in ("models/country.sql", "models/country.yml", "models/countries.sql", "functions/orders_since.sql"):
        versions.remove(path)
    versions.remove("functions/orders_since.yml")
    assert versions.dbt("build", "--select", "customers+"), versions.errors
    assert f"{PUBLISHED}.country is no longer in the project: it leaves with the next release" in versions.said[1]
    assert {name: versions.ask(text) for name, text in RETIRED.items()} == GONE
    assert versions.ask(f"select changed_models from {AUDIT}.releases order by 1 desc limit 1") != []
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.published() == before
    assert {name: versions.ask(text) for name, text in RETIRED.items()} == THERE
    # and they go for good
    for version in (3, 4):
        assert versions.build_version(version), versions.errors
    assert {name: versions.ask(text) for name, text in RETIRED.items()} == GONE
    left = "select relname from pg_class where relname ~ '^countr' and relnamespace::regnamespace::text ~ '^store_'"
    assert versions.ask(left) == []


_IN_RELEASE = f"relnamespace = '{PUBLISHED}'::regnamespace"
RETIRED = {
    "views": f"select relname from pg_class where relname ~ '^countr' and {_IN_RELEASE} order by 1",
    "functions": f"select proname from pg_proc where pronamespace = '{PUBLISHED}'::regnamespace",
    "comments": f"""
        select split_part(description, E'\n', 1) from pg_description
        where objoid in (select oid from pg_class where relname = 'country' and {_IN_RELEASE}) order by 1
    """,
    "grants": f"""
        select privilege_type from pg_class cross join lateral aclexplode(relacl)
        where relname = 'country' and {_IN_RELEASE} and grantee = 'pg_monitor'::regrole
    """,
}
GONE: dict[str, Any] = {name: [] for name in RETIRED}
THERE: dict[str, Any] = {
    "views": [("countries",), ("country",)],
    "functions": [("orders_since",)],
    "comments": [("Codes.",), ("Two letters.",)],
    "grants": [("SELECT",)],
}


def test_a_comment_says_how_many_rows_the_release_has(versions: Versions) -> None:
    """A tool that reads the catalogue finds no row count behind a view. The text of the author stays as it is."""
    versions.model(
        "country",
        "{{ config(unique_key='n') }} select n from generate_series(1, 1200 * raw.version()) as numbers (n)",
        description="Numbers.",
        config={"persist_docs": {"relation": True}},
    )
    comment = f"select obj_description('{PUBLISHED}.country'::regclass)"
    for version, rows, options in ((2, "2,400", []), (3, "3,600", ["--full-refresh"])):
        assert versions.build_version(version, *options), versions.errors
        assert versions.ask(comment) == [(f"Numbers.\nAbout {rows} rows in release {version}.",)]
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.ask(comment) == [("Numbers.\nAbout 2,400 rows in release 4.",)]


def test_what_others_read_stays_and_is_reported(versions: Versions) -> None:
    """A view of others must not break in silence: the steward decides."""
    versions.model("country", "{{ config(unique_key='code') }} select 'FR' as code")
    assert versions.build_version(2), versions.errors
    versions.ask(f"create view outside.report as select code from {PUBLISHED}.country")
    versions.remove("models/country.sql")
    assert versions.build_version(3), versions.errors
    message = f"{PUBLISHED}.country is no longer in the project, but outside.report reads it: it stays until"
    assert any(message in line for line in versions.said)
    assert versions.ask("select code from outside.report") == [("FR",)]
    versions.ask("drop view outside.report")
    assert versions.build_version(3), versions.errors
    assert versions.ask(f"select to_regclass('{PUBLISHED}.country')") == [(None,)]


# Ordinary models in the release

ORDINARY = {
    "a_table": """
        {{ config(materialized='table', indexes=[{'columns': ['id']}]) }} select id, version from {{ ref('customers') }}
    """,
    "on_a_table": """
        {{ config(unique_key='id', touched_by={}) }} select id, version from {{ ref('a_table') }}
    """,
    "an_incremental": """
        {{ config(materialized='incremental', unique_key='version', on_schema_change='append_new_columns') }}
        select version, count(*) as customers from {{ ref('customers') }}
        {% if is_incremental() %}where version >= (select max(version) from {{ this }}){% endif %}
        group by version
    """,
}


def test_ordinary_models_are_built_as_dbt_builds_them(versions: Versions) -> None:
    """A table is built again, what reads it follows, and an incremental model adds to its released rows."""
    for name, sql in ORDINARY.items():
        versions.model(name, sql)
    assert versions.build_version(2), versions.errors
    assert versions.build_version(3), versions.errors
    found = f"select id, version from {PUBLISHED}.{{}} order by id"
    assert versions.ask(found.format("a_table")) == [(1, 3), (2, 0), (13, 3)]
    assert versions.ask(found.format("on_a_table")) == [(1, 3), (2, 0), (13, 3)]
    rows = f"select version, customers from {PUBLISHED}.an_incremental order by version"
    assert versions.ask(rows) == [(0, 1), (2, 2), (3, 2)]
    indexes = f"select count(*) from pg_indexes where schemaname = '{TABLES}' and tablename = 'a_table'"
    assert versions.ask(indexes) == [(1,)]
    # what comes out the same is no part of a release; the touched months always are
    assert versions.build_version(3), versions.errors
    changed = f"select changed_models from {AUDIT}.releases order by release_id desc limit 1"
    assert versions.ask(changed) == [([f'"{PUBLISHED}"."orders"'],)]
    # a check that fails holds all of them back, and leaves nothing of them
    versions.write("checks/no_four.sql", "select * from {{ ref('an_incremental') }} where version = 4")
    assert not versions.build_version(4)
    assert versions.ask(rows) == [(0, 1), (2, 2), (3, 2)]
    assert versions.build_version(5), versions.errors
    assert versions.ask(rows) == [(0, 1), (2, 2), (3, 2), (5, 2)]
    # a column more
    sql = ORDINARY["an_incremental"].replace("count(*) as customers", "count(*) as customers, 7 as seven")
    versions.model("an_incremental", sql)
    assert versions.build_version(6), versions.errors
    seven = f"select version, seven from {PUBLISHED}.an_incremental order by version"
    assert versions.ask(seven) == [(0, None), (2, None), (3, None), (5, None), (6, 7)]
    assert versions.dbt(*ROLLBACK), versions.errors
    assert versions.ask(rows) == [(0, 1), (2, 2), (3, 2), (5, 2)]
    assert versions.build_version(6, "--full-refresh"), versions.errors
    assert versions.ask(seven) == [(0, 7), (6, 7)]


MICROBATCH = """
{{ config(
    materialized='incremental', incremental_strategy='microbatch', unique_key='month', event_time='month',
    batch_size='month', begin='2010-12-01',
) }}
select month, max(version) as version from {{ ref('dated') }} group by month
"""


def test_batches_of_a_model_are_published_together(versions: Versions) -> None:
    """A microbatch model runs once for each batch; readers see all batches or none."""
    dated = """
        select (now() - interval '1 month' * n)::date as month, raw.version() as version
        from generate_series(0, 2) as n
    """
    versions.model("dated", f"{{{{ config(materialized='view', schema='staging', event_time='month') }}}} {dated}")
    begin = versions.ask("select (date_trunc('month', now()) - interval '3 months')::date")[0][0]
    versions.model("batches", MICROBATCH.replace("2010-12-01", str(begin)))
    seen = f"select version from {PUBLISHED}.batches order by month"
    for version in (2, 3):
        assert versions.build_version(version), versions.errors
        assert versions.ask(seen) == [(version,)] * 3
    versions.write("checks/no_four.sql", "select * from {{ ref('batches') }} where version = 4")
    assert not versions.build_version(4)
    assert versions.ask(seen) == [(3,)] * 3
