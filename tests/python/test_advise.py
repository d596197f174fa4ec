"""Advice on indexes and stored tables: it must name what was made slow on purpose, and change nothing."""

import json
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from harness import Database
from psycopg import sql

from scripts import connection
from scripts.advise import trial
from scripts.advise.__main__ import main
from scripts.advise.adviser import config
from scripts.advise.asked import QUERY
from scripts.advise.text import short, valid, with_number_at, with_numbers

TIMES = 200
# The largest fact has no index on this column.
SLOW = "select count(*), sum(net_amount) from gold.fct_sales where file_line = {}"
JOINED = (
    "select sum(sales.net_amount) from gold.fct_sales as sales inner join gold.dim_product as products"
    " using (product_key) where products.stock_code = '{}'"
)
OFFERED = "select count(*), max(days_since_sold) from fct_product_offered_day where date_day = date '{}'"
DAYS = [date(2011, 9, 1) + timedelta(number) for number in range(60)]
# Statements whose normalised text PostgreSQL's grammar does not allow, or whose parameters have no type of their own.
ODD = (
    "select extract(year from date_day), sum(net_amount) from gold.daily_sales group by 1",
    "select date_trunc('week', date_day), count(*) from gold.daily_sales group by date_trunc('week', date_day)",
    "with last as (select max(date_day) - 1 as day from gold.daily_sales) select * from gold.daily_sales, last"
    " where date_day > day and date_day <= day + 365 limit 5",
    "select count(*) from gold.daily_sales where date_day > date '2011-11-01' - interval '1 month'",
    "select count(*) from gold.daily_sales where date_day > (select max(date_day) from gold.daily_sales) - 4 * 7",
    "select count(*) from gold.dim_customer where country_name in ('France', 'Germany', 'EIRE')",
    'select "gold"."dim_date"."date_key" as "$1" from gold.dim_date where weekday_name = \'it\'\'s $2\'',
    "select 1 / (select count(*) from gold.dim_country where country_name = 'France')",
)
# PostgreSQL calls a function that is declared immutable to plan a query already.
STRANGERS_FUNCTIONS = """
    create function reports.catch() returns boolean language sql as
        'insert into reports.caught select current_user returning true';
    create function reports.inspected(value numeric) returns boolean language plpgsql immutable as
        'begin return reports.catch(); end'
"""
STRANGERS_QUERY = "select count(*) from gold.daily_sales where reports.inspected({})"


@pytest.fixture(scope="module")
def warehouse(built: Database, work_on: Any) -> Iterator[Database]:
    """Ask a copy of the built warehouse as readers do."""
    with work_on(built) as copy, pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "LOCAL_DATABASE", copy.name)
        with psycopg.connect(copy.operator_url, autocommit=True, prepare_threshold=None) as reader:
            reader.execute("create extension pg_stat_statements schema public")
            reader.execute("set search_path to pg_catalog, gold")
            for number in range(TIMES):
                reader.execute(SLOW.format(number).encode())
            for number in range(1, 9):
                reader.execute(JOINED.format(number).encode())
            for day in DAYS:
                reader.execute(OFFERED.format(day).encode())
            for query in ODD:
                reader.execute(query.encode())
            stranger(reader)
        yield copy


def stranger(reader: psycopg.Connection) -> None:
    """Let a role with few rights ask through a function and a view of its own, and change what it may."""
    reader.execute("create role advise_stranger")
    reader.execute("create schema reports authorization advise_stranger")
    reader.execute("grant usage on schema gold to advise_stranger")
    reader.execute("grant select on all tables in schema gold to advise_stranger")
    reader.execute("set role advise_stranger")
    reader.execute("create table reports.caught (role_name text)")
    reader.execute("grant usage on schema reports to public")
    reader.execute("grant all on reports.caught to public")
    reader.execute(STRANGERS_FUNCTIONS)
    reader.execute(STRANGERS_QUERY.format("net_amount"))
    reader.execute("create view reports.inspected_days as select * from gold.daily_sales where reports.inspected(1)")
    reader.execute("select count(*) from reports.inspected_days")
    reader.execute("with gone as (delete from reports.caught returning role_name) select * from gone, gold.dim_country")
    reader.execute("truncate reports.caught")
    reader.execute("reset role")


@pytest.fixture(scope="module")
def before(warehouse: Database) -> list[tuple[Any, ...]]:
    return state(warehouse)


