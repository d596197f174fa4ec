"""Tables built by partitions: each option does what docs/partitions.md says; readers see the old state or the new."""

import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest
import yaml
from conftest import Database
from dbt_project import Outcome
from small_project import SmallProject

from scripts.paths import PROJECT_ROOT

MACROS = PROJECT_ROOT / "macros" / "materializations"
# What docs/partitions.md tells others to take along with the folder.
ALONGSIDE = ["constraint_clauses", "contracted_query", "create_index_sql", "postgres__incremental"]
SCHEMA = "shop_gold"
PARTITIONS = "shop_gold_partitions"

# The project's own macros of these names know all of the warehouse; here, a table that exists is built by what changed.
IS_DELTA = (
    "{% macro is_delta() %}{{ return(not should_full_refresh() and load_relation(this) is not none) }}{% endmacro %}"
)
IS_PUBLISHED = "{% macro is_published(node) %}{{ return(false) }}{% endmacro %}"
RECORD = """
{% macro record_touched_partitions(relation, partitions, is_full) %}
    {% for start, end in partitions %}
    insert into raw.touched values ('{{ relation.identifier }}', '{{ start }}', '{{ end }}', {{ is_full }});
    {% endfor %}
{% endmacro %}
"""

SOURCE = """
create schema raw;
create table raw.lines (id integer, day date, at timestamp, key integer, amount integer);
create table raw.months (month date, is_touched boolean);
create table raw.touched (name text, starts_on date, ends_on date, is_full boolean);
create table raw.delay (seconds double precision);
insert into raw.delay values (0);
create function raw.sleep() returns void language sql as 'select pg_sleep(seconds) from raw.delay';
"""

# Of each type of field, a column of the source.
FIELDS = {"date": "day", "timestamp": "at", "integer": "key"}
GRANULARITIES = ["day", "month", "quarter", "year"]

BOUNDED = """
{{{{ config(
    materialized='incremental',
    incremental_strategy='partitioned',
    partition_by={{'field': 'day', 'granularity': 'month'}},
    partitions='select month, is_touched from raw.months',
    {config}
) }}}}
with lines as (select * from raw.lines where {{{{ in_partition('day') }}}})
select {columns} from lines
"""
STAGED = """
{{{{ config(materialized='incremental', incremental_strategy='partitioned', partition_by={by}, {config}) }}}}
select * from raw.lines
"""


class Shop(SmallProject):
    """A shop, whose lines of sale its models hold in partitions."""

    def dbt(self, *arguments: str) -> dict[str, Outcome]:
        """Run a command of dbt; return what became of each model."""
        outcome = self.invoke(*arguments)
        assert outcome.exception is None, outcome.exception
        return {
            result.node.name: Outcome(str(result.status), 0, " ".join((result.message or "").split()), None, None)
            for result in getattr(outcome.result, "results", [])
            if hasattr(result, "node")
        }

    def run(self, *names: str, full: bool = False) -> None:
        """Build models, which must succeed."""
        outcomes = self.dbt("run", "--select", *names, *(["--full-refresh"] if full else []))
        assert {name: outcome.status for name, outcome in outcomes.items()} == dict.fromkeys(names, "success"), outcomes

    def fails(self, name: str, *options: str) -> str:
        """Build a model, which must not succeed; return what dbt says."""
        outcome = self.dbt("run", "--select", name, *options)[name]
        assert outcome.status == "error"
        return outcome.message

    def land(self, *days: str) -> None:
        """Add a line for each day."""
        for day in days:
            self.ask(
                f"insert into raw.lines select coalesce(max(id), 0) + 1, '{day}', '{day} 12:00', "
                f"to_char('{day}'::date, 'YYYYMMDD')::int, 1 from raw.lines"
            )

    def touch(self, **months: bool) -> None:
        """Say which months there are (as m201101), and which of them are touched."""
        self.ask("truncate raw.months")
        for month, is_touched in months.items():
            self.ask(f"insert into raw.months values ('{month[1:5]}-{month[5:]}-01', {is_touched})")

    def rows(self, name: str) -> dict[str, int]:
        """Return how many rows each partition holds."""
        found = self.ask(f"select tableoid::regclass::text, count(*)::int from {SCHEMA}.{name} group by 1")
        return {partition.removeprefix(f"{PARTITIONS}.{name}_"): rows for partition, rows in found}

    def oids(self, name: str) -> dict[str, int]:
        """Return what tells a partition from the one that replaces it."""
        found = self.ask(
            "select relname, oid::bigint from pg_class inner join pg_inherits on oid = inhrelid "
            f"where inhparent = '{SCHEMA}.{name}'::regclass"
        )
        return {partition.removeprefix(f"{name}_"): oid for partition, oid in found}

    def relations(self) -> set[str]:
        """Return the tables in the schema of the partitions."""
        found = self.ask(
            f"select relname from pg_class where relnamespace = '{PARTITIONS}'::regnamespace and relkind = 'r'"
        )
        return {name for (name,) in found}


