"""Versions of a model: readers of the old columns and of the new ones are served side by side."""

import pytest
import yaml

from .project import AUDIT, PUBLISHED, Project

TOTALS = """
{{{{ config(unique_key='customer_id', touched_by={{'order_lines': 'customer_id'}}, check_column='customer_id') }}}}
select customer_id, count(*)::bigint as {orders}, sum(amount) as amount
from {{{{ ref('order_lines') }}}}
where customer_id is not null and {{{{ pg_wap.only_touched('customer_id') }}}}
group by customer_id
"""
EARLIER = """
{{ config(materialized='published_view') }}
{{ pg_wap.earlier_version(
    ref('customer_totals', v=2),
    renamed={'orders': 'order_count'},
    computed={'amount_text': 'amount::text'},
    retyped=['orders'],
) }}
"""
KEY = {"name": "customer_id", "data_type": "integer", "description": "Key of the customer.", "data_tests": ["unique"]}
OLD_COLUMNS = [
    KEY,
    {"name": "orders", "data_type": "integer", "description": "Number of lines."},
    {"name": "amount", "data_type": "numeric", "description": "Sum."},
    {"name": "amount_text", "data_type": "text", "description": "Sum, as text."},
]
NEW_COLUMNS = [
    KEY,
    {"name": "order_count", "data_type": "bigint", "description": "Number of lines."},
    {"name": "amount", "data_type": "numeric", "description": "Sum."},
]
VERSIONS = {
    "name": "customer_totals",
    "description": "What each customer ordered.",
    "latest_version": 2,
    "config": {"contract": {"enforced": True}, "on_schema_change": "append_new_columns"},
    "versions": [
        {
            "v": 1,
            "deprecation_date": "2999-01-01",
            "config": {"alias": "customer_totals"},
            "columns": OLD_COLUMNS,
        },
        {"v": 2, "columns": NEW_COLUMNS},
    ],
}
# What analysts wrote: one in the old words, one in the new.
REPORTS = f"""
    create schema analyst;
    create view analyst.old_report as select customer_id, orders from {PUBLISHED}.customer_totals;
"""


def give_versions(project: Project, versions: dict[str, object]) -> None:
    """Write the YAML of the release with another description of `customer_totals`."""
    content = yaml.safe_load(project.read("models/release/release.yml"))
    content["models"] = [model for model in content["models"] if model["name"] != "customer_totals"] + [versions]
    project.write("models/release/release.yml", yaml.safe_dump(content, sort_keys=False))


@pytest.fixture
def renamed(lean: Project) -> Project:
    """Rename a column of a model, and keep the old version for its readers."""
    lean.ask(REPORTS)
    lean.remove("models/release/customer_totals.sql")
    lean.write("models/release/customer_totals_v1.sql", EARLIER)
    lean.write("models/release/customer_totals_v2.sql", TOTALS.format(orders="order_count"))
    give_versions(lean, VERSIONS)
    return lean


def test_readers_of_both_versions_follow_each_release(renamed: Project) -> None:
    """A rename must not break the report that an analyst wrote last year, nor leave it behind."""
    before = renamed.ask("select * from analyst.old_report order by 1")
    renamed.build()
    assert renamed.ask("select * from analyst.old_report order by 1") == before, "the same rows and types"
    renamed.ask(
        f"create view analyst.new_report as select customer_id, order_count from {PUBLISHED}.customer_totals_v2"
    )
    renamed.ask("insert into raw.order_lines values (6, 1, 'ES', '2024-04-02', 100, 3)")
    renamed.build()
    assert renamed.outcomes["customer_totals"].status == "success"
    after = renamed.ask("select * from analyst.old_report order by 1")
    assert after == renamed.ask("select * from analyst.new_report order by 1") != before
    assert renamed.ask(f"select amount_text = amount::text from {PUBLISHED}.customer_totals") == [(True,)] * len(after)


def test_an_old_version_goes_when_no_view_reads_it(renamed: Project) -> None:
    """The end of the period breaks no report: the old version follows until the last view on it is dropped."""
    renamed.build()
    renamed.remove("models/release/customer_totals_v1.sql")
    give_versions(renamed, VERSIONS | {"versions": [{"v": 2, "columns": NEW_COLUMNS}]})
    renamed.ask("insert into raw.order_lines values (6, 1, 'ES', '2024-04-02', 100, 3)")
    renamed.build()
    assert any("customer_totals" in line and "analyst.old_report reads it: it stays" in line for line in renamed.said)
    newer = f"select customer_id, order_count::integer from {PUBLISHED}.customer_totals_v2 order by 1"
    assert renamed.ask("select * from analyst.old_report order by 1") == renamed.ask(newer)
    renamed.ask("drop view analyst.old_report")
    renamed.build()
    assert renamed.ask(f"select to_regclass('{PUBLISHED}.customer_totals')") == [(None,)]
    assert renamed.ask(f"select count(*) > 0 from {PUBLISHED}.customer_totals_v2") == [(True,)]


