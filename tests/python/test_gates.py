"""The gates work: for each of them a fault is made that it exists for, and it is seen to catch it."""

import json
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg
import pytest
import yaml
from dbt_project import WORKING_DATABASE, Dbt, Outcome, copy_of_project

from scripts.paths import PROJECT_ROOT

PROJECT = "retail_warehouse"

# Gates that say what they have to say without failing the build.
WARNINGS = {
    "assert_cancellations_find_their_sales",
    "assert_customers_are_in_one_country_at_a_time",
    "assert_invoices_name_one_customer",
    "assert_no_invoice_is_from_the_future",
    "dim_country_is_resolved",
    "fct_invoices_take_units_back",
}


class Fault(NamedTuple):
    """Damage that a gate must see.

    Attributes:
        gate: the name of the data test.
        what: what is wrong, in a few words.
        statement: the SQL that does it.
        rows: how many rows the gate must find.
        rule: of a `row_rules` gate, the one rule that is broken.
    """

    gate: str
    what: str
    statement: str
    rows: int = 1
    rule: str | None = None


def one(relation: str, change: str, where: str = "true") -> str:
    """Return SQL that changes one row, the same at each run."""
    return f"update {relation} set {change} where ctid = (select min(ctid) from {relation} where {where})"


def without(relation: str, where: str = "true") -> str:
    """Return SQL that deletes one row."""
    return f"delete from {relation} where ctid = (select min(ctid) from {relation} where {where})"


def blank(relation: str, column: str) -> str:
    """Return SQL that takes the greatest value out of a column."""
    return f"update {relation} set {column} = null where {column} = (select max({column}) from {relation})"


def again(relation: str, where: str = "true", **changes: str) -> str:
    """Return SQL that inserts one row a second time, with some columns changed."""
    changed = ", ".join(f"'{column}', {value}" for column, value in changes.items())
    return f"""
        insert into {relation}
        select (jsonb_populate_record(original, jsonb_build_object({changed}))).*
        from {relation} as original
        where ctid = (select min(ctid) from {relation} where {where})
    """


KNOWN = "customer_key <> -1"
# A version that another one follows, and lasts long enough to be cut short by a day.
FOLLOWED = "not is_current and valid_to > valid_from + 1"
FIRST_OF_CUSTOMER = (
    "(customer_id, valid_from) in (select customer_id, min(valid_from) from gold.dim_customer group by 1)"
)
MOVED = """
    update gold.fct_sales set {key} = other.{key}
    from gold.{dimension} as mine, gold.{dimension} as other
    where fct_sales.sales_key = (
            select min(sales_key)
            from gold.fct_sales
            inner join gold.{dimension} using ({key})
            where not is_current
        )
        and fct_sales.{key} = mine.{key} and mine.{durable} = other.{durable} and other.is_current
"""
CUSTOMER_MOVED = MOVED.format(dimension="dim_customer", key="customer_key", durable="customer_id")
PRODUCT_MOVED = MOVED.format(dimension="dim_product", key="product_key", durable="stock_code")
OFFER_MOVED = """
    update gold.fct_product_offered_day as offers set product_key = current_products.product_key
    from gold.dim_product as current_products
    where (offers.product_durable_key, offers.date_key) = (
            select product_durable_key, date_key
            from gold.fct_product_offered_day
            inner join gold.dim_product using (product_key, product_durable_key)
            where not is_current
            order by product_durable_key, date_key
            limit 1
        )
        and offers.product_durable_key = current_products.product_durable_key and current_products.is_current
"""

