"""BI tools and spreadsheets read the catalogue of gold and write their own SQL: names, keys and plans must suit."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import psycopg
import pytest
from harness import Database
from psycopg.rows import dict_row

from scripts.paths import PROJECT_ROOT

Gold = psycopg.Connection[dict[str, Any]]

# A double holds all integers below this bound exactly. JavaScript and spreadsheets keep numbers as doubles.
EXACT = 2**53


class Column(NamedTuple):
    """A column of gold, as the catalogue shows it."""

    relation: str
    name: str
    type: str
    comment: str

    @property
    def new_name(self) -> str | None:
        """The column that this one is an old name of."""
        found = re.match(r"Old name of `(\w+)`; removed in the next version\.", self.comment)
        return found and found[1]


# Not for the module: the built warehouse is copied for the plans, and then nobody may be connected.
@pytest.fixture
def gold(built: Database) -> Iterator[Gold]:
    with psycopg.connect(built.url, row_factory=dict_row) as session:
        yield session


@pytest.fixture(scope="module")
def columns(built: Database) -> list[Column]:
    with psycopg.connect(built.url) as session:
        found = session.execute(
            """
            select relname, attname, format_type(atttypid, null), coalesce(col_description(attrelid, attnum), '')
            from pg_attribute
            inner join pg_class on attrelid = pg_class.oid
            where relnamespace = 'gold'::regnamespace and relkind = 'v' and attnum > 0
            order by 1, attnum
            """
        ).fetchall()
    return [Column(*row) for row in found]


# Rights


def test_the_grants_of_the_documentation_suffice_for_analysts(built: Database) -> None:
    """An administrator copies them, and the first query on the past must not be refused."""
    page = (PROJECT_ROOT / "docs/postgresql.md").read_text()
    (grants,) = re.findall(r"```sql\n(create role analysts;.*?)```", page, re.DOTALL)
    with (
        psycopg.connect(built.operator_url, row_factory=dict_row) as gold,
        gold.transaction(force_rollback=True),
    ):
        gold.execute(grants.encode())
        gold.execute("set local role analysts")
        for relation in ("fct_sales", "dim_customer_as_known(now())", "dim_product_as_known(now())"):
            assert gold.execute(f"select count(*) as rows from gold.{relation}".encode()).fetchone()["rows"]


# Keys


def test_every_key_survives_as_a_double(gold: Gold, columns: list[Column]) -> None:
    """A key that a spreadsheet rounds joins another row, or none, without an error."""
    keys = [column for column in columns if column.name.endswith("_key")]
    assert {column.type for column in keys} == {"integer", "bigint"}
    for relation in {column.relation for column in keys}:
        own = [column.name for column in keys if column.relation == relation]
        greatest = ", ".join(f"coalesce(max(abs({name}::bigint)), 0) as {name}" for name in own)
        assert max(gold.execute(f"select {greatest} from gold.{relation}").fetchone().values()) < EXACT, relation


def test_a_key_beyond_a_double_is_found(built: Database, columns: list[Column]) -> None:
    """The test above must be able to fail."""
    with psycopg.connect(built.url, row_factory=dict_row) as session:
        session.execute(
            "update gold_tables.dim_country set country_key = %s where country_name = 'Ireland'", [EXACT + 1]
        )
        with pytest.raises(AssertionError, match="dim_country"):
            test_every_key_survives_as_a_double(session, columns)
        session.rollback()


def test_no_integer_of_gold_is_beyond_a_double_unless_it_is_bits(gold: Gold, columns: list[Column]) -> None:
    """A measure that is rounded is as wrong as a key; the days of a span are bits, and a view reads them for people."""
    beyond = set()
    for relation in {column.relation for column in columns}:
        own = [column.name for column in columns if (column.relation, column.type) == (relation, "bigint")]
        greatest = ", ".join(f"coalesce(max(abs({name})), 0) as {name}" for name in own)
        if own:
            found = gold.execute(f"select {greatest} from gold.{relation}").fetchone()
            beyond |= {(relation, name) for name, value in found.items() if value >= EXACT}
    assert beyond <= {("fct_product_sold_days", "sold_days")}


# Names


def test_dates_timestamps_and_keys_are_named_alike(columns: list[Column]) -> None:
    """An analyst who has learned one table must be able to guess the names of the next one."""
    patterns = {
        "date": r"date_day|\w+_date|\w+_(start|end)|valid_(from|to)",
        "timestamp without time zone": r"\w+_at",
        "timestamp with time zone": r"\w+_at",
    }
    odd = [
        column
        for column in columns
        if not column.new_name and column.type in patterns and not re.fullmatch(patterns[column.type], column.name)
    ]
    assert odd == []


def test_every_fact_with_a_date_key_has_its_day(columns: list[Column]) -> None:
    """A chart by day must not need a join."""
    facts = {column.relation for column in columns if column.relation.startswith("fct_") and column.name == "date_key"}
    days = {column.relation for column in columns if column.name == "date_day"}
    assert facts
    assert facts <= days


def test_customer_numbers_have_their_keys_beside_them(columns: list[Column]) -> None:
    """A table with another key for customers than its neighbours cannot be joined to them."""
    numbered = {column.relation for column in columns if column.name == "customer_id"}
    keyed = {column.relation for column in columns if column.name == "customer_durable_key"}
    versioned = {
        column.relation for column in columns if column.name == "customer_key" and column.relation != "dim_customer"
    }
    assert numbered
    assert numbered | versioned <= keyed


def test_recency_has_its_date(columns: list[Column]) -> None:
    """Days since the last order grow stale; its date does not."""
    recent = {column.relation for column in columns if column.name == "recency_days"}
    assert recent
    assert recent <= {column.relation for column in columns if column.name == "last_order_date"}


def test_old_names_show_what_the_new_names_show(gold: Gold, columns: list[Column]) -> None:
    """A report that still uses an old name must keep its numbers until the next version."""
    old = [column for column in columns if column.new_name]
    assert old
    for column in old:
        wrong = f"select count(*) as wrong from gold.{column.relation} where {column.name} is distinct from "
        assert gold.execute(wrong + column.new_name).fetchone()["wrong"] == 0, column


def test_countries_are_named_in_plain_english(gold: Gold) -> None:
    """Nobody outside the shop knows `EIRE`."""
    names = gold.execute("select delivered_country_name, country_name from gold.dim_country").fetchall()
    assert {"delivered_country_name": "EIRE", "country_name": "Ireland"} in names
    shown = gold.execute(
        """
        select country_name from gold.dim_customer
        union
        select current_country_name from gold.dim_customer
        union
        select country_name from gold.daily_sales
        union
        select country_name from gold.daily_anomalies where country_name <> 'Abroad'
        """
    ).fetchall()
    assert {row["country_name"] for row in shown} <= {row["country_name"] for row in names}


# The page for readers

PAGE = (PROJECT_ROOT / "models" / "marts" / "core" / "README.md").read_text()
EXAMPLES = [query for block in re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL) for query in block.split(";")]


@pytest.mark.parametrize("query", EXAMPLES, ids=range(len(EXAMPLES)))
def test_every_query_of_the_page_answers(query: str, gold: Gold) -> None:
    """Readers copy these queries first; one with an old name would be their first impression."""
    assert gold.execute(query.encode()).fetchall()


def test_relations_to_draw_are_there_and_many_to_one(gold: Gold, columns: list[Column]) -> None:
    """A relation that is drawn as the page says must not double a line."""
    page = (PROJECT_ROOT / "docs" / "bi_tools.md").read_text()
    rows = re.findall(r"^  \| (.+) \| `(\w+_key)` \| `(dim_\w+)` \|$", page, re.MULTILINE)
    assert rows
    known = {(column.relation, column.name) for column in columns}
    for facts, key, dimension in rows:
        named = re.findall(r"`(\w+)`", facts)
        assert {(relation, key) for relation in (*named, dimension)} <= known
        doubled = f"select {key} from gold.{dimension} group by {key} having count(*) > 1"
        assert gold.execute(doubled).fetchall() == []
        for relation in named:
            lost = f"select from gold.{relation} where {key} not in (select {key} from gold.{dimension}) limit 1"
            assert gold.execute(lost).fetchall() == [], relation


# Plans

# How many copies of the sample's lines it takes until reading all of them costs more than an index.
COPIES = 30

# Spellings of a filter by date, with the number of months of which lines may be read as a whole.
BY_DATE = {
    "day": ("where date_day >= '2011-11-01' and date_day < '2011-12-01'", 1),
    "date_key": ("where date_key between 20111101 and 20111130", 1),
    "month of dim_date": ("inner join gold.dim_date using (date_key) where month_start = '2011-11-01'", 1),
    "year and month of dim_date": (
        "inner join gold.dim_date using (date_key) where calendar_year = 2011 and month_number = 11",
        1,
    ),
    "text of dim_date": ("inner join gold.dim_date using (date_key) where year_month = '2011-11'", 1),
    "week of dim_date": ("inner join gold.dim_date using (date_key) where iso_year = 2011 and iso_week = 46", 1),
    "quarter of dim_date": (
        "inner join gold.dim_date using (date_key) where calendar_year = 2011 and calendar_quarter = 4",
        3,
    ),
    "days of dim_date": (
        "inner join gold.dim_date as dates using (date_key) where dates.date_day between '2011-11-01' and '2011-11-30'",
        1,
    ),
    "last four weeks": ("where date_day > (select max(date_day) from gold.daily_sales) - 28", 2),
}
BY_KEY = {
    "invoice": "where invoice_number = (select max(invoice_number) from gold.fct_invoices)",
    "customer": "where customer_durable_key = (select max(customer_durable_key) from gold.dim_customer)",
    "customer as it is now": """
        inner join gold.dim_customer using (customer_durable_key)
        where is_current and customer_id = (select max(customer_id) from gold.dim_customer)
    """,
    "customer as it was": """
        inner join gold.dim_customer using (customer_key)
        where customer_id = (select max(customer_id) from gold.dim_customer)
    """,
}


@pytest.fixture(scope="module")
def many_lines(built: Database, work_on: Any) -> Iterator[psycopg.Connection]:
    """Multiply the lines of a copy of the built warehouse, so that the planner has a choice to make."""
    with work_on(built) as copy, psycopg.connect(copy.url, autocommit=True) as session:
        [(columns,)] = session.execute(
            "select string_agg(attname, ', ' order by attnum) from pg_attribute"
            " where attrelid = 'gold_tables.fct_sales'::regclass and attnum > 0"
        ).fetchall()
        copied = columns.replace("invoice_number", "invoice_number || '-' || copies")
        session.execute(
            f"insert into gold_tables.fct_sales ({columns}) select {copied}"
            f" from gold_tables.fct_sales cross join generate_series(1, {COPIES}) as copies"
        )
        session.execute("analyze gold_tables.fct_sales")
        # What any client has, on any machine.
        session.execute("set max_parallel_workers_per_gather = 0")
        yield session


def partitions_read_whole(session: psycopg.Connection, query: str) -> list[str]:
    """Return the partitions of fct_sales of which the query reads all rows."""
    session.execute(query.encode())
    [(plan,)] = session.execute(b"explain (analyze, format json) " + query.encode()).fetchall()

    def nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield node
        for child in node.get("Plans", []):
            yield from nodes(child)

    scans = [node for node in nodes(plan[0]["Plan"]) if node.get("Relation Name", "").startswith("fct_sales_")]
    assert scans, plan
    return [node["Relation Name"] for node in scans if node["Node Type"] == "Seq Scan" and node["Actual Loops"]]


@pytest.mark.parametrize("spelling", BY_DATE)
def test_a_filter_by_date_does_not_read_the_whole_fact(spelling: str, many_lines: psycopg.Connection) -> None:
    """BI tools filter by dim_date, scripts by days: a month must not cost as much as all years."""
    filtered, months = BY_DATE[spelling]
    whole = partitions_read_whole(many_lines, f"select sum(net_amount) from gold.fct_sales {filtered}")
    assert len(whole) <= months, whole


@pytest.mark.parametrize("spelling", BY_KEY)
def test_an_invoice_and_a_customer_are_found_by_index(spelling: str, many_lines: psycopg.Connection) -> None:
    """A clerk on the telephone looks up one invoice or one customer."""
    assert partitions_read_whole(many_lines, f"select sum(net_amount) from gold.fct_sales {BY_KEY[spelling]}") == []


def test_without_what_it_rests_on_a_filter_reads_the_whole_fact(many_lines: psycopg.Connection) -> None:
    """The tests above must be able to fail: the planner must believe that a day is in any partition."""
    filtered, months = BY_DATE["month of dim_date"]
    with many_lines.transaction(force_rollback=True):
        for (partition,) in many_lines.execute(
            "select inhrelid::regclass::text from pg_inherits where inhparent = 'gold_tables.fct_sales'::regclass"
        ).fetchall():
            many_lines.execute(f"alter table {partition} alter column date_key reset (n_distinct)")
            many_lines.execute(f"analyze {partition} (date_key)")
        whole = partitions_read_whole(many_lines, f"select sum(net_amount) from gold.fct_sales {filtered}")
    assert len(whole) > months
