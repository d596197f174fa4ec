"""Every metric must equal SQL that a reader can check by eye, and that does not read what the metric reads."""

import json
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dbt_project import Dbt
from harness import Database

from scripts import artifacts
from scripts.errors import Refusal
from scripts.metrics import answers, catalogue, compiler, exports, manifest, show
from scripts.metrics.__main__ import condition
from scripts.metrics.catalogue import Catalogue
from scripts.metrics.query import Condition, Query, literal

# Lines as silver classified them, under the usual names of countries. `day` is the day that `metric_time` means.
LINES = """
    select
        lines.*,
        invoiced_on as day,
        coalesce(countries.standard_name, lines.country_name) as country,
        line_type = 'sale' as is_sale,
        line_type in ('sale', 'return') as is_kept,
        min(invoiced_on) filter (where line_type = 'sale') over (partition by customer_id) as first_purchase,
        min(invoiced_on) over () as first_day,
        max(invoiced_on) over () as last_day
    from silver.int_lines_classified as lines
    left join silver.countries on lines.country_name = countries.country_name
"""
# Orders: the day of the first line, the customer and country of the last line of that day that names a customer.
ORDERS = f"""
    select
        invoice_number,
        min(invoiced_on) as day,
        (array_agg(country order by invoiced_on, customer_id is null, invoiced_at desc, line_number desc))[1]
            as country,
        (array_agg(customer_id order by invoiced_on, customer_id is null, invoiced_at desc, line_number desc))[1]
            as customer_id,
        count(*) filter (where is_sale) as lines,
        coalesce(sum(quantity) filter (where is_sale), 0) as units,
        coalesce(sum(net_amount) filter (where is_sale), 0) as amount
    from ({LINES}) as lines
    group by invoice_number
"""
FIRST_PURCHASES = "select customer_id, min(invoiced_on) as first_purchase from ({}) as l where is_sale group by 1"
ORDERS_AND_CUSTOMERS = f"""
    select orders.*, first_purchase
    from ({ORDERS}) as orders
    left join ({FIRST_PURCHASES.format(LINES)}) as firsts on orders.customer_id = firsts.customer_id
"""
# What was cancelled of each order.
CANCELLED = f"""
    select orders.*, cancelled.first_cancelled - orders.day as days, cancelled.units as units_back, cancelled.paid_back
    from ({ORDERS}) as orders
    left join (
        select
            sale_invoice_number,
            min(cancelled_at)::date as first_cancelled,
            sum(units) as units,
            sum(amount) as paid_back
        from silver.int_cancellations_matched
        where match_type <> 'none'
        group by sale_invoice_number
    ) as cancelled on orders.invoice_number = cancelled.sale_invoice_number
    where orders.lines > 0
"""
# Each customer at each closed month end since the first line, with the country of the version of that day.
CUSTOMER_MONTHS = f"""
    with lines as materialized ({LINES}),
    activity as (
        select
            customer_id,
            date_trunc('month', invoiced_on) as month,
            sum(net_amount) as net_amount,
            bool_or(is_sale) as is_ordering
        from lines
        group by 1, 2
    ),
    customers as (
        select
            customer_id,
            min(invoiced_on) as first_line,
            min(first_purchase) as first_purchase,
            max(last_day) as last_day
        from lines
        where customer_id is not null
        group by customer_id
    ),
    months as (
        select customers.*, month, (month + interval '1 month - 1 day')::date as day
        from customers
        cross join generate_series(
            date_trunc('month', first_line), date_trunc('month', last_day + 1) - interval '1 day', interval '1 month'
        ) as series (month)
    )
    select
        months.day,
        versions.country,
        months.first_purchase < months.month as is_known_before,
        coalesce(activity.is_ordering, false) as is_ordering,
        sum(activity.net_amount) over (partition by months.customer_id order by months.month) as balance
    from months
    left join activity on months.customer_id = activity.customer_id and months.month = activity.month
    left join lateral (
        select coalesce(countries.standard_name, versions.country_name) as country
        from silver.int_customer_versions as versions
        left join silver.countries on versions.country_name = countries.country_name
        where versions.customer_id = months.customer_id and versions.valid_from <= months.day
        order by versions.valid_from desc
        limit 1
    ) as versions on true
"""
# Each product on each last trading day of a month, if it sold within twenty trading days.
OFFERS = f"""
    with lines as materialized ({LINES}),
    trading_days as (
        select invoiced_on, row_number() over (order by invoiced_on) as number
        from (select distinct invoiced_on from lines where is_sale) as days
    ),
    month_ends as (
        select max(invoiced_on) as day, max(number) as number
        from trading_days
        group by date_trunc('month', invoiced_on)
    )
    select month_ends.day, sold.stock_code, month_ends.number - max(trading_days.number) as idle_days
    from month_ends
    inner join trading_days on month_ends.number - trading_days.number between 0 and 19
    inner join (select distinct stock_code, invoiced_on from lines where is_sale) as sold
        on trading_days.invoiced_on = sold.invoiced_on
    group by month_ends.day, month_ends.number, sold.stock_code
"""
# The lines that end with the last day of the data or, by month, of each month.
TO_DATE = """
    with lines as materialized ({lines}),
    days as (
        select max(day)::date as day
        from (select generate_series(min(day), max(day), interval '1 day') as day from lines) as calendar
        group by {period}
    )
    select days.day, lines.country, lines.net_amount
    from days
    inner join lines on is_kept and lines.day between {first} and days.day
"""
# Days and their counterparts one year before, both within the data.
GROWTH = f"""
    with lines as materialized ({LINES})
    select day, country, net_amount as now, 0 as before
    from lines
    where is_kept and day - interval '1 year' >= first_day
    union all
    select (day + interval '1 year')::date, country, 0, net_amount
    from lines
    where is_kept and day + interval '1 year' <= last_day
"""