# The first fault of each gate is also made together with the first of all others: they must not make up for each other.
FAULTS = [
    # What came in
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
        "assert_every_price_is_somewhere",
        "entries lost",
        "delete from silver.int_product_prices"
        " where effective_on = (select max(effective_on) from silver.int_product_prices)",
    ),
    Fault("assert_every_price_is_somewhere", "entry doubled", again("silver.int_product_prices")),
    Fault("assert_every_price_is_somewhere", "bad row lost", without("silver.quarantined_products")),
    Fault("product_prices_hold_an_entry_once", "entry doubled", again("silver.int_product_prices")),
    Fault("quarantined_products_hold_a_row_once", "row set aside twice", again("silver.quarantined_products")),
    Fault("typed_lines_are_all_delivered_lines", "line doubled", again("silver.int_lines_typed")),
    Fault("typed_lines_are_all_delivered_lines", "line lost", without("silver.int_lines_typed")),
    Fault("assert_every_line_is_somewhere", "line lost", without("silver.int_lines_classified")),
    Fault("assert_every_line_is_somewhere", "line doubled", again("silver.int_lines_classified")),
    Fault("assert_every_line_is_somewhere", "bad line lost", without("silver.quarantined_lines")),
    Fault("assert_every_line_is_somewhere", "bad line doubled", again("silver.quarantined_lines")),
    Fault(
        "assert_every_line_is_somewhere", "delivered line not looked at", again("bronze.transactions", invoice="'0'")
    ),
    Fault(
        "assert_every_line_is_somewhere",
        "wrong delivery taken for the last",
        one("silver.int_invoices_supplied", "file_id = 0", "deliveries > 1"),
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
    Fault("quarantined_lines_hold_a_line_once", "line set aside twice", again("silver.quarantined_lines")),
    Fault("unique_int_invoices_supplied_invoice_number", "invoice of two files", again("silver.int_invoices_supplied")),
    Fault(
        "not_null_int_invoices_supplied_invoice_number",
        "number missing",
        blank("silver.int_invoices_supplied", "invoice_number"),
    ),
    # From silver to gold
    Fault(
        "assert_gold_adds_up_to_silver",
        "line doubled",
        again("gold.fct_sales", "net_amount <> 0", sales_key="1"),
        rows=2,
    ),
    Fault(
        "assert_gold_adds_up_to_silver",
        "line without money lost",
        without("gold.fct_sales", "net_amount = 0 and customer_key <> -1"),
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
            ("gold.fct_sales", 1),
            ("gold.fct_invoices", 1),
            ("gold.daily_sales", 1),
            ("gold.monthly_product_sales", 1),
        )
        for word, sign in (("too much", "+"), ("too little", "-"))
    ),
    Fault("assert_gold_adds_up_to_silver", "lines too many", one("gold.fct_invoices", "lines = lines + 1000")),
    Fault(
        "assert_gold_adds_up_to_silver",
        "lines of a product too many",
        one("gold.monthly_product_sales", "lines = lines + 1000"),
    ),
    *(
        Fault(
            "assert_customer_months_add_up_to_facts",
            f"{column} of {relation}",
            one(relation, f"{column} = {column} + 1"),
        )
        for relation, columns in {
            "gold.monthly_customer_orders": ("orders", "sale_amount", "cancelled_amount"),
            "gold.monthly_segment_moves": ("customers", "net_amount"),
        }.items()
        for column in columns
    ),
    Fault("assert_gold_adds_up_to_silver", "customer lost", one("gold.fct_sales", "customer_key = -1", KNOWN)),
    Fault(
        "assert_gold_adds_up_to_silver",
        "customer made up",
        one("gold.fct_sales", "customer_key = (select max(customer_key) from gold.dim_customer)", "customer_key = -1"),
    ),
    Fault(
        "assert_gold_adds_up_to_silver", "product lost", one("gold.fct_sales", "product_key = -1", "product_key <> -1")
    ),
    Fault("fct_sales_has_its_dates", "no such day", one("gold.fct_sales", "date_key = 19000101")),
    Fault("fct_sales_has_its_customers", "no such customer", one("gold.fct_sales", "customer_key = 1")),
    Fault("fct_sales_has_its_products", "no such product", one("gold.fct_sales", "product_key = 1")),
    Fault("fct_sales_has_its_countries", "no such country", one("gold.fct_sales", "country_key = 1")),
    Fault("fct_sales_has_its_bands", "no such band", one("gold.fct_sales", "rfm_band_key = 666")),
    Fault("dim_customer_has_its_bands", "no such band", one("gold.dim_customer", "current_rfm_band_key = 666")),
    *(
        Fault("assert_category_weights_add_up", what, statement, rows)
        for what, statement, rows in (
            ("a ten-thousandth too little", one("gold.bridge_product_category", "weight = weight - 0.0001"), 1),
            ("a product without category", without("gold.bridge_product_category", "weight = 1"), 1),
            ("no such product", one("gold.bridge_product_category", "product_key = 1"), 2),
            ("a category too many", again("gold.bridge_product_category", category="'Elsewhere'"), 1),
        )
    ),
    Fault("dim_rfm_band_has_every_band", "band missing", without("gold.dim_rfm_band", "rfm_band_key = 111")),
    Fault("fct_invoices_has_its_dates", "no such day", one("gold.fct_invoices", "date_key = 19000101")),
    Fault("fct_invoices_has_its_customers", "no such customer", one("gold.fct_invoices", "customer_key = 1")),
    Fault("fct_invoices_has_its_countries", "no such country", one("gold.fct_invoices", "country_key = 1")),
    Fault("customer_rfm_has_its_customers", "no such customer", one("gold.customer_rfm", "customer_key = 1")),
    Fault("customer_rfm_has_its_customers", "unknown customer", one("gold.customer_rfm", "customer_key = -1")),
    Fault("dim_customer_lives_in_known_countries", "no such country", one("gold.dim_customer", "country_name = '-'")),
    Fault("fct_sales_is_of_known_line_types", "new line type", one("gold.fct_sales", "line_type = 'gift'")),
    Fault("dim_product_is_of_known_classes", "new class", one("gold.dim_product", "product_class = 'gift'")),
    Fault("dim_customer_has_ids", "number missing", one("gold.dim_customer", "customer_id = null", KNOWN)),
    Fault(
        "dim_product_has_stock_codes", "code missing", one("gold.dim_product", "stock_code = null", "product_key <> -1")
    ),
    *(
        Fault("dim_product_says_what_it_is", what, one("gold.dim_product", f"description = '{text}'"))
        for what, text in (("nothing", ""), ("a blank", " "))
    ),
    Fault("dim_date_leaves_no_day_out", "day missing", "delete from gold.dim_date where date_key = 20110615"),
    Fault("dim_country_has_well_formed_codes", "small letters", one("gold.dim_country", "iso_alpha3 = 'gbr'")),
    Fault("dim_country_has_well_formed_codes", "four letters", one("gold.dim_country", "iso_alpha3 = 'GBRX'")),
    Fault(
        "dim_country_is_resolved",
        "country not in the seed",
        one("gold.dim_country", "is_resolved = false", "country_key <> -1"),
    ),
    Fault(
        "fct_invoices_end_after_they_begin",
        "ends before it begins",
        one("gold.fct_invoices", "last_invoiced_at = first_invoiced_at - interval '1 second'"),
    ),
    # Facts that are derived from others
    Fault("paired_cancellations_hold_a_line_once", "line doubled", again("silver.int_cancellations_paired")),
    Fault("matched_cancellations_hold_a_line_once", "line doubled", again("silver.int_cancellations_matched")),
    Fault(
        "assert_cancellations_add_up",
        "line lost",
        without("silver.int_cancellations_matched", "match_type = 'none'"),
        rows=2,
    ),
    Fault(
        "assert_cancellations_add_up",
        "line doubled",
        again("silver.int_cancellations_matched", "match_type = 'whole'"),
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
        one("gold.fct_invoice_lifecycle", "cancelled_amount = cancelled_amount - 0.0001", "status = 'cancelled'"),
    ),
    Fault(
        "assert_cancellations_add_up",
        "unit lost",
        one("gold.fct_invoice_lifecycle", "units_cancelled = units_cancelled - 1", "status = 'cancelled'"),
    ),
    Fault(
        "assert_cancellations_add_up",
        "invoice lost",
        without("gold.fct_invoice_lifecycle", "status = 'cancelled'"),
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
            f"fct_invoice_lifecycle_has_its_{what}",
            "none like it",
            one("gold.fct_invoice_lifecycle", change),
        )
        for what, change in (
            ("customers", "customer_key = 1"),
            ("days_of_invoice", "invoiced_date_key = 19000101"),
            ("days_of_first_cancellation", "first_cancelled_date_key = 19000101"),
            ("days_of_full_cancellation", "fully_cancelled_date_key = 19000101"),
        )
    ),
    *(
        Fault(
            "assert_months_hold_all_money_of_customers",
            f"a hundredth of a penny {word} in {relation}",
            one(relation, f"net_amount = net_amount {sign} 0.0001", where),
        )
        for relation, where in (
            ("gold.fct_customer_month", "true"),
            # of a month that is closed for sure
            ("gold.fct_sales", f"{KNOWN} and invoiced_at < '2010-01-01'"),
        )
        for word, sign in (("too much", "+"), ("too little", "-"))
    ),
    Fault("assert_months_hold_all_money_of_customers", "month lost", without("gold.fct_customer_month", "orders > 0")),
    Fault(
        "assert_balances_are_sums_of_months",
        "a hundredth of a penny too much",
        one("gold.fct_customer_month", "balance_amount = balance_amount + 0.0001"),
    ),
    Fault("fct_customer_month_has_its_dates", "no such day", one("gold.fct_customer_month", "date_key = 19000101")),
    Fault(
        "fct_customer_month_has_its_customers", "no such customer", one("gold.fct_customer_month", "customer_key = 1")
    ),
    Fault("fct_customer_month_has_its_bands", "no such band", one("gold.fct_customer_month", "rfm_band_key = 666")),
    Fault(
        "fct_product_offered_day_has_its_products",
        "no such product",
        one("gold.fct_product_offered_day", "product_key = 1"),
    ),
    Fault(
        "fct_product_offered_day_has_its_dates",
        "no such day",
        one("gold.fct_product_offered_day", "date_key = 19000101"),
    ),
    Fault(
        "assert_offers_show_what_was_sold",
        "sale not shown",
        one("gold.fct_product_offered_day", "is_sold = false", "is_sold"),
    ),
    Fault(
        "assert_offers_show_what_was_sold",
        "sale made up",
        one("gold.fct_product_offered_day", "is_sold = true", "not is_sold"),
    ),
    Fault("assert_offers_show_what_was_sold", "sale lost", without("gold.fct_product_offered_day", "is_sold")),
    Fault(
        "assert_offers_show_what_was_sold",
        "no trading day",
        one("gold.fct_product_offered_day", "date_key = 20090103", "not is_sold"),
    ),
    Fault("fct_invoices_take_units_back", "gives units out", one("gold.fct_invoices", "units_returned = -1")),
    # History
    Fault("customer_invoices_are_of_their_grain", "row doubled", again("silver.int_customer_invoices")),
    Fault("customer_versions_start_once_a_day", "version doubled", again("silver.int_customer_versions")),
    Fault("customer_months_are_of_their_grain", "month doubled", again("silver.int_customer_months")),
    Fault("product_months_are_of_their_grain", "month doubled", again("silver.int_product_months")),
    Fault("product_versions_start_once_a_day", "version doubled", again("silver.int_product_versions")),
    Fault(
        "snp_customer_versions_knows_a_version_once",
        "known in two states",
        again("history.snp_customer_versions", country_name="'Elsewhere'"),
    ),
    Fault(
        "snp_product_versions_knows_a_version_once",
        "known in two states",
        again("history.snp_product_versions", description="'SOMETHING ELSE'"),
    ),
    *(
        Fault(
            f"{dimension}_history_has_no_gaps",
            what,
            one(f"gold.{dimension}", change, FOLLOWED),
        )
        for dimension in ("dim_customer", "dim_product")
        for what, change in (("gap of a day", "valid_to = valid_to - 1"),)
    ),
    *(
        Fault("assert_one_version_is_current", f"{what} of {dimension}", statement)
        for dimension in ("dim_customer", "dim_product")
        for what, statement in (
            ("no current version", one(f"gold.{dimension}", "is_current = false", "is_current")),
            ("two current versions", one(f"gold.{dimension}", "is_current = true", "not is_current")),
        )
    ),
    Fault("assert_facts_join_the_version_of_their_date", "customer as of today", CUSTOMER_MOVED),
    Fault("assert_facts_join_the_version_of_their_date", "product as of today", PRODUCT_MOVED),
    Fault(
        "assert_facts_join_the_version_of_their_date",
        "line from before its customer",
        one("gold.fct_sales", "invoiced_at = '2009-01-01'", KNOWN),
    ),
    Fault("assert_offers_show_the_version_of_their_day", "product as of today", OFFER_MOVED),
    Fault(
        "assert_offers_show_the_version_of_their_day",
        "version of another product",
        one("gold.fct_product_offered_day", "product_durable_key = 1"),
    ),
    Fault(
        "assert_first_version_covers_first_fact",
        "customer begins a day late",
        one("gold.dim_customer", "valid_from = valid_from + 1", f"{FOLLOWED} and {FIRST_OF_CUSTOMER}"),
    ),
    Fault(
        "assert_first_version_covers_first_fact",
        "first version of a customer lost",
        without("gold.dim_customer", f"not is_current and {FIRST_OF_CUSTOMER}"),
    ),
    Fault(
        "assert_first_version_covers_first_fact",
        "product lost",
        "delete from gold.dim_product where stock_code = (select min(stock_code) from gold.dim_product)",
    ),
    Fault(
        "assert_invoices_name_one_customer",
        "invoice of two customers",
        again("silver.int_customer_invoices", customer_id="1"),
    ),
    Fault(
        "assert_invoices_name_one_customer",
        "line without customer",
        one("silver.int_customer_invoices", "lines = lines - 1"),
    ),
    Fault(
        "assert_customers_are_in_one_country_at_a_time",
        "in two countries",
        again("silver.int_customer_invoices", country_name="'Elsewhere'"),
    ),
    Fault(
        "assert_no_invoice_is_from_the_future",
        "dated two days after it landed",
        "update gold.fct_invoices set last_invoiced_at = landed_at::date + 2"
        " from (select max(landed_at) as landed_at from bronze.landed_files) as landed"
        " where invoice_number = (select max(invoice_number) from gold.fct_invoices)",
    ),
    # Reference data
    *(
        fault
        for seed, column in (
            ("countries", "country_name"),
            ("price_bands", "price_band"),
            ("product_classes", "stock_code"),
            ("uk_bank_holidays", "holiday_date"),
        )
        for fault in (
            Fault(f"unique_{seed}_{column}", "row doubled", again(f"silver.{seed}")),
            Fault(f"not_null_{seed}_{column}", "key missing", blank(f"silver.{seed}", column)),
        )
    ),
    Fault("not_null_price_bands_lower_price", "price missing", one("silver.price_bands", "lower_price = null")),
    *(
        Fault("price_bands_have_neither_overlaps_nor_gaps", what, one("silver.price_bands", change, "lower_price = 1"))
        for what, change in (("overlap", "upper_price = 3"), ("gap", "upper_price = 1.5"))
    ),
    Fault("rfm_segments_name_a_pair_of_scores_once", "pair doubled", again("silver.rfm_segments")),
    Fault("rfm_segments_name_all_pairs_of_scores", "pair too many", again("silver.rfm_segments")),
    Fault("rfm_segments_name_all_pairs_of_scores", "pair without a name", without("silver.rfm_segments")),
    *(
        Fault(f"rfm_segments_have_{score}_scores_of_five", f"score {value}", one("silver.rfm_segments", change))
        for score in ("recency", "frequency")
        for value in (0, 6)
        for change in (f"{score}_score = {value}",)
    ),
]

