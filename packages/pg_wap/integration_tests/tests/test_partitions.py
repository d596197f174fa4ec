"""Tables built by partitions: each option does what docs/partitions.md says; readers see the old state or the new."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import yaml

from .lines import CONTRACT, CONTRACTED, PARTITIONS, SCHEMA, STAGED, Lines, bounded_by
from .project import AUDIT

# Of each type of field, a column of the source.
FIELDS = {"date": "day", "timestamp": "at", "integer": "key"}
GRANULARITIES = ["day", "month", "quarter", "year"]
MONTHS = {"field": "day", "granularity": "month"}


def test_partitions_are_of_the_length_and_the_name_that_were_asked_for(lines: Lines) -> None:
    """A row in a partition beside its own is found by no query that names its date."""
    names = {
        "day": ["20101231", "20110101", "20110131", "20110401", "20111001"],
        "month": ["201012", "201101", "201104", "201110"],
        "quarter": ["2010q4", "2011q1", "2011q2", "2011q4"],
        "year": ["2010", "2011"],
    }
    for data_type, field in FIELDS.items():
        for granularity in GRANULARITIES:
            by = {"field": field, "data_type": data_type, "granularity": granularity}
            lines.model(f"{data_type}_{granularity}", STAGED.format(by=by, config=""))
    lines.land("2010-12-31", "2011-01-01", "2011-01-31", "2011-04-01", "2011-10-01")
    lines.build()

    for data_type, field in FIELDS.items():
        for granularity in GRANULARITIES:
            name = f"{data_type}_{granularity}"
            assert sorted(lines.oids(name)) == names[granularity], name
            found = lines.ask(f"select tableoid::regclass::text, day from {SCHEMA}.{name} order by day")
            assert [day.isoformat() for _, day in found] == [
                "2010-12-31",
                "2011-01-01",
                "2011-01-31",
                "2011-04-01",
                "2011-10-01",
            ]
            for partition, day in found:
                start = partition.rpartition("_")[2]
                quarter = f"{day.year}q{(day.month + 2) // 3}"
                assert start in (day.strftime("%Y%m%d"), day.strftime("%Y%m"), quarter, str(day.year)), (
                    name,
                    partition,
                    day,
                )
            assert lines.ask(f"select pg_get_partkeydef('{SCHEMA}.{name}'::regclass)") == [(f"RANGE ({field})",)]


def test_bounds_of_each_type_of_field_select_the_rows_of_the_partition(lines: Lines) -> None:
    """The last moment of a month and the first of the next must each be built once, whatever the type of the field."""
    for data_type, field in FIELDS.items():
        bounds = "data_type='integer'" if data_type == "integer" else ""
        lines.model(
            data_type,
            STAGED.format(
                by={
                    "field": field,
                    "data_type": data_type,
                    "granularity": "month",
                    "starts": "select month from raw.months",
                },
                config="",
            )
            + f"where {{{{ pg_wap.in_partition('{field}', {bounds}) }}}}",
        )
    lines.land("2011-01-31", "2011-02-01")
    lines.ask("insert into raw.lines values (9, '2011-01-31', '2011-01-31 23:59:59.999999', 20110131, 1)")
    lines.touch(m201101=True, m201102=True)
    lines.build()
    for name in FIELDS:
        assert lines.rows(name) == {"201101": 2, "201102": 1}, name


def test_as_it_is_compiled_the_query_is_that_of_all_partitions(bounded: Lines) -> None:
    """Lint, unit tests and `dbt show` run what is compiled, which must be a valid query that leaves nothing out."""
    assert bounded.dbt("compile", "--select", "lines"), bounded.errors
    compiled = next((bounded.folder / "target" / "compiled").rglob("lines.sql")).read_text()
    assert bounded.ask(f"select count(*) from ({compiled}) as compiled") == [(4,)]


def test_a_delta_build_replaces_what_is_touched_and_leaves_the_rest(bounded: Lines) -> None:
    """Cost has to follow what changed: a partition that nothing touched must be the same table as before."""
    before = bounded.oids()
    bounded.land("2011-01-15", "2011-02-15", "2011-05-01")
    bounded.touch(m201101=False, m201102=True, m201103=False, m201105=True)
    bounded.build()
    after = bounded.oids()
    assert {name for name in before if before[name] == after[name]} == {"201101", "201103"}
    assert bounded.rows() == {"201101": 1, "201102": 3, "201103": 1, "201105": 1}
    assert bounded.relations() == {f"lines_{name}" for name in after}


def test_a_delta_build_of_nothing_changes_nothing(bounded: Lines) -> None:
    """Most builds find most tables untouched; they must not lock anybody out for that."""
    before = bounded.oids()
    bounded.touch(m201101=False, m201102=False, m201103=False)
    with psycopg.connect(bounded.url) as reader:
        reader.execute(f"select count(*) from {SCHEMA}.lines")
        bounded.build()
    assert bounded.oids() == before


@pytest.mark.parametrize(("touched_by", "is_built"), [("", True), ("touched_by={}", False)], ids=["none", "empty"])
def test_without_touched_by_all_partitions_are_built(lines: Lines, touched_by: str, is_built: bool) -> None:
    """A model that does not say what touches it must not be taken for one that nothing ever touches."""
    by = MONTHS | {"starts": "select month from raw.months"}
    lines.model("lines", STAGED.format(by=by, config=touched_by) + "where {{ pg_wap.in_partition('day') }}")
    lines.land("2011-01-31", "2011-02-01")
    lines.touch(m201101=False, m201102=False)
    lines.build()
    before = lines.oids()
    lines.build()
    assert before.keys() == lines.oids().keys()
    assert bool(set(before.values()) & set(lines.oids().values())) is not is_built


@pytest.mark.parametrize(
    "touched_by",
    [
        "{'days': 'day'}",
        "{'days': {'month': \"date_trunc('month', day)\"}}",
        "\"select day from {{ pg_wap.changes_of('days') }}\"",
    ],
    ids=["column", "expression", "query"],
)
def test_a_change_log_touches_partitions(lines: Lines, touched_by: str) -> None:
    """The change log of a model upstream decides which partitions are built, in each form that names it."""
    days = "{{ config(materialized='incremental_by_key', unique_key='day') }}"
    lines.model("days", days + "select day, count(*) from raw.lines group by 1")
    by = MONTHS | {"starts": "select day from {{ ref('days') }}"}
    query = "where {{ pg_wap.in_partition('day') }} -- {{ ref('days') }}"
    lines.model("lines", STAGED.format(by=by, config=f"touched_by={touched_by}") + query)
    lines.land("2011-01-31", "2011-02-01", "2011-03-01")
    lines.build()
    before = lines.oids()
    lines.land("2011-02-28")
    lines.build()
    after = lines.oids()
    assert {name for name in before if before[name] != after[name]} == {"201102"}
    assert lines.rows() == {"201101": 1, "201102": 2, "201103": 1}


def test_a_delta_build_without_a_list_replaces_the_partitions_that_have_rows(lines: Lines) -> None:
    """A model that is staged filters by itself what it builds; where it gives nothing is not its business."""
    lines.model("lines", STAGED.format(by={"field": "day", "granularity": "month"}, config=""))
    lines.land("2011-01-31", "2011-02-01")
    lines.build()
    before = lines.oids()
    lines.ask("truncate raw.lines")
    lines.land("2011-02-02", "2011-02-03")
    lines.build()
    assert lines.rows() == {"201101": 1, "201102": 2}
    assert lines.oids()["201101"] == before["201101"]


def test_many_partitions_of_a_staged_model_hold_its_rows(lines: Lines) -> None:
    """From some number on the staged rows are found by an index, which must find all of them."""
    lines.model("lines", STAGED.format(by={"field": "day", "granularity": "day"}, config=""))
    lines.ask(
        "insert into raw.lines select i, '2011-01-01'::date + i % 60, null, null, 1 from generate_series(1, 600) as i"
    )
    lines.build()
    assert set(lines.rows().values()) == {10}
    assert len(lines.rows()) == 60


def test_a_partition_that_comes_out_empty_is_gone(bounded: Lines) -> None:
    """A month that was taken back must leave nothing behind."""
    bounded.ask("delete from raw.lines where day = '2011-01-31'")
    bounded.touch(m201101=True, m201102=False, m201103=False)
    bounded.build()
    assert sorted(bounded.oids()) == ["201102", "201103"]
    assert bounded.relations() == {"lines_201102", "lines_201103"}


def test_a_model_without_rows_is_an_empty_table(lines: Lines) -> None:
    """The first build of an empty warehouse must give every table, or whatever reads it fails."""
    lines.model("bounded", bounded_by())
    lines.model("staged", STAGED.format(by={"field": "day", "granularity": "month"}, config=""))
    lines.build()
    for name in ("bounded", "staged"):
        assert lines.ask(f"select id, day from {SCHEMA}.{name}") == []


def test_a_full_build_has_the_listed_partitions_and_no_others(bounded: Lines) -> None:
    """What a full build leaves behind from before would make it differ from one of an empty warehouse."""
    bounded.touch(m201102=False, m201103=False)
    bounded.build("--full-refresh")
    assert bounded.rows() == {"201102": 2, "201103": 1}
    assert bounded.relations() == {"lines_201102", "lines_201103"}


def test_a_full_build_keeps_the_table_and_the_views_on_it(bounded: Lines) -> None:
    """An analyst's view on a table must live through the nightly full build."""
    bounded.ask(f"create view {SCHEMA}.january as select * from {SCHEMA}.lines where day < '2011-02-01'")
    before = bounded.ask(f"select '{SCHEMA}.lines'::regclass::oid")
    bounded.land("2011-01-01")
    bounded.build("--full-refresh")
    assert bounded.ask(f"select '{SCHEMA}.lines'::regclass::oid") == before
    assert bounded.ask(f"select count(*) from {SCHEMA}.january") == [(2,)]