def share(part: str, whole: str) -> str:
    """Return a ratio as PostgreSQL computes it for the metric: a numeric, with all its digits."""
    return f"1.0 * ({part}) / nullif({whole}, 0)"


def amount(rows: str, of: str = "net_amount") -> str:
    """Return a sum over rows, 0 without such rows."""
    return f"coalesce(sum({of}) filter (where {rows}), 0)"


GROSS, NET = amount("is_sale"), amount("is_kept")
RETURNS = amount("line_type = 'return'", "-net_amount")
SOLD_UNITS = amount("is_sale", "quantity")
KNOWN = "customer_id is not null and lines > 0"
ORDER_COUNT, CUSTOMERS = "count(*) filter (where lines > 0)", f"count(distinct customer_id) filter (where {KNOWN})"
REPEATS = f"count(distinct customer_id) filter (where {KNOWN} and day > first_purchase)"
BEFORE = "is_known_before"

# The values of each metric, over the rows of a relation.
OF_LINES = {
    "billed_revenue": amount("true"),
    "gross_revenue": GROSS,
    "net_revenue": NET,
    "paid_revenue": amount("line_type in ('sale', 'return', 'postage', 'discount', 'voucher')"),
    "return_amount": RETURNS,
    "return_rate": f"{RETURNS} / nullif({GROSS}, 0)",
    "gross_to_net": f"{NET} / nullif({GROSS}, 0)",
    "revenue_share": f"{NET} / nullif(sum({NET}) over (), 0)",
    "units_sold": SOLD_UNITS,
    "units_returned": amount("line_type = 'return'", "-quantity"),
    "average_unit_price": f"{GROSS} / nullif({SOLD_UNITS}, 0)",
    "products_sold": "count(distinct stock_code) filter (where is_sale)",
    "orders_with_product": "count(distinct invoice_number) filter (where is_sale)",
    "customers_with_product": "count(distinct customer_id) filter (where is_sale)",
    "new_customers": "count(distinct customer_id) filter (where is_sale and day = first_purchase)",
}
OF_ORDERS = {
    "orders": ORDER_COUNT,
    "ordered_amount": "sum(amount)",
    "ordered_units": "sum(units)",
    "ordered_lines": "sum(lines)",
    "average_order_value": f"sum(amount) / nullif({ORDER_COUNT}, 0)",
    "units_per_order": share("sum(units)", ORDER_COUNT),
    "lines_per_order": share("sum(lines)", ORDER_COUNT),
    "active_customers": CUSTOMERS,
    "orders_of_customers": f"count(*) filter (where {KNOWN})",
    "amount_of_customers": amount(KNOWN, "amount"),
    "orders_per_customer": share(f"count(*) filter (where {KNOWN})", CUSTOMERS),
    "spend_per_customer": f"{amount(KNOWN, 'amount')} / nullif({CUSTOMERS}, 0)",
    "repeat_customers": REPEATS,
    "repeat_rate": share(REPEATS, CUSTOMERS),
}
OF_CANCELLED = {
    "orders_placed": "count(*)",
    "cancelled_orders": "count(*) filter (where units_back = units)",
    "cancellation_rate": share("count(*) filter (where units_back = units)", "count(*)"),
    "orders_touched": "count(days)",
    "cancellation_days": "coalesce(sum(days), 0)",
    "cancellation_lag": share("coalesce(sum(days), 0)", "count(days)"),
    "cancelled_amount": "coalesce(sum(paid_back), 0)",
}
OF_CUSTOMER_MONTHS = {
    "known_customers": f"count(*) filter (where {BEFORE})",
    "retained_customers": f"count(*) filter (where {BEFORE} and is_ordering)",
    "retention_rate": share(f"count(*) filter (where {BEFORE} and is_ordering)", f"count(*) filter (where {BEFORE})"),
}
OF_GROWTH = {
    "comparable_revenue": "sum(now)",
    "revenue_last_year": "sum(before)",
    "revenue_growth": "sum(now) / nullif(sum(before), 0) - 1",
}
OF_OFFERS = {
    "products_on_offer": "count(*)",
    "slow_movers": "count(*) filter (where idle_days >= 10)",
    "slow_mover_share": share("count(*) filter (where idle_days >= 10)", "count(*)"),
}


