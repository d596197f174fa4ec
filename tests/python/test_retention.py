"""Retention deletes rows: what leaves must be old, must not wait for a correction, and must come back equal."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from dbt_project import Dbt, environment
from harness import Database, Sample
from psycopg import sql
from warehouse_state import fingerprints

from scripts import locks
from scripts.governance.people.__main__ import read
from scripts.governance.retention import __main__ as command
from scripts.governance.retention import content, records, store
from scripts.governance.retention.content import relation
from scripts.governance.retention.erase import erase_from_archives
from scripts.land import land
from scripts.land.contract import CONTRACT

# Counted from this day, lines before March 2011 are older than seven years.
AS_OF = "2018-03-01"
IN_QUARANTINE = "daily/2011-01-24.csv"
ARCHIVE_OF_YEAR = "2009-2010.parquet"
HOLD = f"[{{files: {IN_QUARANTINE}, reason: waits for a correction}}]"
OLD = """
    select count(*), sum(rows_loaded) from bronze.landed_files where source = 'transactions' and name < 'daily/2011-03'
"""
COUNTS = "select rows_read, rows_loaded, rows_archived from bronze.landed_files where file_id = 1"
Run = Callable[..., str]


def ask(database: Database, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(database.url, autocommit=True) as session:
        return session.execute(query.encode(), parameters or None).fetchall()


def state(database: Database) -> list[object]:
    """Return all of bronze and the log of events."""
    return [fingerprints(database.url, "bronze"), ask(database, "select count(*) from audit.events")]


def agreed(folder: Path, transactions: str = "keep: 7 years", hold: str = HOLD, **others: str) -> Path:
    """Write a contract with other retentions than that of the project."""
    text = CONTRACT.read_text()
    for table, words in {"transactions": transactions, **others}.items():
        head, name, rest = text.partition(f"      - name: {table}\n")
        if table in ("rejected_rows", "refused_files"):
            rest = rest.replace(
                "        columns:", f"        config: {{meta: {{retention: {{{words}}}}}}}\n        columns:", 1
            )
        else:
            rest = rest.replace("retention: {", f"retention: {{{words}, ", 1)
        text = head + name + rest
    if hold:
        text = text.replace("            retention: {", f"            legal_hold: {hold}\n            retention: {{", 1)
    (folder / "contract.yml").write_text(text)
    return folder / "contract.yml"


@pytest.fixture
def warehouse(copy_of_built: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Make a copy of the built warehouse the target in use."""
    for name, value in environment(copy_of_built.name).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(records, "PATIENCE_SECONDS", 0.1)
    return copy_of_built


@pytest.fixture
def run(warehouse: Database, tmp_path: Path) -> Run:
    """Offer to archive and restore, with an archive of the test's own."""

    def run(name: str, *arguments: str | Path, contract: Path | None = None) -> str:
        given = [str(argument) for argument in arguments]
        if name == "archive":
            given += ["--contract", str(contract or agreed(tmp_path)), "--to", str(tmp_path / "archive")]
            given += [] if "--as-of" in given else ["--as-of", AS_OF]
        done = CliRunner().invoke(command.main, [name, *given])
        assert not done.exception or isinstance(done.exception, SystemExit), done.exception
        return done.output

    return run


def refused(warehouse: Database, run: Run, *arguments: str | Path, **options: Any) -> str:
    """Run a command that must be refused in one line and change nothing; return what it says."""
    before = state(warehouse)
    lines = [line for line in run(*arguments, **options).splitlines() if not line.startswith("Waiting ")]
    assert [line[:7] for line in lines] == ["Error: "]
    assert state(warehouse) == before
    return lines[0]