def test_a_contract_is_that_of_the_table_and_of_each_partition(contracted: Lines) -> None:
    """What the contract promises is enforced where rows are, and shown where analysts look."""
    columns = "from pg_attribute where attrelid = '{}'::regclass and attnum > 0"
    types = f"select attname, format_type(atttypid, atttypmod) {columns}"
    expected = [("id", "bigint"), ("day", "date"), ("amount", "numeric(10,2)")]
    rules = "from pg_constraint where conrelid = '{}'::regclass"
    checks = f"select count(*), bool_or(conname = 'amounts_are_small') {rules} and contype = 'c'"
    never_null = f"select array_agg(attname::text) {columns} and attnotnull"
    for table, count, required in ((f"{SCHEMA}.lines", 2, ["day"]), (f"{PARTITIONS}.lines_201102", 3, ["id", "day"])):
        assert contracted.ask(types.format(table)) == expected
        assert contracted.ask(checks.format(table)) == [(count, True)]
        assert contracted.ask(never_null.format(table)) == [(required,)]
    for name in contracted.oids():
        keys = f"select array_agg(contype order by contype)::text {rules} and contype in ('p', 'u')"
        assert contracted.ask(keys.format(f"{PARTITIONS}.lines_{name}")) == [("{p,u}",)]


def test_a_broken_rule_leaves_the_old_state(contracted: Lines) -> None:
    """A build that breaks the contract must not be seen by anybody, in none of its partitions."""
    before = contracted.oids()
    contracted.land("2011-01-02", "2011-02-02", "2011-03-02")
    contracted.ask("update raw.lines set amount = 0 where day = '2011-03-02'")
    assert "violated by some row" in contracted.fails("lines")
    assert contracted.oids() == before
    contracted.ask("update raw.lines set amount = 1")
    contracted.build()
    assert contracted.rows() == {"201101": 2, "201102": 3, "201103": 2}
    assert contracted.relations() == {f"lines_{name}" for name in before}


