"""The Data Vault of the shop: the star follows from it alone, whatever lands, and nothing is ever lost from it."""

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import psycopg
import pytest
import yaml
from dbt_project import Dbt, build_without_checks, environment, run_command_here
from harness import Database
from warehouse_state import take_back, vault_rows

from scripts.forget import __main__ as forget
from scripts.governance.roles import apply as applying
from scripts.governance.roles.declaration import read_roles
from scripts.land import land
from scripts.paths import PROJECT_ROOT

VAULT = ("--vars", "vault: true")
STAR = ("fct_sales_follows_from_the_vault", "dim_customer_follows_from_the_vault", "dim_product_follows_from_the_vault")
VAULT_MODELS = PROJECT_ROOT / "models" / "vault"
# How the picture opens a box of each type; a satellite of any type is round.
SHAPES = {"hub": "[", "link": "{{", "pit": "[/", "bridge": "[/"}
ROLES = read_roles()
READERS = [role.name for role in ROLES if role.name != "retail_builder"]
READABLE = """
    select reader, relation
    from unnest(%s::text[]) as reader
    cross join (
        select 'vault' as relation
        union all
        select relname from pg_class where relnamespace = 'vault'::regnamespace and relkind in ('r', 'v')
    ) as things
    where case
        when relation = 'vault' then has_schema_privilege(reader, 'vault', 'usage, create')
        else has_any_column_privilege(reader, 'vault.' || relation, 'select, insert, update')
    end
"""
# A correction of an invoice that is in the sample, by another customer, and a price list with a change of the past.
LATE_LINE = "{invoice},99999,LATE LAMP,3,2010-12-01 08:26:00,4.2500,17999,EIRE\n"
HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"


# A customer of whom there are rows in each table that can have any.
SOMEBODY = """
    select customer_id
    from vault.hub_customer
    where
        customer_hk in (select customer_hk from vault.csat_customer_rfm)
        and customer_hk in (select customer_hk from vault.esat_invoice_customer where is_present)
        and customer_hk in (select customer_hk from vault.sat_customer_profile)
    order by customer_id
    limit 1
"""
KEYS = """
    select customer_hk::text from vault.hub_customer where customer_id = %(number)s
    union all
    select invoice_customer_lk::text
    from vault.link_invoice_customer
    inner join vault.hub_customer using (customer_hk)
    where customer_id = %(number)s
"""
OF_CUSTOMER = {
    "csat_customer_rfm",
    "csat_customer_version",
    "esat_invoice_customer",
    "hub_customer",
    "link_invoice_customer",
    "pit_customer",
    "sat_customer_profile",
    "sat_invoice_line",
}


def read_models(file: Path) -> list[dict[str, Any]]:
    """Return the models that a YAML file describes."""
    return yaml.safe_load(file.read_text())["models"]


def held_of(url: str, number: int, keys: list[str]) -> set[str]:
    """Return the tables of the vault that have the number of a customer, or a key of the customer in any column."""
    tables = "select relname from pg_class where relkind = 'r' and relnamespace = 'vault'::regnamespace"
    query = """
        select from vault.{} as held, jsonb_each_text(to_jsonb(held)) as columns
        where columns.value = any(%s) or columns.key = 'customer_id' and columns.value = %s
        limit 1
    """
    with psycopg.connect(url) as session:
        names = [name for (name,) in session.execute(tables).fetchall()]
        return {name for name in names if session.execute(query.format(name), [keys, str(number)]).rowcount}


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
    assert len(found) == 12
    # the file that was taken back, the invoice that got another customer, and a product that left a category
    assert found[8]
    assert found[7]
    assert found[10]


