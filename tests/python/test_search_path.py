"""The sessions of scripts/ never run what another role has put into the schema `public`."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from dbt_project import environment
from harness import Database

from scripts import connection
from scripts.build import report
from scripts.generate import sample
from scripts.land import land
from scripts.land.bronze import session as landing

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ROW = "1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,UK\n"

# PostgreSQL prefers a function or operator whose argument types fit exactly to one of its own that needs a cast. Each
# of these fits a call in our SQL better than the function of the catalog does.
PLANTED = """
    create table public.ran (by_role name);
    grant insert on public.ran to public;
    create function public.col_description(oid, smallint) returns text language plpgsql as
        $$ begin insert into public.ran values (current_user); return ''; end $$;
    create function public.obj_description(oid, text) returns text language plpgsql as
        $$ begin insert into public.ran values (current_user); return ''; end $$;
    create function public.nextval(text) returns bigint language plpgsql as
        $$ begin insert into public.ran values (current_user); return 4242; end $$;
    create function public.to_char(timestamptz, text, integer default 0) returns text language plpgsql as
        $$ begin insert into public.ran values (current_user); return ''; end $$;
    create function public.equal(text, name) returns boolean language plpgsql as
        $$ begin insert into public.ran values (current_user); return true; end $$;
    create operator public.= (function = public.equal, leftarg = text, rightarg = name);
    create function public.first_of(name, text) returns text language plpgsql as
        $$ begin insert into public.ran values (current_user); return ''; end $$;
    create operator public.|| (function = public.first_of, leftarg = name, rightarg = text);
"""


@pytest.fixture
def planted(database: Database) -> Iterator[Database]:
    """Let a role without any right but `create` on `public` plant functions and operators there."""
    with psycopg.connect(database.operator_url, autocommit=True) as owner:
        owner.execute("create role planter login")
        owner.execute("grant create on schema public to planter")
        with psycopg.connect(database.operator_url.replace("postgres@", "planter@"), autocommit=True) as planter:
            planter.execute(PLANTED)
        yield database
        owner.execute("drop owned by planter cascade")
        owner.execute("drop role planter")


def test_landing_runs_nothing_of_public(planted: Database, tmp_path: Path) -> None:
    """The user who lands files is often a superuser, so a planted function could do anything."""
    for round_ in (1, 2):
        (tmp_path / f"{round_}.csv").write_text(HEADER + ROW * round_)
        land([tmp_path], planted.url)
    with psycopg.connect(planted.operator_url) as session:
        assert session.execute("select distinct by_role from public.ran").fetchall() == []
        assert session.execute("select count(*) from bronze.landed_files").fetchone() == (2,)


def test_no_session_resolves_names_in_public(planted: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session of another command has the same rights; a rollback must not bring the usual path back."""
    for name, value in environment(planted.name).items():
        monkeypatch.setenv(name, value)
    with connection.connect() as ours, landing.connect(planted.url) as loader:
        ours.rollback()
        report.last_release(ours)
        sample.is_held(ours)
        for session in (ours, loader):
            assert session.execute("show search_path").fetchone()[0].split(", ") == connection.SEARCH_PATH.split(",")
            named = session.execute("select application_name from pg_stat_activity where pid = pg_backend_pid()")
            assert named.fetchone()[0].startswith("scripts")
    with psycopg.connect(planted.operator_url) as session:
        assert session.execute("select distinct by_role from public.ran").fetchall() == []
