"""The sample, from files to gold, against what the generator meant: it knows each line's fate without our rules."""

from collections import Counter

import psycopg
import pytest
from harness import Database, Sample
from psycopg.rows import TupleRow


@pytest.fixture(scope="module")
def gold(built: Database) -> psycopg.Connection[TupleRow]:
    with psycopg.connect(built.url) as connection:
        yield connection


def test_every_line_that_was_meant_is_in_fct_sales(gold, sample: Sample) -> None:
    """Totals by the sum of all are the first thing that anybody compares with the till."""
    truth = sample.truth["fct_sales"]
    found = gold.execute(
        """
        select count(*), count(distinct invoice_number), sum(quantity), sum(net_amount)::text
        from gold.fct_sales
        """
    ).fetchone()
    assert found == (truth["lines"], truth["invoices"], truth["quantity"], truth["net_amount"])


def test_lines_are_of_the_type_that_was_meant(gold, sample: Sample) -> None:
    """A line of the wrong type is money in the wrong report, though the total is right."""
    found = {
        line_type: {"lines": lines, "quantity": quantity, "net_amount": amount}
        for line_type, lines, quantity, amount in gold.execute(
            "select line_type, count(*), sum(quantity), sum(net_amount)::text from gold.fct_sales group by line_type"
        )
    }
    meant = sample.truth["fct_sales"]["by_line_type"]
    assert found == {line_type: totals for line_type, totals in meant.items() if totals["lines"]}


def test_unusable_lines_are_in_quarantine_for_their_reason(gold, sample: Sample) -> None:
    """Whoever has to correct a file needs the true reason, and each reason must be recognised."""
    found = dict(
        gold.execute("select quarantine_reasons, count(*) from silver.quarantined_lines group by quarantine_reasons")
    )
    assert found == {reason: lines for reason, lines in sample.truth["quarantined"]["by_reason"].items() if lines}


def test_superseded_lines_are_those_of_the_overlap(gold, sample: Sample) -> None:
    """Invoices in both halves count once: what both deliver is in bronze twice and in gold once."""
    bronze, silver, quarantined = gold.execute(
        """
        select
            (select count(*) from bronze.transactions),
            (select count(*) from silver.int_lines_classified),
            (select count(*) from silver.quarantined_lines)
        """
    ).fetchone()
    assert bronze == sample.truth["raw"]["rows"]
    assert bronze - silver - quarantined == sample.truth["overlap"]["superseded_lines"]


def test_cancellations_and_lines_without_customer_are_told_apart(gold, sample: Sample) -> None:
    """Both are flags that reports filter on, and neither may be lost with the dirt."""
    truth = sample.truth["fct_sales"]
    found = gold.execute(
        """
        select
            count(*) filter (where is_cancellation),
            count(distinct invoice_number) filter (where is_cancellation),
            count(*) filter (where customer_key = -1)
        from gold.fct_sales
        """
    ).fetchone()
    assert found == (truth["cancellation_lines"], truth["cancellation_invoices"], truth["lines_without_customer"])


def test_money_is_in_the_country_that_was_meant(gold, sample: Sample) -> None:
    """Spellings of one country must meet in one member, and no two countries in one."""
    found = dict(
        gold.execute(
            "select delivered_country_name, sum(net_amount)::text from gold.daily_sales"
            " inner join gold.dim_country using (country_key) group by delivered_country_name"
        )
    )
    assert found == sample.truth["fct_sales"]["net_amount_by_country"]


def test_money_is_in_the_month_that_was_meant(gold, sample: Sample) -> None:
    """A date read the wrong way round moves money between months."""
    found = dict(
        gold.execute(
            """
            select to_char(dates.month_start, 'YYYY-MM'), sum(sales.net_amount)::text
            from gold.fct_sales as sales
            inner join gold.dim_date as dates on sales.date_key = dates.date_key
            group by dates.month_start
            """
        )
    )
    assert found == sample.truth["fct_sales"]["net_amount_by_month"]