def to_date(first: str, period: str) -> str:
    """Return the lines from a first day to the last day of a period."""
    return TO_DATE.format(lines=LINES, first=first, period=period)


# Of each metric: the rows to read, the expression over them, and what it is grouped by.
GROUPS = {"month": "date_trunc('month', day)::date", "country": "country", "stock_code": "stock_code"}
EXPECTED: dict[tuple[str, str], tuple[str, str]] = {}
for by in ("month", "country"):
    for rows, values in (
        (LINES, OF_LINES),
        (ORDERS_AND_CUSTOMERS, OF_ORDERS),
        (CANCELLED, OF_CANCELLED),
        (CUSTOMER_MONTHS, OF_CUSTOMER_MONTHS),
        (GROWTH, OF_GROWTH),
    ):
        EXPECTED |= {(metric, by): (rows, value) for metric, value in values.items()}
    period = "date_trunc('month', day)" if by == "month" else "()"
    for metric, first in (
        ("revenue_28_days", "days.day - 27"),
        ("revenue_month_to_date", "date_trunc('month', days.day)"),
        ("revenue_year_to_date", "date_trunc('year', days.day)"),
    ):
        EXPECTED[metric, by] = to_date(first, period), "sum(net_amount)"
    last = "true" if by == "month" else "day = (select max(day) from months)"
    EXPECTED["customer_balance", by] = (
        f"with months as materialized ({CUSTOMER_MONTHS}) select * from months where {last}",
        "sum(balance)",
    )
for by, last in (("month", "true"), ("stock_code", "day = (select max(day) from offers)")):
    offers = f"with offers as materialized ({OFFERS}) select * from offers where {last}"
    EXPECTED |= {(metric, by): (offers, value) for metric, value in OF_OFFERS.items()}
# Customers at month ends have no line, so their country is that of their version.
OTHER_NAMES = {(metric, "country"): "customer_country" for metric in [*OF_CUSTOMER_MONTHS, "customer_balance"]}


