"""Online Retail II, where it is at hand, against facts that were worked out from its files with other tools."""

import os
from pathlib import Path

import psycopg
import pytest

from scripts.land import land
from scripts.paths import PROJECT_ROOT

FOLDER = Path(os.environ.get("ONLINE_RETAIL_II") or PROJECT_ROOT.parent / "shared" / "data" / "online_retail_ii")

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="Online Retail II is not here; ONLINE_RETAIL_II names it")


@pytest.fixture(scope="module")
def gold(server: str, dbt):
    """Land the real files, build everything with its gates, and give the database away when done."""
    with psycopg.connect(server, autocommit=True) as session:
        session.execute("create database retail_test")
        try:
            url = server.replace("/retail?", "/retail_test?")
            land([FOLDER], url)
            results = dbt("build", "--exclude-resource-type", "unit_test")
            assert {r.status for r in results.values()} <= {"success", "pass", "no-op"}, results
            with psycopg.connect(url) as connection:
                yield connection
        finally:
            session.execute("drop database retail_test with (force)")


FACTS = {
    "lines as delivered": ("select count(*) from bronze.transactions", 1_067_370),
    "lines counted once": ("select count(*) from gold.fct_sales", 1_044_847),
    "invoices": ("select count(*) from gold.fct_invoices", 53_628),
    "money": ("select sum(net_amount)::text from gold.fct_sales", "18909744.1180"),
    "money by invoice": ("select sum(net_amount)::text from gold.fct_invoices", "18909744.1180"),
    "money by day": ("select sum(net_amount)::text from gold.daily_sales", "18909744.1180"),
    "superseded invoices": ("select count(*) from silver.int_invoices_supplied where deliveries > 1", 1_088),
    "cancellation lines": ("select count(*) from gold.fct_sales where is_cancellation", 19_165),
    "bad-debt lines": ("select count(*) from gold.fct_sales where line_type = 'bad_debt'", 6),
    "lines without customer": ("select count(*) from gold.fct_sales where customer_key = -1", 235_287),
    "customers": ("select count(distinct customer_id) from gold.dim_customer", 5_942),
    "customers who move": (
        """
        with moved as (
            select customer_id
            from gold.dim_customer
            group by customer_id
            having count(distinct country_name) > 1
        )

        select count(*) from moved
        """,
        13,
    ),
    "invoices of several timestamps": (
        "select count(*) from gold.fct_invoices where first_invoiced_at <> last_invoiced_at",
        83,
    ),
    "stock codes": ("select count(distinct stock_code) from gold.dim_product", 5_131),
    "lines in quarantine": ("select count(*) from silver.quarantined_lines", 0),
    "negative prices": ("select count(*) from gold.fct_sales where unit_price < 0", 5),
    "prices of zero": ("select count(*) from gold.fct_sales where unit_price = 0", 6_024),
    "countries that nobody resolved": (
        "select count(*) from gold.dim_country where not is_resolved and country_key <> -1",
        0,
    ),
    "notes that became descriptions": (
        "select count(*) from gold.dim_product where description in ('nan', 'damaged', 'check', '?', 'found')",
        0,
    ),
    "merchandise among odd codes": (
        """
        select count(*)
        from gold.dim_product
        where (stock_code like 'DCGS%' or stock_code in ('SP1002', 'PADS')) and product_class <> 'merchandise'
        """,
        0,
    ),
}


@pytest.mark.parametrize("fact", FACTS)
def test_fact(gold, fact: str) -> None:
    """Each figure is known from elsewhere; a warehouse that misses one has lost or bent a line."""
    query, expected = FACTS[fact]
    assert gold.execute(query).fetchone() == (expected,)