@pytest.fixture(scope="module")
def project() -> Iterator[Shop]:
    """Write a project of this project's materializations and hardly more, which is parsed once."""
    with TemporaryDirectory(prefix="retail-") as parent:
        variables, models = {"swap_patience_seconds": 1}, {"+on_schema_change": "fail"}
        shop = Shop(Path(parent) / "shop", {"name": "shop", "vars": variables, "models": models})
        macros = shop.folder / "macros"
        shutil.copytree(MACROS / "partitioned", macros / "partitioned")
        for name in ALONGSIDE:
            shutil.copy(MACROS / f"{name}.sql", macros)
        (macros / "is_delta.sql").write_text(IS_DELTA)
        (macros / "is_published.sql").write_text(IS_PUBLISHED)
        (macros / "record_touched_partitions.sql").write_text(RECORD)
        (macros / "generate_schema_name.sql").write_text(
            "{% macro generate_schema_name(custom_schema_name, node) %}shop_gold{% endmacro %}"
        )
        yield shop


@pytest.fixture
def shop(project: Shop, working: Database) -> Shop:
    """Give the project an empty database with a source in it, and no models."""
    shutil.rmtree(project.folder / "models")
    (project.folder / "models").mkdir()
    project.database = working
    project.ask(SOURCE)
    return project


@pytest.fixture
def bounded(shop: Shop) -> Shop:
    """Add a model of three months that uses the bounds, and build it."""
    shop.model("lines", BOUNDED.format(config="", columns="*"))
    shop.land("2011-01-31", "2011-02-01", "2011-02-28", "2011-03-01")
    shop.touch(m201101=True, m201102=True, m201103=True)
    shop.run("lines")
    return shop


def test_partitions_are_of_the_length_and_the_name_that_were_asked_for(shop):
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
            shop.model(f"{data_type}_{granularity}", STAGED.format(by=by, config=""))
    shop.land("2010-12-31", "2011-01-01", "2011-01-31", "2011-04-01", "2011-10-01")
    shop.run(*(f"{data_type}_{granularity}" for data_type in FIELDS for granularity in GRANULARITIES))

    for data_type, field in FIELDS.items():
        for granularity in GRANULARITIES:
            name = f"{data_type}_{granularity}"
            assert sorted(shop.oids(name)) == names[granularity], name
            found = shop.ask(f"select tableoid::regclass::text, day from {SCHEMA}.{name} order by day")
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
            assert shop.ask(f"select pg_get_partkeydef('{SCHEMA}.{name}'::regclass)") == [(f"RANGE ({field})",)]


def test_bounds_of_each_type_of_field_select_the_rows_of_the_partition(shop):
    """The last moment of a month and the first of the next must each be built once, whatever the type of the field."""
    for data_type, field in FIELDS.items():
        bounds = "data_type='integer'" if data_type == "integer" else ""
        shop.model(
            data_type,
            STAGED.format(
                by={"field": field, "data_type": data_type, "granularity": "month"},
                config="partitions='select month from raw.months'",
            )
            + f"where {{{{ in_partition('{field}', {bounds}) }}}}",
        )
    shop.land("2011-01-31", "2011-02-01")
    shop.ask("insert into raw.lines values (9, '2011-01-31', '2011-01-31 23:59:59.999999', 20110131, 1)")
    shop.touch(m201101=True, m201102=True)
    shop.run(*FIELDS)
    for name in FIELDS:
        assert shop.rows(name) == {"201101": 2, "201102": 1}, name


def test_as_it_is_compiled_the_query_is_that_of_all_partitions(bounded):
    """Lint, unit tests and `dbt show` run what is compiled, which must be a valid query that leaves nothing out."""
    bounded.dbt("compile", "--select", "lines")
    compiled = next((bounded.folder / "target" / "compiled").rglob("lines.sql")).read_text()
    assert bounded.ask(f"select count(*) from ({compiled}) as compiled") == [(4,)]


def test_a_delta_build_replaces_what_is_touched_and_leaves_the_rest(bounded):
    """Cost has to follow what changed: a partition that nothing touched must be the same table as before."""
    before = bounded.oids("lines")
    bounded.land("2011-01-15", "2011-02-15", "2011-05-01")
    bounded.touch(m201101=False, m201102=True, m201103=False, m201105=True)
    bounded.run("lines")
    after = bounded.oids("lines")
    assert {name for name in before if before[name] == after[name]} == {"201101", "201103"}
    assert bounded.rows("lines") == {"201101": 1, "201102": 3, "201103": 1, "201105": 1}
    assert bounded.relations() == {f"lines_{name}" for name in after}