# For each rule of each `row_rules` gate, changes to one row that break this rule and no other.
RULE_FAULTS: dict[tuple[str, str], list[str]] = {
    ("typed_lines_are_usable_or_say_why_not", "usable_line_has_its_values"): [
        one("silver.int_lines_typed", f"{column} = null", "is_usable")
        for column in ("invoice_number", "stock_code", "invoiced_at", "quantity", "unit_price")
    ],
    ("typed_lines_are_usable_or_say_why_not", "unusable_line_has_a_reason"): [
        one("silver.int_lines_typed", "quarantine_reasons = ''", "not is_usable"),
        one("silver.int_lines_typed", "quarantine_reasons = 'quantity_not_an_integer'", "is_usable"),
    ],
    ("fct_sales_obeys_its_rules", "net_amount_is_quantity_times_price"): [
        one("gold.fct_sales", "net_amount = net_amount + 0.0001"),
    ],
    ("fct_sales_obeys_its_rules", "line_number_counts_from_one"): [one("gold.fct_sales", "line_number = 0")],
    ("fct_sales_obeys_its_rules", "date_key_is_of_the_timestamp"): [
        one("gold.fct_sales", "date_key = to_char(invoiced_at + interval '1 day', 'YYYYMMDD')::integer"),
    ],
    ("fct_sales_obeys_its_rules", "cancellation_is_in_the_number"): [
        one("gold.fct_sales", "is_cancellation = not is_cancellation", "line_type = 'postage'"),
        one("gold.fct_sales", "invoice_number = 'C1'", "line_type = 'sale'"),
    ],
    ("fct_sales_obeys_its_rules", "sale_gives_units_out"): [
        one("gold.fct_sales", "quantity = -quantity, net_amount = -net_amount", "line_type = 'sale' and quantity > 0"),
        one("gold.fct_sales", "line_type = 'sale'", "is_cancellation and quantity < 0"),
    ],
    ("fct_sales_obeys_its_rules", "return_takes_units_back"): [
        one("gold.fct_sales", "line_type = 'return'", "line_type = 'sale'"),
    ],
    ("fct_invoices_obeys_its_rules", "kinds_add_up"): [
        one("gold.fct_invoices", f"{kind}_amount = {kind}_amount + 0.0001")
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
    ("fct_invoices_obeys_its_rules", "has_lines"): [one("gold.fct_invoices", "lines = 0")],
    ("fct_invoices_obeys_its_rules", "units_are_counted_up"): [
        one("gold.fct_invoices", "units_sold = -1"),
    ],
    ("daily_sales_obeys_its_rules", "parts_add_up"): [
        one("gold.daily_sales", f"{part}_amount = {part}_amount + 0.0001")
        for part in ("gross", "returns", "other", "net")
    ],
    ("daily_sales_obeys_its_rules", "customers_order"): [one("gold.daily_sales", "orders = 0", "customers > 0")],
    ("daily_sales_obeys_its_rules", "units_are_counted_up"): [one("gold.daily_sales", "units = -1")],
    ("customer_rfm_obeys_its_rules", "recency_is_past"): [one("gold.customer_rfm", "recency_days = -1")],
    ("customer_rfm_obeys_its_rules", "frequency_is_a_count"): [one("gold.customer_rfm", "frequency = -1")],
    ("customer_rfm_obeys_its_rules", "scores_are_fifths"): [
        one("gold.customer_rfm", f"{score}_score = {value}")
        for score in ("recency", "frequency", "monetary")
        for value in (0, 6)
    ],
    ("customer_rfm_obeys_its_rules", "month_end_is_one"): [one("gold.customer_rfm", "month_end = month_end - 1")],
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
        one("gold.fct_invoice_lifecycle", "units_cancelled = units_sold + 1", "status = 'cancelled'"),
        one("gold.fct_invoice_lifecycle", "units_cancelled = -1", "status = 'partly cancelled'"),
        one("gold.fct_invoice_lifecycle", "lines_cancelled = lines_sold + 1"),
        one("gold.fct_invoice_lifecycle", "lines_cancelled = -1"),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "has_sale_lines"): [
        one("gold.fct_invoice_lifecycle", "lines_sold = 0", "lines_cancelled = 0"),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "status_is_of_the_units"): [
        one("gold.fct_invoice_lifecycle", "units_cancelled = 1", "status = 'open'"),
        one("gold.fct_invoice_lifecycle", "units_cancelled = units_sold", "status = 'partly cancelled'"),
        one("gold.fct_invoice_lifecycle", "units_cancelled = 0", "status = 'cancelled'"),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "status_is_of_the_milestones"): [
        one(
            "gold.fct_invoice_lifecycle",
            "fully_cancelled_on = null, days_to_full_cancellation = null, fully_cancelled_date_key = -1",
            "status = 'cancelled'",
        ),
        one(
            "gold.fct_invoice_lifecycle",
            "first_cancelled_on = null, days_to_first_cancellation = null, first_cancelled_date_key = -1",
            "status = 'partly cancelled'",
        ),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "days_are_between_the_milestones"): [
        one("gold.fct_invoice_lifecycle", "days_to_first_cancellation = 0", "status = 'open'"),
        one("gold.fct_invoice_lifecycle", "days_to_full_cancellation = 0", "status = 'partly cancelled'"),
        one("gold.fct_invoice_lifecycle", "days_to_full_cancellation = null", "status = 'cancelled'"),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "milestones_come_in_order"): [
        one(
            "gold.fct_invoice_lifecycle",
            "first_cancelled_on = invoiced_on - 1, days_to_first_cancellation = -1,"
            " first_cancelled_date_key = to_char(invoiced_on - 1, 'YYYYMMDD')::integer",
            "status = 'partly cancelled'",
        ),
        one(
            "gold.fct_invoice_lifecycle",
            "fully_cancelled_on = invoiced_on, days_to_full_cancellation = 0,"
            " fully_cancelled_date_key = invoiced_date_key",
            "status = 'cancelled' and first_cancelled_on > invoiced_on",
        ),
    ],
    ("fct_invoice_lifecycle_obeys_its_rules", "keys_are_of_the_days"): [
        one("gold.fct_invoice_lifecycle", "invoiced_date_key = -1"),
        one("gold.fct_invoice_lifecycle", "first_cancelled_date_key = invoiced_date_key", "status = 'open'"),
        one("gold.fct_invoice_lifecycle", "fully_cancelled_date_key = -1", "status = 'cancelled'"),
    ],
    ("fct_customer_month_obeys_its_rules", "customer_is_known"): [
        one("gold.fct_customer_month", "customer_key = -1"),
        one("gold.fct_customer_month", "customer_durable_key = -1"),
    ],
    ("fct_customer_month_obeys_its_rules", "date_is_a_month_end"): [
        one("gold.fct_customer_month", "date_key = date_key - 1"),
    ],
    ("fct_customer_month_obeys_its_rules", "orders_are_counted"): [one("gold.fct_customer_month", "orders = -1")],
    ("fct_customer_month_obeys_its_rules", "recency_is_past"): [
        one("gold.fct_customer_month", "recency_days = -1", "recency_days is not null"),
    ],
    ("fct_customer_month_obeys_its_rules", "rated_since_the_first_purchase"): [
        one("gold.fct_customer_month", "recency_days = null", "recency_days is not null"),
        one("gold.fct_customer_month", "rfm_band_key = 0", "recency_days is not null"),
        one("gold.fct_customer_month", "segment = 'Not rated'", "recency_days is not null"),
    ],
    ("monthly_product_sales_obeys_its_rules", "month_begins_on_its_first"): [
        one(
            "gold.monthly_product_sales",
            "month_start = month_start + 1",
            "last_invoiced_on > month_start",
        ),
    ],
    ("monthly_product_sales_obeys_its_rules", "days_have_lines"): [
        one("gold.monthly_product_sales", "days_with_lines = 0"),
        one("gold.monthly_product_sales", "days_with_lines = lines + 1"),
    ],
    ("monthly_product_sales_obeys_its_rules", "last_day_is_of_the_month"): [
        one("gold.monthly_product_sales", "last_invoiced_on = month_start - 1"),
    ],
    ("monthly_product_sales_obeys_its_rules", "sale_gives_units_out"): [
        one("gold.monthly_product_sales", "quantity = -1", "line_type = 'sale'"),
    ],
    ("monthly_customer_orders_obeys_its_rules", "customer_is_known"): [
        one("gold.monthly_customer_orders", "customer_durable_key = -1"),
    ],
    ("monthly_customer_orders_obeys_its_rules", "months_begin_on_their_first"): [
        one(
            "gold.monthly_customer_orders",
            "month_start = month_start + 1, first_month_start = first_month_start + 1",
            "months_since_first = 0",
        ),
    ],
    ("monthly_customer_orders_obeys_its_rules", "months_are_counted_from_the_first"): [
        one("gold.monthly_customer_orders", "months_since_first = months_since_first + 1"),
        one("gold.monthly_customer_orders", "months_since_first = -1", "months_since_first = 0"),
    ],
    ("monthly_customer_orders_obeys_its_rules", "orders_have_lines"): [
        one("gold.monthly_customer_orders", "orders = 0"),
        one("gold.monthly_customer_orders", "orders = lines_sold + 1"),
    ],
    ("monthly_segment_moves_obey_their_rules", "month_end_is_one"): [
        one("gold.monthly_segment_moves", "month_end = month_end - 1"),
    ],
    ("monthly_segment_moves_obey_their_rules", "somebody_moves"): [one("gold.monthly_segment_moves", "customers = 0")],
    ("monthly_segment_moves_obey_their_rules", "orders_are_counted"): [
        one("gold.monthly_segment_moves", "orders = -1")
    ],
    ("monthly_segment_moves_obey_their_rules", "a_rating_is_not_lost"): [
        one(
            "gold.monthly_segment_moves",
            "segment = 'Not rated', segment_before = 'Lost'",
            "segment_before <> 'Not rated'",
        ),
    ],
    ("fct_product_offered_day_obeys_its_rules", "sold_today_is_no_day_ago"): [
        one("gold.fct_product_offered_day", "is_sold = false", "is_sold"),
        one("gold.fct_product_offered_day", "is_sold = true", "not is_sold"),
    ],
    ("fct_product_offered_day_obeys_its_rules", "sold_within_the_window"): [
        one("gold.fct_product_offered_day", "days_since_sold = -1", "not is_sold"),
        one("gold.fct_product_offered_day", "days_since_sold = 1000", "not is_sold"),
    ],
    ("dim_date_counts_right", "month_within_year"): [
        one("gold.dim_date", "month_number = 0", "date_key <> -1"),
        one("gold.dim_date", "month_number = 13", "date_key <> -1"),
        # what is missing is no month either
        one("gold.dim_date", "month_number = null", "date_key <> -1"),
    ],
    ("dim_date_counts_right", "iso_week_within_year"): [one("gold.dim_date", "iso_week = 54", "date_key <> -1")],
    ("dim_date_counts_right", "fiscal_month_within_year"): [
        one("gold.dim_date", "fiscal_month = 13", "date_key <> -1"),
    ],
    ("dim_date_counts_right", "fiscal_year_is_this_or_next"): [
        one("gold.dim_date", "fiscal_year = calendar_year - 1", "date_key <> -1"),
        one("gold.dim_date", "fiscal_year = calendar_year + 2", "date_key <> -1"),
    ],
    ("dim_date_counts_right", "month_holds_day"): [
        one("gold.dim_date", "month_end = date_day - 1", "date_key <> -1"),
        one("gold.dim_date", "month_start = date_day + 1", "date_key <> -1"),
    ],
}

