"""Each check must find the faults for which it exists; the tests damage the warehouse with each fault."""

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg
import pytest
import yaml
from dbt_project import OPTIONAL, WORKING_DATABASE, Dbt, Outcome, copy_of_project

from scripts.land import land
from scripts.land.contract import read_contract
from scripts.paths import PROJECT_ROOT

PROJECT = "retail_warehouse"

# Checks and rules of checks that warn and do not fail the build.
WARNINGS = {
    "assert_cancellations_find_their_sales",
    "assert_countries_are_known",
    "assert_customers_are_in_one_country_at_a_time",
    "assert_deliveries_take_little_away",
    "assert_invoices_name_one_customer",
    "assert_no_column_drifts",
    "assert_no_invoice_is_from_the_future",
    "assert_no_unexpected_day",
    "stock_code_is_intact",
    "units_are_taken_back",
    "nobody_has_a_profile_before_registering",
}


class Fault(NamedTuple):
    """Damage that a check must find.

    Attributes:
        check: the name of the data test.
        what: what is wrong, in a few words.
        statement: the SQL that causes the damage.
        rows: how many rows the check must find.
        rule: for a `row_rules` check, the one rule or reference that the damage breaks.
    """

    check: str
    what: str
    statement: str
    rows: int = 1
    rule: str | None = None


# An incident in which fewer lines arrived than usual.
INCIDENT = (
    "insert into gold_tables.sales_incidents (incident_key, first_date, last_date, days, scope, cause, direction,"
    " reason, severity, status, amount_at_stake, score, earlier_incidents, measures, country_name, main_measure,"
    " worst_date, observed, expected_low, expected, expected_high)"
    " select {key}, {first}, max(date_day), 1, 'All', 'volume', 'low', '-',"
    " 'alarm', 'open', 1, 5, 0, 'customers, lines', '-', '{main}', max(date_day),"
    " 1, 2, 3, 4"
)


# The sample has no incident, so a constraint gets a row to break first.
EXAMPLES = {
    "gold_tables.sales_incidents": INCIDENT.format(key=1, first="max(date_day)", main="lines")
    + " from gold_tables.daily_anomalies",
    "gold_tables.sales_incident_days": "insert into gold_tables.sales_incident_days (date_day, country_name, measure,"
    " incident_key, first_date, lead_country_name, cause, direction, is_main, strength)"
    " values ('2011-01-04', '-', 'lines', 1, '2011-01-04', '-', 'volume', 'low', true, 5)",
    "gold_tables.sales_incident_amounts": "insert into gold_tables.sales_incident_amounts (incident_key, date_day,"
    " measure, strength, observed, expected_low, expected, expected_high, amount_at_stake)"
    " values (1, '2011-01-04', 'lines', 5, 1, 2, 3, 4, 1)",
    "gold_tables.unusual_values": "insert into gold_tables.unusual_values (date_day, country_name, measure, cause,"
    " direction, strength) values ('2011-01-04', '-', 'lines', 'volume', -1, 5)",
    "silver.known_incidents": "insert into silver.known_incidents values"
    " ('All', '2011-01-04', '2011-01-04', 'expected', 'stocktaking', 'Ann')",
}


def first(relation: str, where: str) -> str:
    """Return a condition that holds for one row, the same row in each run, also in a partitioned table."""
    return f"(tableoid, ctid) = (select tableoid, ctid from {relation} where {where} order by tableoid, ctid limit 1)"


def one(relation: str, change: str, where: str = "true") -> str:
    """Return SQL that changes one row, the same row in each run."""
    return f"update {relation} set {change} where {first(relation, where)}"


def without(relation: str, where: str = "true") -> str:
    """Return SQL that deletes one row."""
    return f"delete from {relation} where {first(relation, where)}"


def blank(relation: str, column: str) -> str:
    """Return SQL that sets the greatest value of a column to null."""
    return f"update {relation} set {column} = null where {column} = (select max({column}) from {relation})"


def again(relation: str, where: str = "true", **changes: str) -> str:
    """Return SQL that inserts one row a second time, with some columns changed."""
    changed = ", ".join(f"'{column}', {value}" for column, value in changes.items())
    return f"""
        insert into {relation}
        select (jsonb_populate_record(original, jsonb_build_object({changed}))).*
        from {relation} as original
        where {first(relation, where)}
    """


KNOWN = "customer_key <> -1"
# A version that has a successor and can end one day earlier.
FOLLOWED = "not is_current and valid_to > valid_from + 1"
FIRST_OF_CUSTOMER = (
    "(customer_id, valid_from) in (select customer_id, min(valid_from) from gold_tables.dim_customer group by 1)"
)
MOVED = """
    update gold_tables.fct_sales set {key} = other.{key}
    from gold_tables.{dimension} as mine, gold_tables.{dimension} as other
    where (fct_sales.invoice_number, fct_sales.line_number) = (
            select invoice_number, line_number
            from gold_tables.fct_sales
            inner join gold_tables.{dimension} using ({key})
            where not is_current
            order by invoice_number, line_number
            limit 1
        )
        and fct_sales.{key} = mine.{key} and mine.{durable} = other.{durable} and other.is_current
"""
CUSTOMER_MOVED = MOVED.format(dimension="dim_customer", key="customer_key", durable="customer_id")
PRODUCT_MOVED = MOVED.format(dimension="dim_product", key="product_key", durable="stock_code")
# A version of a product that sold before the version ended.
OFFERED = """
    product_durable_key in (
        select product_durable_key from gold_tables.fct_product_sold_days where span_start + 56 < valid_to
    )
"""
LAST_TRADING_DAY = "day_number = (select max(day_number) from gold_tables.dim_trading_day)"

