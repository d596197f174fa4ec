"""The copy of gold for BI tools: the keys that tools see are those of the contracts, and the rows are those of gold."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest
from dbt_project import Dbt
from harness import Database

Session = psycopg.Connection[Any]

# What SQLAlchemy, and most tools with it, ask for.
KEYS = """
    select
        conrelid::regclass::text as relation,
        conname::text as name,
        case contype when 'p' then 'primary key' else 'foreign key' end as kind,
        array(
            select attname::text from unnest(conkey) with ordinality as key (attnum, place)
            inner join pg_attribute on attrelid = conrelid and pg_attribute.attnum = key.attnum
            order by place
        ) as columns,
        nullif(confrelid, 0)::regclass::text as to_relation,
        convalidated as is_validated
    from pg_constraint
    where connamespace = 'bi'::regnamespace and contype in ('p', 'f')
"""


@pytest.fixture(scope="module")
def copied(built: Database, work_on: Callable[..., AbstractContextManager[Database]], dbt: Dbt) -> Iterator[Session]:
    """Copy gold of the built warehouse, of which a role `analyst` may read all but one relation."""
    with work_on(built) as copy, psycopg.connect(copy.operator_url, autocommit=True) as session:
        session.execute(b"drop role if exists analyst")
        session.execute(b"create role analyst")
        session.execute(b"grant usage on schema gold to analyst")
        session.execute(b"grant select on all tables in schema gold to analyst")
        session.execute(b"revoke select on gold.fct_invoices from analyst")
        dbt("run-operation", "pg_wap.copy_for_bi")
        assert dbt.errors == []
        yield session
        session.execute(b"drop owned by analyst")
        session.execute(b"drop role analyst")


def relations(session: Session) -> list[str]:
    """Return the names of the tables of the copy."""
    found = session.execute(b"select relname from pg_class where relnamespace = 'bi'::regnamespace and relkind = 'r'")
    return sorted(row[0] for row in found.fetchall())


def test_tools_see_the_keys_of_the_contracts(copied: Session) -> None:
    """A tool that draws relations from the catalogue must draw those that the checks hold."""
    declared = copied.execute(
        b"""
        select replace(relation, 'gold.', 'bi.'), name, kind, columns, replace(to_relation, 'gold.', 'bi.'), true
        from audit.relation_keys inner join audit.relations using (relation)
        where kind <> 'reference' and access <> 'protected'
        """
    ).fetchall()
    found = copied.execute(KEYS.encode()).fetchall()
    assert {row[2] for row in found} == {"primary key", "foreign key"}
    assert sorted(map(str, found)) == sorted(map(str, declared))


def test_every_relation_of_the_copy_has_a_primary_key(copied: Session) -> None:
    """Some tools list a table without a key, and refuse to open it."""
    keyed = {row[0] for row in copied.execute(KEYS.encode()).fetchall() if row[2] == "primary key"}
    assert {f"bi.{name}" for name in relations(copied)} == keyed


def test_the_copy_has_what_analysts_may_read(copied: Session) -> None:
    """Relations that only serve others are no concern of a tool; all others are there."""
    public = copied.execute(b"select relation from audit.relations where access <> 'protected'").fetchall()
    assert relations(copied) == sorted(relation.removeprefix("gold.") for (relation,) in public)


def test_the_rows_are_those_of_gold(copied: Session) -> None:
    """A number from the copy must be the number from gold."""
    for name in relations(copied):
        differing = f"""
            select count(*) from (
                (select * from gold.{name} except all select * from bi.{name})
                union all
                (select * from bi.{name} except all select * from gold.{name})
            ) as differing
        """
        assert copied.execute(differing.encode()).fetchone() == (0,), name


def test_comments_and_types_are_those_of_gold(copied: Session) -> None:
    """A tool shows the comment beside the field, and formats by type."""
    described = """
        select
            relname, attname, format_type(atttypid, atttypmod), col_description(attrelid, attnum),
            obj_description(attrelid, 'pg_class')
        from pg_attribute inner join pg_class on attrelid = pg_class.oid
        where relnamespace = '{}'::regnamespace and attnum > 0 and relname = any(%s)
        order by relname, attnum
    """
    names = relations(copied)
    in_gold = copied.execute(described.format("gold").encode(), [names]).fetchall()
    assert copied.execute(described.format("bi").encode(), [names]).fetchall() == in_gold
    assert all(row[3] and row[4] for row in in_gold)


def test_rights_are_those_of_gold(copied: Session) -> None:
    """A copy must not show a role what gold hides from it."""
    may_read = "select has_table_privilege('analyst', '{}.{}', 'select')"
    for name in relations(copied):
        rights = [copied.execute(may_read.format(schema, name).encode()).fetchone() for schema in ("gold", "bi")]
        assert rights[0] == rights[1], name
    assert copied.execute(b"select has_schema_privilege('analyst', 'bi', 'usage')").fetchone() == (True,)
    assert copied.execute(may_read.format("bi", "fct_invoices").encode()).fetchone() == (False,)


def test_the_copy_names_its_release(copied: Session, dbt: Dbt) -> None:
    """A reader must see how old the copy is; a second call has nothing to do."""
    stamp = copied.execute(b"select obj_description('bi'::regnamespace)").fetchone()
    assert stamp is not None
    assert stamp[0].startswith("Release 1 of gold, copied ")
    dbt("run-operation", "pg_wap.copy_for_bi")
    assert dbt.told == ["bi has release 1 already."]


def test_a_failed_copy_leaves_the_old_one(copied: Session, dbt: Dbt) -> None:
    """Dashboards must not go blank because a key does not hold."""
    before = copied.execute(b"select 'bi.fct_sales'::regclass::oid, count(*) from bi.fct_sales").fetchone()
    copied.execute(
        b"update gold_tables.fct_sales set product_key = 7"
        b" where (invoice_number, line_number) = (select invoice_number, line_number from gold.fct_sales limit 1)"
    )
    dbt("run-operation", "pg_wap.copy_for_bi", "--args", "again: true")
    assert "fct_sales_has_its_products" in dbt.errors[0]
    assert copied.execute(b"select 'bi.fct_sales'::regclass::oid, count(*) from bi.fct_sales").fetchone() == before