def test_customers_who_moved_have_the_versions_that_were_meant(gold, sample: Sample) -> None:
    """History is there to say where a customer lived when he bought, also after he has moved back."""
    found = gold.execute(
        """
        with
        versions as (
            select customer_id, delivered_country_name as country_name, valid_from,
                lag(delivered_country_name) over stays as country_before
            from gold.dim_customer
            where customer_id is not null
            window stays as (partition by customer_id order by valid_from)
        ),
        moves as (
            select *, count(*) over (partition by customer_id) as stays
            from versions
            where country_name is distinct from country_before
        )
        select customer_id, country_name, valid_from::text
        from moves
        where stays > 1
        order by customer_id, valid_from
        """
    ).fetchall()
    truth = sample.truth["customers"]
    assert truth["moved_back"]
    assert found == [(stay["customer_id"], stay["country"], stay["valid_from"]) for stay in truth["country_versions"]]


def test_every_customer_and_product_has_a_member(gold, sample: Sample) -> None:
    """A spelling taken for another product, or two products taken for one, shows in the number of durable keys."""
    found = gold.execute(
        """
        select
            (select count(distinct customer_id) from gold.dim_customer),
            (select count(distinct stock_code) from gold.dim_product)
        """
    ).fetchone()
    assert found == (sample.truth["customers"]["distinct"], sample.truth["products"]["distinct_stock_codes"])


def test_renamed_products_change_in_the_month_that_was_meant(gold, sample: Sample) -> None:
    """A rename must start a version in its month, and misspelt minorities must not."""
    renamed = sample.truth["products"]["renamed_products"]
    found = gold.execute(
        """
        select stock_code, to_char(valid_from, 'YYYY-MM'), description
        from (
            select *, lag(description) over (partition by stock_code order by valid_from) as description_before
            from gold.dim_product
        ) as versions
        where description <> description_before
        """
    ).fetchall()
    meant = {(p["stock_code"], p["first_month_under_new"], p["new_description"]) for p in renamed}
    assert set(found) == meant


def test_every_price_is_an_entry_or_in_quarantine_for_its_reason(gold, sample: Sample) -> None:
    """A price that is lost or read wrong bends margins where nobody looks."""
    truth = sample.truth["price_list"]
    found = gold.execute("select count(*), count(distinct stock_code) from silver.int_product_prices").fetchone()
    assert found == (truth["entries"], truth["products"])
    reasons = dict(
        gold.execute("select quarantine_reasons, count(*) from silver.quarantined_products group by quarantine_reasons")
    )
    assert reasons == {reason: rows for reason, rows in truth["unusable"].items() if rows}


def test_products_show_what_the_price_list_said_last(gold, sample: Sample) -> None:
    """The last entry of the list counts, and what corrects before what is corrected; a blank category says nothing."""
    current = sample.truth["price_list"]["current"]
    found = gold.execute(
        """
        select stock_code, category, current_category, categories, unit_cost::text, list_price::text
        from gold.dim_product
        where stock_code = any(%s) and is_current
        """,
        [[entry["stock_code"] for entry in current]],
    ).fetchall()
    sold = {stock_code for stock_code, *_ in found}
    assert sold
    keys = ("category", "category", "categories")
    meant = [
        (e["stock_code"], *(e[key] or "Not categorised" for key in keys), e["cost"], e["list_price"])
        for e in current
        if e["stock_code"] in sold
    ]
    assert sorted(found) == meant