# One test applies the first faults of all checks together, so these faults must not cancel out.
FAULTS = [
    # From bronze to silver
    Fault(
        "transactions_hold_what_the_ledger_says",
        "row lost",
        without("bronze.transactions"),
    ),
    Fault("transactions_hold_what_the_ledger_says", "row doubled", again("bronze.transactions")),
    Fault(
        "transactions_hold_what_the_ledger_says",
        "file lost",
        "delete from bronze.transactions where _file_id = (select max(_file_id) from bronze.transactions)",
    ),
    Fault(
        "transactions_hold_what_the_ledger_says",
        "rows of no file",
        again("bronze.transactions", _file_id="1000000"),
    ),
    Fault("products_hold_what_the_ledger_says", "row lost", without("bronze.products")),
    Fault(
        "transactions_are_typed_or_quarantined",
        "value lost",
        one("silver.stg_retail__transactions", "quantity = null", "is_usable"),
    ),
    Fault("transactions_are_typed_or_quarantined", "row lost", without("silver.stg_retail__transactions")),
    Fault("transactions_are_typed_or_quarantined", "row doubled", again("silver.stg_retail__transactions")),
    Fault(
        "transactions_are_typed_or_quarantined",
        "row made up",
        again("silver.stg_retail__transactions", file_line="-1"),
    ),
    Fault(
        "transactions_are_typed_or_quarantined",
        "unusable row counts as usable",
        one("silver.stg_retail__transactions", "is_usable = true", "not is_usable"),
    ),
    Fault("products_are_typed_or_quarantined", "bad row lost", without("silver.quarantined_products")),
    Fault(
        "products_are_typed_or_quarantined",
        "good row in quarantine",
        "insert into silver.quarantined_products (file_id, file_line)"
        " select file_id, file_line from silver.stg_retail__products where is_usable limit 1",
    ),
    Fault(
        "products_are_typed_or_quarantined",
        "row in quarantine made up",
        again("silver.quarantined_products", file_line="-1"),
    ),
    Fault(
        "assert_every_price_is_somewhere",
        "entries lost",
        "delete from silver.int_product_prices"
        " where effective_on = (select max(effective_on) from silver.int_product_prices)",
    ),
    Fault(
        "assert_every_price_is_somewhere",
        "entry made up",
        again("silver.int_product_prices", effective_on="'1900-01-01'"),
    ),
    Fault("assert_every_price_is_somewhere", "bad row lost", without("silver.quarantined_products")),
    Fault("assert_every_line_is_somewhere", "typed line doubled", again("silver.stg_retail__transactions")),
    Fault("assert_every_line_is_somewhere", "typed line lost", without("silver.stg_retail__transactions")),
    Fault("assert_every_line_is_somewhere", "line lost", without("silver.int_lines_classified")),
    Fault("assert_every_line_is_somewhere", "line doubled", again("silver.int_lines_classified")),
    Fault("assert_every_line_is_somewhere", "bad line lost", without("silver.quarantined_lines")),
    Fault("assert_every_line_is_somewhere", "bad line made up", again("silver.quarantined_lines", file_line="-1")),
    Fault(
        "assert_every_line_is_somewhere", "delivered line not looked at", again("bronze.transactions", invoice="'0'")
    ),
    Fault(
        "assert_every_line_is_somewhere",
        "wrong delivery taken for the last",
        one(
            "silver.int_invoices_supplied",
            "file_id = 0",
            "invoice_number in (select invoice_number from silver.stg_retail__transactions"
            " group by invoice_number having count(distinct file_id) > 1)",
        ),
    ),
    Fault(
        "assert_deliveries_take_little_away",
        "a delivery that lacks lines of the one before",
        one("silver.int_deliveries_superseded", "lines_taken_away = 21"),
    ),
    Fault(
        "assert_quarantine_stays_small",
        "too many bad lines of all files, and of one",
        "insert into silver.quarantined_lines (file_id, file_line)"
        " select _file_id, -_line from bronze.transactions"
        " where _file_id = (select min(_file_id) from bronze.transactions)"
        " order by _line limit (select count(*) / 50 from bronze.transactions)",
        rows=2,
    ),
    Fault(
        "assert_quarantine_stays_small",
        "a day of which every line is bad",
        "insert into silver.quarantined_lines (file_id, file_line)"
        " select _file_id, -_line from bronze.transactions"
        " where _file_id = (select max(_file_id) from bronze.transactions)"
        " order by _line limit 20",
    ),
    Fault(
        "assert_quarantine_is_worked_off",
        "a line forgotten for a year",
        one("silver.quarantined_lines", "first_seen_at = now() - interval '1 year'"),
    ),
    *(
        Fault("assert_quarantine_is_on_record", what, statement)
        for what, statement in (
            ("no record of a line", without("history.snp_quarantine_versions")),
            ("record of a line that does not wait", again("history.snp_quarantine_versions", file_line="-1")),
            ("other reasons", one("history.snp_quarantine_versions", "quarantine_reasons = 'late'")),
            (
                "taken for released",
                one("history.snp_quarantine_versions", "release_kind = 'rule_changed', released_by_file_id = null"),
            ),
        )
    ),
    # From silver to gold
    Fault(
        "assert_gold_adds_up_to_silver",
        "line doubled",
        again("gold_tables.fct_sales", "net_amount <> 0", line_number="100000"),
        rows=2,
    ),
    Fault(
        "assert_gold_adds_up_to_silver",
        "line without money lost",
        without("gold_tables.fct_sales", "net_amount = 0 and customer_key <> -1"),
    ),
    *(
        Fault(
            "assert_gold_adds_up_to_silver",
            f"a hundredth of a penny {word} in {relation}",
            one(relation, f"net_amount = net_amount {sign} 0.0001"),
            rows=rows,
        )
        for relation, rows in (
            ("silver.int_lines_classified", 4),
            ("gold_tables.fct_sales", 1),
            ("gold_tables.fct_invoices", 1),
            ("gold_tables.daily_sales", 1),
            ("gold_tables.monthly_product_sales", 1),
        )
        for word, sign in (("too much", "+"), ("too little", "-"))
    ),
    Fault("assert_gold_adds_up_to_silver", "lines too many", one("gold_tables.fct_invoices", "lines = lines + 1000")),
    Fault(
        "assert_gold_adds_up_to_silver",
        "lines of a product too many",
        one("gold_tables.monthly_product_sales", "lines = lines + 1000"),
    ),
    *(
        Fault(
            "assert_customer_months_add_up_to_facts",
            f"{column} of {relation}",
            one(relation, f"{column} = {column} + 1"),
        )
        for relation, columns in {
            "gold_tables.monthly_customer_orders": ("orders", "sale_amount", "cancelled_amount"),
            "gold_tables.monthly_segment_moves": ("customers", "net_amount"),
        }.items()
        for column in columns
    ),
    Fault("assert_gold_adds_up_to_silver", "customer lost", one("gold_tables.fct_sales", "customer_key = -1", KNOWN)),
    Fault(
        "assert_gold_adds_up_to_silver",
        "customer made up",
        one(
            "gold_tables.fct_sales",
            "customer_key = (select max(customer_key) from gold_tables.dim_customer)",
            "customer_key = -1",
        ),
    ),
    Fault(
        "assert_gold_adds_up_to_silver",
        "product lost",
        one("gold_tables.fct_sales", "product_key = -1", "product_key <> -1"),
    ),
    *(
        Fault("assert_category_weights_add_up", what, statement, rows)
        for what, statement, rows in (
            ("a ten-thousandth too little", one("gold_tables.bridge_product_category", "weight = weight - 0.0001"), 1),
            ("a product without category", without("gold_tables.bridge_product_category", "weight = 1"), 1),
            ("no such product", one("gold_tables.bridge_product_category", "product_key = 1"), 2),
            ("a category too many", again("gold_tables.bridge_product_category", category="'Elsewhere'"), 1),
        )
    ),
    Fault("dim_rfm_band_has_every_band", "band missing", without("gold_tables.dim_rfm_band", "rfm_band_key = 111")),
    Fault("dim_date_leaves_no_day_out", "day missing", "delete from gold_tables.dim_date where date_key = 20110615"),
    Fault("metric_days_leave_no_day_out", "day missing", "delete from gold_tables.dim_date where date_key = 20110616"),
    # Facts that are derived from others
    Fault(
        "assert_cancellations_add_up",
        "line lost",
        without("silver.int_cancellations_matched", "match_type = 'none'"),
        rows=2,
    ),
    Fault(
        "assert_cancellations_add_up",
        "line doubled",
        again("silver.int_cancellations_matched", "match_type = 'whole'", line_number="-1"),
        rows=4,
    ),
    Fault(
        "assert_cancellations_add_up",
        "a hundredth of a penny lost in silver",
        one("silver.int_cancellations_matched", "amount = amount - 0.0001", "match_type = 'none'"),
    ),
    Fault(
        "assert_cancellations_add_up",
        "a hundredth of a penny lost on an invoice",
        one(
            "gold_tables.fct_invoice_lifecycle", "cancelled_amount = cancelled_amount - 0.0001", "status = 'cancelled'"
        ),
    ),
    Fault(
        "assert_cancellations_add_up",
        "unit lost",
        one("gold_tables.fct_invoice_lifecycle", "units_cancelled = units_cancelled - 1", "status = 'cancelled'"),
    ),
    Fault(
        "assert_cancellations_add_up",
        "invoice lost",
        without("gold_tables.fct_invoice_lifecycle", "status = 'cancelled'"),
        rows=2,
    ),
    Fault(
        "assert_no_line_is_cancelled_beyond_its_units",
        "units taken back that were not sold",
        one("silver.int_cancellations_matched", "units = units + 1", "match_type = 'whole'"),
    ),
    *(
        Fault(
            "assert_no_line_is_cancelled_beyond_its_units",
            what,
            one("silver.int_cancellations_matched", change, "match_type = 'whole'"),
        )
        for what, change in (
            ("no such line", "sale_line_number = -1"),
            ("other customer", "customer_id = 1"),
            ("other product", "stock_code = '-'"),
        )
    ),
    Fault(
        "assert_cancellations_find_their_sales",
        "sales missing",
        "insert into silver.int_cancellations_matched (invoice_number, line_number, units, amount, match_type)"
        " select 'C' || number, 1, 1, 1, 'none' from generate_series(1, 5000) as numbers (number)",
    ),
    *(
        Fault(
            "assert_months_hold_all_money_of_customers",
            f"a hundredth of a penny {word} in {relation}",
            one(relation, f"net_amount = net_amount {sign} 0.0001", where),
        )
        for relation, where in (
            ("gold_tables.fct_customer_month", "true"),
            # a month that is certainly closed
            ("gold_tables.fct_sales", f"{KNOWN} and invoiced_at < '2010-01-01'"),
        )
        for word, sign in (("too much", "+"), ("too little", "-"))
    ),
    Fault(
        "assert_months_hold_all_money_of_customers",
        "month lost",
        without("gold_tables.fct_customer_month", "orders > 0"),
    ),
    Fault(
        "assert_balances_are_sums_of_months",
        "a hundredth of a penny too much",
        one("gold_tables.fct_customer_month", "balance_amount = balance_amount + 0.0001"),
    ),
    Fault(
        "assert_offers_show_what_was_sold",
        "sale not shown",
        one(
            "gold_tables.fct_product_sold_days",
            "sold_days = sold_days & (sold_days - 1)",
            "sold_days & (sold_days - 1) <> 0",
        ),
    ),
    Fault(
        "assert_offers_show_what_was_sold",
        "sale made up",
        one("gold_tables.fct_product_sold_days", "sold_days = sold_days | (sold_days + 1)"),
    ),
    Fault("assert_offers_show_what_was_sold", "sales lost", without("gold_tables.fct_product_sold_days")),
    Fault(
        "assert_offers_show_what_was_sold",
        "sales of another product",
        one("gold_tables.fct_product_sold_days", "product_durable_key = 1"),
        rows=2,
    ),
    Fault(
        "assert_offers_show_what_was_sold",
        "trading day lost",
        f"delete from gold_tables.dim_trading_day where {LAST_TRADING_DAY}",
    ),
    Fault(
        "assert_offers_show_what_was_sold",
        "no trading day",
        f"update gold_tables.dim_trading_day set date_day = date_day + 1 where {LAST_TRADING_DAY}",
    ),
    Fault(
        "assert_offers_show_what_was_sold",
        "trading day miscounted",
        one("gold_tables.dim_trading_day", "day_number = day_number + 1"),
    ),
    Fault(
        "assert_offers_show_what_was_sold",
        "on offer for too short",
        one("gold_tables.dim_trading_day", "on_offer_start = on_offer_start + 1"),
    ),
    # History
    *(
        Fault(
            f"{dimension}_history_has_no_gaps",
            what,
            one(f"gold_tables.{dimension}", change, FOLLOWED),
        )
        for dimension in ("dim_customer", "dim_product")
        for what, change in (("gap of a day", "valid_to = valid_to - 1"),)
    ),
    Fault(
        "dim_customer_profile_history_has_no_gaps",
        "gap of a day",
        one("profiles.dim_customer_profile", "valid_to = valid_to - 1", "not is_current and valid_to - valid_from > 1"),
    ),
    *(
        Fault("assert_one_version_is_current", f"{what} of {dimension}", statement)
        for dimension in ("dim_customer", "dim_product")
        for what, statement in (
            ("no current version", one(f"gold_tables.{dimension}", "is_current = false", "is_current")),
            ("two current versions", one(f"gold_tables.{dimension}", "is_current = true", "not is_current")),
        )
    ),
    Fault("assert_facts_join_the_version_of_their_date", "customer as of today", CUSTOMER_MOVED),
    Fault("assert_facts_join_the_version_of_their_date", "product as of today", PRODUCT_MOVED),
    Fault(
        "assert_facts_join_the_version_of_their_date",
        "line from before its customer",
        one("gold_tables.fct_sales", "invoiced_at = '2009-01-01'", KNOWN),
    ),
    Fault(
        "assert_offers_show_the_version_of_their_day",
        "day without a version",
        one("gold_tables.dim_product", "valid_to = valid_to - 1", f"{FOLLOWED} and {OFFERED}"),
    ),
    Fault(
        "assert_offers_show_the_version_of_their_day",
        "version lost",
        without("gold_tables.dim_product", f"not is_current and {OFFERED}"),
    ),
    Fault(
        "assert_offers_show_the_version_of_their_day",
        "product lost",
        f"""
        delete from gold_tables.dim_product
        where product_durable_key = (select min(product_durable_key) from gold_tables.dim_product where {OFFERED})
        """,
    ),
    Fault(
        "assert_offers_show_the_version_of_their_day",
        "sales of another product",
        one("gold_tables.fct_product_sold_days", "product_durable_key = 1"),
    ),
    Fault(
        "assert_first_version_covers_first_fact",
        "customer begins a day late",
        one("gold_tables.dim_customer", "valid_from = valid_from + 1", f"{FOLLOWED} and {FIRST_OF_CUSTOMER}"),
    ),
    Fault(
        "assert_first_version_covers_first_fact",
        "first version of a customer lost",
        without("gold_tables.dim_customer", f"not is_current and {FIRST_OF_CUSTOMER}"),
    ),
    Fault(
        "assert_first_version_covers_first_fact",
        "product lost",
        "delete from gold_tables.dim_product where stock_code = (select min(stock_code) from gold_tables.dim_product)",
    ),
    Fault(
        "assert_invoices_name_one_customer",
        "invoice of two customers",
        again("silver.int_invoices_summed", "customer_id is not null", customer_id="1"),
    ),
    Fault(
        "assert_invoices_name_one_customer",
        "line without customer",
        one("silver.int_invoices_summed", "lines = lines - 1", "customer_id is not null"),
    ),
    Fault(
        "assert_customers_are_in_one_country_at_a_time",
        "in two countries",
        again("silver.int_invoices_summed", "customer_id is not null", country_name="'Elsewhere'"),
    ),
    Fault(
        "assert_no_invoice_is_from_the_future",
        "dated two days after it landed",
        "update gold_tables.fct_invoices set last_invoiced_at = landed_at::date + 2"
        " from (select max(landed_at) as landed_at from bronze.landed_files) as landed"
        " where invoice_number = (select max(invoice_number) from gold_tables.fct_invoices)",
    ),
    # Governance: the views let one customer more through, or one address.
    Fault(
        "assert_profiles_show_no_more_than_agreed",
        "a customer who has not agreed",
        "create or replace view profiles.customers_with_consent as select customer_durable_key, full_name, email,"
        " phone, address, postcode, birth_year, valid_from from profiles.dim_customer_profile where is_current and"
        " (has_marketing_consent or customer_id = (select min(customer_id) from profiles.dim_customer_profile"
        " where is_current and not has_marketing_consent))",
    ),
    Fault(
        "assert_profiles_show_no_more_than_agreed",
        "an address in clear",
        "create or replace view profiles.customer_profiles_masked as select customer_profile_key, customer_durable_key,"
        " case when customer_profile_key = (select min(customer_profile_key) from profiles.dim_customer_profile"
        " where email is not null) then email end as masked_email, null::text as postcode_area,"
        " null::text as age_band, has_marketing_consent,"
        " valid_from, valid_to, is_current from profiles.dim_customer_profile",
    ),
    # Monitoring
    Fault(
        "assert_countries_are_known",
        "misspelt country",
        one(
            "gold_tables.dim_country",
            "delivered_country_name = 'Germny', is_resolved = false",
            "delivered_country_name = 'Germany'",
        ),
    ),
    Fault(
        "assert_no_column_drifts",
        "column half null since the last release",
        "insert into audit.column_profiles ("
        " release_id, relation, column_name, position, data_type, is_estimated, row_count, null_count, distinct_count,"
        " top_values, top_shares)"
        " select release_id + step, 'gold.dim_product', 'description', 1, 'text', false, 1000, 500 * (step + 1), 0,"
        " '{}', '{}' from (select max(release_id) as release_id from audit.releases) as last"
        " cross join (values (-1), (0)) as steps (step)",
    ),
    Fault(
        "assert_no_unexpected_day",
        "incident on the last day",
        INCIDENT.format(key=2, first="max(date_day)", main="lines") + " from gold_tables.daily_anomalies",
    ),
    # Reference data
    *(
        Fault(
            "assert_known_incidents_are_valid",
            what,
            "insert into silver.known_incidents (scope, first_date, last_date, status, reason, declared_by)"
            f" values ('{scope}', '2011-01-04', '{last_day}', {status}, 'stocktaking', {who})",
        )
        for what, scope, last_day, status, who in (
            ("scope of no country", "Germny", "2011-01-04", "'expected'", "'Ann'"),
            ("days reversed", "All", "2011-01-03", "'expected'", "'Ann'"),
            ("unknown status", "Abroad", "2011-01-04", "'known'", "'Ann'"),
            ("no status", "Abroad", "2011-01-04", "null", "'Ann'"),
            ("nobody says so", "Germany", "2011-01-04", "'acknowledged'", "null"),
        )
    ),
    Fault(
        "country_spellings_name_known_countries",
        "spelling of no country",
        one("silver.country_spellings", "country_name = 'Atlantis'"),
    ),
    *(
        Fault("price_bands_have_neither_overlaps_nor_gaps", what, one("silver.price_bands", change, "lower_price = 1"))
        for what, change in (("overlap", "upper_price = 3"), ("gap", "upper_price = 1.5"))
    ),
    Fault("rfm_segments_name_all_pairs_of_scores", "pair without a name", without("silver.rfm_segments")),
]
# A source that is added gets the same checks; the sample may have no rows of it.
FAULTS += [
    Fault(
        f"{table}_{promise}",
        "row of no file",
        f"insert into bronze.{table} (_file_id, _line) values (1000000, {line})",
    )
    for table in sorted({landing.table for landing in read_contract().landings} - {"transactions", "products"})
    for line, promise in enumerate(("hold_what_the_ledger_says", "are_typed_or_quarantined"), 2)
]