@pytest.fixture(scope="module")
def known(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """Return the catalogue of the semantic manifest that the session's dbt parsed, and keep all files of it apart."""
    folder = tmp_path_factory.mktemp("metrics")
    if not (dbt.target_path / "semantic_manifest.json").exists():
        dbt("parse")

    def read(name: str) -> dict[str, Any]:
        content: dict[str, Any] = json.loads((dbt.target_path / name).read_text())
        return content

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(artifacts, "semantic", lambda: read("semantic_manifest.json"))
        patch.setattr(artifacts, "parsed", lambda: read("manifest.json"))
        patch.setattr(manifest, "folder", lambda: folder)
        patch.setattr(catalogue, "folder", lambda: folder)
        catalogue.catalogue.cache_clear()
        yield catalogue.catalogue()
        catalogue.catalogue.cache_clear()


@pytest.fixture
def session(built: Database, known: Catalogue) -> Iterator[psycopg.Connection]:
    """Open a session as an analyst has it."""
    with psycopg.connect(built.url, autocommit=True) as session:
        yield answers.only_read(session)


def test_every_metric_has_a_reference(known: Catalogue) -> None:
    """A metric that nothing is compared with may be wrong from its first day."""
    assert {metric for metric, _ in EXPECTED} == set(known.metrics)


def test_documentation_lists_every_metric(known: Catalogue) -> None:
    """A definition that has changed since the page was written misleads whoever reads the page first."""
    assert show.page(known) in show.PAGE.read_text()


@pytest.mark.parametrize(("metric", "by"), EXPECTED, ids=lambda part: part)
def test_metric_equals_independent_sql(session: psycopg.Connection, metric: str, by: str) -> None:
    """A report and a query by hand must agree to the last digit, or nobody trusts either."""
    rows, value = EXPECTED[metric, by]
    query = f"select {GROUPS[by]}, {value} from ({rows}) as r group by 1"
    expected = dict(session.execute(query).fetchall())
    found = dict(answers.run(Query((metric,), (OTHER_NAMES.get((metric, by), by),)), session).rows)
    assert any(expected.values()), "the sample has nothing to compare"
    shared = expected.keys() & found.keys()
    assert {key: found[key] for key in shared} == {key: expected[key] for key in shared}
    # A group in which nothing counts may be missing on one side.
    rest = {**expected, **found}
    assert not {key: value for key, value in rest.items() if key not in shared and value}


# Faults of definitions that a review could overlook: measure, wrong expression, metric that is wrong then.
WRONG_MEASURES = (
    ("kept_line_amount", "case when line_type = 'sale' then net_amount else 0 end", "net_revenue"),
    ("sale_line_amount", "net_amount", "gross_revenue"),
)
WRONG_RATIO = ("average_order_value", "ordered_amount / nullif(ordered_lines, 0)", "orders", "ordered_lines")


def test_a_wrong_definition_is_found(
    session: psycopg.Connection, known: Catalogue, dbt: Dbt, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The comparison with SQL is worth nothing if it passes whatever the definitions say."""
    content = json.loads((dbt.target_path / "semantic_manifest.json").read_text())
    measures = {measure["name"]: measure for model in content["semantic_models"] for measure in model["measures"]}
    for name, expression, _ in WRONG_MEASURES:
        measures[name]["expr"] = expression
    ratio, expression, was, becomes = WRONG_RATIO
    (metric,) = (metric for metric in content["metrics"] if metric["name"] == ratio)
    metric["type_params"]["expr"] = expression
    for each in metric["type_params"]["metrics"]:
        each["name"] = {was: becomes}.get(each["name"], each["name"])
    with monkeypatch.context() as patch:
        patch.setattr(artifacts, "semantic", lambda: content)
        patch.setattr(manifest, "folder", lambda: tmp_path)
        patch.setattr(catalogue, "folder", lambda: tmp_path)
        catalogue.catalogue.cache_clear()
        try:
            for name in (*(name for _, _, name in WRONG_MEASURES), ratio):
                rows, value = EXPECTED[name, "month"]
                expected = dict(
                    session.execute(f"select {GROUPS['month']}, {value} from ({rows}) as r group by 1").fetchall()
                )
                assert dict(answers.run(Query((name,), ("month",)), session).rows) != expected, name
        finally:
            catalogue.catalogue.cache_clear()


def test_metrics_agree_over_two_dimensions(session: psycopg.Connection) -> None:
    """Metrics of several facts in one answer are joined, and a row of one fact only must not get lost."""
    metrics = ("net_revenue", "orders", "revenue_28_days", "revenue_growth")
    query = Query(metrics, ("month", "country"))
    found = {row[:2]: row[2:] for row in answers.run(query, session).rows}
    month, both = GROUPS["month"], f"{GROUPS['month']}, country"
    lines = f"select {both}, {NET} from ({LINES}) as l group by 1, 2"
    orders = f"select {both}, {ORDER_COUNT} from ({ORDERS}) as o group by 1, 2"
    days = to_date("days.day - 27", "date_trunc('month', day)")
    windows = f"select {both}, sum(net_amount) from ({days}) as d group by 1, 2"
    growth = f"select {both}, {OF_GROWTH['revenue_growth']} from ({GROWTH}) as g group by 1, 2"
    for place, statement in enumerate((lines, orders, windows, growth)):
        expected = {row[:2]: row[2] for row in session.execute(statement).fetchall() if row[2]}
        assert expected, month
        assert {key: row[place] for key, row in found.items() if row[place]} == expected


def test_filter_and_period_change_the_rows_only(session: psycopg.Connection) -> None:
    """A condition must reach every fact of a metric, or a ratio divides different rows."""
    query = Query(
        ("gross_revenue", "return_rate", "orders_with_product"),
        ("month",),
        (Condition("country", "in", ("France", "Germany")), Condition("line_type", "<>", ("postage",))),
        start=date(2011, 2, 1),
        end=date(2011, 4, 15),
    )
    where = "country in ('France', 'Germany') and line_type <> 'postage' and day between '2011-02-01' and '2011-04-15'"
    values = ", ".join(OF_LINES[metric] for metric in query.metrics)
    expected = session.execute(
        f"select {GROUPS['month']}, {values} from ({LINES}) as l where {where} group by 1 order by 1"
    )
    assert answers.run(query, session).rows == expected.fetchall()


def test_versions_are_as_they_were_and_as_they_are(session: psycopg.Connection) -> None:
    """A segment of today on sales of last year answers another question, so both must be there and differ."""
    was = answers.run(Query(("net_revenue",), ("segment",)), session).rows
    current = answers.run(Query(("net_revenue",), ("current_segment",)), session).rows
    query = """
        select {} as segment, sum(net_amount)
        from silver.int_lines_classified as lines
        left join silver.int_customer_versions as versions
            on lines.customer_id = versions.customer_id and versions.valid_from = (
                select max(valid_from) from silver.int_customer_versions as candidates
                where candidates.customer_id = lines.customer_id {}
            )
        where line_type in ('sale', 'return')
        group by 1
    """
    segment = "coalesce(segment, 'Unknown')"
    assert dict(was) == dict(session.execute(query.format(segment, "and valid_from <= invoiced_on")).fetchall())
    assert dict(current) == dict(session.execute(query.format(segment, "")).fetchall())
    assert dict(was) != dict(current)


def test_rows_without_a_value_come_last(session: psycopg.Connection) -> None:
    """The ten highest rates must be rates. PostgreSQL takes no value for the greatest."""
    query = Query(("cancellation_lag",), ("country",), order_by=("-cancellation_lag",))
    values = [value for _, value in answers.run(query, session).rows]
    known = [value for value in values if value is not None]
    assert None in values
    assert values == sorted(known, reverse=True) + [None] * (len(values) - len(known))


def test_statement_reads_published_views_only(session: psycopg.Connection, known: Catalogue) -> None:
    """A metric that reads silver, or a table behind a view, may show a candidate."""
    for metric in known.metrics:
        plan = compiler.compile_query(Query((metric,), ("month",))).sql
        read = set(re.findall(r"(?:FROM|JOIN)\s+([a-z_]+)\.[a-z_]+ ", plan))
        assert read == {"gold"}, metric


def test_session_cannot_write(session: psycopg.Connection) -> None:
    """Whatever reaches the session, the warehouse stays as it is."""
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        session.execute("create table public.planted (id integer)")


@pytest.mark.parametrize(
    "value",
    [
        "'; drop table gold.daily_sales; --",
        "{{ 1 / 0 }}",
        "{% raw %}",
        "{# x #}",
        "O'Brien \\' or true --",
        "%s %(x)s",
        "£ü",
    ],
)
def test_value_stays_a_value(session: psycopg.Connection, value: str) -> None:
    """A value comes from a question, and passes through a template engine before it is SQL."""
    assert session.execute(f"select {literal(value)}".encode()).fetchone() == (value,)
    answer = answers.run(Query(("orders",), ("country",), (Condition("country", "=", (value,)),)), session)
    assert answer.rows == []


def test_question_asked_again_needs_no_compiler(known: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """MetricFlow takes seconds to load, and the second question of a day is often the first."""
    query = Query(("gross_to_net",), ("quarter",), limit=3)
    first = compiler.compile_query(query)
    monkeypatch.setattr(compiler, "_compile", lambda query: pytest.fail("compiled again"))
    assert compiler.compile_query(query) == first


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        (Query(("revenue",)), "metric 'revenue' is unknown: did you mean .*net_revenue.*"),
        (Query(("orders",), ("category",)), "orders cannot be grouped by 'category'.*"),
        (Query(("orders",), ("mnoth",)), "orders cannot be grouped by 'mnoth': did you mean month.*"),
        (Query(("orders",), ("month", "metric_time__month")), ".*the same dimension twice.*"),
        (Query(("orders", "orders")), ".*names a metric twice.*"),
        (Query(("orders",), ("month",), order_by=("-net_revenue",)), "orders cannot be grouped by 'net_revenue'.*"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_bad_question_is_refused_in_words(known: Catalogue, query: Query, problem: str) -> None:
    """MetricFlow answers a wrong name with a page, and a user needs the right name."""
    with pytest.raises(Refusal) as refused:
        compiler.compile_query(query)
    assert re.fullmatch(problem, refused.value.message)
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("country=France", Condition("country", "=", ("France",))),
        ("fiscal_year>=2011", Condition("fiscal_year", ">=", ("2011",))),
        ("category != Toys", Condition("category", "<>", ("Toys",))),
        ("region in Europe|Asia", Condition("region", "in", ("Europe", "Asia"))),
        ("region not in Europe", Condition("region", "not in", ("Europe",))),
    ],
)
def test_condition_is_read_from_the_command_line(text: str, expected: Condition) -> None:
    """`>=` read as `>` would compare with the text `=2011`."""
    assert condition(text) == expected


def test_exports_are_of_one_release(copy_of_built: Database, known: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports that read two exports must not add up two releases, and a second run must replace the first."""
    monkeypatch.setattr(exports.connection, "connect", lambda name: psycopg.connect(copy_of_built.url))
    first = dict(exports.write())
    assert dict(exports.write()) == first
    assert min(first.values()) > 0
    with psycopg.connect(copy_of_built.url) as session:
        query = "select sum(net_revenue), sum(billed_revenue) from reports.revenue_by_month_and_country"
        reference = "select sum(sale_amount + return_amount), sum(net_amount) from gold.daily_sales"
        assert session.execute(query).fetchone() == session.execute(reference).fetchone()
        comments = session.execute(
            "select obj_description(oid, 'pg_class') from pg_class where relnamespace = 'reports'::regnamespace"
        ).fetchall()
    assert all(comment.endswith((" of release 1.", " of the release.")) for (comment,) in comments)


def test_export_that_fails_changes_nothing(
    copy_of_built: Database, known: Catalogue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the exports of a new release beside half of the old would be read as one state."""
    monkeypatch.setattr(exports.connection, "connect", lambda name: psycopg.connect(copy_of_built.url))
    list(exports.write())
    with psycopg.connect(copy_of_built.url, autocommit=True) as session:
        # The last export cannot be replaced, because a view reads it.
        session.execute("create view public.reader as select * from reports.range_by_month_and_category")
        state = "select oid from pg_class where relnamespace = 'reports'::regnamespace order by oid"
        before = session.execute(state).fetchall()
        with pytest.raises(Refusal, match=r"no export was written: .*reader.*"):
            list(exports.write())
        assert session.execute(state).fetchall() == before