def test_a_delta_build_of_nothing_changes_nothing(bounded):
    """Most builds find most tables untouched; they must not lock anybody out for that."""
    before = bounded.oids("lines")
    bounded.touch(m201101=False, m201102=False, m201103=False)
    with psycopg.connect(bounded.database.url) as reader:
        reader.execute(f"select count(*) from {SCHEMA}.lines")
        bounded.run("lines")
    assert bounded.oids("lines") == before


def test_without_a_second_column_all_that_are_listed_are_built(bounded):
    """A list that does not tell what is touched must not be taken for one in which nothing is."""
    before = bounded.oids("lines")
    bounded.model("lines", BOUNDED.format(config="", columns="*").replace("select month, is_touched", "select month"))
    bounded.run("lines")
    assert before.keys() == bounded.oids("lines").keys()
    assert not set(before.values()) & set(bounded.oids("lines").values())


def test_a_delta_build_without_a_list_replaces_the_partitions_that_have_rows(shop):
    """A model that is staged filters by itself what it builds; where it gives nothing is not its business."""
    shop.model("lines", STAGED.format(by={"field": "day", "granularity": "month"}, config=""))
    shop.land("2011-01-31", "2011-02-01")
    shop.run("lines")
    before = shop.oids("lines")
    shop.ask("truncate raw.lines")
    shop.land("2011-02-02", "2011-02-03")
    shop.run("lines")
    assert shop.rows("lines") == {"201101": 1, "201102": 2}
    assert shop.oids("lines")["201101"] == before["201101"]


def test_many_partitions_of_a_staged_model_hold_its_rows(shop):
    """From some number on the staged rows are found by an index, which must find all of them."""
    shop.model("lines", STAGED.format(by={"field": "day", "granularity": "day"}, config=""))
    shop.ask(
        "insert into raw.lines select i, '2011-01-01'::date + i % 60, null, null, 1 from generate_series(1, 600) as i"
    )
    shop.run("lines")
    assert set(shop.rows("lines").values()) == {10}
    assert len(shop.rows("lines")) == 60


def test_a_partition_that_comes_out_empty_is_gone(bounded):
    """A month that was taken back must leave nothing behind."""
    bounded.ask("delete from raw.lines where day = '2011-01-31'")
    bounded.touch(m201101=True, m201102=False, m201103=False)
    bounded.run("lines")
    assert sorted(bounded.oids("lines")) == ["201102", "201103"]
    assert bounded.relations() == {"lines_201102", "lines_201103"}


def test_a_model_without_rows_is_an_empty_table(shop):
    """The first build of an empty warehouse must give every table, or whatever reads it fails."""
    shop.model("bounded", BOUNDED.format(config="", columns="*"))
    shop.model("staged", STAGED.format(by={"field": "day", "granularity": "month"}, config=""))
    shop.run("bounded", "staged")
    for name in ("bounded", "staged"):
        assert shop.ask(f"select id, day from {SCHEMA}.{name}") == []


def test_a_full_build_has_the_listed_partitions_and_no_others(bounded):
    """What a full build leaves behind from before would make it differ from one of an empty warehouse."""
    bounded.touch(m201102=False, m201103=False)
    bounded.run("lines", full=True)
    assert bounded.rows("lines") == {"201102": 2, "201103": 1}
    assert bounded.relations() == {"lines_201102", "lines_201103"}


def test_a_full_build_keeps_the_table_and_the_views_on_it(bounded):
    """An analyst's view on a table must live through the nightly full build."""
    bounded.ask(f"create view {SCHEMA}.january as select * from {SCHEMA}.lines where day < '2011-02-01'")
    before = bounded.ask(f"select '{SCHEMA}.lines'::regclass::oid")
    bounded.land("2011-01-01")
    bounded.run("lines", full=True)
    assert bounded.ask(f"select '{SCHEMA}.lines'::regclass::oid") == before
    assert bounded.ask(f"select count(*) from {SCHEMA}.january") == [(2,)]


CONTRACT = {
    "config": {"contract": {"enforced": True}},
    "description": "Lines.",
    "columns": [
        {
            "name": "id",
            "data_type": "bigint",
            "description": "The key.",
            "constraints": [{"type": "primary_key", "warn_unsupported": False}],
        },
        {
            "name": "day",
            "data_type": "date",
            "constraints": [{"type": "not_null", "warn_unsupported": False}],
        },
        {
            "name": "amount",
            "data_type": "numeric(10,2)",
            "constraints": [{"type": "check", "expression": "amount > 0", "warn_unsupported": False}],
        },
    ],
    "constraints": [
        {
            "type": "check",
            "expression": "amount < 1000",
            "name": "amounts_are_small",
            "warn_unsupported": False,
        },
        {"type": "unique", "columns": ["day", "id"], "name": "one_a_day", "warn_unsupported": False},
    ],
}