def test_a_newer_version_takes_the_name_of_one_that_went(renamed: Project) -> None:
    """A table becomes a view and a view a table under one name, and reports on the other name follow."""
    renamed.build()
    renamed.ask(
        f"drop view analyst.old_report;"
        f"create view analyst.new_report as select customer_id, order_count from {PUBLISHED}.customer_totals_v2"
    )
    before = renamed.ask("select * from analyst.new_report order by 1")
    renamed.remove("models/release/customer_totals_v1.sql")
    renamed.write("models/release/customer_totals_v3.sql", renamed.read("models/release/customer_totals_v2.sql"))
    renamed.write(
        "models/release/customer_totals_v2.sql",
        "{{ config(materialized='published_view') }}{{ pg_wap.earlier_version(ref('customer_totals', v=3)) }}",
    )
    versions = [
        {"v": 2, "columns": NEW_COLUMNS},
        {"v": 3, "columns": NEW_COLUMNS, "config": {"alias": "customer_totals"}},
    ]
    give_versions(renamed, VERSIONS | {"latest_version": 3, "versions": versions})
    renamed.build()
    assert renamed.ask("select * from analyst.new_report order by 1") == before
    assert renamed.ask(f"select customer_id, order_count from {PUBLISHED}.customer_totals order by 1") == before
    assert renamed.dbt("run-operation", "pg_wap.rollback"), renamed.errors
    assert renamed.ask("select * from analyst.new_report order by 1") == before


def test_each_version_logs_its_own_changes(renamed: Project) -> None:
    """With one log for both, a model would follow the changes of a version that it does not read."""
    renamed.write("models/release/customer_totals_v1.sql", TOTALS.format(orders="orders").replace("> 0", "> 1"))
    give_versions(
        renamed,
        VERSIONS | {"versions": [{"v": 1, "columns": [KEY]}, {"v": 2}], "config": {"contract": {"enforced": False}}},
    )
    for version in (1, 2):
        renamed.model(
            f"release/reads_{version}",
            f"{{{{ config(unique_key='customer_id', touched_by={{'customer_totals.v{version}': 'customer_id'}}) }}}}"
            f"select customer_id, amount from {{{{ ref('customer_totals', v={version}) }}}}"
            " where {{ pg_wap.only_touched('customer_id') }}",
        )
    renamed.build()
    logs = [f"{AUDIT}.customer_totals_v{version}__changes" for version in (1, 2)]
    assert renamed.ask(f"select to_regclass('{logs[0]}') <> to_regclass('{logs[1]}')") == [(True,)]
    renamed.ask("insert into raw.order_lines values (6, 1, 'ES', '2024-04-02', 100, 3)")
    renamed.build()
    for version in (1, 2):
        assert (
            renamed.ask(
                f"table {PUBLISHED}.reads_{version} except select customer_id, amount "
                f"from {PUBLISHED}.customer_totals_v{version}"
            )
            == []
        )
    latest, first = (renamed.compiled(f"{{{{ pg_wap.changes_of('customer_totals{of}') }}}}") for of in ("", ".v1"))
    assert "customer_totals_v2__changes" in latest
    assert "customer_totals_v1__changes" in first


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("{'orders':", "{'order':", "'customer_totals.v1' has no column 'order' in its YAML: describe it there"),
        ("['orders']", "['orderz']", "'customer_totals.v1' has no column 'orderz' in its YAML: describe it there"),
        ("{'amount_text':", "{'orders':", "'customer_totals.v1' renames and computes 'orders': do one of the two"),
    ],
)
def test_a_column_that_the_old_version_does_not_have_is_refused(
    renamed: Project, old: str, new: str, message: str
) -> None:
    """A typing error would else rename nothing, and readers would find the column gone."""
    renamed.write("models/release/customer_totals_v1.sql", EARLIER.replace(old, new))
    assert not renamed.dbt("build", "--select", "customer_totals.v1")
    assert any(message in error for error in renamed.errors), renamed.errors


def test_one_check_at_two_versions_is_refused(renamed: Project) -> None:
    """The two would have one name, so the failing rows of one would overwrite those of the other."""
    unique = {"unique": {"name": "totals_are_unique", "arguments": {"column_name": "customer_id"}}}
    give_versions(renamed, VERSIONS | {"data_tests": [unique]})
    assert not renamed.dbt("build")
    said = (
        "check 'totals_are_unique' stands at several versions of 'customer_totals': write data_tests: [] at the version"
    )
    assert any(said in error for error in renamed.errors), renamed.errors


def test_changes_of_a_version_that_the_model_does_not_read_are_refused(renamed: Project) -> None:
    """The log of another version would be read too early, and touch keys that the model does not have."""
    renamed.model(
        "release/reads",
        "{{ config(unique_key='customer_id', touched_by={'customer_totals.v1': 'customer_id'}) }}"
        "select customer_id, amount from {{ ref('customer_totals') }}",
    )
    assert not renamed.dbt("build")
    assert any("names 'customer_totals.v1', which the model does not ref" in error for error in renamed.errors)