def test_a_contract_that_changed_is_on_the_table_after_a_full_build(contracted: Lines) -> None:
    """A rule that was lifted would refuse rows for ever if it stayed on the table above the partitions."""
    lighter = CONTRACT | {
        "columns": [CONTRACT["columns"][0], CONTRACT["columns"][1], {"name": "amount", "data_type": "numeric(10,2)"}]
    }
    contracted.model("lines", CONTRACTED, **lighter)
    contracted.ask("update raw.lines set amount = 0")
    before = contracted.ask(f"select '{SCHEMA}.lines'::regclass::oid")
    contracted.build("--full-refresh")
    assert contracted.ask(f"select '{SCHEMA}.lines'::regclass::oid, sum(amount) from {SCHEMA}.lines") == [
        (*before[0], 0)
    ]


def test_a_query_that_breaks_its_contract_is_told_as_dbt_tells_it(contracted: Lines) -> None:
    """The mismatch must be found before minutes of building, and in the words that dbt users know."""
    contracted.model("lines", CONTRACTED.replace("amount::numeric", "amount::text"), **CONTRACT)
    assert "This model has an enforced contract that failed." in contracted.fails("lines", "--full-refresh")


def test_descriptions_are_on_the_table(contracted: Lines) -> None:
    """Analysts read them in their tools, which show the table and not its partitions."""
    table = f"'{SCHEMA}.lines'::regclass"
    assert contracted.ask(f"select obj_description({table}, 'pg_class'), col_description({table}, 1)") == [
        ("Lines.", "The key.")
    ]


def test_indexes_are_on_every_partition(bounded: Lines) -> None:
    """A partition without its index makes a query slow in that month only, which nobody understands."""
    indexes = "indexes=[{'columns': ['id', 'day'], 'unique': true}, {'columns': ['day'], 'type': 'brin'}]"
    bounded.model("lines", bounded_by(indexes))
    bounded.build("--full-refresh")
    bounded.touch(m201101=True, m201102=False, m201103=False)
    bounded.build()
    for name in bounded.oids():
        found = bounded.ask(
            "select amname, indisunique, indnkeyatts from pg_index inner join pg_class on indexrelid = oid "
            f"inner join pg_am on relam = pg_am.oid where indrelid = '{PARTITIONS}.lines_{name}'::regclass order by 1"
        )
        assert found == [("brin", False, 1), ("btree", True, 2)], name


