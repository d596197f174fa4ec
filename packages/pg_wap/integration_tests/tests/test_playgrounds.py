"""Views of a playground show the release and never stop the next one: what docs/releases.md promises to developers."""

import pytest

from .project import PUBLISHED
from .test_releases import ROLLBACK
from .versions import CHECK_PATH, FUNCTION_YAML, MODELS, Versions

MINE = "mine_published"
PLAYGROUND = f"""
    create schema {MINE};
    comment on schema {MINE} is 'playground mine of {PUBLISHED}, made today';
    create schema mine_staging;
    create view {MINE}.totals as select * from {PUBLISHED}.totals;
    create view {MINE}.shown as select * from {PUBLISHED}.shown;
"""
# `totals` loses a column and has another first.
OTHER_TOTALS = (
    MODELS["totals"].replace("max(orders.version) as version, ", "").replace("1 as id", "1 as number, 1 as id")
)
CHECK = "select * from {{ ref('totals') }} where id < 0"


@pytest.fixture
def playground(versions: Versions) -> Versions:
    """Make a playground in the database of the project."""
    versions.ask(PLAYGROUND)
    return versions


def columns(versions: Versions, relation: str) -> list[str]:
    """Return the columns of a relation, in order."""
    listed = f"select attname from pg_attribute where attrelid = '{relation}'::regclass and attnum > 0 order by attnum"
    return [name for (name,) in versions.ask(listed)]


def test_a_column_leaves_although_a_playground_reads_it(playground: Versions) -> None:
    """A developer on holiday must not stop the release of everybody else."""
    playground.ask(f"create view mine_staging.above as select version from {MINE}.totals")
    playground.ask(f"create view mine_staging.apart as select customers_version, 1 as one from {PUBLISHED}.totals")
    playground.ask("comment on view mine_staging.apart is 'kept'")
    playground.model("totals", OTHER_TOTALS)
    playground.write(CHECK_PATH, CHECK)
    assert playground.build_version(2), playground.errors
    assert columns(playground, f"{MINE}.totals") == columns(playground, f"{PUBLISHED}.totals")
    assert playground.ask(f"select version from {MINE}.shown") == [(2,)]
    assert playground.ask("select customers_version from mine_staging.apart") == [(2,)]
    assert playground.ask("select obj_description('mine_staging.apart'::regclass)") == [("kept",)]
    assert playground.ask("select to_regclass('mine_staging.above')") == [(None,)]
    assert any("are dropped: mine_staging.above. Build them again" in line for line in playground.said)


def test_the_view_of_a_user_still_stops_what_would_break_it(playground: Versions) -> None:
    """Only what is marked gives way: a report that vanished in silence would be missed on Monday morning."""
    playground.ask(f"create view outside.report as select version from {MINE}.totals")
    playground.model("totals", OTHER_TOTALS)
    playground.write(CHECK_PATH, CHECK)
    assert not playground.build_version(2)
    assert columns(playground, f"{MINE}.totals") == ["id", "version", "customers_version"]


def test_nobody_marks_the_schemas_of_another(versions: Versions) -> None:
    """A mark on a schema of one's own must not make a release drop the views of somebody else."""
    versions.ask("create role stranger")
    try:
        versions.ask(
            "create schema outside_published authorization stranger;"
            f"comment on schema outside_published is 'playground outside of {PUBLISHED}, made today';"
            "create schema outside_reports;"
            f"create view outside_reports.report as select version from {PUBLISHED}.totals"
        )
        versions.model("totals", OTHER_TOTALS)
        versions.write(CHECK_PATH, CHECK)
        assert not versions.build_version(2)
        assert "outside_reports.report reads it" in " ".join(versions.errors)
    finally:
        versions.ask("drop schema outside_published cascade; drop role stranger")


def test_what_leaves_the_project_leaves_although_a_playground_reads_it(playground: Versions) -> None:
    """A mart that was removed would stay for as long as anybody has a playground."""
    playground.ask(f"create view mine_staging.since as select * from {PUBLISHED}.orders_since('2011-01-01')")
    for path in ("models/shown.sql", "functions/orders_since.sql", "functions/orders_since.yml"):
        playground.remove(path)
    assert playground.build_version(2), playground.errors
    gone = f"to_regclass('{PUBLISHED}.shown'), to_regclass('{MINE}.shown'), to_regclass('mine_staging.since')"
    assert playground.ask(f"select {gone}") == [(None, None, None)]
    assert any("are dropped: mine_staging.since. Build" in line for line in playground.said)
    assert playground.dbt(*ROLLBACK), playground.errors
    assert playground.ask(f"select version from {MINE}.shown") == [(1,)]


def test_a_function_changes_its_columns_although_a_playground_reads_it(playground: Versions) -> None:
    """PostgreSQL drops such a function and makes it again, which a view on it forbids."""
    playground.ask(f"create view mine_staging.since as select version from {PUBLISHED}.orders_since('2011-01-01')")
    playground.write("functions/orders_since.yml", FUNCTION_YAML.replace("(version integer)", "(version bigint)"))
    assert playground.build_version(2), playground.errors
    assert playground.ask("select max(version) from mine_staging.since") == [(2,)]
    assert playground.ask("select pg_typeof(version)::text from mine_staging.since limit 1") == [("bigint",)]


def test_a_playground_gets_what_a_release_adds(playground: Versions) -> None:
    """A playground of last week shows the marts and columns of today, and keeps what was built in it."""
    playground.ask(f"create view {MINE}.customers as select 7 as id")
    playground.model("totals", MODELS["totals"].replace(" as customers_version", " as customers_version, true as new"))
    playground.model("country", "{{ config(unique_key='code') }} select 'FR' as code")
    assert playground.build_version(2), playground.errors
    assert playground.ask(f"select version, new from {MINE}.totals") == [(2, True)]
    assert playground.ask(f"select code from {MINE}.country") == [("FR",)]
    assert playground.ask(f"select * from {MINE}.customers") == [(7,)]