def test_what_was_archived_leaves_gold_and_comes_back(
    warehouse: Database, built: Database, run: Run, dbt: Dbt, tmp_path: Path
) -> None:
    """The whole way, with every check: an archived line in gold, or a restored line that differs, is a wrong total."""
    [(files, rows)] = ask(warehouse, OLD)
    said = run("archive", contract=agreed(tmp_path, customers="keep: 8 years"))
    [(held,)] = ask(warehouse, "select rows_loaded from bronze.landed_files where name = %s", IN_QUARANTINE)
    assert f"Kept        {IN_QUARANTINE}: legal hold: waits for a correction\n" in said
    assert (
        f"Archived    {rows - held:,} rows of bronze.transactions of {files - 1} files, 2009-12-01 to 2011-02-28\n"
        in said
    )
    assert "rows of bronze.customers of 1 files" in said
    assert ask(warehouse, "select count(*) from bronze.transactions where _file_id = 1") == [(0,)]
    assert ask(
        warehouse, "select rows_read, rows_loaded, rows_archived from bronze.landed_files where file_id = 1"
    ) == [(10263, 0, 10263)]
    [(details,)] = ask(warehouse, "select details from audit.events where kind = 'archive'")
    assert details["rows"] == sum(each["rows"] for each in manifests(tmp_path))

    build(dbt)
    incremental = [fingerprints(warehouse.url, schema) for schema in ("gold", "silver", "profiles")]
    [(earliest,)] = ask(warehouse, "select min(date_day) from gold.fct_sales")
    assert earliest == date(2011, 1, 24)
    build(dbt, "--full-refresh")
    assert [fingerprints(warehouse.url, schema) for schema in ("gold", "silver", "profiles")] == incremental

    said = run("restore", "--all")
    assert f"of {files} archives; their files stay where they are\n" in said
    without = frozenset({"rows_archived"})
    for table in ("transactions", "customers", "landed_files"):
        assert (
            fingerprints(warehouse.url, "bronze", without)[table] == fingerprints(built.url, "bronze", without)[table]
        )
    build(dbt)
    assert fingerprints(warehouse.url) == fingerprints(built.url)


def build(dbt: Dbt, *options: str) -> None:
    """Build everything with its checks, all of which must pass."""
    # Half of what the warehouse knows leaves at once, and this is meant.
    options = (*options, "--vars", "{pg_wap_max_closed_share: 1}")
    bad = [
        f"{name}: {result.status} {result.message}"
        for name, result in dbt("build", "--exclude-resource-type", "unit_test", *options).items()
        if result.status not in ("success", "pass", "no-op")
    ]
    assert not bad


def manifests(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((folder / "archive").rglob("*.json"))]


def test_a_dry_run_changes_nothing(warehouse: Database, run: Run, tmp_path: Path) -> None:
    """The list is what a lawyer reads before anything is deleted."""
    before = state(warehouse)
    said = run("archive", "--dry-run")
    assert "Would go    10,263 rows of transactions, 2009-2010.parquet, 2009-12-01 to 2010-12-09\n" in said
    assert state(warehouse) == before
    assert not (tmp_path / "archive").exists()


def test_without_keep_nothing_leaves(warehouse: Database, run: Run) -> None:
    """The contract that ships must not delete the sample, which is of 2009 to 2011."""
    before = state(warehouse)
    assert "no table has a `keep`" in run("archive", contract=CONTRACT)
    assert state(warehouse) == before


def test_a_correction_stays_as_long_as_what_it_corrects(run: Run, tmp_path: Path) -> None:
    """If the correction left alone, the line that it replaced would be in gold again."""
    # The daily files before December 5 are old, the archive that they correct is not.
    said = run("archive", "--dry-run", "--as-of", "2017-12-05")
    assert f"Kept        daily/2010-12-01.csv: corrects rows of {ARCHIVE_OF_YEAR}, which stays\n" in said
    assert "nothing: no file is older" in said
    # A hold on the archive holds its corrections, too.
    holds = f"[{{files: {ARCHIVE_OF_YEAR}, reason: case 4711}}, {HOLD[1:]}"
    said = run("archive", "--dry-run", contract=agreed(tmp_path, hold=holds))
    assert f"Kept        {ARCHIVE_OF_YEAR}: legal hold: case 4711\n" in said
    assert "Kept        daily/2010-12-09.csv: corrects" in said
    assert "Would go    35 rows of transactions, daily/2010-12-10.csv" in said


def test_a_hold_on_the_table_wins(warehouse: Database, run: Run, tmp_path: Path) -> None:
    """A court that asks for everything must find everything."""
    before = state(warehouse)
    said = run("archive", contract=agreed(tmp_path, hold="[{reason: case 4711}]"))
    assert f"Kept        {ARCHIVE_OF_YEAR}: legal hold: case 4711\n" in said
    assert state(warehouse) == before


def test_a_hold_with_a_slip_is_refused(warehouse: Database, run: Run, tmp_path: Path) -> None:
    """A pattern that fits no file holds nothing, and what it should hold would be deleted."""
    said = refused(warehouse, run, "archive", contract=agreed(tmp_path, hold="[{files: dayly/*, reason: case}]"))
    assert "no landed file is named like 'dayly/*'" in said