def test_a_unique_index_refuses_a_row_that_is_there_twice(bounded: Lines) -> None:
    """`unique` must mean it, or a key that doubled would double revenue."""
    bounded.model("lines", bounded_by("indexes=[{'columns': ['id'], 'unique': true}]"))
    bounded.ask("insert into raw.lines select * from raw.lines")
    before = bounded.oids()
    assert "could not create unique index" in bounded.fails("lines", "--full-refresh")
    assert bounded.oids() == before


COLUMNS = """
    select attname, atttypid from pg_attribute
    where attrelid = '{}'::regclass and attnum > 0 and not attisdropped order by attnum
"""


@pytest.mark.parametrize(
    "change",
    ["add column note text", "alter column amount type bigint", "drop column id, add column id integer"],
    ids=["a column more", "another type", "another order"],
)
def test_a_source_that_changed_asks_for_a_full_build(lines: Lines, change: str) -> None:
    """Half of the partitions in the old shape and half in the new would be no table at all."""
    lines.model("lines", STAGED.format(by=MONTHS, config=""))
    lines.land("2011-01-31", "2011-02-01", "2011-04-01")
    lines.build()
    lines.ask(f"alter table raw.lines {change}")
    before = lines.oids()
    message = lines.fails("lines")
    assert f"{SCHEMA}.lines has another key, granularity or other columns than its model" in message
    assert "build it with --full-refresh" in message
    assert lines.oids() == before
    lines.build("--full-refresh")
    assert sum(lines.rows().values()) == 3
    assert lines.relations() == {f"lines_{name}" for name in lines.oids()}
    assert lines.ask(COLUMNS.format(f"{SCHEMA}.lines")) == lines.ask(COLUMNS.format("raw.lines"))


@pytest.mark.parametrize("by", [{"granularity": "quarter"}, {"field": "at", "data_type": "timestamp"}])
def test_another_key_or_granularity_replaces_the_table(lines: Lines, by: dict[str, str]) -> None:
    """A model whose configuration changed is built in full without being asked; nothing of before stays."""
    lines.model("lines", STAGED.format(by=MONTHS, config=""))
    lines.land("2011-01-31", "2011-02-01", "2011-04-01")
    lines.build()
    lines.model("lines", STAGED.format(by=MONTHS | by, config=""))
    lines.build()
    assert sum(lines.rows().values()) == 3
    assert lines.relations() == {f"lines_{name}" for name in lines.oids()}
    key = lines.ask(f"select pg_get_partkeydef('{SCHEMA}.lines'::regclass)")
    assert key == [(f"RANGE ({by.get('field', 'day')})",)]


@pytest.mark.parametrize("kind", ["table", "view", "materialized_view"])
def test_a_model_that_was_something_else_becomes_partitioned_and_back(lines: Lines, kind: str) -> None:
    """Nobody should have to drop a table by hand to change how it is built."""
    by = {"field": "day", "granularity": "month"}
    partitioned = STAGED.format(by=by, config="")
    other = f"{{{{ config(materialized='{kind}') }}}} select * from raw.lines"
    lines.land("2011-01-31", "2011-02-01")
    for sql, partitions in ((other, 0), (partitioned, 2), (other, 0)):
        lines.model("lines", sql)
        lines.build()
        assert lines.ask(f"select count(*) from {SCHEMA}.lines") == [(2,)]
        assert len(lines.oids()) == partitions
    assert not lines.relations()