FAULTS += [
    Fault(gate, f"{rule} {number}", statement, rule=rule)
    for (gate, rule), statements in RULE_FAULTS.items()
    for number, statement in enumerate(statements, 1)
]

# Changes to one row that break a `check` of a contract, by model and expression.
CHECK_FAULTS = {
    ("bridge_product_category", "weight > 0 and weight <= 1"): "weight = 1.0001",
    ("dim_customer", "valid_from < valid_to"): "valid_to = valid_from",
    ("dim_product", "valid_from < valid_to"): "valid_to = valid_from",
}


# Changes to one row that break the exclusion constraint of a contract, by model.
EXCLUSION_FAULTS = {
    dimension: ["valid_to = valid_to + 1", "valid_to = '9999-12-31'"] for dimension in ("dim_customer", "dim_product")
}


class Constraint(NamedTuple):
    """A constraint of a contract that PostgreSQL enforces."""

    model: str
    kind: str
    columns: tuple[str, ...]
    expression: str | None

    def __str__(self) -> str:
        return f"{self.model}-{self.kind}-{self.expression or '-'.join(self.columns)}"


def _models() -> list[dict[str, Any]]:
    """Return what the YAML files say of each model."""
    files = sorted(PROJECT_ROOT.glob("models/**/*.yml"))
    return [model for file in files for model in yaml.safe_load(file.read_text()).get("models", [])]