def test_rows_in_quarantine_are_refused(warehouse: Database, run: Run, tmp_path: Path) -> None:
    """A line that waits for its correction would be settled by deleting it."""
    said = refused(warehouse, run, "archive", contract=agreed(tmp_path, hold=""))
    assert said == (
        f"Error: {IN_QUARANTINE} is older than 7 years, but 1 of its rows wait in silver.quarantined_lines: deliver a "
        "correction, or name the files under legal_hold of transactions. Nothing changed."
    )


def reject(warehouse: Database, file_id: int) -> None:
    """Let a file have a rejected row."""
    with psycopg.connect(warehouse.url) as session:
        session.execute(
            "update bronze.landed_files set rows_read = rows_read + 1, rows_rejected = 1 where file_id = %s", [file_id]
        )
        session.execute("insert into bronze.rejected_rows values (%s, 99999, 'a,b', 'too short')", [file_id])


def test_rejected_rows_have_a_time_of_their_own(warehouse: Database, run: Run, tmp_path: Path) -> None:
    """A rejected row waits to be replayed, until the contract says that it is given up."""
    reject(warehouse, 10)
    assert "daily/2010-12-01.csv is older than 7 years, but 1 of its rows wait in bronze.rejected_rows" in refused(
        warehouse, run, "archive"
    )
    with psycopg.connect(warehouse.url) as session:
        session.execute("update bronze.landed_files set landed_at = '2011-01-01' where file_id = 10")
        session.execute(
            "insert into bronze.refused_files values ('a.csv', 'empty', '2011-01-01'), ('b.csv', 'empty', now())"
        )
    before = fingerprints(warehouse.url, "bronze")
    keep = {"rejected_rows": "keep: 1 year", "refused_files": "keep: 18 months"}
    said = run("archive", contract=agreed(tmp_path, **keep))
    assert "Archived    1 rows of bronze.rejected_rows of 1 files" in said
    assert "Archived    1 rows of bronze.refused_files, 2011-01-01" in said
    assert ask(warehouse, "select name from bronze.refused_files") == [("b.csv",)]
    assert "1 rows of rejected_rows, rejected rows of daily/2010-12-01.csv\n" in run(
        "restore", "--file", "daily/2010-12-01.csv"
    )
    assert "1 rows of refused_files" in run("restore", "--file", "refused_files")
    run("restore", "--all")
    after = fingerprints(warehouse.url, "bronze")
    assert {**before, "archives": after["archives"]} == after


@pytest.mark.parametrize("fault", ["file", "manifest", "missing"])
def test_a_changed_archive_is_refused(warehouse: Database, run: Run, tmp_path: Path, fault: str) -> None:
    """A line that somebody put into an archive would be in the books again, as if the shop had delivered it."""
    run("archive")
    (path,) = (tmp_path / "archive" / "transactions").glob("000012-*.parquet")
    manifest = store.manifest_of(path)
    if fault == "file":
        rows = store.pl.read_parquet(path).with_columns(quantity=store.pl.lit("1"))
        rows.write_parquet(path)
        expected = f"{path}, the archive of daily/2010-12-03.csv, was changed: its SHA-256 is "
    elif fault == "manifest":
        manifest.write_text(manifest.read_text().replace('"rows": 37', '"rows": 36'))
        expected = f"{manifest} was changed: its rows is not that of the ledger"
    else:
        path.unlink()
        expected = f"{path}, the archive of daily/2010-12-03.csv, cannot be read: No such file or directory"
    assert expected in refused(warehouse, run, "restore", "--file", manifest)
    if fault != "manifest":
        assert expected in refused(warehouse, run, "restore", "--all")


def test_a_file_comes_back_with_its_corrections(warehouse: Database, run: Run) -> None:
    """Alone, the lines that were replaced would count again."""
    run("archive")
    said = run("restore", "--file", ARCHIVE_OF_YEAR)
    assert "Restored    45 rows of transactions, daily/2010-12-09.csv\n" in said
    assert "daily/2010-12-10.csv" not in said
    assert "1 archives" in run("restore", "--file", "daily/2010-12-10.csv")
    assert "is neither a manifest of the archive nor" in refused(warehouse, run, "restore", "--file", ARCHIVE_OF_YEAR)