MISTAKES = {
    "no_partition_by": (
        "partition_by must be given as {'field': ..., 'granularity': ...}",
        "{{ config(materialized='incremental_by_partition') }} select * from raw.lines",
    ),
    "no_granularity": ("partition_by must be given as", STAGED.format(by={"field": "day"}, config="")),
    "weeks": (
        "granularity 'week' of partition_by must be one of day, month, quarter, year",
        STAGED.format(by={"field": "day", "granularity": "week"}, config=""),
    ),
    "strange_type": (
        "data_type 'int64' of partition_by must be one of date, timestamp, integer",
        STAGED.format(by={"field": "key", "granularity": "day", "data_type": "int64"}, config=""),
    ),
    "strange_option": (
        "partition_by has no option 'range'",
        STAGED.format(by={"field": "day", "granularity": "day", "range": 1}, config=""),
    ),
    "no_such_column": (
        "model 'no_such_column' has no column 'dag'",
        STAGED.format(by={"field": "dag", "granularity": "day"}, config=""),
    ),
    "other_type": (
        "column 'at' is of type timestamp without time zone, but partition_by says date",
        STAGED.format(by={"field": "at", "granularity": "day"}, config=""),
    ),
    "bounds_without_starts": (
        "so partition_by must give `starts`",
        STAGED.format(by={"field": "day", "granularity": "day"}, config="") + "where {{ pg_wap.in_partition('day') }}",
    ),
    "for_ever": (
        "a partition cannot begin at '9999-12-31'",
        STAGED.format(by={"field": "day", "granularity": "day", "starts": "select '9999-12-31'::date"}, config=""),
    ),
    "no_date_key": (
        "a partition cannot begin at 'None'",
        STAGED.format(by={"field": "key", "granularity": "day", "data_type": "integer"}, config="").replace(
            "select *", "select -1 as key"
        ),
    ),
    "null_in_field": (
        'column "day" of relation "null_in_field__staged" contains null values',
        STAGED.format(by={"field": "day", "granularity": "day"}, config="").replace(
            "select *", "select null::date as day"
        ),
    ),
    "outside_of_its_partition": (
        'check constraint "within_partition"',
        STAGED.format(by=MONTHS | {"starts": "select '2010-01-01'::date"}, config="")
        + "where {{ pg_wap.partition_start() }} is not null",
    ),
}


def test_each_mistake_is_reported_and_changes_nothing(lines: Lines) -> None:
    """A model that cannot be partitioned must say why, not fail of an attribute that is None."""
    lines.land("2011-01-31")
    for name, (_, sql) in MISTAKES.items():
        lines.model(name, sql)
    assert not lines.dbt("build")
    for name, (message, _) in MISTAKES.items():
        assert lines.outcomes[name].status == "error", name
        assert message in lines.outcomes[name].message, name
    assert not lines.ask(f"select relname from pg_class where relnamespace = '{SCHEMA}'::regnamespace")
    assert not lines.relations()


@pytest.mark.parametrize("options", [["--full-refresh"], []], ids=["full", "incremental"])
def test_a_key_that_is_no_date_is_never_dropped_in_silence(lines: Lines, options: list[str]) -> None:
    """A row that belongs to no partition must stop each kind of build, not be missing after one of them."""
    by = {"field": "key", "granularity": "month", "data_type": "integer"}
    lines.model("lines", STAGED.format(by=by, config="touched_by='select month from raw.months where is_touched'"))
    lines.land("2011-01-31")
    lines.touch(m201101=True)
    lines.build()
    lines.ask("insert into raw.lines values (2, '2011-01-01', null, -1, 1)")
    assert "a partition cannot begin at 'None'" in lines.fails("lines", *options)
    assert lines.rows() == {"201101": 1}


def test_a_table_in_the_way_of_a_partition_is_not_touched(bounded: Lines) -> None:
    """It is somebody's copy or a partition that was taken off; to drop it would lose data."""
    bounded.ask(f"create table {PARTITIONS}.lines_201104 as select 1 as precious")
    bounded.land("2011-04-01")
    bounded.touch(m201104=True)
    assert f"{PARTITIONS}.lines_201104 is in the way" in bounded.fails("lines")
    assert bounded.ask(f"select precious from {PARTITIONS}.lines_201104") == [(1,)]


def test_names_that_are_too_long_stay_apart(lines: Lines) -> None:
    """PostgreSQL cuts names after 63 bytes, so two partitions would be one."""
    name = "a" * 61
    lines.model(name, STAGED.format(by={"field": "day", "granularity": "day"}, config=""))
    lines.land("2011-01-30", "2011-01-31")
    lines.build()
    lines.build()
    assert len(lines.oids(name)) == 2
    assert lines.ask(f"select count(*) from {SCHEMA}.{name}") == [(2,)]
    assert {len(relation) for relation in lines.relations()} == {44 + len("_20110131")}


def test_touched_partitions_are_recorded_with_the_swap(bounded: Lines) -> None:
    """Checks read what was recorded: a swap without its record would never be checked."""
    recorded = f"select unique_id, range_start::text, range_end::text from {AUDIT}.touched_partitions"
    assert bounded.ask(recorded) == []
    before = bounded.oids()
    bounded.touch(m201102=True)
    # `dbt run` leaves the record to the next build
    assert bounded.dbt("run"), bounded.errors
    assert bounded.ask(recorded) == [("model.store.lines", "2011-02-01", "2011-03-01")]
    assert {name for name, oid in bounded.oids().items() if oid != before[name]} == {"201102"}
    before = bounded.oids()
    bounded.ask(f"alter table {AUDIT}.touched_partitions add check (range_start < '2011-02-01') not valid")
    assert 'new row for relation "touched_partitions" violates check constraint' in bounded.fails("lines")
    assert bounded.oids() == before