# For each rule and each reference of each `row_rules` check: changes to one row that break no other rule.
RULE_FAULTS: dict[tuple[str, str], list[str]] = {
    ("typed_lines_are_usable_or_say_why_not", "usable_line_has_its_values"): [
        one("silver.stg_retail__transactions", f"{column} = null", "is_usable")
        for column in ("invoice_number", "stock_code", "invoiced_at", "quantity", "unit_price")
    ],
    ("typed_lines_are_usable_or_say_why_not", "unusable_line_has_a_reason"): [
        one("silver.stg_retail__transactions", "quarantine_reasons = ''", "not is_usable"),
        one("silver.stg_retail__transactions", "quarantine_reasons = 'quantity_not_an_integer'", "is_usable"),
    ],
    ("fct_sales_obeys_its_rules", "net_amount_is_quantity_times_price"): [
        one("gold_tables.fct_sales", "net_amount = net_amount + 0.0001"),
    ],
    ("fct_sales_obeys_its_rules", "line_number_counts_from_one"): [one("gold_tables.fct_sales", "line_number = 0")],
    ("fct_sales_obeys_its_rules", "line_is_of_a_known_type"): [one("gold_tables.fct_sales", "line_type = 'gift'")],
    ("fct_sales_obeys_its_rules", "date_key_is_of_the_timestamp"): [
        one("gold_tables.fct_sales", "date_key = to_char(invoiced_at + interval '1 day', 'YYYYMMDD')::integer"),
    ],
    ("fct_sales_obeys_its_rules", "day_is_of_the_timestamp"): [
        one("gold_tables.fct_sales", "date_day = date_day + 1", "extract(day from date_day) < 28"),
    ],
    ("fct_sales_obeys_its_rules", "cancellation_is_in_the_number"): [
        one("gold_tables.fct_sales", "is_cancellation = not is_cancellation", "line_type = 'postage'"),
        one("gold_tables.fct_sales", "invoice_number = 'C1'", "line_type = 'sale'"),
    ],
    ("fct_sales_obeys_its_rules", "sale_gives_units_out"): [
        one(
            "gold_tables.fct_sales",
            "quantity = -quantity, net_amount = -net_amount",
            "line_type = 'sale' and quantity > 0",
        ),
        one("gold_tables.fct_sales", "line_type = 'sale'", "is_cancellation and quantity < 0"),
    ],
    ("fct_sales_obeys_its_rules", "return_takes_units_back"): [
        one("gold_tables.fct_sales", "line_type = 'return'", "line_type = 'sale'"),
    ],
    ("fct_invoices_obeys_its_rules", "kinds_add_up"): [
        one("gold_tables.fct_invoices", f"{kind}_amount = {kind}_amount + 0.0001")
        for kind in (
            "sale",
            "return",
            "postage",
            "discount",
            "fee",
            "voucher",
            "sample",
            "manual",
            "bad_debt",
            "stock_adjustment",
            "test",
            "net",
        )
    ],
    ("fct_invoices_obeys_its_rules", "has_lines"): [one("gold_tables.fct_invoices", "lines = 0")],
    ("fct_invoices_obeys_its_rules", "units_are_counted_up"): [one("gold_tables.fct_invoices", "units_sold = -1")],
    # a negative number gives units out
    ("fct_invoices_obeys_its_rules", "units_are_taken_back"): [one("gold_tables.fct_invoices", "units_returned = -1")],
    ("fct_invoices_obeys_its_rules", "ends_after_it_begins"): [
        one("gold_tables.fct_invoices", "last_invoiced_at = first_invoiced_at - interval '1 second'"),
    ],
    ("daily_sales_obeys_its_rules", "parts_add_up"): [
        one("gold_tables.daily_sales", f"{part}_amount = {part}_amount + 0.0001")
        for part in ("sale", "return", "other", "net")
    ],
    ("daily_sales_obeys_its_rules", "customers_order"): [one("gold_tables.daily_sales", "orders = 0", "customers > 0")],
    ("daily_sales_obeys_its_rules", "units_are_counted_up"): [one("gold_tables.daily_sales", "units_sold = -1")],
    ("customer_rfm_obeys_its_rules", "recency_is_past"): [one("gold_tables.customer_rfm", "recency_days = -1")],
    ("customer_rfm_obeys_its_rules", "frequency_is_a_count"): [one("gold_tables.customer_rfm", "frequency = -1")],
    **{
        ("customer_rfm_obeys_its_rules", f"{score}_score_is_a_fifth"): [
            one("gold_tables.customer_rfm", f"{score}_score = {value}") for value in (0, 6)
        ]
        for score in ("recency", "frequency", "monetary")
    },
    ("customer_rfm_obeys_its_rules", "customer_is_known"): [one("gold_tables.customer_rfm", "customer_key = -1")],
    ("customer_rfm_obeys_its_rules", "month_end_is_one"): [
        one("gold_tables.customer_rfm", "month_end = month_end - 1")
    ],
    ("int_cancellations_matched_obeys_its_rules", "match_is_of_a_known_kind"): [
        one("silver.int_cancellations_matched", "match_type = 'half'", "match_type = 'part'"),
    ],
    ("int_cancellations_matched_obeys_its_rules", "match_has_a_sale"): [
        one("silver.int_cancellations_matched", "match_type = 'none'", "match_type = 'part'"),
        one("silver.int_cancellations_matched", "match_type = 'part'", "match_type = 'none'"),
        *(
            one("silver.int_cancellations_matched", f"{column} = null", "match_type = 'whole'")
            for column in ("sale_invoice_number", "sale_line_number", "sold_at")
        ),
    ],
    ("int_cancellations_matched_obeys_its_rules", "sale_comes_first"): [
        one("silver.int_cancellations_matched", "sold_at = cancelled_at + interval '1 minute'", "match_type = 'part'"),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "no_more_is_cancelled_than_sold"): [
        one("gold_tables.fct_invoice_lifecycle", "units_cancelled = units_sold + 1", "status = 'cancelled'"),
        one("gold_tables.fct_invoice_lifecycle", "units_cancelled = -1", "status = 'partly cancelled'"),
        one("gold_tables.fct_invoice_lifecycle", "lines_cancelled = lines_sold + 1"),
        one("gold_tables.fct_invoice_lifecycle", "lines_cancelled = -1"),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "has_sale_lines"): [
        one("gold_tables.fct_invoice_lifecycle", "lines_sold = 0", "lines_cancelled = 0"),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "status_is_of_the_units"): [
        one("gold_tables.fct_invoice_lifecycle", "units_cancelled = 1", "status = 'open'"),
        one("gold_tables.fct_invoice_lifecycle", "units_cancelled = units_sold", "status = 'partly cancelled'"),
        one("gold_tables.fct_invoice_lifecycle", "units_cancelled = 0", "status = 'cancelled'"),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "status_is_of_the_milestones"): [
        one(
            "gold_tables.fct_invoice_lifecycle",
            "fully_cancelled_date = null, days_to_full_cancellation = null, fully_cancelled_date_key = -1",
            "status = 'cancelled'",
        ),
        one(
            "gold_tables.fct_invoice_lifecycle",
            "first_cancelled_date = null, days_to_first_cancellation = null, first_cancelled_date_key = -1",
            "status = 'partly cancelled'",
        ),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "days_are_between_the_milestones"): [
        one("gold_tables.fct_invoice_lifecycle", "days_to_first_cancellation = 0", "status = 'open'"),
        one("gold_tables.fct_invoice_lifecycle", "days_to_full_cancellation = 0", "status = 'partly cancelled'"),
        one("gold_tables.fct_invoice_lifecycle", "days_to_full_cancellation = null", "status = 'cancelled'"),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "milestones_come_in_order"): [
        one(
            "gold_tables.fct_invoice_lifecycle",
            "first_cancelled_date = date_day - 1, days_to_first_cancellation = -1,"
            " first_cancelled_date_key = to_char(date_day - 1, 'YYYYMMDD')::integer",
            "status = 'partly cancelled'",
        ),
        one(
            "gold_tables.fct_invoice_lifecycle",
            "fully_cancelled_date = date_day, days_to_full_cancellation = 0, fully_cancelled_date_key = date_key",
            "status = 'cancelled' and first_cancelled_date > date_day",
        ),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "keys_are_of_the_days"): [
        one("gold_tables.fct_invoice_lifecycle", "date_key = -1"),
        one("gold_tables.fct_invoice_lifecycle", "first_cancelled_date_key = date_key", "status = 'open'"),
        one("gold_tables.fct_invoice_lifecycle", "fully_cancelled_date_key = -1", "status = 'cancelled'"),
    ],
    ("fct_invoices_obeys_its_rules", "day_is_of_the_first_line"): [
        one("gold_tables.fct_invoices", "date_day = date_day + 1"),
        one("gold_tables.fct_invoices", "date_key = to_char(date_day + 1, 'YYYYMMDD')::integer"),
    ],
    ("fct_customer_month_obeys_its_rules", "customer_is_known"): [
        one("gold_tables.fct_customer_month", "customer_key = -1"),
        one("gold_tables.fct_customer_month", "customer_durable_key = -1"),
    ],
    ("fct_customer_month_obeys_its_rules", "date_is_a_month_end"): [
        one("gold_tables.fct_customer_month", "date_key = date_key - 1"),
        one("gold_tables.fct_customer_month", "date_day = date_day - 1"),
    ],
    ("fct_customer_month_obeys_its_rules", "orders_are_counted"): [
        one("gold_tables.fct_customer_month", "orders = -1")
    ],
    ("fct_customer_month_obeys_its_rules", "recency_is_past"): [
        one("gold_tables.fct_customer_month", "recency_days = -1", "recency_days is not null"),
    ],
    ("fct_customer_month_obeys_its_rules", "rated_since_the_first_purchase"): [
        one("gold_tables.fct_customer_month", "recency_days = null", "recency_days is not null"),
        one("gold_tables.fct_customer_month", "rfm_band_key = 0", "recency_days is not null"),
        one("gold_tables.fct_customer_month", "segment = 'Not rated'", "recency_days is not null"),
    ],
    ("monthly_product_sales_obeys_its_rules", "month_begins_on_its_first"): [
        one(
            "gold_tables.monthly_product_sales",
            "month_start = month_start + 1",
            "last_line_date > month_start",
        ),
    ],
    ("monthly_product_sales_obeys_its_rules", "days_have_lines"): [
        one("gold_tables.monthly_product_sales", "days_with_lines = 0"),
        one("gold_tables.monthly_product_sales", "days_with_lines = lines + 1"),
    ],
    ("monthly_product_sales_obeys_its_rules", "last_day_is_of_the_month"): [
        one("gold_tables.monthly_product_sales", "last_line_date = month_start - 1"),
    ],
    ("monthly_product_sales_obeys_its_rules", "sale_gives_units_out"): [
        one(
            "gold_tables.monthly_product_sales",
            "quantity = -1, units_sold = -1, net_units = -1",
            "line_type = 'sale'",
        ),
    ],
    ("monthly_product_sales_obeys_its_rules", "units_add_up"): [
        one("gold_tables.monthly_product_sales", "net_units = net_units + 1"),
        one("gold_tables.monthly_product_sales", "units_sold = 1, net_units = 1", "line_type = 'postage'"),
    ],
    ("monthly_customer_orders_obeys_its_rules", "customer_is_known"): [
        one("gold_tables.monthly_customer_orders", "customer_durable_key = -1"),
    ],
    ("monthly_customer_orders_obeys_its_rules", "months_begin_on_their_first"): [
        one(
            "gold_tables.monthly_customer_orders",
            "month_start = month_start + 1, first_month_start = first_month_start + 1",
            "months_since_first = 0",
        ),
    ],
    ("monthly_customer_orders_obeys_its_rules", "months_are_counted_from_the_first"): [
        one("gold_tables.monthly_customer_orders", "months_since_first = months_since_first + 1"),
        one("gold_tables.monthly_customer_orders", "months_since_first = -1", "months_since_first = 0"),
    ],
    ("monthly_customer_orders_obeys_its_rules", "orders_have_lines"): [
        one("gold_tables.monthly_customer_orders", "orders = 0"),
        one("gold_tables.monthly_customer_orders", "orders = lines_sold + 1"),
    ],
    ("monthly_segment_moves_obey_their_rules", "month_end_is_one"): [
        one("gold_tables.monthly_segment_moves", "month_end = month_end - 1"),
    ],
    ("monthly_segment_moves_obey_their_rules", "somebody_moves"): [
        one("gold_tables.monthly_segment_moves", "customers = 0")
    ],
    ("monthly_segment_moves_obey_their_rules", "orders_are_counted"): [
        one("gold_tables.monthly_segment_moves", "orders = -1")
    ],
    ("monthly_segment_moves_obey_their_rules", "a_rating_is_not_lost"): [
        one(
            "gold_tables.monthly_segment_moves",
            "segment = 'Not rated', segment_before = 'Lost'",
            "segment_before <> 'Not rated'",
        ),
    ],
    ("fct_product_sold_days_obeys_its_rules", "span_begins_with_its_first_day"): [
        one("gold_tables.fct_product_sold_days", "span_start = span_start + 1"),
        one("gold_tables.fct_product_sold_days", "span_start = span_start - 7"),
    ],
    ("fct_product_sold_days_obeys_its_rules", "days_are_of_the_span"): [
        one("gold_tables.fct_product_sold_days", f"sold_days = {days}") for days in ("0", "-1", "(1::bigint << 56)")
    ],
    ("dim_trading_day_obeys_its_rules", "day_has_its_key"): [
        one("gold_tables.dim_trading_day", "date_day = date_day + 10000"),
    ],
    ("daily_anomalies_obeys_its_rules", "anomaly_is_out_of_its_range"): [
        "insert into gold_tables.daily_anomalies"
        " (date_day, country_name, measure, is_anomaly, kind, observed, expected_low, expected, expected_high)"
        f" values ('2010-01-04', '-', 'lines', {values})"
        for values in ("true, 'too_low', 3, 2, 3, 4", "true, null, 1, 2, 3, 4", "false, 'too_low', 1, 2, 3, 4")
    ],
    ("sales_incidents_obeys_its_rules", "incident_ends_after_it_begins"): [
        INCIDENT.format(key=3, first="max(date_day) + 1", main="lines") + " from gold_tables.daily_anomalies",
    ],
    ("sales_incidents_obeys_its_rules", "incident_names_its_main_measure"): [
        INCIDENT.format(key=4, first="max(date_day)", main="line") + " from gold_tables.daily_anomalies",
    ],
    ("dim_country_obeys_its_rules", "iso_code_is_well_formed"): [
        one("gold_tables.dim_country", "iso_alpha3 = 'gbr'"),
        one("gold_tables.dim_country", "iso_alpha3 = 'GBRX'"),
    ],
    ("dim_customer_obeys_its_rules", "customer_has_an_id"): [
        one("gold_tables.dim_customer", "customer_id = null", KNOWN)
    ],
    ("dim_customer_profile_obeys_its_rules", "email_is_an_address"): [
        one("profiles.dim_customer_profile", f"email = '{email}'")
        for email in ("ada at canary.example", "Ada@canary.example", "ada@canary", "ada @canary.example")
    ],
    ("dim_customer_profile_obeys_its_rules", "nobody_has_a_profile_before_registering"): [
        one("profiles.dim_customer_profile", "registered_at = valid_from + interval '1 day'"),
    ],
    ("dim_product_obeys_its_rules", "product_says_what_it_is"): [
        one("gold_tables.dim_product", "description = ''"),
        one("gold_tables.dim_product", "description = ' '"),
    ],
    ("dim_product_obeys_its_rules", "stock_code_is_intact"): [
        one("gold_tables.dim_product", f"stock_code = '{code}'") for code in ("1E+05", "8.5123E4", "8.51E+08")
    ],
    ("dim_product_obeys_its_rules", "cost_is_known_or_null"): [
        one("gold_tables.dim_product", "is_cost_known = not is_cost_known"),
    ],
    ("dim_product_obeys_its_rules", "product_has_a_stock_code"): [
        one("gold_tables.dim_product", "stock_code = null", "product_key <> -1"),
    ],
    ("dim_product_obeys_its_rules", "product_is_of_a_known_class"): [
        one("gold_tables.dim_product", "product_class = 'gift'"),
    ],
    ("dim_date_counts_right", "month_within_year"): [
        one("gold_tables.dim_date", "month_number = 0", "date_key <> -1"),
        one("gold_tables.dim_date", "month_number = 13", "date_key <> -1"),
        # a null is not a valid month
        one("gold_tables.dim_date", "month_number = null", "date_key <> -1"),
    ],
    ("dim_date_counts_right", "iso_week_within_year"): [one("gold_tables.dim_date", "iso_week = 54", "date_key <> -1")],
    ("dim_date_counts_right", "fiscal_month_within_year"): [
        one("gold_tables.dim_date", "fiscal_month = 13", "date_key <> -1"),
    ],
    ("dim_date_counts_right", "fiscal_year_is_this_or_next"): [
        one("gold_tables.dim_date", "fiscal_year = calendar_year - 1", "date_key <> -1"),
        one("gold_tables.dim_date", "fiscal_year = calendar_year + 2", "date_key <> -1"),
    ],
    ("dim_date_counts_right", "month_holds_day"): [
        one("gold_tables.dim_date", "month_end = date_day - 1", "date_key <> -1"),
        one("gold_tables.dim_date", "month_start = date_day + 1, year_month = '2030-01'", "date_day = '2029-12-31'"),
        one("gold_tables.dim_date", "year_month = '2009-13'", "date_key <> -1"),
    ],
    ("dim_date_counts_right", "week_and_quarter_hold_day"): [
        one("gold_tables.dim_date", "week_start = week_start - 7", "date_key <> -1"),
        one("gold_tables.dim_date", "quarter_start = quarter_start + 1", "date_day = quarter_start + 40"),
        one("gold_tables.dim_date", "quarter_start = quarter_start - interval '3 months'", "date_key <> -1"),
    ],
    # References, each to a missing row
    ("fct_sales_obeys_its_rules", "fct_sales_has_its_dates"): [
        # a line must lie on a day of its partition, so this deletes the day and all of its lines but one
        """
        delete from gold_tables.fct_sales
        where
            date_key = (select min(date_key) from gold_tables.fct_sales)
            and (invoice_number, line_number) > (
                select invoice_number, line_number
                from gold_tables.fct_sales
                order by date_key, invoice_number, line_number
                limit 1
            );
        delete from gold_tables.dim_date where date_key = (select min(date_key) from gold_tables.fct_sales)
        """
    ],
    **{
        (f"{model}_obeys_its_rules", reference): [one(f"gold_tables.{model}", change, where)]
        for model, reference, change, where in (
            ("fct_sales", "fct_sales_has_its_customers", "customer_key = 1", "true"),
            ("fct_sales", "fct_sales_has_its_products", "product_key = 1", "true"),
            ("fct_sales", "fct_sales_has_its_countries", "country_key = 1", "true"),
            ("fct_sales", "fct_sales_has_its_bands", "rfm_band_key = 666", "true"),
            (
                "fct_invoices",
                "fct_invoices_has_its_dates",
                "date_key = 19000101, date_day = '1900-01-01', first_invoiced_at = '1900-01-01'",
                "true",
            ),
            ("fct_invoices", "fct_invoices_has_its_customers", "customer_key = 1", "true"),
            ("fct_invoices", "fct_invoices_has_its_countries", "country_key = 1", "true"),
            ("fct_invoice_lifecycle", "fct_invoice_lifecycle_has_its_customers", "customer_key = 1", "true"),
            (
                "fct_invoice_lifecycle",
                "fct_invoice_lifecycle_has_its_days_of_invoice",
                "date_day = '1900-01-01', date_key = 19000101",
                "status = 'open'",
            ),
            (
                "fct_invoice_lifecycle",
                "fct_invoice_lifecycle_has_its_days_of_first_cancellation",
                "first_cancelled_date = '2100-01-01', days_to_first_cancellation = '2100-01-01' - date_day,"
                " first_cancelled_date_key = 21000101",
                "status = 'partly cancelled'",
            ),
            (
                "fct_invoice_lifecycle",
                "fct_invoice_lifecycle_has_its_days_of_full_cancellation",
                "fully_cancelled_date = '2100-01-01', days_to_full_cancellation = '2100-01-01' - date_day,"
                " fully_cancelled_date_key = 21000101",
                "status = 'cancelled'",
            ),
            (
                "fct_customer_month",
                "fct_customer_month_has_its_dates",
                "date_key = 19000131, date_day = '1900-01-31'",
                "true",
            ),
            ("fct_customer_month", "fct_customer_month_has_its_customers", "customer_key = 1", "true"),
            ("fct_customer_month", "fct_customer_month_has_its_bands", "rfm_band_key = 666", "rfm_band_key <> 0"),
            (
                "dim_trading_day",
                "dim_trading_day_has_its_dates",
                "date_key = 19000101, date_day = '1900-01-01'",
                "true",
            ),
            ("daily_sales", "daily_sales_has_its_dates", "date_key = 19000101, date_day = '1900-01-01'", "true"),
            ("daily_sales", "daily_sales_has_its_countries", "country_key = 1", "true"),
            ("bridge_product_category", "bridge_product_category_has_its_products", "product_key = 1", "true"),
            ("customer_rfm", "customer_rfm_has_its_customers", "customer_key = 1", "true"),
            ("dim_customer", "dim_customer_lives_in_known_countries", "country_name = '-'", "true"),
            ("dim_customer", "dim_customer_has_its_bands", "current_rfm_band_key = 666", "true"),
        )
    },
}