@pytest.fixture
def contracted(bounded: Shop) -> Shop:
    """Put the model under a contract with each kind of constraint, and build it."""
    columns = "id::bigint as id, day, amount::numeric as amount"
    bounded.model(
        "lines", BOUNDED.format(config="persist_docs={'relation': true, 'columns': true}", columns=columns), **CONTRACT
    )
    bounded.run("lines", full=True)
    return bounded


def test_a_contract_is_that_of_the_table_and_of_each_partition(contracted):
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
    for name in contracted.oids("lines"):
        keys = f"select array_agg(contype order by contype)::text {rules} and contype in ('p', 'u')"
        assert contracted.ask(keys.format(f"{PARTITIONS}.lines_{name}")) == [("{p,u}",)]


def test_a_broken_rule_leaves_the_old_state(contracted):
    """A build that breaks the contract must not be seen by anybody, in none of its partitions."""
    before = contracted.oids("lines")
    contracted.land("2011-01-02", "2011-02-02", "2011-03-02")
    contracted.ask("update raw.lines set amount = 0 where day = '2011-03-02'")
    assert "violated by some row" in contracted.fails("lines")
    assert contracted.oids("lines") == before
    contracted.ask("update raw.lines set amount = 1")
    contracted.run("lines")
    assert contracted.rows("lines") == {"201101": 2, "201102": 3, "201103": 2}
    assert contracted.relations() == {f"lines_{name}" for name in before}


def test_a_contract_that_changed_is_on_the_table_after_a_full_build(contracted):
    """A rule that was lifted would refuse rows for ever if it stayed on the table above the partitions."""
    lighter = CONTRACT | {
        "columns": [CONTRACT["columns"][0], CONTRACT["columns"][1], {"name": "amount", "data_type": "numeric(10,2)"}]
    }
    model = (contracted.folder / "models" / "lines.sql").read_text()
    contracted.model("lines", model, **lighter)
    contracted.ask("update raw.lines set amount = 0")
    before = contracted.ask(f"select '{SCHEMA}.lines'::regclass::oid")
    contracted.run("lines", full=True)
    assert contracted.ask(f"select '{SCHEMA}.lines'::regclass::oid, sum(amount) from {SCHEMA}.lines") == [
        (*before[0], 0)
    ]


def test_a_query_that_breaks_its_contract_is_told_as_dbt_tells_it(contracted):
    """The mismatch must be found before minutes of building, and in the words that dbt users know."""
    model = (contracted.folder / "models" / "lines.sql").read_text()
    contracted.model("lines", model.replace("amount::numeric", "amount::text"), **CONTRACT)
    assert "This model has an enforced contract that failed." in contracted.fails("lines", "--full-refresh")


def test_descriptions_are_on_the_table(contracted):
    """Analysts read them in their tools, which show the table and not its partitions."""
    table = f"'{SCHEMA}.lines'::regclass"
    assert contracted.ask(f"select obj_description({table}, 'pg_class'), col_description({table}, 1)") == [
        ("Lines.", "The key.")
    ]


def test_indexes_are_on_every_partition(bounded):
    """A partition without its index makes a query slow in that month only, which nobody understands."""
    indexes = "indexes=[{'columns': ['id', 'day'], 'unique': true}, {'columns': ['day'], 'type': 'brin'}]"
    bounded.model("lines", BOUNDED.format(config=indexes, columns="*"))
    bounded.run("lines", full=True)
    bounded.touch(m201101=True, m201102=False, m201103=False)
    bounded.run("lines")
    for name in bounded.oids("lines"):
        found = bounded.ask(
            "select amname, indisunique, indnkeyatts from pg_index inner join pg_class on indexrelid = oid "
            f"inner join pg_am on relam = pg_am.oid where indrelid = '{PARTITIONS}.lines_{name}'::regclass order by 1"
        )
        assert found == [("brin", False, 1), ("btree", True, 2)], name


def test_a_unique_index_refuses_a_row_that_is_there_twice(bounded):
    """`unique` must mean it, or a key that doubled would double revenue."""
    bounded.model("lines", BOUNDED.format(config="indexes=[{'columns': ['id'], 'unique': true}]", columns="*"))
    bounded.ask("insert into raw.lines select * from raw.lines")
    before = bounded.oids("lines")
    assert "could not create unique index" in bounded.fails("lines", "--full-refresh")
    assert bounded.oids("lines") == before