def test_hooks_run_inside_and_outside_of_transactions_and_grants_are_given(bounded: Lines) -> None:
    """A project's audit columns and permissions depend on them, whatever the materialization."""
    bounded.ask(
        "drop role if exists lines_reader; create role lines_reader; create table raw.hooks (what text, n bigint)"
    )
    config = (
        "grants={'select': ['lines_reader']}, "
        "pre_hook=[\"insert into raw.hooks select 'before', count(*) from raw.lines\", "
        "before_begin(\"insert into raw.hooks values ('outside', 0)\")], "
        "post_hook=[\"insert into raw.hooks select 'after', count(*) from {{ this }}\", "
        "after_commit('vacuum raw.hooks')]"
    )
    bounded.model("lines", bounded_by(config))
    # of another configuration: in full, incrementally, in full
    for options in ([], [], ["--full-refresh"]):
        bounded.ask("truncate raw.hooks")
        bounded.build(*options)
        assert bounded.ask("select * from raw.hooks") == [("outside", 0), ("before", 4), ("after", 4)]
        assert bounded.ask(f"select has_table_privilege('lines_reader', '{SCHEMA}.lines', 'select')") == [(True,)]
    bounded.model("lines", bounded_by("grants={'select': []}"))
    bounded.build()
    assert bounded.ask(f"select has_table_privilege('lines_reader', '{SCHEMA}.lines', 'select')") == [(False,)]
    bounded.ask("drop role lines_reader")


def test_a_reader_with_rights_on_the_table_needs_none_on_its_partitions(bounded: Lines) -> None:
    """Analysts are let into gold; that its rows lie in another schema is not their business."""
    bounded.ask("drop role if exists lines_reader; create role lines_reader")
    bounded.model("lines", bounded_by("grants={'select': ['lines_reader']}"))
    bounded.build()
    bounded.ask(f"grant usage on schema {SCHEMA} to lines_reader")
    with psycopg.connect(bounded.url) as session:
        session.execute("set role lines_reader")
        assert session.execute(f"select count(*) from {SCHEMA}.lines").fetchone() == (4,)
    bounded.ask("drop owned by lines_reader; drop role lines_reader")


def test_other_models_and_the_docs_see_one_table(bounded: Lines) -> None:
    """`ref` and the catalog must find it, and must not find its parts."""
    bounded.model("months", "select date_trunc('month', day) as month, count(*) from {{ ref('lines') }} group by 1")
    bounded.build()
    assert bounded.ask(f"select count(*) from {SCHEMA}.months") == [(3,)]
    bounded.dbt("docs", "generate")
    catalog = yaml.safe_load((bounded.folder / "target" / "catalog.json").read_text())
    assert catalog["nodes"].keys() == {"model.store.lines", "model.store.months"}


def test_statistics_are_those_of_the_rows(bounded: Lines) -> None:
    """A planner without them takes a million rows for a thousand; autovacuum never looks at the table as a whole."""
    bounded.ask(
        "insert into raw.lines select i, '2011-02-01', null, null, i % 7 from generate_series(1, 5000) as s (i)"
    )
    bounded.build()
    rows = "select reltuples::int from pg_class where oid = '{}'::regclass"
    assert bounded.ask(rows.format(f"{PARTITIONS}.lines_201102")) == [(5002,)]
    assert bounded.ask(rows.format(f"{SCHEMA}.lines")) == [(5004,)]
    assert bounded.ask(
        f"select n_distinct from pg_stats where schemaname = '{SCHEMA}' and attname = 'amount' and inherited"
    ) == [(7,)]


def _wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.02)


def test_a_build_that_is_killed_while_it_builds_leaves_the_old_state(bounded: Lines) -> None:
    """A scheduler kills what takes too long; the next run comes while the server still works for the dead one."""
    before = bounded.oids()
    bounded.ask("update raw.delay set seconds = 0.8")
    bounded.land("2011-01-01")
    with bounded.dbt_apart("build") as process:
        _wait_until(
            lambda: bounded.ask("select pid from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'")
        )
        process.kill()
        process.join()
        assert bounded.oids() == before
    bounded.ask("update raw.delay set seconds = 0")
    bounded.build()
    assert bounded.rows() == {"201101": 2, "201102": 2, "201103": 1}
    assert bounded.relations() == {f"lines_{name}" for name in before}


