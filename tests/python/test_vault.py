"""The Data Vault of the shop: the star follows from it alone, whatever lands, and nothing is ever lost from it."""

import re
from collections.abc import Iterator

import psycopg
import pytest
from dbt_project import Dbt, build_without_checks
from harness import Database
from warehouse_state import take_back, vault_rows

from scripts.land import land
from scripts.paths import PROJECT_ROOT

VAULT = ("--vars", "vault: true")
STAR = ("fct_sales_follows_from_the_vault", "dim_customer_follows_from_the_vault", "dim_product_follows_from_the_vault")
# A correction of an invoice that is in the sample, by another customer, and a price list with a change of the past.
LATE_LINE = "{invoice},99999,LATE LAMP,3,2010-12-01 08:26:00,4.2500,17999,EIRE\n"
HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"


def checks(dbt: Dbt) -> dict[str, str]:
    return {name: outcome.status for name, outcome in dbt("test", "--select", "tag:vault", *VAULT).items()}


@pytest.fixture(scope="module")
def vaulted(keep, work_on, built: Database, dbt: Dbt, tmp_path_factory) -> Iterator[tuple[Database, bool]]:
    """Build the vault, miss a late correction and a file that is taken back, and build it again."""
    with work_on(built) as database:
        build_without_checks(dbt, database.url, *VAULT)
        before = vault_rows(database.url)
        with psycopg.connect(database.url) as session:
            query = "select invoice_number from silver.int_invoices_summed where line_type = 'sale' order by 1 limit 1"
            (invoice,) = session.execute(query).fetchone()
            (name,) = session.execute(
                "select name from bronze.landed_files where source = 'transactions' order by file_id limit 1 offset 3"
            ).fetchone()
        late = tmp_path_factory.mktemp("late") / "late.csv"
        late.write_text(HEADER + LATE_LINE.format(invoice=invoice))
        land([late], database.url)
        build_without_checks(dbt, database.url)
        take_back(database.url, name)
        build_without_checks(dbt, database.url, *VAULT)
        after = vault_rows(database.url)
        yield keep(database, "retail_vaulted"), all(rows <= after[name] for name, rows in before.items())


def test_nothing_is_lost_from_the_vault(vaulted) -> None:
    """A vault answers for what was delivered, also of files that were taken back."""
    assert vaulted[1]


def test_star_follows_from_the_vault(vaulted, work_on, dbt) -> None:
    """Builds without the vault must not leave a gap in it, and each satellite has its parent."""
    with work_on(vaulted[0]):
        found = checks(dbt)
    assert set(STAR) <= set(found)
    assert set(found.values()) == {"pass"}


@pytest.mark.parametrize(
    ("check", "damage"),
    [
        (STAR[0], "update vault.sat_invoice_line set quantity = quantity + 1 where country_text = 'France'"),
        (STAR[1], "update vault.csat_customer_version set segment = 'Lost' where segment = 'New'"),
        (STAR[2], "delete from vault.pit_product where holds_to < 'infinity'"),
        ("sat_product_price_has_its_product", "delete from vault.hub_product where stock_code like '2%'"),
    ],
)
def test_checks_find_damage_of_the_vault(vaulted, work_on, dbt, check: str, damage: str) -> None:
    """A check that finds nothing in a damaged vault proves nothing."""
    with work_on(vaulted[0]) as database:
        with psycopg.connect(database.url) as session:
            assert session.execute(damage).rowcount
        assert checks(dbt)[check] == "fail"


def test_queries_of_the_documentation_run(vaulted) -> None:
    """A query that fails when a reader tries it costs more trust than a missing page."""
    queries = re.findall(r"```sql\n(.*?)```", (PROJECT_ROOT / "docs" / "data_vault.md").read_text(), re.DOTALL)
    with psycopg.connect(vaulted[0].url) as session:
        found = [session.execute(query).fetchall() for query in queries]
    assert len(found) == 10
    # the file that was taken back, and the invoice that got another customer
    assert found[8]
    assert found[7]