def _constraints() -> list[Constraint]:
    found = []
    for model in _models():
        owners = [(model, ()), *((column, (column["name"],)) for column in model.get("columns", []))]
        for owner, columns in owners:
            for constraint in owner.get("constraints", []):
                of = tuple(constraint.get("columns", columns))
                found.append(Constraint(model["name"], constraint["type"], of, constraint.get("expression")))
    return found


def _rules() -> list[tuple[str, str]]:
    """Return gate and name of each rule of each `row_rules` test."""
    tests = [test["row_rules"] for model in _models() for test in model.get("data_tests", []) if "row_rules" in test]
    return [(test["name"], rule) for test in tests for rule in test["arguments"]["rules"]]


CONSTRAINTS = _constraints()


class Runs(NamedTuple):
    """What `dbt test` said of the warehouse, first as it was built, then damaged in every way at once."""

    healthy: dict[str, Outcome]
    damaged: dict[str, Outcome]
    stored: dict[str, int]


@pytest.fixture(scope="module")
def runs(dbt: Dbt, built, work_on) -> Runs:
    """Run all gates twice on one copy: before and after one fault for each of them."""
    with work_on(built) as copy:
        healthy = dbt("test", "--exclude-resource-type", "unit_test")
        with psycopg.connect(copy.url) as session:
            for fault in {fault.gate: fault for fault in reversed(FAULTS)}.values():
                session.execute(fault.statement)
        damaged = dbt("test", "--exclude-resource-type", "unit_test")
        with psycopg.connect(copy.url) as session:
            stored = {
                gate: session.execute(f"select count(*) from {outcome.relation}").fetchone()[0]
                for gate, outcome in damaged.items()
                if outcome.relation
            }
    return Runs(healthy, damaged, stored)