FAULTS += [
    Fault(check, f"{rule} {number}", statement, rule=rule)
    for (check, rule), statements in RULE_FAULTS.items()
    for number, statement in enumerate(statements, 1)
]

# Changes to one row that break a `check` constraint, by relation and expression.
CHECK_FAULTS = {
    ("bridge_product_category", "weight > 0 and weight <= 1"): ["weight = 1.0001", "weight = 0"],
    ("dim_customer", "valid_from < valid_to"): ["valid_to = valid_from"],
    ("dim_customer_profile", "valid_from < valid_to"): ["valid_to = valid_from"],
    ("dim_product", "valid_from < valid_to"): ["valid_to = valid_from"],
    ("rfm_segments", "recency_score between 1 and 5"): ["recency_score = 0", "recency_score = 6"],
    ("rfm_segments", "frequency_score between 1 and 5"): ["frequency_score = 0", "frequency_score = 6"],
}


# Changes to one row that break an exclusion constraint, by relation.
EXCLUSION_FAULTS = {
    dimension: ["valid_to = valid_to + 1", "valid_to = '9999-12-31'"]
    for dimension in ("dim_customer", "dim_product", "dim_customer_profile")
}

# Two natural keys with one surrogate key: the relation, the surrogate key, and the natural key.
COLLISIONS = [
    ("dim_country", "country_key", "delivered_country_name"),
    ("dim_customer", "customer_key", "customer_id"),
    ("dim_customer", "customer_durable_key", "customer_id"),
    ("dim_product", "product_key", "stock_code"),
    ("dim_product", "product_durable_key", "stock_code"),
    ("fct_invoices", "invoice_key", "invoice_number"),
]