def test_what_was_not_read_back_is_not_deleted(
    warehouse: Database, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that returns other bytes than it took must not cost the only copy."""
    read = store.read

    def damaged(path: Path) -> Iterator[tuple[Any, ...]]:
        rows = list(read(path))
        # The last file of all, so that everything before it is undone as well.
        changed = tuple("" if value is None else value for value in rows[0])
        return iter([changed if "2011-02-28" in path.name else rows[0], *rows[1:]])

    monkeypatch.setattr(store, "read", damaged)
    with psycopg.connect(warehouse.url) as session:
        session.execute("update bronze.transactions set description = null where _file_id = 77 and _line = 2")
    assert "was read back and does not hold the rows of bronze.transactions" in refused(warehouse, run, "archive")
    assert not list((tmp_path / "archive").rglob("*.*"))


def test_a_folder_that_cannot_be_written_is_refused(
    warehouse: Database, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk in the middle must leave neither half an archive nor half a warehouse."""
    written = iter(range(3))

    def full(path: Path) -> str:
        if next(written, None) is None:
            raise OSError(28, "No space left on device")
        return "0" * 64

    with monkeypatch.context() as patch:
        patch.setattr(store, "sha256", full)
        assert "cannot be written: No space left on device: free the space" in refused(warehouse, run, "archive")
    assert not list((tmp_path / "archive").rglob("*.*"))
    (tmp_path / "archive" / "transactions").rmdir()
    (tmp_path / "archive" / "transactions").write_text("")
    assert "cannot be written: File exists" in refused(warehouse, run, "archive")


@pytest.mark.parametrize("lock", [locks.BUILD_LOCK, records.LANDING_LOCK])
def test_a_build_or_a_landing_is_not_disturbed(warehouse: Database, run: Run, lock: int) -> None:
    """A build that has read the ledger must find the rows that the ledger counts."""
    with psycopg.connect(warehouse.url) as other:
        other.execute("select pg_advisory_lock(%s)", [lock])
        assert "and run this again. Nothing changed." in refused(warehouse, run, "archive")
        assert "and run this again. Nothing changed." in refused(warehouse, run, "restore", "--all")


def test_files_that_are_not_built_are_refused(warehouse: Database, run: Run, tmp_path: Path) -> None:
    """Before a build, nobody knows which rows of a file are in quarantine."""
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
    (tmp_path / "new.csv").write_text(header + "9,85123A,LANTERN,six,2010-12-01 08:26:00,2.55,17850,United Kingdom\n")
    land([tmp_path / "new.csv"], warehouse.url)
    assert "new.csv changed since the last build" in refused(warehouse, run, "archive")


def test_an_older_warehouse_is_refused(warehouse: Database, run: Run) -> None:
    """Without its table, nobody would know what an archive must hold."""
    with psycopg.connect(warehouse.operator_url) as session:
        session.execute("update bronze.schema_revision set version_num = '0003'")
    assert "run `make migrate`" in refused(warehouse, run, "archive")
    assert "run `make migrate`" in refused(warehouse, run, "restore", "--all")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["archive", "--as-of", "2018-13-01"], "AS_OF='2018-13-01' is no day"),
        (["archive", "--as-of", "9999-01-01"], "AS_OF=9999-01-01 is in the future"),
        (["restore"], "say what to restore"),
        (["restore", "--file", "a", "--all"], "say what to restore"),
        (["restore", "--file", "nothing.csv"], "'nothing.csv' is neither a manifest of the archive nor the name"),
    ],
)
def test_bad_input_gets_one_line(warehouse: Database, run: Run, arguments: list[str], expected: str) -> None:
    """A slip must not delete."""
    assert expected in refused(warehouse, run, *arguments)


def test_a_column_that_is_not_there_is_refused(warehouse: Database, run: Run, tmp_path: Path) -> None:
    """Dates of another column make other rows old."""
    text = agreed(tmp_path).read_text().replace("dated_by: invoiced_at", "dated_by: invoiced_on")
    (tmp_path / "contract.yml").write_text(text)
    assert "names the column 'invoiced_on', which stg_retail__transactions lacks" in refused(
        warehouse, run, "archive", contract=tmp_path / "contract.yml"
    )


def test_archived_content_does_not_land_again(warehouse: Database, run: Run, sample: Sample) -> None:
    """A till that sends a year again must not bring back what retention took out."""
    run("archive")
    path = sample.folder / "daily" / "2010-12-03.csv"
    assert [file.outcome for file in land([path], warehouse.url).files] == ["skipped"]


def test_rows_can_be_dropped_without_an_archive(warehouse: Database, run: Run, tmp_path: Path) -> None:
    """Some data must be gone after their time, not elsewhere."""
    contract = agreed(tmp_path)
    contract.write_text(contract.read_text().replace("archive: parquet, dated_by: inv", "archive: none, dated_by: inv"))
    assert "dropped without an archive" in run("archive", contract=contract)
    assert not (tmp_path / "archive").exists()
    assert ask(warehouse, "select count(*) from bronze.transactions where _file_id = 1") == [(0,)]
    assert run("restore", "--all") == "Restored    nothing: the archive is empty\n"