@pytest.fixture(scope="module")
def advice(warehouse: Database, before: list[tuple[Any, ...]]) -> dict[str, Any]:
    """Take the advice once, as a program does."""
    result = CliRunner().invoke(main, ["--json"], prog_name="advise")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def told(advice: dict[str, Any], warehouse: Database) -> tuple[str, set[Any]]:
    """Take the advice as a person does. Return it, and what a reader beside a trial sees of the index."""
    seen = set()
    run = trial.run

    def run_beside_a_reader(*arguments: Any) -> Any:
        with psycopg.connect(warehouse.url) as reader:
            reader.execute("set lock_timeout to '50ms'")
            reader.execute("select count(*) from gold.fct_sales")
            seen.add(reader.execute("select count(*) from pg_indexes where indexname = 'advised'").fetchone())
        return run(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trial, "run", run_beside_a_reader)
        result = CliRunner().invoke(main, ["--top", "1"])
    assert result.exit_code == 0, result.output
    return result.stdout, seen


def state(warehouse: Database) -> list[tuple[Any, ...]]:
    """Return all relations of the warehouse with the file of each, and the number of rows of the tables.

    Statistics and the length of a file are left out, because autovacuum may change both at any time.
    """
    with psycopg.connect(warehouse.operator_url) as session:
        relations = session.execute(
            """
            select relnamespace::regnamespace::text, relname, relkind, relfilenode
            from pg_class
            where relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
            order by 1, 2
            """
        ).fetchall()
        return [
            (schema, name, kind, file, rows_of(session, schema, name) if kind == "r" else None)
            for schema, name, kind, file in relations
        ]


def rows_of(session: psycopg.Connection, schema: str, name: str) -> int:
    """Return the number of rows of a table."""
    counted = session.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(schema, name))).fetchone()
    assert counted is not None
    return int(counted[0])


def test_the_index_that_is_missing_is_named(advice: dict[str, Any]) -> None:
    """Readers waited for a scan of the largest fact 200 times, and an index on one column would have spared them."""
    first = advice["indexes"][0]
    assert (first["table"], first["columns"]) == ("gold_tables.fct_sales", ["file_line"])
    assert first["model"] == "models/marts/core/fct_sales.sql"
    assert first["config"].startswith("indexes=[{'columns': ['date_key']}")
    assert first["config"].endswith("{'columns': ['file_line']}],")
    [faster] = first["faster"]
    assert faster["calls"] == TIMES
    assert faster["after_ms"] < 0.8 * faster["before_ms"]
    assert 0 < first["saved_ms"] < advice["total_ms"]
    assert first["bytes"] > 0
    assert first["write_with_ms"] > 0 < first["write_without_ms"]


def test_an_index_that_is_there_is_not_advised(advice: dict[str, Any]) -> None:
    """Each index costs every build, so one that exists, or that no query uses, must not be advised."""
    columns = [one["columns"] for one in advice["indexes"]]
    assert not [listed for listed in columns if listed in (["date_key"], ["customer_key"], ["customer_durable_key"])]


def test_a_view_that_is_asked_is_tried_as_a_table(advice: dict[str, Any]) -> None:
    """A view computes its rows for each reader, and only figures tell whether readers or builds should pay."""
    [view] = [one for one in advice["views"] if one["name"] == "gold.fct_product_offered_day"]
    assert view["write_ms"] > 0
    assert view["faster"][0]["calls"] == len(DAYS)
    assert view["pays"] == (view["saved_ms"] > view["write_ms"] * view["releases"])
    assert view["indexed"] == ["date_day"]


def test_what_nobody_asks_is_named(advice: dict[str, Any]) -> None:
    """Builds write a table that nobody reads, each day."""
    unasked = {one["name"]: one for one in advice["unasked"]}
    assert unasked["customer_rfm"]["is_stored"]
    assert unasked["customer_rfm"]["bytes"] > 0
    assert not unasked["metric_days"]["is_stored"]
    # Asked by name, through a view, or by a query that was left out.
    asked = {
        "fct_sales",
        "daily_sales",
        "fct_product_offered_day",
        "fct_product_sold_days",
        "dim_product",
        "dim_country",
    }
    assert not asked & unasked.keys()


def test_odd_queries_are_read(advice: dict[str, Any]) -> None:
    """The statistics hold texts that are not valid SQL, and most dashboards ask some of them."""
    assert not [line for line in advice["left_out"] if "reports" not in line]
    texts = " ".join(one["query"] for one in advice["asked"])
    assert "extract($1 from date_day)" in texts
    assert "interval $" in texts
    assert '"$1"' in texts


def test_functions_of_others_are_not_run(advice: dict[str, Any], warehouse: Database) -> None:
    """With the rights of the role that builds, a stranger's function could read and change everything."""
    foreign = [line for line in advice["left_out"] if "belongs to another role" in line]
    assert any("inspected(" in line for line in foreign)
    assert any("inspected_days" in line for line in foreign)
    assert not [one for one in advice["asked"] if "reports" in one["query"]]
    with psycopg.connect(warehouse.url) as session:
        assert session.execute("select * from reports.caught").fetchall() == []


