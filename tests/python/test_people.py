"""A disclosure must hold everything that the warehouse knows of a person, and nothing of another person."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from harness import Database

from scripts import connection
from scripts.errors import Refusal
from scripts.governance.people import __main__ as people
from scripts.governance.people.held import held, number_of

# A customer with an address that no other row has, and with sales.
WITH_ADDRESS = """
    select
        customer_id,
        email
    from profiles.dim_customer_profile
    inner join gold.fct_invoices using (customer_durable_key)
    where email is not null
    group by customer_id, email
    order by count(*) desc, customer_id
    limit 1
"""
ALL_TABLES = """
    select
        relnamespace::regnamespace::text,
        relname
    from pg_class
    where
        relkind in ('r', 'p', 'm')
        and not relispartition
        and relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
"""


@pytest.fixture
def session(built: Database) -> Iterator[psycopg.Connection[Any]]:
    """Open a session that sees all tables."""
    with psycopg.connect(built.operator_url) as session:
        session.execute("set timezone = 'UTC'")
        session.commit()
        yield session


@pytest.fixture
def person(session: psycopg.Connection[Any]) -> tuple[int, str]:
    """Return the number and e-mail address of a customer."""
    found = session.execute(WITH_ADDRESS).fetchone()
    session.commit()
    assert found
    return found


def by_relation(found: list[people.Held]) -> dict[tuple[str, str], list[Any]]:
    """Return the rows of a disclosure by relation."""
    return {(each.table.layer, each.table.name): [json.loads(row) for row in each.rows] for each in found}


def test_every_row_with_the_address_is_disclosed(session: psycopg.Connection[Any], person: tuple[int, str]) -> None:
    """A table that the search forgets would stay silent about a person for ever: any table may hold the address."""
    number, address = person
    disclosed = by_relation(people.read(session, number))
    holding = 0
    for schema, name in session.execute(ALL_TABLES).fetchall():
        rows = session.execute(
            f'select to_jsonb(t)::text from "{schema}"."{name}" as t where strpos(lower(t::text), %s) > 0', [address]
        ).fetchall()
        holding += bool(rows)
        for (row,) in rows:
            assert json.loads(row) in disclosed[schema, name]
    # The delivered rows and the profile at least: the test must not pass because nothing holds the address.
    assert holding > 1


def test_every_line_of_the_customer_is_disclosed_and_no_other(
    session: psycopg.Connection[Any], person: tuple[int, str]
) -> None:
    """Files write a number in several ways, as 12346 and 12346.0, and a neighbour has a similar one."""
    number, _ = person
    disclosed = by_relation(people.read(session, number))
    lines = "select count(*) from silver.stg_retail__transactions where customer_id = %s"
    assert session.execute(lines, [number]).fetchone() == (len(disclosed["bronze", "transactions"]),)
    sold = """
        select count(*) from gold.fct_sales
        where customer_key in (select customer_key from gold.dim_customer where customer_id = %s)
    """
    assert session.execute(sold, [number]).fetchone() == (len(disclosed["gold_tables", "fct_sales"]),)
    assert {row["customer_id"] for row in disclosed["gold_tables", "dim_customer"]} == {number}


def test_rows_that_could_not_be_read_are_searched_as_text(
    session: psycopg.Connection[Any], person: tuple[int, str]
) -> None:
    """A rejected row of a person is still in the warehouse, in a text that nobody has parsed."""
    number, address = person
    added = """
        insert into bronze.rejected_rows (file_id, line, raw, reason)
        select max(file_id), 1000000 + place, raw, 'test'
        from bronze.landed_files
        cross join (values (1, %s), (2, %s), (3, %s)) as rows (place, raw)
        group by place, raw
    """
    texts = [f"x,{number},y", f"x,,{address.upper()}", f"x,1{number}9,y"]
    session.execute(added, texts)
    found = [
        json.loads(row) for each in held(session, number) if each.table.name == "rejected_rows" for row in each.rows
    ]
    session.rollback()
    assert {row["raw"] for row in found} >= set(texts[:2])
    assert texts[2] not in {row["raw"] for row in found}


@pytest.mark.parametrize("text", ["", "12346x", "-1", "0", "99999999999", "1; drop table x", "\uff11\uff12"])
def test_what_is_no_number_is_refused(text: str) -> None:
    """A slip must not become a search for another person."""
    with pytest.raises(Refusal, match="is no customer number"):
        number_of(text)


def test_an_unknown_customer_leaves_no_file(built: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty disclosure would say that nothing is held, although the number may be a slip."""
    monkeypatch.setattr(connection, "url", lambda *_, **__: built.operator_url)
    outcome = CliRunner().invoke(people.main, ["disclose", "--customer=999999999", f"--out={tmp_path / 'x.json'}"])
    assert outcome.exit_code == 1
    assert "customer 999999999 is unknown" in outcome.output
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_json_with_all_decimals(
    built: Database, person: tuple[int, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever receives the file compares its amounts with their invoices."""
    monkeypatch.setattr(connection, "url", lambda *_, **__: built.operator_url)
    target = tmp_path / "disclosed.json"
    outcome = CliRunner().invoke(people.main, ["disclose", f"--customer={person[0]}", f"--out={target}"])
    assert outcome.exit_code == 0, outcome.output
    content = json.loads(target.read_text(), parse_float=str)
    assert content["customer"] == person[0]
    assert target.stat().st_mode & 0o077 == 0
    (sales,) = (each["rows"] for each in content["held"] if each["relation"] == "fct_sales")
    assert all(len(row["net_amount"].partition(".")[2]) == 4 for row in sales)