def test_products_change_their_categories_on_the_day_that_was_meant(gold, sample: Sample) -> None:
    """A report by category is only true of its time if a change starts a version, and a new spelling does not."""
    truth = sample.truth["price_list"]["category_versions"]
    found = gold.execute(
        """
        select stock_code, valid_from::text, categories, category
        from (
            select *, lag(categories) over (partition by stock_code order by valid_from) as categories_before
            from gold.dim_product
            where categories not in ('Not categorised', 'Unknown')
        ) as versions
        where categories is distinct from categories_before
        order by stock_code, valid_from
        """
    ).fetchall()
    assert all(category == categories.split("; ")[0] for *_, categories, category in found)
    versions = Counter(stock_code for stock_code, *_ in found)
    in_several = {stock_code for stock_code, _, categories, _ in found if ";" in categories}
    assert (len(versions), len(found), len(in_several)) == (
        truth["products"],
        truth["versions"],
        truth["in_several_categories"],
    )
    of_changed = [version[:3] for version in found if versions[version[0]] > 1]
    assert truth["changed"] == len({stock_code for stock_code, *_ in of_changed}) > 0
    told = {version["stock_code"] for version in truth["of_changed"]}
    meant = [tuple(version.values()) for version in truth["of_changed"]]
    assert sorted(version for version in of_changed if version[0] in told) == sorted(meant)


def test_profiles_have_the_versions_that_were_meant(gold, sample: Sample) -> None:
    """A move or a withdrawn consent that is lost is a letter to the wrong door, or an advertisement against the law."""
    truth = sample.truth["customer_master"]
    found = gold.execute(
        """
        select
            count(distinct customer_id),
            count(*),
            count(*) filter (where is_current and email is null),
            count(*) filter (where is_current and has_marketing_consent)
        from profiles.dim_customer_profile
        """
    ).fetchone()
    assert found == tuple(truth[key] for key in ("customers", "versions", "without_email", "accept_marketing"))
    assert truth["versions"] > truth["customers"]


def test_profiles_show_what_the_master_said_last(gold, sample: Sample) -> None:
    """Corrections, duplicates and dirty values must leave what is true of the customer."""
    keys = ("name", "email", "phone", "address", "postcode", "birth_year", "valid_from", "versions")
    meant = {
        profile["customer_id"]: (*(profile[key] for key in keys), bool(profile["consent"]))
        for profile in sample.truth["customer_master"]["current"]
    }
    found = gold.execute(
        """
        select
            customer_id,
            full_name,
            email,
            phone,
            address,
            postcode,
            birth_year,
            valid_from::text,
            versions,
            has_marketing_consent
        from (
            select *, count(*) over (partition by customer_id) as versions from profiles.dim_customer_profile
        ) as profiles
        where is_current and customer_id = any(%s)
        """,
        [list(meant)],
    )
    assert {customer: tuple(profile) for customer, *profile in found} == meant


def test_unusable_customer_rows_are_in_quarantine_for_their_reason(gold, sample: Sample) -> None:
    """A row without a customer or a day may be a withdrawn consent, so somebody has to correct it."""
    reasons = dict(
        gold.execute(
            "select quarantine_reasons, count(*) from profiles.quarantined_customers group by quarantine_reasons"
        )
    )
    assert (
        reasons == {reason: rows for reason, rows in sample.truth["customer_master"]["unusable"].items() if rows} != {}
    )


def test_direct_personal_data_are_in_bronze_and_profiles_only(gold) -> None:
    """An address that was copied elsewhere is read by people who must not, and survives its erasure."""
    relations = gold.execute(
        """
        select relnamespace::regnamespace::text, pg_class.oid::regclass::text
        from pg_class
        where
            relkind in ('r', 'm', 'v')
            and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast')
            and not relispartition
        """
    ).fetchall()
    holding = {
        relation
        for _, relation in relations
        if gold.execute(f"select from {relation} as t where t::text ilike '%canary.example%' limit 1").rowcount
    }
    assert holding == {
        "bronze.customers",
        "profiles.stg_retail__customers",
        "profiles.quarantined_customers",
        "profiles.dim_customer_profile",
        "profiles.customers_with_consent",
    }
    assert {schema for schema, _ in relations} >= {"silver", "history", "gold", "audit"}