def test_nothing_is_changed(advice: dict[str, Any], warehouse: Database, before: list[tuple[Any, ...]]) -> None:
    """Advice that changes the warehouse is not advice."""
    assert state(warehouse) == before


def test_readers_do_not_wait_for_a_trial(told: tuple[str, set[Any]]) -> None:
    """Who looks for advice has slow readers already."""
    _, seen = told
    assert seen == {(0,)}


def test_the_advised_index_does_what_was_said(advice: dict[str, Any], warehouse: Database) -> None:
    """An index that was tried in a transaction must help as much when it is there."""
    with psycopg.connect(warehouse.url) as session, session.transaction(force_rollback=True):
        query = f"explain (analyze, format json) {SLOW.format(17)}".encode()
        scanned = session.execute(query).fetchone()[0][0]
        session.execute("create index on gold_tables.fct_sales (file_line)")
        found = session.execute(query).fetchone()[0][0]
    assert "Index" in json.dumps(found)
    assert found["Execution Time"] < scanned["Execution Time"]
    assert found["Plan"]["Total Cost"] < scanned["Plan"]["Total Cost"] / 2


def test_a_person_reads_the_same(advice: dict[str, Any], told: tuple[str, set[Any]]) -> None:
    """The line for the model's config is to be copied from here."""
    text, _ = told
    assert "Index       gold_tables.fct_sales (file_line): saves" in text
    assert advice["indexes"][0]["config"] in text
    assert "Not asked" in text


def test_no_advice_beside_a_build(warehouse: Database) -> None:
    """To make an index holds up a build that writes the table."""
    with psycopg.connect(warehouse.url, autocommit=True) as build, pytest.MonkeyPatch.context() as patch:
        patch.setattr("scripts.advise.__main__.PATIENCE_SECONDS", 0.1)
        build.execute("select pg_advisory_lock(%s)", [0x6275_696C_6400])
        result = CliRunner().invoke(main, [])
    assert result.exit_code == 1
    assert "beside a build" in result.output


def test_without_statistics_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, warehouse: Database) -> None:
    """On a server of one's own, the module is often not loaded."""
    monkeypatch.setattr("scripts.advise.asked.LIBRARY", "pg_other")
    result = CliRunner().invoke(main, [])
    assert result.exit_code == 1
    assert "because pg_other is not loaded" in result.output
    assert "Traceback" not in result.output


# Texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select $1", "select $1"),
        ("select interval $2 + $1", "select cast($1 as interval) + $2"),
        ("select extract($1 from a), $2;", "select extract(epoch from a), $1"),
        ("select date_trunc($3, a), \"$1\", '$2', $4", "select date_trunc('month', a), \"$1\", '$2', $1"),
        (
            "select extract($1 from a) group by extract(year from a)",
            "select extract(year from a) group by extract(year from a)",
        ),
        (
            "select date_trunc($1, a) group by date_trunc('week', a)",
            "select date_trunc('week', a) group by date_trunc('week', a)",
        ),
        ("where a in ($1 /*, ... */) or b = $1", "where a in ($1 /*, ... */) or b = $1"),
    ],
)
def test_normalised_text_becomes_valid(text: str, expected: str) -> None:
    """PostgreSQL puts a parameter where its own grammar allows none."""
    assert valid(text) == expected


def test_a_parameter_becomes_a_number_where_postgresql_wants_one() -> None:
    """`day - 28` is normalised to `day - $1`, and PostgreSQL then takes `$1` for a day."""
    text = "select a > b - $1, cast($2 as date)"
    assert with_number_at(text, 9) == "select a > b - cast($1 as integer), cast($2 as date)"
    assert with_number_at(text, 20) is None
    assert (
        with_numbers("select a - $1, $2 from b where c > $3")
        == "select a - cast($1 as integer), $2 from b where c > $3"
    )


@pytest.mark.parametrize(
    ("text", "is_query"),
    [
        ("select 1", True),
        ("/* a dashboard */ -- daily\n with a as (select 1) select * from a", True),
        ("(select 1) union all (select 2)", True),
        ("insert into a select 1", False),
        ("deselect", False),
        ("refresh materialized view a", False),
    ],
)
def test_only_queries_are_looked_at(text: str, is_query: bool) -> None:
    """An index does not help a statement that adds rows, and a utility statement has no plan."""
    assert bool(QUERY.match(text)) is is_query


def test_config_is_a_line_for_a_model() -> None:
    """The line is pasted as it is."""
    line = config([["date_key"], ["a", "b"]])
    assert line == "indexes=[{'columns': ['date_key']}, {'columns': ['a', 'b']}],"


def test_a_query_is_told_in_one_line() -> None:
    """Queries of dashboards have many lines and begin with comments."""
    assert short("-- daily\nselect\n    1 /* one */", 100) == "select 1"
    assert len(short("select " + "1, " * 100)) == 100