class Constraint(NamedTuple):
    """A constraint that PostgreSQL enforces."""

    relation: str
    kind: str
    columns: tuple[str, ...]
    expression: str | None

    def __str__(self) -> str:
        return f"{self.relation}-{self.kind}-{self.expression or '-'.join(self.columns)}"


def _resources() -> list[dict[str, Any]]:
    """Return the YAML entry of each model, seed and snapshot, with its `schema` and its `relation` in that schema."""
    schemas = {"models/intermediate/*.yml": "silver", "models/marts/**/*.yml": "gold_tables", "seeds/*.yml": "silver"}
    schemas |= {"models/staging/**/*.yml": "silver", "snapshots/*.yml": "history", "models/profiles/*.yml": "profiles"}
    return [
        {
            **resource,
            "schema": schema,
            "relation": re.sub(r"^int_(\w+)_quarantined$", r"quarantined_\1", resource["name"]),
        }
        for pattern, schema in schemas.items()
        for file in sorted(PROJECT_ROOT.glob(pattern))
        if file.parent.name not in OPTIONAL
        for kind in ("models", "seeds", "snapshots")
        for resource in yaml.safe_load(file.read_text()).get(kind, [])
    ]


RESOURCES = _resources()


def _constraints() -> Iterator[Constraint]:
    for resource in RESOURCES:
        relation = f"{resource['schema']}.{resource['relation']}"
        columns = resource.get("columns", [])
        for owner, own in [(resource, ()), *((column, (column["name"],)) for column in columns)]:
            for constraint in owner.get("constraints", []):
                of = tuple(constraint.get("columns", own))
                if constraint["type"] != "foreign_key":
                    yield Constraint(relation, constraint["type"], of, constraint.get("expression"))
                if constraint["type"] == "primary_key":
                    yield from (Constraint(relation, "not_null", (column,), None) for column in of)
        for index in resource.get("config", {}).get("indexes", []):
            if index.get("unique"):
                yield Constraint(relation, "unique", tuple(index["columns"]), None)


