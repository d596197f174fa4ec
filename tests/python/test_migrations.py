"""Revisions of the ledger and the log of events: up and down on a warehouse with data, and what a build says."""

import re
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner
from dbt_project import environment
from harness import Database
from warehouse_state import fingerprints

from scripts import connection, migrate, revisions
from scripts.errors import Refusal
from scripts.land import land
from scripts.paths import PROJECT_ROOT
from scripts.warehouse.server import binary

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ROW = "1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,UK\n"
# Where the rows of each table are on disk: another number after a rewrite.
FILES = """
    select c.oid::regclass::text, pg_relation_filenode(c.oid)
    from pg_class as c
    where c.relkind = 'r' and c.relnamespace = 'bronze'::regnamespace
    order by c.relname
"""
EVENTS = "select * from audit.events where event_id <= %s order by event_id"


def ask(database: Database, query: str, *parameters: object) -> list[tuple]:
    with psycopg.connect(database.operator_url, autocommit=True) as session:
        return session.execute(query, parameters or None).fetchall()


def do(database: Database, *statements: str) -> None:
    with psycopg.connect(database.operator_url, autocommit=True) as session:
        for statement in statements:
            session.execute(statement)


def forget(database: Database) -> None:
    """Make a warehouse as it was before there were revisions."""
    do(database, "drop table bronze.schema_revision", "drop schema audit cascade")


def operating(database: Database) -> dict[str, str]:
    """Return the variables of a superuser, who migrates."""
    return environment(database.name) | {"PGUSER": connection.LOCAL_OPERATOR}


def run(*arguments: str) -> str:
    """Return what `make migrate` says, on the working database."""
    done = CliRunner().invoke(migrate.main, arguments)
    assert not done.exception or isinstance(done.exception, SystemExit), done.exception
    return done.output


@pytest.fixture
def target(monkeypatch: pytest.MonkeyPatch, database: Database) -> Database:
    """Make an empty database the target in use."""
    for name, value in operating(database).items():
        monkeypatch.setenv(name, value)
    return database


@pytest.fixture
def landed(target: Database, tmp_path: Path) -> Database:
    """Land one file."""
    (tmp_path / "a.csv").write_text(HEADER + ROW)
    land([tmp_path], target.url)
    return target


def test_each_revision_has_both_ways() -> None:
    """A revision without a way back cannot be tried on a warehouse that somebody needs."""
    found = {path.name for path in revisions.FOLDER.iterdir() if path.is_file()}
    names = [f"{revision.number}_{revision.name}" for revision in revisions.revisions()]
    assert found == {f"{name}{end}" for name in names for end in (".py", ".up.sql", ".down.sql")}
    assert [revision.number for revision in revisions.revisions()] == [f"{n:04}" for n in range(1, len(names) + 1)]
    for before, name in zip([None, *names], names, strict=False):
        text = (revisions.FOLDER / f"{name}.py").read_text()
        assert (
            f'revision = "{name[:4]}"\ndown_revision = {repr(before and before[:4]).replace(chr(39), chr(34))}\n'
            in text
        )


def test_up_down_up_keeps_every_row(monkeypatch: pytest.MonkeyPatch, copy_of_built: Database) -> None:
    """A revision that loses or rewrites a row of bronze costs a landing of years."""
    for name, value in operating(copy_of_built).items():
        monkeypatch.setenv(name, value)
    [(last,)] = ask(copy_of_built, "select max(event_id) from audit.events")

    def state() -> list[object]:
        tables = fingerprints(copy_of_built.url, "bronze")
        return [tables, fingerprints(copy_of_built.url), ask(copy_of_built, FILES), ask(copy_of_built, EVENTS, last)]

    before, head = state(), revisions.head()
    back = str(len(revisions.revisions()) - 1)
    assert run("--down", back) == f"Migrated from revision {head} to revision 0001.\n"
    assert run() == f"Migrated from revision 0001 to revision {head}.\n"
    assert state() == before


def test_a_migrated_warehouse_is_like_a_new_one(landed: Database, tmp_path: Path) -> None:
    """If the two ways to a schema differ, tests on new warehouses prove nothing about old ones."""

    def schema() -> str:
        command = [binary("pg_dump"), "--schema-only", "--schema=bronze", "--schema=audit", landed.operator_url]
        dumped = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return re.sub(r"^\\(un)?restrict .*$", "", dumped, flags=re.MULTILINE)

    # A landing as the role that builds leaves the log to that role.
    assert "nothing to do" in run()
    new = schema()
    forget(landed)
    assert revisions.head() in run()
    assert schema() == new