def test_the_checksum_tells_rows_apart(warehouse: Database) -> None:
    """Two different rows with one checksum could take each other's place."""
    with psycopg.connect(warehouse.url) as session:
        of = relation(session, "rejected_rows")
        rows = [
            (1, 2, "a", "b"),
            (1, 2, "", "ab"),
            (1, 2, None, "ab"),
            (1, 2, "ab", ""),
            (1, 3, "a", "b"),
            (1, 2, '"', ","),
        ]
        found = {content.read_back(session, of, given) for given in ([], *([row] for row in rows), rows, rows[:2])}
        assert len(found) == len(rows) + 3
        assert content.read_back(session, of, rows) == content.read_back(session, of, reversed(rows))


# A customer of the first customer file who bought something in the first year.
PERSON = """
    select btrim(customer_id)
    from bronze.customers
    where _file_id = 2 and btrim(customer_id) in (select btrim(customer_id) from bronze.transactions where _file_id = 1)
    order by btrim(customer_id)
    limit 1
"""
# As `make forget` writes them.
TOMBSTONE = """
    insert into bronze.erasure_rules (table_name, number_column, address_column, emptied_columns)
    values
        ('customers', 'customer_id', 'email', null),
        ('transactions', 'customer_id', null, array['customer_id', '_extra']);
    insert into bronze.erased_identities (digest) select bronze.identity_digest({});
"""
THEIRS = """
    select
        (select count(*) from bronze.customers where _file_id = 2 and btrim(customer_id) = %(person)s),
        (select count(*) from bronze.transactions where _file_id = 1 and btrim(customer_id) = %(person)s)
"""


@pytest.mark.parametrize("is_rewritten", [True, False], ids=["in the file", "at the restore"])
def test_who_was_erased_does_not_come_back(
    warehouse: Database, run: Run, tmp_path: Path, *, is_rewritten: bool
) -> None:
    """A person who was erased must be neither in a file of the archive nor, after a restore, in the warehouse."""
    [(person,)] = ask(warehouse, PERSON)
    with psycopg.connect(warehouse.url, autocommit=True) as session:
        [(profiles, lines)] = session.execute(THEIRS, {"person": person}).fetchall()
        assert profiles > 0
        assert lines > 0
        run("archive", contract=agreed(tmp_path, customers="keep: 8 years"))
        session.execute(sql.SQL(TOMBSTONE).format(person))
    if is_rewritten:
        # A file that came back and left again has two records, and one file.
        run("restore", "--file", "daily/2010-12-03.csv")
        assert "37 rows of bronze.transactions of 1 files" in run("archive")
        with records.alone() as session:
            with session.transaction():
                touched, old = erase_from_archives(session)
            store.remove(old)
        assert touched == len(old) > 1
        files = sorted((tmp_path / "archive").rglob("*.parquet"))
        assert [store.sha256(file) for file in files] == [
            json.loads(store.manifest_of(file).read_text())["file_sha256"] for file in files
        ]
        for file in files:
            assert not [row for row in store.read(file) if person in {str(value).strip() for value in row}]
    run("restore", "--all")
    with psycopg.connect(warehouse.url) as session:
        assert session.execute(THEIRS, {"person": person}).fetchall() == [(0, 0)]
    # A profile is deleted, and a line loses its customer only.
    counts = "select rows_read, rows_loaded, rows_archived, rows_erased from bronze.landed_files where file_id = %s"
    assert ask(warehouse, counts, 1) == [(10263, 10263, 0, 0)]
    assert ask(warehouse, counts, 2) == [(166, 166, 0, profiles)]
    rows = "select count(*) filter (where _file_id = 1) from bronze.transactions"
    assert ask(warehouse, rows) == [(10263,)]


def test_archived_rows_are_disclosed(warehouse: Database, run: Run, tmp_path: Path) -> None:
    """Who asks what is held of them must hear of the archive as well."""

    def disclosed(layers: tuple[str, ...]) -> dict[str, int]:
        with psycopg.connect(warehouse.operator_url) as session:
            found: dict[str, int] = {}
            for each in read(session, int(person)):
                if each.table.layer in layers and each.table.name in ("transactions", "customers"):
                    found[each.table.name] = found.get(each.table.name, 0) + len(each.rows)
            return found

    [(person,)] = ask(warehouse, PERSON)
    before = disclosed(("bronze",))
    run("archive", contract=agreed(tmp_path, customers="keep: 8 years"))
    left = disclosed(("bronze",))
    assert left != before
    assert disclosed(("bronze", "archive")) == before
