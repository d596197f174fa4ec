"""The loader's role has no rights except those that landing needs."""

import psycopg
import pytest

from scripts import revisions
from scripts.land import land

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ROW = "1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,UK\n"

FORBIDDEN = [
    "select * from gold.fct_sales",
    "insert into gold.fct_sales values (1)",
    "create table gold.mine (id integer)",
    "create table public.mine (id integer)",
    "create table bronze.mine (id integer)",
    "create schema mine",
    "select * from bronze.transactions",
    "update bronze.transactions set quantity = '7'",
    "delete from bronze.transactions",
    "truncate bronze.transactions",
    "drop table bronze.transactions",
    "alter table bronze.transactions add column mine text",
    "create index on bronze.transactions (invoice)",
    "delete from bronze.landed_files",
    "update bronze.landed_files set sha256 = repeat('0', 64)",
    "update bronze.rejected_rows set raw = ''",
    "create role mine",
    "insert into audit.events select * from audit.events",
    "select audit.record_event('release', 'release 1')",
    "copy bronze.landed_files to program 'true'",
    "select pg_read_file('postgresql.conf')",
]


@pytest.fixture
def landed(database, tmp_path):
    (tmp_path / "a.csv").write_text(HEADER + ROW)
    land([tmp_path], database.url)
    with psycopg.connect(database.url) as session:
        session.execute("create schema gold")
        session.execute("create table gold.fct_sales (id integer)")
    return database


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_role_cannot(landed, statement):
    """An attacker who exploits the loader must not reach the company's figures."""
    with psycopg.connect(landed.url, autocommit=True) as session:
        session.execute("set role retail_loader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement)


def test_the_role_cannot_log_in(landed):
    """The role exists to reduce rights, so it must not be another way into the database."""
    with psycopg.connect(landed.url) as session:
        rights = "rolcanlogin or rolsuper or rolcreaterole or rolcreatedb or rolbypassrls"
        assert session.execute(f"select {rights} from pg_roles where rolname = 'retail_loader'").fetchone() == (False,)


def test_files_land_with_the_rights_of_the_role(landed, tmp_path):
    """The limits of the role protect nothing if the loader works as another role."""
    with psycopg.connect(landed.url) as session:
        session.execute(
            """
            create function bronze.refuse() returns trigger language plpgsql as $$
            begin
                if current_user <> 'retail_loader' then raise 'landed as %', current_user; end if;
                return new;
            end $$;
            create trigger refuse before insert on bronze.transactions for each row execute function bronze.refuse();
            """
        )
    (tmp_path / "b.csv").write_text(HEADER + ROW + ROW)
    (tmp_path / "c.csv").write_text(HEADER.replace("\n", ",Till\n") + ROW.replace("\n", ",1\n"))
    (tmp_path / "d.csv").write_text(HEADER + ROW * 3)
    outcomes = [file.outcome for file in land([tmp_path], landed.url).files]
    assert outcomes == ["skipped", "landed", "landed", "landed"]


@pytest.mark.parametrize("member", [True, False], ids=["member", "owner without the role"])
def test_who_is_no_superuser_can_land(landed, tmp_path, member):
    """In a company, the loader's user is rarely a superuser."""
    with psycopg.connect(landed.operator_url, autocommit=True) as session:
        session.execute("create role somebody login nosuperuser")
        try:
            if member:
                session.execute("grant retail_loader to somebody with inherit false")
            else:
                session.execute("alter schema bronze owner to somebody")
                for table in ("transactions", "products", "landed_files", "rejected_rows", "schema_revision"):
                    session.execute(f"alter table bronze.{table} owner to somebody")
                revisions.protect(session)
                session.execute("grant usage on schema audit to somebody")
                session.execute("grant execute on function audit.record_landing to somebody")
            (tmp_path / "b.csv").write_text(HEADER + ROW + ROW)
            report = land([tmp_path / "b.csv"], landed.operator_url.replace("postgres@", "somebody@"))
            assert [file.outcome for file in report.files] == ["landed"]
        finally:
            session.execute("reassign owned by somebody to postgres")
            session.execute("drop owned by somebody")
            session.execute("drop role somebody")