@pytest.mark.parametrize(
    ("what", "source", "model"),
    [
        ("a column more", "alter table raw.lines add column note text", {}),
        ("another type", "alter table raw.lines alter column amount type bigint", {}),
        ("columns in another order", "alter table raw.lines drop column id, add column id integer", {}),
        ("another granularity", "select", {"granularity": "quarter"}),
        ("another key", "select", {"field": "at", "data_type": "timestamp"}),
    ],
)
def test_a_changed_table_asks_for_a_full_build_and_is_replaced_by_it(shop, what, source, model):
    """Half of the partitions in the old shape and half in the new would be no table at all."""
    by = {"field": "day", "granularity": "month"}
    shop.model("lines", STAGED.format(by=by, config=""))
    shop.land("2011-01-31", "2011-02-01", "2011-04-01")
    shop.run("lines")
    shop.ask(source)
    shop.model("lines", STAGED.format(by=by | model, config=""))
    before = shop.oids("lines")
    assert "build it with --full-refresh" in shop.fails("lines")
    assert shop.oids("lines") == before
    shop.run("lines", full=True)
    assert sum(shop.rows("lines").values()) == 3
    assert shop.relations() == {f"lines_{name}" for name in shop.oids("lines")}
    columns = (
        "select attname, atttypid from pg_attribute "
        "where attrelid = '{}'::regclass and attnum > 0 and not attisdropped order by attnum"
    )
    assert shop.ask(columns.format(f"{SCHEMA}.lines")) == shop.ask(columns.format("raw.lines"))


@pytest.mark.parametrize("kind", ["table", "view", "materialized_view"])
def test_a_model_that_was_something_else_becomes_partitioned_and_back(shop, kind):
    """Nobody should have to drop a table by hand to change how it is built."""
    by = {"field": "day", "granularity": "month"}
    partitioned = STAGED.format(by=by, config="")
    other = f"{{{{ config(materialized='{kind}') }}}} select * from raw.lines"
    shop.land("2011-01-31", "2011-02-01")
    for sql, partitions in ((other, 0), (partitioned, 2), (other, 0)):
        shop.model("lines", sql)
        shop.run("lines", full=True)
        assert shop.ask(f"select count(*) from {SCHEMA}.lines") == [(2,)]
        assert len(shop.oids("lines")) == partitions
    assert not shop.relations()