def test_picture_shows_each_model_and_edge_of_the_metadata() -> None:
    """A picture that lacks a satellite hides it from everyone who asks what the vault holds."""
    files = [file for part in ("raw", "business") for file in (VAULT_MODELS / part).glob("*.yml")]
    described = {model["name"]: model["config"]["meta"]["vault"] for file in files for model in read_models(file)}
    assert described.keys() == {
        file.stem for part in ("raw", "business") for file in (VAULT_MODELS / part).glob("*.sql")
    }
    of_key = {vault["key"]: name for name, vault in described.items() if vault["type"] == "hub"}
    edges = {frozenset((name, vault["parent"])) for name, vault in described.items() if "parent" in vault}
    edges |= {frozenset((name, of_key[key])) for name, vault in described.items() for key in vault.get("hubs", {})}

    page = (PROJECT_ROOT / "docs" / "data_vault.md").read_text()
    [picture] = re.findall(r"```mermaid\nflowchart LR\n(.*?)```", page, re.DOTALL)
    chains = [re.findall(r"(\w+)(\W*)(?:\w+(\W+))?(?: --- |$)", line.strip()) for line in picture.splitlines()]
    drawn = {frozenset((one[0], other[0])) for chain in chains for one, other in pairwise(chain)}
    assert drawn == edges
    shapes = {name: opening for chain in chains for name, opening, closing in chain if closing}
    kinds = {name: SHAPES.get(vault["type"], "([") for name, vault in described.items()}
    assert shapes == kinds


def test_no_role_but_the_owner_may_read_the_vault(vaulted, work_on) -> None:
    """The vault has every customer number in clear, so a right on it would pass by all masks."""
    with work_on(vaulted[0]) as database, psycopg.connect(database.operator_url, autocommit=True) as operator:
        applying.apply(operator, ROLES)
        assert READERS
        assert operator.execute(READABLE, [READERS]).fetchall() == []
        operator.execute(
            "grant usage on schema vault to retail_analyst; grant select on vault.hub_file to retail_auditor"
        )
        assert len(operator.execute(READABLE, [READERS]).fetchall()) == 2


class Forgotten(NamedTuple):
    """A customer who was erased from a warehouse with a vault.

    Attributes:
        held: the tables of the vault that held the customer: before, after the erasure, and after the next build.
        said: what the command printed.
        checks: the checks of the vault after the next build.
    """

    held: list[set[str]]
    said: str
    checks: dict[str, str]


@pytest.fixture(scope="module")
def forgotten(vaulted, work_on, dbt, tmp_path_factory) -> Forgotten:
    """Forget a customer, and build the vault again."""
    folders = {"DBT_TARGET_PATH": str(dbt.target_path), "DBT_LOG_PATH": str(dbt.log_path)}
    with work_on(vaulted[0]) as database:
        with psycopg.connect(database.url) as session:
            [(number,)] = session.execute(SOMEBODY).fetchall()
            keys = [key for (key,) in session.execute(KEYS, {"number": number})]
        held = [held_of(database.url, number, keys)]
        options = [f"--customer={number}", "--yes"]
        with patch.object(forget, "PROJECT_ROOT", tmp_path_factory.mktemp("project")):
            said = run_command_here(forget.main, options, **environment(), **folders).output
        held.append(held_of(database.url, number, keys))
        build_without_checks(dbt, database.url, *VAULT)
        held.append(held_of(database.url, number, keys))
        return Forgotten(held, said, checks(dbt))


def test_no_table_of_the_vault_keeps_a_forgotten_customer(forgotten: Forgotten) -> None:
    """The vault is only added to, so what an erasure leaves in it stays there for good."""
    before, after, built_again = forgotten.held
    assert before == OF_CUSTOMER
    assert "Forgotten   customer" in forgotten.said
    assert (after, built_again) == (set(), set())


def test_star_follows_from_the_vault_without_a_forgotten_customer(forgotten: Forgotten) -> None:
    """Money stays in the star, so the lines have to come back into the vault, without the customer."""
    assert set(STAR) <= set(forgotten.checks)
    assert set(forgotten.checks.values()) == {"pass"}