def test_a_build_that_is_killed_before_its_swap_is_cleared_away_by_the_next(bounded: Lines) -> None:
    """What was built aside is on disk by then; nobody would ever find it if the next run did not."""
    before = bounded.oids()
    bounded.land("2011-01-01")
    swapping = "from pg_stat_activity where query like '%do $swap$%' and pid <> pg_backend_pid() and state = 'active'"
    with (
        psycopg.connect(bounded.url) as reader,
        bounded.dbt_apart("build", "--vars", "{pg_wap_lock_patience_seconds: 60}") as process,
    ):
        reader.execute(f"select count(*) from {SCHEMA}.lines")
        _wait_until(lambda: bounded.ask(f"select pid {swapping}"))
        process.kill()
        process.join()
        bounded.ask(f"select pg_terminate_backend(pid) {swapping}")
        _wait_until(lambda: not bounded.ask(f"select pid {swapping}"))
        assert bounded.oids() == before
        assert "lines_201101__new" in bounded.relations()
    bounded.build()
    assert bounded.rows() == {"201101": 2, "201102": 2, "201103": 1}
    assert bounded.relations() == {f"lines_{name}" for name in before}


def test_a_reader_who_does_not_let_go_is_named_and_nothing_changes(bounded: Lines) -> None:
    """A report open since Friday must not hold back all readers, and whoever is called at night must know its name."""
    before = bounded.oids()
    bounded.land("2011-01-01")
    with psycopg.connect(bounded.url, application_name="weekend report") as reader:
        reader.execute(f"select count(*) from {SCHEMA}.lines")
        message = bounded.fails("lines")
        assert f"{SCHEMA}.lines could not be swapped within 1 s because it is in use by" in message
        assert f"process {reader.info.backend_pid} (weekend report of postgres, since " in message
        assert bounded.oids() == before
    bounded.build()
    assert bounded.rows()["201101"] == 2
    assert bounded.relations() == {f"lines_{name}" for name in before}


def test_a_reader_who_lets_go_is_waited_for_and_nobody_waits_behind_the_build(bounded: Lines) -> None:
    """Reports take minutes; a build that gave up would be late each night, one that queued would stop all others."""
    bounded.land("2011-01-01")
    held, polls = threading.Event(), []

    def read_for_long() -> None:
        swapping = "select pid from pg_stat_activity where query like '%do $swap$%' and pid <> pg_backend_pid()"
        with psycopg.connect(bounded.url) as reader, psycopg.connect(bounded.url) as other:
            reader.execute(f"select count(*) from {SCHEMA}.lines")
            held.set()
            _wait_until(lambda: bounded.ask(swapping))
            # twenty times what the build may let it wait
            other.execute("set lock_timeout = '1s'")
            until = time.monotonic() + 1.5
            while time.monotonic() < until:
                polls.append(other.execute(f"select count(*) from {SCHEMA}.lines").fetchone())
                other.rollback()

    with ThreadPoolExecutor() as pool:
        reading = pool.submit(read_for_long)
        held.wait()
        is_built = bounded.dbt("build", "--vars", "{pg_wap_lock_patience_seconds: 60}")
        reading.result()
    assert is_built, bounded.errors
    assert set(polls) == {(4,)}
    assert bounded.rows()["201101"] == 2


def test_two_builds_of_one_table_do_not_meet(bounded: Lines) -> None:
    """The later one would clear away what the earlier one is building."""
    before = bounded.oids()
    with psycopg.connect(bounded.url) as other:
        other.execute(f"select pg_advisory_lock(hashtext('partitioned'), hashtext('{SCHEMA}.lines'))")
        message = (
            f"{SCHEMA}.lines is being built by another session: the lock is held by process {other.info.backend_pid} ("
        )
        assert message in bounded.fails("lines")
    assert bounded.oids() == before
    bounded.build()


def test_a_vacuum_of_a_partition_is_waited_for(bounded: Lines) -> None:
    """Autovacuum visits a new partition sooner or later, and a build must not fail for it."""
    bounded.land("2011-01-01")
    with psycopg.connect(bounded.url) as vacuum:
        vacuum.execute(f"lock table {PARTITIONS}.lines_201101 in share update exclusive mode")
        end = threading.Timer(0.5, vacuum.rollback)
        end.start()
        bounded.build()
        end.join()
    assert bounded.rows()["201101"] == 2