def _rules() -> Iterator[tuple[str, str]]:
    """Yield the check and the name of each rule and reference that a `row_rules` check covers."""
    for resource in RESOURCES:
        checks = [
            test["pg_wap.row_rules"]["name"] for test in resource.get("data_tests", []) if "pg_wap.row_rules" in test
        ]
        for owner in [resource, *resource.get("columns", [])]:
            names = list(owner.get("config", {}).get("meta", {}).get("rules", {}))
            names += [each["name"] for each in owner.get("constraints", []) if each["type"] == "foreign_key"]
            yield from ((check, name) for check in checks for name in names)


CONSTRAINTS = list(dict.fromkeys(_constraints()))


class Runs(NamedTuple):
    """The results of `dbt test` on the sound warehouse, and on the warehouse with a fault for each check."""

    healthy: dict[str, Outcome]
    damaged: dict[str, Outcome]
    stored: dict[str, int]


@pytest.fixture(scope="module")
def runs(dbt: Dbt, built, work_on) -> Runs:
    """Run all checks twice on one copy: before and after one fault for each check."""
    with work_on(built) as copy:
        healthy = dbt("test", "--exclude-resource-type", "unit_test")
        with psycopg.connect(copy.url) as session:
            for fault in {fault.check: fault for fault in reversed(FAULTS)}.values():
                session.execute(fault.statement)
        damaged = dbt("test", "--exclude-resource-type", "unit_test")
        with psycopg.connect(copy.url) as session:
            stored = {
                check: session.execute(f"select count(*) from {outcome.relation}").fetchone()[0]
                for check, outcome in damaged.items()
                if outcome.status != "pass"
            }
    return Runs(healthy, damaged, stored)