def test_a_build_on_an_older_warehouse_says_what_to_do(landed: Database, tmp_path: Path) -> None:
    """Code that meets an older schema would fail in the middle, with an error of the server."""
    run("--down", "1")
    with pytest.raises(
        Refusal, match=r"^the warehouse is at revision \d+, and this code needs \d+: run `make migrate`\."
    ):
        land([tmp_path], landed.url)
    run()
    assert [file.outcome for file in land([tmp_path], landed.url).files] == ["skipped"]


def test_a_warehouse_from_before_revisions_is_known_by_its_shape(landed: Database, tmp_path: Path) -> None:
    """Each warehouse that exists today has no stamp."""
    forget(landed)
    with pytest.raises(Refusal, match="at revision 0001, without a stamp, and this code needs"):
        land([tmp_path], landed.url)
    assert run() == f"Migrated from revision 0001, without a stamp to revision {revisions.head()}.\n"
    assert ask(landed, "select name from bronze.landed_files") == [("a.csv",)]


def test_a_ledger_of_another_shape_is_refused(landed: Database) -> None:
    """Another program's table of the same name must not become our ledger."""
    forget(landed)
    do(landed, "alter table bronze.landed_files rename sha256 to md5")
    assert run() == 'Error: column "sha256" does not exist. The revision left nothing behind.\n'
    assert ask(landed, "select to_regclass('bronze.schema_revision'), to_regnamespace('audit')") == [(None, None)]


def test_a_newer_warehouse_says_what_to_do(landed: Database, tmp_path: Path) -> None:
    """Old code that writes to a newer schema damages what it does not know."""
    do(landed, "update bronze.schema_revision set version_num = '0999'")
    expected = "the warehouse is at revision 0999, which this code does not know, .* check out the code"
    with pytest.raises(Refusal, match=expected):
        land([tmp_path], landed.url)
    assert re.search(expected, run())
    assert re.search(expected, run("--down", "1"))


def test_a_revision_does_not_queue_behind_a_reader(landed: Database) -> None:
    """While a revision waits for a lock, all later readers of the table wait behind it."""
    forget(landed)
    with psycopg.connect(landed.url) as reader:
        reader.execute("select from bronze.landed_files")
        said = run()
    assert re.match(r"Error: canceling statement due to lock timeout: another session holds a table that .*\n$", said)
    assert ask(landed, "select to_regclass('bronze.schema_revision'), to_regnamespace('audit')") == [(None, None)]
    assert "Migrated" in run()


def test_a_revision_waits_for_a_loader(landed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that changes while a file lands gets half of the file."""
    monkeypatch.setattr(migrate, "PATIENCE_SECONDS", 0.1)
    with psycopg.connect(landed.url) as loader:
        loader.execute("select pg_advisory_xact_lock(%s)", [migrate.LANDING_LOCK])
        assert re.search(r"Error: waited 0 s for the landing lock, which process \d+ .*Nothing changed\.\n$", run())


def test_the_ledger_is_not_taken_back(landed: Database) -> None:
    """It is the only record of what has landed."""
    expected = r"so \d+ cannot be taken back: revision 0001 is the shape of every warehouse\. Nothing changed\."
    assert re.search(expected, run("--down", str(len(revisions.revisions()))))
    with psycopg.connect(landed.url) as session, pytest.raises(psycopg.errors.RaiseException, match="only record"):
        session.execute(revisions.revisions()[0].statements("down"))


def test_the_printed_statements_are_the_migration(landed: Database) -> None:
    """A reviewer who approves one text must not get another one."""
    forget(landed)
    script = run("--sql")
    do(landed, re.sub(r"^INFO .*$", "", script, flags=re.MULTILINE))
    assert run() == f"The warehouse is at revision {revisions.head()}, the last one: nothing to do.\n"


def test_an_empty_database_can_be_migrated_first(target: Database, tmp_path: Path) -> None:
    """Where the loader may not create schemas, the owner makes the tables before the first file."""
    assert run() == f"Migrated from no revision, as nothing has landed, to revision {revisions.head()}.\n"
    (tmp_path / "a.csv").write_text(HEADER + ROW)
    assert [file.outcome for file in land([tmp_path], target.operator_url).files] == ["landed"]


def test_a_landing_does_not_load_alembic() -> None:
    """To import it takes longer than to land a day, and only `make migrate` installs it."""
    code = "import sys, scripts.land.__main__, scripts.migrate; sys.exit('alembic' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=PROJECT_ROOT, check=True)


def test_lint_finds_a_rewrite(tmp_path: Path) -> None:
    """A revision that rewrites bronze locks it for as long as a landing takes."""
    revision = tmp_path / "0999_rewrite.up.sql"
    revision.write_text(
        "set local lock_timeout = '2s';\nset local statement_timeout = '60s';\n"
        "alter table bronze.transactions alter column _line type bigint;\n"
    )
    squawk = Path(sys.executable).with_name("squawk")
    done = subprocess.run([squawk, revision], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "changing-column-type" in done.stdout
