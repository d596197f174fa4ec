"""The store as a whole: seeds, snapshots, views, checks and a release, in a project that installs the package."""

import pytest

from .project import Project


def test_checks_read_touched_rows_of_a_model_with_a_check_column(store: Project) -> None:
    """What a build did not touch was checked before; a full build, and `dbt test` on its own, read everything."""
    # wrong rows behind the build's back, which only a check of all rows finds
    store.ask("insert into store_published_tables.customer_totals values (3, 1, 1.0)")
    store.ask("update store_published_partitions.orders_202403 set amount = -1 where line_id = 5")
    store.ask("insert into raw.order_lines values (6, 1, 'FR', '2024-01-06', 3, 2)")
    store.build("--exclude", "package:pg_wap", "totals_agree")
    assert store.outcomes["unique_customer_totals_customer_id"].status == "pass"
    # all checks of touched rows ran, so nothing is missing but a check that was excluded
    assert not store.dbt("test", "--exclude", "package:pg_wap")
    bad = {name for name, outcome in store.outcomes.items() if outcome.status == "fail"}
    assert bad == {"unique_customer_totals_customer_id", "orders_obey_their_rules", "totals_agree"}


def test_a_snapshot_compares_the_touched_keys_only(store: Project) -> None:
    """`meta: touched_by:` of a snapshot: new versions of touched rows, and no other row is looked at."""
    history = "select line_id, country, dbt_valid_to is null from store_history.customer_countries order by 1, 3"
    before = store.ask(history)
    store.ask("update raw.order_lines set country = 'DE' where line_id = 1")
    # behind the build's back, so nothing touches it
    store.ask("update store_staging.order_lines set country = 'XX' where line_id = 2")
    store.ask("update raw.order_lines set country = 'XX' where line_id = 2")
    store.build()
    after = store.ask(history)
    assert set(after) - set(before) == {(1, "FR", False), (1, "DE", True)}
    assert len(after) == len(before) + 1


def test_views_on_a_table_that_is_built_in_full_are_built_again(store: Project) -> None:
    """PostgreSQL drops them with the table, and dbt has to know."""
    store.write("models/staging/order_lines.sql", store.read("models/staging/order_lines.sql") + "-- another")
    store.build()
    assert store.ask("select count(*) from store_staging.countries_ordered") == [(5,)]


@pytest.mark.parametrize("kind", ["view", "materialized_view", "table"])
def test_a_model_of_another_kind_becomes_incremental_and_back(kind: str, bare: Project) -> None:
    """A user changes how a model is built without dropping anything by hand."""
    bare.ask("create schema raw; create table raw.lines as select 1 as id")
    other = f"{{{{ config(materialized='{kind}') }}}} select id from raw.lines"
    by_key = "{{ config(materialized='incremental_by_key', unique_key='id') }} select id from raw.lines"
    for sql in (other, by_key, other):
        bare.model("lines", sql)
        bare.build()
        assert bare.ask("select id from store.lines") == [(1,)]
