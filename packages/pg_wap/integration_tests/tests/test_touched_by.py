"""`touched_by`: each form names the keys that an incremental build looks at again, and nothing else is read."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from .databases import Databases
from .project import AUDIT, WITHOUT_VIEWS_ON_RUNS, Project

# How many histories of a source are tried; set it higher for a night.
EXAMPLES = int(os.environ.get("PG_WAP_EXAMPLES", "4"))

SOURCE = """
create schema raw;
create table raw.lines (line_id integer primary key, customer_id integer, ordered_on date not null, amount integer);
insert into raw.lines values
(1, 1, '2024-01-05', 10), (2, 1, '2024-02-29', 20), (3, 2, '2024-02-01', 5), (4, null, '2024-03-31', 7);
create table raw.looked (model text, rows bigint);
"""

# Each form of touched_by, with the query that it is for.
MODELS = {
    "lines": (
        "unique_key='line_id', logged_columns=['line_id', 'customer_id', 'ordered_on']",
        "select line_id, customer_id, ordered_on, amount from raw.lines",
    ),
    "by_column": (
        "unique_key='customer_id', touched_by={'lines': 'customer_id'}",
        """
        select customer_id, sum(amount) as amount from {{ ref('lines') }}
        where customer_id is not null and {{ pg_wap.only_touched('customer_id') }} group by customer_id
        """,
    ),
    "by_columns": (
        "unique_key=['customer_id', 'ordered_on'], touched_by={'lines': ['customer_id', 'ordered_on']}",
        """
        select customer_id, ordered_on, sum(amount) as amount from {{ ref('lines') }} as lines
        where customer_id is not null and {{ pg_wap.only_touched(['lines.customer_id', 'lines.ordered_on']) }}
        group by customer_id, ordered_on
        """,
    ),
    "by_expression": (
        """unique_key='month', touched_by={'lines': {'month': "date_trunc('month', ordered_on)::date"}}""",
        """
        select date_trunc('month', ordered_on)::date as month, count(*) as lines from {{ ref('lines') }}
        where {{ pg_wap.only_touched("date_trunc('month', ordered_on)::date", keys='month') }} group by 1
        """,
    ),
    "by_query": (
        """unique_key='customer_id',
        touched_by="select customer_id from {{ pg_wap.changes_of('lines') }} where ordered_on > '2024-01-31'" """,
        """
        select customer_id, max(amount) as amount from {{ ref('lines') }}
        where ordered_on > '2024-01-31' and customer_id is not null
            and {{ pg_wap.only_touched('customer_id', by='lookup') }} group by customer_id
        """,
    ),
    # The touched key is only a part of the unique key, so all rows of the key are compared.
    "by_part_of_key": (
        "unique_key=['customer_id', 'line_id'], touched_by={'lines': 'customer_id'}",
        """
        select customer_id, line_id, amount, sum(amount) over (partition by customer_id order by line_id) as so_far
        from {{ ref('lines') }} where customer_id is not null and {{ pg_wap.only_touched('customer_id') }}
        """,
    ),
    # Rows are looked up by the touched keys that are in the unique key.
    "by_more_than_key": (
        "unique_key='customer_id', touched_by={'lines': ['customer_id', 'ordered_on']}",
        """
        select customer_id, min(ordered_on) as ordered_on from {{ ref('lines') }}
        where customer_id is not null and {{ pg_wap.only_touched('customer_id') }} group by customer_id
        """,
    ),
    # No touched key is in the unique key, so rows are looked up by all touched keys.
    "by_another_column": (
        "unique_key='label', touched_by={'lines': 'customer_id'}",
        """
        select 'customer ' || customer_id as label, customer_id, count(*) as lines from {{ ref('lines') }}
        where customer_id is not null and {{ pg_wap.only_touched('customer_id') }} group by customer_id
        """,
    ),
    "of_two_logs": (
        "unique_key='customer_id', touched_by={'lines': 'customer_id', 'by_column': 'customer_id'}",
        """
        select lines.customer_id, count(*) as lines, max(by_column.amount) as amount
        from {{ ref('lines') }} as lines
        inner join {{ ref('by_column') }} as by_column on lines.customer_id = by_column.customer_id
        where {{ pg_wap.only_touched('lines.customer_id') }} group by lines.customer_id
        """,
    ),
    "never": (
        "unique_key='id', touched_by={}",
        "select 1 as id, 'x' as text from {{ ref('lines') }} having count(*) >= 0",
    ),
    "compared_whole": ("unique_key='id'", "select 1 as id, sum(amount) as amount from {{ ref('by_column') }}"),
}
PARTITIONED = """
{{ config(
    materialized='incremental_by_partition',
    partition_by={
        'field': 'ordered_on', 'granularity': 'month', 'starts': "select distinct ordered_on from {{ ref('lines') }}",
    },
    touched_by={'lines': 'ordered_on'},
) }}
select line_id, ordered_on, amount from {{ ref('lines') }} where {{ pg_wap.in_partition('ordered_on') }}
"""
RELATIONS = [*MODELS, "by_partition"]


class Change(NamedTuple):
    """A change of one line of the source."""

    line_id: int
    customer_id: int | None
    ordered_on: str
    amount: int | None


@pytest.fixture(scope="module", params=["staging", "published"])
def forms(request: pytest.FixtureRequest, databases: Databases) -> Iterator[Project]:
    """Build a model of each form once: written at once, and as a part of a release."""
    project = Project(
        ("macros",),
        WITHOUT_VIEWS_ON_RUNS
        | {
            "models": {
                **WITHOUT_VIEWS_ON_RUNS["models"],
                "store": {"+schema": request.param, "+materialized": "incremental_by_key"},
            },
            "on-run-start": ["{{ pg_wap.on_run_start() }}"],
        },
    )
    for name in ("create_source", "release_inputs"):
        project.remove(f"macros/{name}.sql")
    for name, (config, sql) in MODELS.items():
        project.model(name, f"{{{{ config({config}) }}}}\n{sql}")
    project.model("by_partition", PARTITIONED)
    project.schema = f"store_{request.param}"
    with databases.working() as project.url:
        project.ask(SOURCE)
        project.build()
        yield project
    project.destroy()


def contents(project: Project) -> dict[str, list[tuple]]:
    """Return the rows of all models."""
    return {name: project.ask(f"select * from {project.schema}.{name} order by 1, 2") for name in RELATIONS}


def apply(project: Project, changes: list[Change]) -> None:
    """Change the source. A line without an amount is deleted."""
    for change in changes:
        project.ask(f"delete from raw.lines where line_id = {change.line_id}")
        if change.amount is not None:
            customer = "null" if change.customer_id is None else change.customer_id
            values = f"{change.line_id}, {customer}, '{change.ordered_on}', {change.amount}"
            project.ask(f"insert into raw.lines values ({values})")


CHANGES = st.lists(
    st.builds(
        Change,
        line_id=st.integers(1, 6),
        customer_id=st.sampled_from([None, 1, 2, 3]),
        ordered_on=st.sampled_from(["2024-01-05", "2024-01-31", "2024-02-29", "2024-03-31"]),
        amount=st.sampled_from([None, 1, 10, 20]),
    ),
    min_size=1,
    max_size=4,
)


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(history=st.lists(CHANGES, min_size=2, max_size=2))
def test_incremental_builds_make_what_a_full_build_makes(forms: Project, history: list[list[Change]]) -> None:
    """Whatever changes in whatever order, no row is missed and none is left over, in any form."""
    for changes in history:
        apply(forms, changes)
        forms.build()
    incremental = contents(forms)
    forms.build("--full-refresh")
    assert contents(forms) == incremental, history


def test_only_touched_rows_are_logged_and_untouched_models_do_nothing(forms: Project) -> None:
    """A change that comes out the same goes no further, and what nothing touched is not read."""
    apply(forms, [Change(5, 3, "2024-01-05", 1)])
    forms.build()
    # `dbt run` leaves the change logs to the next build
    apply(forms, [Change(5, 3, "2024-01-05", 2)])
    assert forms.dbt("run"), forms.errors
    assert forms.ask(f"select * from {AUDIT}.lines__changes") == [(5, 3, forms.ask("select date '2024-01-05'")[0][0])]
    assert forms.ask(f"select * from {AUDIT}.by_column__changes") == [(3,)]
    # the number of lines of the month is the same, and by_query looks at later months only
    assert forms.ask(f"select * from {AUDIT}.by_expression__changes") == []
    assert {name for name, outcome in forms.outcomes.items() if outcome.message == "UNTOUCHED"} == {"by_query", "never"}
    forms.build()
    forms.build()
    assert forms.ask(f"select count(*) from {AUDIT}.lines__changes") == [(0,)]
    untouched = {name for name, outcome in forms.outcomes.items() if outcome.message == "UNTOUCHED"}
    assert untouched == MODELS.keys() - {"lines", "compared_whole"}
    assert forms.outcomes["by_partition"].message == "0 PARTITIONS"


def test_a_key_with_a_null_touches_no_row(forms: Project) -> None:
    """A null equals nothing, so a line without a customer must not touch all customers, nor stop the build."""
    apply(forms, [Change(6, None, "2024-03-31", 1)])
    assert forms.dbt("run"), forms.errors
    assert forms.outcomes["by_column"].message == "UNTOUCHED"
    forms.build()


def test_a_model_whose_code_changed_is_built_in_full_with_all_that_reads_it(forms: Project) -> None:
    """Nobody asks for a full refresh after an edit; other models are built from what changed."""
    since = forms.ask("select clock_timestamp()::text")[0][0]
    kept = forms.read("models/by_column.sql")
    forms.write("models/by_column.sql", kept.replace("sum(amount)", "2 * sum(amount)"))
    try:
        forms.build()
        found = f"select unique_id from {AUDIT}.model_states where built_in_full_at > '{since}' order by 1"
        names = {unique_id.rpartition(".")[2] for (unique_id,) in forms.ask(found)}
        assert names == {"by_column", "of_two_logs", "compared_whole"}
        incremental = contents(forms)
        forms.build("--full-refresh")
        assert contents(forms) == incremental
    finally:
        forms.write("models/by_column.sql", kept)
        forms.build()