def test_a_reader_sees_the_old_state_or_the_new_one(lines: Lines) -> None:
    """A dashboard that polls through all builds must never show half a build, nor an error."""
    lines.model(
        "lines",
        bounded_by(columns="day, (select max(amount) from raw.lines) as version"),
    )
    lines.ask(
        "insert into raw.lines select i, '2011-01-01'::date + i % 90, null, null, 0 from generate_series(1, 900) as i"
    )
    lines.touch(m201101=True, m201102=True, m201103=True)
    lines.build()
    seen: list[tuple] = []
    stop = threading.Event()

    def poll() -> None:
        # prepared after five times, so that plans from before a swap are met after it
        with psycopg.connect(lines.url, autocommit=True) as session:
            while not stop.is_set():
                seen.append(
                    session.execute(f"select min(version), max(version), count(*) from {SCHEMA}.lines").fetchone()
                )

    readers = [threading.Thread(target=poll) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for version in range(1, 9):
            lines.ask(f"update raw.lines set amount = {version}")
            lines.build(*(["--full-refresh"] if version % 2 == 0 else []))
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert {(low == high, rows) for low, high, rows in seen} == {(True, 900)}
    assert {low for low, _, _ in seen} == set(range(9))


def test_partitions_beyond_a_retention_are_detached(bounded: Lines) -> None:
    """What is kept for the auditor leaves the table of the analysts, and can be put back."""
    bounded.dbt("run-operation", "pg_wap.detach_partitions", "--args", "{model: lines, before: 2011-02-28}")
    assert bounded.said == [f"Detached 1 partitions of {SCHEMA}.lines: {PARTITIONS}.lines_201101"]
    assert bounded.rows() == {"201102": 2, "201103": 1}
    assert bounded.ask(f"select count(*) from {PARTITIONS}.lines_201101__detached") == [(1,)]
    bounded.touch(m201103=True)
    bounded.build()
    assert bounded.rows() == {"201102": 2, "201103": 1}
    bounded.ask(
        f"alter table {PARTITIONS}.lines_201101__detached rename to lines_201101; alter table {SCHEMA}.lines "
        f"attach partition {PARTITIONS}.lines_201101 for values from ('2011-01-01') to ('2011-02-01')"
    )
    bounded.touch(m201101=True)
    bounded.build()
    assert bounded.rows() == {"201101": 1, "201102": 2, "201103": 1}


def test_partitions_beyond_a_retention_are_dropped_where_that_is_asked_for(bounded: Lines) -> None:
    """Some data must not be kept at all."""
    bounded.dbt("run-operation", "pg_wap.detach_partitions", "--args", "{model: lines, before: 2011-03-01, drop: true}")
    assert bounded.said == [
        f"Dropped 2 partitions of {SCHEMA}.lines: {PARTITIONS}.lines_201101, {PARTITIONS}.lines_201102"
    ]
    assert bounded.relations() == {"lines_201103"}


def test_retention_understands_every_type_of_field(lines: Lines) -> None:
    """The bounds are kept in the words of the type, which the retention has to read."""
    for data_type, field in FIELDS.items():
        by = {"field": field, "data_type": data_type, "granularity": "quarter"}
        lines.model(data_type, STAGED.format(by=by, config=""))
    lines.land("2011-01-31", "2011-04-01")
    lines.build()
    for name in FIELDS:
        lines.dbt("run-operation", "pg_wap.detach_partitions", "--args", f"{{model: {name}, before: 2011-04-01}}")
        assert lines.rows(name) == {"2011q2": 1}, name


def test_a_retention_that_cannot_be_done_says_why(bounded: Lines) -> None:
    """An operation is typed by hand, often in haste; what it could not do must not look done."""
    bounded.model("plain", "select 1 as one")
    bounded.model("never_built", bounded_by())
    mistakes = {
        "{model: line, before: 2011-03-01}": "there is no model 'line'",
        "{model: plain, before: 2011-03-01}": "model 'plain' is not partitioned",
        "{model: lines, before: last month}": "before must be a date such as 2010-12-01, not 'last month'",
        "{model: lines, before: '2011-02-30'}": "date/time field value out of range",
        "{model: lines, before: 2011-03-01, drop: maybe}": "drop must be true or false, not 'maybe'",
        "{model: never_built, before: 2011-03-01}": f"{SCHEMA}.never_built does not exist",
    }
    before = bounded.oids()
    for arguments, message in mistakes.items():
        bounded.dbt("run-operation", "pg_wap.detach_partitions", "--args", arguments)
        assert len(bounded.errors) == 1, arguments
        assert message in bounded.errors[0], arguments
    assert bounded.oids() == before

    bounded.dbt("run-operation", "pg_wap.detach_partitions", "--args", "{model: lines, before: 2011-02-01}")
    bounded.touch(m201101=True)
    bounded.build()
    bounded.dbt("run-operation", "pg_wap.detach_partitions", "--args", "{model: lines, before: 2011-02-01}")
    assert "lines_201101 was detached before" in bounded.errors[0]
    assert bounded.rows()["201101"] == 1