@pytest.fixture
def session(built) -> Iterator[psycopg.Connection]:
    """Give a test the built warehouse to damage; whatever it does is undone."""
    with psycopg.connect(built.url) as session:
        yield session
        session.rollback()


def here(query: str | None) -> str:
    """Return a query that dbt made, without the name of the database for which it made it."""
    assert query, "dbt has made no query of it"
    return query.replace(f'"{WORKING_DATABASE}".', "")


# Data tests


def test_a_sound_warehouse_passes_all_gates(runs: Runs) -> None:
    """A gate that fails on good data is switched off sooner or later, and then it catches nothing."""
    assert {name: outcome.message for name, outcome in runs.healthy.items() if outcome.status != "pass"} == {}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.gate}-{fault.what}")
def test_gate_finds_the_fault(fault: Fault, runs: Runs, session: psycopg.Connection) -> None:
    """Each fault by itself, in an otherwise sound warehouse, must be found: neither missed nor blown up."""
    assert fault.gate in runs.healthy, "there is no such gate"
    changed = session.execute(fault.statement).rowcount
    assert changed > 0, "the fault was not made"
    found = session.execute(here(runs.healthy[fault.gate].sql)).fetchall()
    assert len(found) == fault.rows, found
    if fault.rule:
        assert [row[0] for row in found] == [[fault.rule]]