@pytest.fixture
def session(built) -> Iterator[psycopg.Connection]:
    """Yield a session on the built warehouse, and roll back all changes of the test."""
    with psycopg.connect(built.url) as session:
        yield session
        session.rollback()


def here(query: str | None) -> str:
    """Return a compiled query without the name of the database."""
    assert query, "dbt has made no query of it"
    return query.replace(f'"{WORKING_DATABASE}".', "")


# Data tests


def test_a_sound_warehouse_passes_all_checks(runs: Runs) -> None:
    """Users switch off a check that fails on good data, and then it finds nothing."""
    assert {name: outcome.message for name, outcome in runs.healthy.items() if outcome.status != "pass"} == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.check}-{fault.what}")
def test_check_finds_the_fault(fault: Fault, runs: Runs, session: psycopg.Connection) -> None:
    """A check must find its fault in an otherwise sound warehouse, and report exactly the faulty rows."""
    assert fault.check in runs.healthy, "there is no such check"
    changed = session.execute(fault.statement).rowcount
    # A statement that defines a view counts no rows: -1.
    assert changed != 0, "the fault was not made"
    found = session.execute(here(runs.healthy[fault.check].sql)).fetchall()
    assert len(found) == fault.rows, found
    if fault.rule:
        assert [(row[0], row[-1]) for row in found] == [([fault.rule], fault.rule not in WARNINGS)]


@pytest.mark.parametrize("check", sorted({fault.check for fault in FAULTS}))
def test_failing_check_is_told_and_keeps_its_rows(check: str, runs: Runs) -> None:
    """A build must fail, and the engineer on call must find the failing rows in `audit`."""
    outcome = runs.damaged[check]
    assert outcome.status == ("warn" if check in WARNINGS else "fail"), outcome
    assert outcome.failures > 0
    assert outcome.relation == f'"{WORKING_DATABASE}"."audit"."{check}"'
    assert runs.stored[check] == outcome.failures


def test_failing_rows_of_profiles_keep_no_direct_personal_data(runs: Runs, session: psycopg.Connection) -> None:
    """The audit schema is read to mend a build, by people who need the key of a customer and not the address."""
    kept = {
        check: {column.name for column in session.execute(f"select * from ({here(outcome.sql)}) as found").description}
        for check, outcome in runs.healthy.items()
        if check.startswith(("dim_customer_profile", "customers_"))
    }
    assert len(kept) == 4
    assert not set.union(*kept.values()) & {"full_name", "name", "email", "phone", "address"}
    assert {"customer_profile_key", "broken_rules"} <= kept["dim_customer_profile_obeys_its_rules"]


def test_every_check_has_its_fault(runs: Runs, dbt: Dbt) -> None:
    """A check that has never failed may be unable to fail."""
    nodes = json.loads((dbt.target_path / "manifest.json").read_text())["nodes"].values()
    checks = {node["name"] for node in nodes if node["resource_type"] == "test" and node["package_name"] == PROJECT}
    assert checks == {fault.check for fault in FAULTS}


def test_every_rule_has_its_fault() -> None:
    """A check has many rules, and a wrong rule would stay unnoticed among the others."""
    assert sorted(_rules()) == sorted(RULE_FAULTS)


def test_quarantine_may_hold_its_share_and_not_a_line_more(runs: Runs, session: psycopg.Connection) -> None:
    """The var sets the largest accepted share, so a build must pass at this share and fail above it."""
    check = here(runs.healthy["assert_quarantine_stays_small"].sql)
    share = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text())["vars"]["max_quarantined_share"]
    session.execute("truncate silver.quarantined_lines")
    # Few lines of each file, so that only the share of all files together can be too large.
    session.execute(
        """
        insert into silver.quarantined_lines (file_id, file_line)
        select _file_id, _line
        from bronze.transactions
        where _line <= 5
        order by _line, _file_id
        limit (select floor(%s::numeric * count(*)) from bronze.transactions)
        """,
        [share],
    )
    assert session.execute(check).fetchall() == []
    session.execute("insert into silver.quarantined_lines (file_id, file_line) values (1, 0)")
    assert [name for name, *_ in session.execute(check).fetchall()] == ["all files"]


@pytest.mark.parametrize("options", [[], ["--full-refresh"]], ids=["delta", "full"])
def test_failing_check_keeps_gold_as_it_was(copy_of_built, dbt: Dbt, tmp_path: Path, options: list[str]) -> None:
    """After a fault in bronze, analysts must still see yesterday's numbers instead of wrong ones."""
    tables = [path.stem for path in PROJECT_ROOT.glob("models/marts/*/*.sql") if path.parent.name not in OPTIONAL]
    (tmp_path / "new.csv").write_text(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "999998,85123A,LANTERN,2,2011-12-01 10:00:00,1.25,17850,EIRE\n"
        "999999,85123A,LANTERN,2,2011-12-01 10:00:00,1.25,17850,EIRE\n"
    )
    land([tmp_path], copy_of_built.url)
    with psycopg.connect(copy_of_built.url, autocommit=True) as session:
        session.execute(without("bronze.transactions", "invoice = '999999'"))
        before = {table: fingerprint(session, table)[1] for table in tables}
        outcomes = dbt("build", "--exclude-resource-type", "unit_test", *options)
        assert outcomes["transactions_hold_what_the_ledger_says"].status == "fail"
        assert {table: fingerprint(session, table)[1] for table in tables} == before


# Constraints


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=str)
def test_database_enforces_the_constraint(constraint: Constraint, session: psycopg.Connection) -> None:
    """A constraint in the YAML may be missing on the table, and then nothing enforces it."""
    relation, columns = constraint.relation, ", ".join(constraint.columns)
    name = relation.partition(".")[2]
    if relation in EXAMPLES:
        session.execute(EXAMPLES[relation])
    if constraint.kind == "not_null":
        # PostgreSQL finds no partition for a row without its partition column
        refusals = (psycopg.errors.NotNullViolation, psycopg.errors.CheckViolation)
        with pytest.raises(refusals, match=rf'"{columns}"|\({columns}\) = \(null\)'):
            session.execute(one(relation, f"{columns} = null"))
    elif constraint.kind == "check":
        for change in CHECK_FAULTS[name, constraint.expression]:
            with pytest.raises(psycopg.errors.CheckViolation), session.transaction():
                session.execute(one(relation, change))
    elif constraint.kind == "custom" and constraint.expression.startswith("constraint date_is_known"):
        with pytest.raises(psycopg.errors.CheckViolation, match="date_is_known"):
            session.execute(one(relation, "date_key = -1"))
    elif constraint.kind == "custom":
        for change in EXCLUSION_FAULTS[name]:
            with pytest.raises(psycopg.errors.ExclusionViolation), session.transaction():
                session.execute(one(relation, change, FOLLOWED))
    else:
        # Only the constraint in question may be broken.
        others = [c for c in CONSTRAINTS if c.relation == relation and c.kind in ("primary_key", "unique")]
        new_key = {
            column: "-1000" for c in others if constraint.kind == "unique" and c != constraint for column in c.columns
        }
        filled = " and ".join(f"{column} is not null" for column in constraint.columns)
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            session.execute(again(relation, filled, **new_key))
        assert caught.value.diag.message_detail.startswith(f"Key ({columns})=")