MISTAKES = {
    "no_partition_by": (
        "partition_by must be given as",
        "{{ config(materialized='partitioned') }} select * from raw.lines",
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
    "bounds_without_list": (
        "so it must give `partitions`",
        STAGED.format(by={"field": "day", "granularity": "day"}, config="") + "where {{ in_partition('day') }}",
    ),
    "middle_of_month": (
        "a partition cannot begin at 2011-01-02, which is not the first day of a month",
        STAGED.format(
            by={"field": "day", "granularity": "month"}, config="""partitions="select '2011-01-02'::date" """
        ),
    ),
    "no_start": (
        "a partition cannot begin at 'None'",
        STAGED.format(by={"field": "day", "granularity": "month"}, config="""partitions="select null::date" """),
    ),
    "for_ever": (
        "a partition cannot begin at '9999-12-31'",
        STAGED.format(by={"field": "day", "granularity": "day"}, config="""partitions="select '9999-12-31'::date" """),
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
        STAGED.format(by={"field": "day", "granularity": "month"}, config="""partitions="select '2010-01-01'::date" """)
        + "where {{ partition_start() }} is not null",
    ),
}


def test_each_mistake_is_told_in_words_and_changes_nothing(shop):
    """A model that cannot be partitioned must say why, not fail of an attribute that is None."""
    shop.land("2011-01-31")
    for name, (_, sql) in MISTAKES.items():
        shop.model(name, sql)
    outcomes = shop.dbt("run")
    for name, (message, _) in MISTAKES.items():
        assert outcomes[name].status == "error", name
        assert message in outcomes[name].message, name
    assert not shop.ask(f"select relname from pg_class where relnamespace = '{SCHEMA}'::regnamespace")
    assert not shop.relations()


def test_a_table_in_the_way_of_a_partition_is_not_touched(bounded):
    """It is somebody's copy or a partition that was taken off; to drop it would lose data."""
    bounded.ask(f"create table {PARTITIONS}.lines_201104 as select 1 as precious")
    bounded.land("2011-04-01")
    bounded.touch(m201104=True)
    assert f"{PARTITIONS}.lines_201104 is in the way" in bounded.fails("lines")
    assert bounded.ask(f"select precious from {PARTITIONS}.lines_201104") == [(1,)]


def test_names_that_are_too_long_stay_apart(shop):
    """PostgreSQL cuts names after 63 bytes, so two partitions would be one."""
    name = "a" * 61
    shop.model(name, STAGED.format(by={"field": "day", "granularity": "day"}, config=""))
    shop.land("2011-01-30", "2011-01-31")
    shop.run(name)
    shop.run(name)
    assert len(shop.oids(name)) == 2
    assert shop.ask(f"select count(*) from {SCHEMA}.{name}") == [(2,)]
    assert {len(relation) for relation in shop.relations()} == {44 + len("_20110131")}


def test_what_is_touched_is_recorded_with_the_swap(bounded):
    """Checks look at what was recorded: a swap without its record would never be checked."""
    assert bounded.ask("select name, starts_on::text, ends_on::text, is_full from raw.touched order by 2") == [
        ("lines", "2011-01-01", "2011-02-01", True),
        ("lines", "2011-02-01", "2011-03-01", True),
        ("lines", "2011-03-01", "2011-04-01", True),
    ]
    before = bounded.oids("lines")
    bounded.touch(m201102=True)
    bounded.ask("alter table raw.touched add check (is_full) not valid")
    assert 'new row for relation "touched" violates check constraint' in bounded.fails("lines")
    assert bounded.oids("lines") == before


def test_hooks_run_inside_and_outside_of_transactions_and_grants_are_given(bounded):
    """A project's audit columns and permissions depend on them, whatever the materialization."""
    bounded.ask(
        "drop role if exists shop_reader; create role shop_reader; create table raw.hooks (what text, n bigint)"
    )
    config = (
        "grants={'select': ['shop_reader']}, "
        "pre_hook=[\"insert into raw.hooks select 'before', count(*) from raw.lines\", "
        "before_begin(\"insert into raw.hooks values ('outside', 0)\")], "
        "post_hook=[\"insert into raw.hooks select 'after', count(*) from {{ this }}\", "
        "after_commit('vacuum raw.hooks')]"
    )
    for full in (False, True):
        bounded.model("lines", BOUNDED.format(config=config, columns="*"))
        bounded.ask("truncate raw.hooks")
        bounded.run("lines", full=full)
        assert bounded.ask("select * from raw.hooks") == [("outside", 0), ("before", 4), ("after", 4)]
        assert bounded.ask(f"select has_table_privilege('shop_reader', '{SCHEMA}.lines', 'select')") == [(True,)]
    bounded.model("lines", BOUNDED.format(config="grants={'select': []}", columns="*"))
    bounded.run("lines")
    assert bounded.ask(f"select has_table_privilege('shop_reader', '{SCHEMA}.lines', 'select')") == [(False,)]
    bounded.ask("drop role shop_reader")


def test_a_reader_with_rights_on_the_table_needs_none_on_its_partitions(bounded):
    """Analysts are let into gold; that its rows lie in another schema is not their business."""
    bounded.ask("drop role if exists shop_reader; create role shop_reader")
    bounded.model("lines", BOUNDED.format(config="grants={'select': ['shop_reader']}", columns="*"))
    bounded.run("lines")
    bounded.ask(f"grant usage on schema {SCHEMA} to shop_reader")
    with psycopg.connect(bounded.database.url) as session:
        session.execute("set role shop_reader")
        assert session.execute(f"select count(*) from {SCHEMA}.lines").fetchone() == (4,)
    bounded.ask("drop owned by shop_reader; drop role shop_reader")


def test_other_models_and_the_docs_see_one_table(bounded):
    """`ref` and the catalog must find it, and must not find its parts."""
    bounded.model("months", "select date_trunc('month', day) as month, count(*) from {{ ref('lines') }} group by 1")
    bounded.run("months")
    assert bounded.ask(f"select count(*) from {SCHEMA}.months") == [(3,)]
    bounded.dbt("docs", "generate")
    catalog = yaml.safe_load((bounded.folder / "target" / "catalog.json").read_text())
    assert catalog["nodes"].keys() == {"model.shop.lines", "model.shop.months"}


def test_statistics_are_those_of_the_rows(bounded):
    """A planner without them takes a million rows for a thousand; autovacuum never looks at the table as a whole."""
    bounded.ask(
        "insert into raw.lines select i, '2011-02-01', null, null, i % 7 from generate_series(1, 5000) as s (i)"
    )
    bounded.run("lines")
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


def test_a_build_that_is_killed_while_it_builds_leaves_the_old_state(bounded):
    """A scheduler kills what takes too long; the next run comes while the server still works for the dead one."""
    before = bounded.oids("lines")
    bounded.model(
        "lines", BOUNDED.format(config="", columns="lines.*").replace("from lines", "from lines, raw.sleep()")
    )
    bounded.ask("update raw.delay set seconds = 0.8")
    bounded.land("2011-01-01")
    with bounded.dbt_apart("run", "--select", "lines") as process:
        _wait_until(
            lambda: bounded.ask("select pid from pg_stat_activity where state = 'active' and wait_event = 'PgSleep'")
        )
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert bounded.oids("lines") == before
    bounded.ask("update raw.delay set seconds = 0")
    bounded.run("lines")
    assert bounded.rows("lines") == {"201101": 2, "201102": 2, "201103": 1}
    assert bounded.relations() == {f"lines_{name}" for name in before}


def test_a_build_that_is_killed_before_its_swap_is_cleared_away_by_the_next(bounded):
    """What was built aside is on disk by then; nobody would ever find it if the next run did not."""
    before = bounded.oids("lines")
    bounded.land("2011-01-01")
    swapping = "from pg_stat_activity where query like '%do $swap$%' and pid <> pg_backend_pid() and state = 'active'"
    with (
        psycopg.connect(bounded.database.url) as reader,
        bounded.dbt_apart("run", "--select", "lines", "--vars", "{swap_patience_seconds: 60}") as process,
    ):
        reader.execute(f"select count(*) from {SCHEMA}.lines")
        _wait_until(lambda: bounded.ask(f"select pid {swapping}"))
        process.send_signal(signal.SIGKILL)
        process.wait()
        bounded.ask(f"select pg_terminate_backend(pid) {swapping}")
        _wait_until(lambda: not bounded.ask(f"select pid {swapping}"))
        assert bounded.oids("lines") == before
        assert "lines_201101__new" in bounded.relations()
    bounded.run("lines")
    assert bounded.rows("lines") == {"201101": 2, "201102": 2, "201103": 1}
    assert bounded.relations() == {f"lines_{name}" for name in before}


def test_a_reader_who_does_not_let_go_is_named_and_nothing_changes(bounded):
    """A report open since Friday must not hold back all readers, and whoever is called at night must know its name."""
    before = bounded.oids("lines")
    bounded.land("2011-01-01")
    with psycopg.connect(bounded.database.url, application_name="weekend report") as reader:
        reader.execute(f"select count(*) from {SCHEMA}.lines")
        message = bounded.fails("lines")
        assert f"{SCHEMA}.lines could not be swapped within 1 s" in message
        assert f"process {reader.info.backend_pid} (weekend report of postgres, since " in message
        assert bounded.oids("lines") == before
    bounded.run("lines")
    assert bounded.rows("lines")["201101"] == 2
    assert bounded.relations() == {f"lines_{name}" for name in before}


def test_a_reader_who_lets_go_is_waited_for_and_nobody_waits_behind_the_build(bounded):
    """Reports take minutes; a build that gave up would be late each night, one that queued would stop all others."""
    bounded.land("2011-01-01")
    held, polls = threading.Event(), []

    def read_for_long() -> None:
        swapping = "select pid from pg_stat_activity where query like '%do $swap$%' and pid <> pg_backend_pid()"
        with psycopg.connect(bounded.database.url) as reader, psycopg.connect(bounded.database.url) as other:
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
        outcome = bounded.dbt("run", "--select", "lines", "--vars", "{swap_patience_seconds: 60}")["lines"]
        reading.result()
    assert outcome.status == "success"
    assert set(polls) == {(4,)}
    assert bounded.rows("lines")["201101"] == 2


def test_two_builds_of_one_table_do_not_meet(bounded):
    """The later one would clear away what the earlier one is building."""
    before = bounded.oids("lines")
    with psycopg.connect(bounded.database.url) as other:
        other.execute(f"select pg_advisory_lock(hashtext('partitioned'), hashtext('{SCHEMA}.lines'))")
        assert f"{SCHEMA}.lines is being built by another session" in bounded.fails("lines")
    assert bounded.oids("lines") == before
    bounded.run("lines")


def test_a_vacuum_of_a_partition_is_waited_for(bounded):
    """Autovacuum visits a new partition sooner or later, and a build must not fail for it."""
    bounded.land("2011-01-01")
    with psycopg.connect(bounded.database.url) as vacuum:
        vacuum.execute(f"lock table {PARTITIONS}.lines_201101 in share update exclusive mode")
        end = threading.Timer(0.5, vacuum.rollback)
        end.start()
        bounded.run("lines")
        end.join()
    assert bounded.rows("lines")["201101"] == 2


def test_a_reader_sees_the_old_state_or_the_new_one(shop):
    """A dashboard that polls through all builds must never show half a build, nor an error."""
    shop.model(
        "lines",
        BOUNDED.format(config="", columns="day, (select max(amount) from raw.lines) as version"),
    )
    shop.ask(
        "insert into raw.lines select i, '2011-01-01'::date + i % 90, null, null, 0 from generate_series(1, 900) as i"
    )
    shop.touch(m201101=True, m201102=True, m201103=True)
    shop.run("lines")
    seen: list[tuple] = []
    stop = threading.Event()

    def poll() -> None:
        # prepared after five times, so that plans from before a swap are met after it
        with psycopg.connect(shop.database.url, autocommit=True) as session:
            while not stop.is_set():
                seen.append(
                    session.execute(f"select min(version), max(version), count(*) from {SCHEMA}.lines").fetchone()
                )

    readers = [threading.Thread(target=poll) for _ in range(2)]
    for reader in readers:
        reader.start()
    try:
        for version in range(1, 9):
            shop.ask(f"update raw.lines set amount = {version}")
            shop.run("lines", full=version % 2 == 0)
    finally:
        stop.set()
        for reader in readers:
            reader.join()
    assert {(low == high, rows) for low, high, rows in seen} == {(True, 900)}
    assert {low for low, _, _ in seen} == set(range(9))


def test_partitions_beyond_a_retention_are_detached(bounded):
    """What is kept for the auditor leaves the table of the analysts, and can be put back."""
    bounded.dbt("run-operation", "detach_partitions", "--args", "{model: lines, before: 2011-02-28}")
    assert bounded.said == [f"Detached 1 partitions of {SCHEMA}.lines: {PARTITIONS}.lines_201101"]
    assert bounded.rows("lines") == {"201102": 2, "201103": 1}
    assert bounded.ask(f"select count(*) from {PARTITIONS}.lines_201101__detached") == [(1,)]
    bounded.touch(m201103=True)
    bounded.run("lines")
    assert bounded.rows("lines") == {"201102": 2, "201103": 1}
    bounded.ask(
        f"alter table {PARTITIONS}.lines_201101__detached rename to lines_201101; alter table {SCHEMA}.lines "
        f"attach partition {PARTITIONS}.lines_201101 for values from ('2011-01-01') to ('2011-02-01')"
    )
    bounded.touch(m201101=True)
    bounded.run("lines")
    assert bounded.rows("lines") == {"201101": 1, "201102": 2, "201103": 1}


def test_partitions_beyond_a_retention_are_dropped_where_that_is_asked_for(bounded):
    """Some data must not be kept at all."""
    bounded.dbt("run-operation", "detach_partitions", "--args", "{model: lines, before: 2011-03-01, drop: true}")
    assert bounded.said == [
        f"Dropped 2 partitions of {SCHEMA}.lines: {PARTITIONS}.lines_201101, {PARTITIONS}.lines_201102"
    ]
    assert bounded.relations() == {"lines_201103"}


def test_retention_understands_every_type_of_field(shop):
    """The bounds are kept in the words of the type, which the retention has to read."""
    for data_type, field in FIELDS.items():
        by = {"field": field, "data_type": data_type, "granularity": "quarter"}
        shop.model(data_type, STAGED.format(by=by, config=""))
    shop.land("2011-01-31", "2011-04-01")
    shop.run(*FIELDS)
    for name in FIELDS:
        shop.dbt("run-operation", "detach_partitions", "--args", f"{{model: {name}, before: 2011-04-01}}")
        assert shop.rows(name) == {"2011q2": 1}, name


def test_a_retention_that_cannot_be_done_says_why(bounded):
    """An operation is typed by hand, often in haste; what it could not do must not look done."""
    bounded.model("plain", "select 1 as one")
    bounded.model("never_built", BOUNDED.format(config="", columns="*"))
    mistakes = {
        "{model: line, before: 2011-03-01}": "there is no model 'line'",
        "{model: plain, before: 2011-03-01}": "model 'plain' is not partitioned",
        "{model: lines, before: last month}": "before must be a date such as 2010-12-01, not 'last month'",
        "{model: lines, before: '2011-02-30'}": "date/time field value out of range",
        "{model: lines, before: 2011-03-01, drop: maybe}": "drop must be true or false, not 'maybe'",
        "{model: never_built, before: 2011-03-01}": f"{SCHEMA}.never_built does not exist",
    }
    before = bounded.oids("lines")
    for arguments, message in mistakes.items():
        bounded.dbt("run-operation", "detach_partitions", "--args", arguments)
        assert len(bounded.errors) == 1, arguments
        assert message in bounded.errors[0], arguments
    assert bounded.oids("lines") == before

    bounded.dbt("run-operation", "detach_partitions", "--args", "{model: lines, before: 2011-02-01}")
    bounded.touch(m201101=True)
    bounded.run("lines")
    bounded.dbt("run-operation", "detach_partitions", "--args", "{model: lines, before: 2011-02-01}")
    assert "lines_201101 was detached before" in bounded.errors[0]
    assert bounded.rows("lines")["201101"] == 1