@pytest.mark.parametrize("gate", sorted({fault.gate for fault in FAULTS}))
def test_failing_gate_is_told_and_keeps_its_rows(gate: str, runs: Runs) -> None:
    """A build must end red, and whoever is called at night must find the failing rows in `audit`."""
    outcome = runs.damaged[gate]
    assert outcome.status == ("warn" if gate in WARNINGS else "fail"), outcome
    assert outcome.failures > 0
    assert outcome.relation == f'"{WORKING_DATABASE}"."audit"."{gate}"'
    assert runs.stored[gate] == outcome.failures


def test_every_gate_has_its_fault(runs: Runs, dbt: Dbt) -> None:
    """A gate that nobody has seen failing may be one that cannot fail."""
    nodes = json.loads((dbt.target_path / "manifest.json").read_text())["nodes"].values()
    gates = {node["name"] for node in nodes if node["resource_type"] == "test" and node["package_name"] == PROJECT}
    assert gates == {fault.gate for fault in FAULTS}


def test_every_rule_has_its_fault() -> None:
    """The rules of one gate are many: one that is written wrongly would hide behind the others."""
    assert set(_rules()) == set(RULE_FAULTS)


def test_quarantine_may_hold_its_share_and_not_a_line_more(runs: Runs, session: psycopg.Connection) -> None:
    """The var says which share is the most; a build that fails on it, or passes beyond it, is not what was agreed."""
    gate = here(runs.healthy["assert_quarantine_stays_small"].sql)
    share = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text())["vars"]["max_quarantined_share"]
    session.execute("truncate silver.quarantined_lines")
    # Few enough of each file, so that only all of them together can be too many.
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
    assert session.execute(gate).fetchall() == []
    session.execute("insert into silver.quarantined_lines (file_id, file_line) values (1, 0)")
    assert [name for name, *_ in session.execute(gate).fetchall()] == ["all files"]