@pytest.mark.parametrize(("relation", "key", "natural_key"), COLLISIONS)
def test_two_natural_keys_cannot_share_a_surrogate_key(
    relation: str, key: str, natural_key: str, session: psycopg.Connection
) -> None:
    """A key of 53 bits can collide, and then two customers would be one in every report: the build must fail."""
    table = f"gold_tables.{relation}"
    [(mine, other, taken)] = session.execute(
        f"""
        select mine.{natural_key}, other.{natural_key}, other.{key}
        from {table} as mine, {table} as other
        where mine.{natural_key} < other.{natural_key} and mine.{key} <> -1 and other.{key} <> -1
        order by 1, 2
        limit 1
        """
    ).fetchall()
    assert mine != other
    refusals = (psycopg.errors.UniqueViolation, psycopg.errors.ExclusionViolation)
    with pytest.raises(refusals, match=key):
        session.execute(f"update {table} set {key} = %s where {natural_key} = %s", [taken, mine])


def test_missing_country_does_not_hide_a_double(session: psycopg.Connection) -> None:
    """Nulls are distinct by default, so a customer without a country could have any number of duplicates."""
    session.execute(one("silver.int_invoices_summed", "country_name = null"))
    with pytest.raises(psycopg.errors.UniqueViolation):
        session.execute(again("silver.int_invoices_summed", "country_name is null"))


@pytest.mark.parametrize(
    ("snapshot", "change"), [("customer", {"country_name": "'-'"}), ("product", {"description": "'-'"})]
)
def test_history_knows_a_version_once(snapshot: str, change: dict[str, str], session: psycopg.Connection) -> None:
    """Two current rows for one version would double the customer or product; superseded rows do not count."""
    relation = f"history.snp_{snapshot}_versions"
    session.execute(again(relation, "dbt_valid_to is null", dbt_valid_to="now()"))
    with pytest.raises(psycopg.errors.UniqueViolation, match=f"snp_{snapshot}_versions_knows_a_version_once"):
        session.execute(again(relation, "dbt_valid_to is null", **change))


def test_quarantine_is_on_record_once(session: psycopg.Connection) -> None:
    """Two current states would record a line twice; superseded states do not count."""
    relation = "history.snp_quarantine_versions"
    session.execute(again(relation, "dbt_valid_to is null", dbt_valid_to="now()"))
    with pytest.raises(psycopg.errors.UniqueViolation, match="snp_quarantine_versions_knows_a_line_once"):
        session.execute(again(relation, "dbt_valid_to is null", release_kind="'rule_changed'"))


@pytest.fixture(scope="module")
def broken_key(built, work_on, dbt: Dbt) -> tuple[dict[str, Outcome], bool]:
    """Build from a model that doubles each row; return the outcomes, and whether all tables are unchanged."""
    with TemporaryDirectory(prefix="retail-") as folder, work_on(built) as copy:
        project = copy_of_project(Path(folder) / "project")
        model = project / "models/intermediate/int_customer_versions.sql"
        query = model.read_text().rstrip().removesuffix("select * from final")
        model.write_text(f"{query}select * from final\n\nunion all\n\nselect * from final\n")
        tables = (
            "silver.int_customer_versions",
            "history.snp_customer_versions",
            "gold_tables.dim_customer",
            "gold_tables.fct_sales",
        )
        with psycopg.connect(copy.url, autocommit=True) as session:
            before = [fingerprint(session, table) for table in tables]
            outcomes = dbt(
                "build", "-s", "int_customer_versions+", "--exclude-resource-type=unit_test", project=project
            )
            return outcomes, [fingerprint(session, table) for table in tables] == before


def test_key_that_is_broken_fails_the_model(broken_key: tuple[dict[str, Outcome], bool]) -> None:
    """The engineer on call must see which key is duplicated."""
    outcome = broken_key[0]["int_customer_versions"]
    assert outcome.status == "error"
    assert re.search(r"Key \(customer_id, valid_from\)=\(\d+, [-\d]+\) is duplicated", outcome.message)


def test_key_that_is_broken_keeps_history_and_gold(broken_key: tuple[dict[str, Outcome], bool]) -> None:
    """A duplicate that reached history would stay there for ever."""
    outcomes, is_as_it_was = broken_key
    assert {outcomes[name].status for name in ("snp_customer_versions", "dim_customer", "fct_sales")} == {"skipped"}
    assert is_as_it_was


# Contracts


def spoilt(model: str, *, retyped: str = "", dropped: str = "", added: str = "") -> str:
    """Return the SQL of a model with one column retyped, dropped or added."""
    path = next(PROJECT_ROOT.glob(f"models/marts/*/{model}.sql"))
    columns = next([column["name"] for column in each["columns"]] for each in RESOURCES if each["name"] == model)
    chosen = [f"{name}::text as {name}" if name == retyped else name for name in columns if name != dropped]
    chosen += [f"1 as {added}"] if added else []
    return f"select {', '.join(chosen)} from (\n{path.read_text()}\n) as original\n"


SPOILT_MODELS = {
    "daily_sales": spoilt("daily_sales", retyped="orders"),
    "customer_rfm": spoilt("customer_rfm", dropped="segment"),
    "fct_invoices": spoilt("fct_invoices", added="surprise"),
}


@pytest.fixture(scope="module")
def broken_contracts(built, work_on, dbt: Dbt) -> dict[str, tuple[Outcome, bool]]:
    """Build models that break their contract; return for each its outcome, and whether the table is unchanged."""
    with TemporaryDirectory(prefix="retail-") as folder, work_on(built) as copy:
        project = copy_of_project(Path(folder) / "project")
        for model, text in SPOILT_MODELS.items():
            next(project.glob(f"models/marts/*/{model}.sql")).write_text(text)
        with psycopg.connect(copy.url, autocommit=True) as session:
            before = {model: fingerprint(session, model) for model in SPOILT_MODELS}
            outcomes = dbt("run", "--select", *SPOILT_MODELS, project=project)
            return {model: (outcomes[model], fingerprint(session, model) == before[model]) for model in SPOILT_MODELS}


def fingerprint(session: psycopg.Connection, model: str) -> tuple:
    """Return the identity of a table and a hash of its rows."""
    query = f"select '{model}'::regclass::oid, md5(string_agg(row::text, '|' order by row::text)) from {model} as row"
    session.execute("set search_path to gold")
    return session.execute(query).fetchone()


@pytest.mark.parametrize("model", SPOILT_MODELS)
def test_model_that_breaks_its_contract_is_not_built(
    model: str, broken_contracts: dict[str, tuple[Outcome, bool]]
) -> None:
    """A retyped, missing or new column would break reports that this project does not know."""
    outcome, _ = broken_contracts[model]
    assert outcome.status == "error"
    assert "enforced contract that failed" in outcome.message


@pytest.mark.parametrize("model", SPOILT_MODELS)
def test_table_stays_when_the_contract_is_broken(model: str, broken_contracts: dict[str, tuple[Outcome, bool]]) -> None:
    """Analysts must see the last good state until the model is fixed."""
    assert broken_contracts[model][1]


# Freshness


@pytest.fixture(scope="module")
def freshness(built, work_on, dbt: Dbt) -> Callable[[str, int], dict[str, str]]:
    """Offer to make the deliveries of one source as old as some days, and return the status of each source table."""

    @cache
    def statuses(source: str, days: int) -> dict[str, str]:
        with work_on(built) as copy:
            with psycopg.connect(copy.url) as session:
                session.execute(
                    "update bronze.landed_files"
                    " set landed_at = now() - make_interval(days => case when source = %s then %s else 0 end)",
                    [source, days],
                )
            return {name: outcome.status for name, outcome in dbt("source", "freshness").items()}

    return statuses


def test_each_delivered_table_has_an_age(freshness: Callable[[str, int], dict[str, str]]) -> None:
    """A table without thresholds may lack deliveries for months before a reader sees it."""
    landings = {landing.table for landing in read_contract().landings}
    assert freshness("transactions", 8).keys() == landings | {"landed_files"}


@pytest.mark.parametrize(
    ("source", "days", "status"),
    [
        ("transactions", 8, "warn"),
        ("transactions", 31, "error"),
        ("products", 8, "pass"),
        ("products", 101, "warn"),
        ("products", 201, "error"),
    ],
)
def test_old_deliveries_are_told(
    source: str, days: int, status: str, freshness: Callable[[str, int], dict[str, str]]
) -> None:
    """A price list that arrives daily must not hide that the tills have been silent for a month."""
    expected = dict.fromkeys(("transactions", "products", "landed_files"), "pass") | {source: status}
    assert freshness(source, days).items() >= expected.items()