def test_failing_gate_keeps_gold_as_it_was(copy_of_built, dbt: Dbt) -> None:
    """Found in bronze, a fault must stop there: analysts are served yesterday's numbers, not wrong ones."""
    tables = [path.stem for path in PROJECT_ROOT.glob("models/marts/*/*.sql")]
    with psycopg.connect(copy_of_built.url, autocommit=True) as session:
        session.execute(without("bronze.transactions"))
        before = {table: fingerprint(session, table)[1] for table in tables}
        outcomes = dbt("build", "--exclude-resource-type", "unit_test")
        assert outcomes["transactions_hold_what_the_ledger_says"].status == "fail"
        assert {table: fingerprint(session, table)[1] for table in tables} == before


# Constraints


@pytest.mark.parametrize("constraint", CONSTRAINTS, ids=str)
def test_database_enforces_the_constraint(constraint: Constraint, session: psycopg.Connection) -> None:
    """A constraint may be written down and yet not reach the table; then nobody checks what it says."""
    relation, columns = f"gold.{constraint.model}", ", ".join(constraint.columns)
    if constraint.kind == "not_null":
        with pytest.raises(psycopg.errors.NotNullViolation, match=f'"{columns}"'):
            session.execute(one(relation, f"{columns} = null"))
    elif constraint.kind == "check":
        with pytest.raises(psycopg.errors.CheckViolation):
            session.execute(one(relation, CHECK_FAULTS[constraint.model, constraint.expression]))
    elif constraint.kind == "custom":
        for change in EXCLUSION_FAULTS[constraint.model]:
            with pytest.raises(psycopg.errors.ExclusionViolation), session.transaction():
                session.execute(one(relation, change, FOLLOWED))
    else:
        keys = {c.columns for c in CONSTRAINTS if c.model == constraint.model and c.kind == "primary_key"}
        new_key = {column: "-1000" for key in keys for column in key if constraint.kind == "unique"}
        filled = " and ".join(f"{column} is not null" for column in constraint.columns)
        with pytest.raises(psycopg.errors.UniqueViolation) as caught:
            session.execute(again(relation, filled, **new_key))
        assert caught.value.diag.message_detail.startswith(f"Key ({columns})=")


# Contracts


def spoilt(model: str, *, retyped: str = "", dropped: str = "", added: str = "") -> str:
    """Return the SQL of a model around its own, with a column of another type, without one, or with one more."""
    path = next(PROJECT_ROOT.glob(f"models/marts/*/{model}.sql"))
    columns = next([column["name"] for column in m["columns"]] for m in _models() if m["name"] == model)
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
    """Build models that break their contract; return for each how it ended, and whether the table is as it was."""
    with TemporaryDirectory(prefix="retail-") as folder, work_on(built) as copy:
        project = copy_of_project(Path(folder) / "project")
        for model, text in SPOILT_MODELS.items():
            next(project.glob(f"models/marts/*/{model}.sql")).write_text(text)
        with psycopg.connect(copy.url, autocommit=True) as session:
            before = {model: fingerprint(session, model) for model in SPOILT_MODELS}
            outcomes = dbt("run", "--select", *SPOILT_MODELS, project=project)
            return {model: (outcomes[model], fingerprint(session, model) == before[model]) for model in SPOILT_MODELS}


def fingerprint(session: psycopg.Connection, model: str) -> tuple:
    """Return what tells one state of a table from another, its identity included."""
    query = f"select '{model}'::regclass::oid, md5(string_agg(row::text, '|' order by row::text)) from {model} as row"
    session.execute("set search_path to gold")
    return session.execute(query).fetchone()


@pytest.mark.parametrize("model", SPOILT_MODELS)
def test_model_that_breaks_its_contract_is_not_built(
    model: str, broken_contracts: dict[str, tuple[Outcome, bool]]
) -> None:
    """A column of another type, a missing one or a new one would break reports that nobody here knows of."""
    outcome, _ = broken_contracts[model]
    assert outcome.status == "error"
    assert "enforced contract that failed" in outcome.message


@pytest.mark.parametrize("model", SPOILT_MODELS)
def test_table_stays_when_the_contract_is_broken(model: str, broken_contracts: dict[str, tuple[Outcome, bool]]) -> None:
    """Until the model is mended, analysts are served the last good state."""
    assert broken_contracts[model][1]


# Freshness


@pytest.fixture(scope="module")
def freshness(built, work_on, dbt: Dbt) -> dict[int, str]:
    """Ask for the freshness of deliveries that are so many days old; return the answers."""
    answers = {}
    with work_on(built) as copy:
        for days in (0, 8, 31):
            with psycopg.connect(copy.url) as session:
                session.execute("update bronze.landed_files set landed_at = now() - make_interval(days => %s)", [days])
            answers[days] = dbt("source", "freshness")["landed_files"].status
    return answers


@pytest.mark.parametrize(("days", "status"), [(0, "pass"), (8, "warn"), (31, "error")])
def test_old_deliveries_are_told(days: int, status: str, freshness: dict[int, str]) -> None:
    """Data that has stopped coming looks like data: only its age gives it away."""
    assert freshness[days] == status
