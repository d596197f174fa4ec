"""Backups of the embedded server: what comes back from them, and what becomes of bad input."""

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg
import pytest
from click.testing import CliRunner, Result
from dbt_project import WORKING_DATABASE, environment
from harness import SERVER_SETTINGS, Database
from history_stories import write
from test_late_data import FIRST
from warehouse_state import fingerprints

from scripts import connection
from scripts.backup import copying, stock, take
from scripts.backup.__main__ import main
from scripts.backup.stock import Backup
from scripts.errors import Refusal
from scripts.health.measures import limits, measure
from scripts.land import land
from scripts.paths import PROJECT_ROOT
from scripts.warehouse import keeping
from scripts.warehouse import server as embedded

NOTES = "select string_agg(note, ' ' order by note) from public.notes"


class Kept(NamedTuple):
    """A warehouse with two backups, and what happened after them.

    Attributes:
        home: its folder.
        backups: the folder of its backups.
        full: the name of the first backup.
        incremental: the name of the second one.
        before: a time before the first one.
        moment: a time after the second one, when `public.notes` still existed.
        output: what the commands said.
    """

    home: Path
    backups: Path
    full: str
    incremental: str
    before: datetime
    moment: datetime
    output: str


def backup(*arguments: str) -> Result:
    """Run a command of the program in this process."""
    return CliRunner().invoke(main, arguments, prog_name="backup")


def succeeded(result: Result) -> str:
    """Return the output of a command that must have succeeded."""
    assert result.exit_code == 0, result.output
    return result.output


def assert_refused(result: Result, *words: str) -> None:
    """Check that the output is one line with these words, without a traceback."""
    assert result.exit_code == 1, result.output
    assert len(result.output.splitlines()) == 1, result.output
    for word in words:
        assert word in result.output


def url(role: str = connection.LOCAL_OPERATOR, database: str = WORKING_DATABASE) -> str:
    """Return the URI of the copied warehouse on the server in use."""
    return f"postgresql://{role}@/{database}?host={environment()['PGHOST']}&port=5432"


def ask(query: str) -> list[tuple]:
    """Run a query on the server in use."""
    with psycopg.connect(url(), autocommit=True) as session:
        return session.execute(query).fetchall()


def do(statement: str) -> None:
    """Run a statement on the server in use."""
    with psycopg.connect(url(), autocommit=True) as session:
        session.execute(statement)


@pytest.fixture(scope="module")
def dumped(server: str, built: Database) -> Iterator[tuple[Path, str]]:
    """Dump the built warehouse and its roles, and restore them into a server of a new folder."""
    with TemporaryDirectory(prefix="retail-") as folder, pytest.MonkeyPatch.context() as patch:
        dump, roles = Path(folder, "retail.dump"), Path(folder, "roles.sql")
        with psycopg.connect(server, autocommit=True) as session:
            session.execute("drop role if exists ana")
            session.execute("create role ana login password 'secret'")
            session.execute("grant pg_monitor to ana")
        with psycopg.connect(built.operator_url, autocommit=True) as session:
            session.execute("grant usage on schema gold to ana")
        before = str(fingerprints(built.url))
        for program, *arguments in (
            ("pg_dumpall", "--roles-only", f"--dbname={server}", f"--file={roles}"),
            ("pg_dump", "--format=custom", "--compress=0", f"--dbname={built.operator_url}", f"--file={dump}"),
        ):
            subprocess.run([embedded.binary(program), *arguments], check=True)
        with psycopg.connect(built.operator_url, autocommit=True) as session:
            session.execute("revoke usage on schema gold from ana")
            session.execute("drop role ana")
        home = Path(folder) / "wh"
        patch.setenv("WAREHOUSE_HOME", str(home))
        patch.setattr(connection, "LOCAL_DATABASE", WORKING_DATABASE)
        home.mkdir(mode=0o700)
        (home / "override.conf").write_text(SERVER_SETTINGS)
        embedded.ensure_running()
        with psycopg.connect(url(database="postgres"), autocommit=True) as session:
            session.execute(f"create database {WORKING_DATABASE} owner {connection.LOCAL_USER}")
        for program, *arguments in (
            ("psql", "--quiet", f"--file={roles}", f"--dbname={url()}"),
            ("pg_restore", "--exit-on-error", f"--dbname={url()}", str(dump)),
        ):
            subprocess.run([embedded.binary(program), *arguments], check=True, stderr=subprocess.DEVNULL)
        yield home, before
        for name in ("wh", "wh-standby", "restored", "restored-late"):
            patch.setenv("WAREHOUSE_HOME", str(home.with_name(name)))
            embedded.destroy()


@pytest.fixture(scope="module")
def kept(dumped: tuple[Path, str]) -> Kept:
    """Back the copied warehouse up in full, change it, back it up again, and change it again."""
    home, _ = dumped
    before = datetime.now(timezone.utc)
    output = succeeded(backup("take"))
    do("create table public.notes (note text)")
    do("insert into public.notes values ('first')")
    output += succeeded(backup("take"))
    do("insert into public.notes values ('second')")
    time.sleep(0.1)
    moment = datetime.now(timezone.utc)
    time.sleep(0.1)
    do("drop table public.notes")
    folder = home.with_name("wh-backups")
    full, incremental = stock.read(folder)
    return Kept(home, folder, full.name, incremental.name, before, moment, output)


@pytest.fixture
def use(kept: Kept) -> Iterator[Callable[[Path], None]]:
    """Offer to work on another warehouse folder until the end of the test."""
    with pytest.MonkeyPatch.context() as patch:
        yield lambda home: patch.setenv("WAREHOUSE_HOME", str(home))


def test_a_dump_restores_the_warehouse_and_its_roles(dumped: tuple[Path, str]) -> None:
    """A dump is the only way to another version, and grants fail without the roles that they name."""
    _, before = dumped
    assert str(fingerprints(url())) == before
    assert ask("select has_schema_privilege('ana', 'gold', 'usage'), pg_has_role('ana', 'pg_monitor', 'member')") == [
        (True, True)
    ]


def test_the_choice_survives_a_restart(kept: Kept) -> None:
    """A warehouse that forgets its backups at a restart has a hole in its log, and tells nobody."""
    assert "restarted once" in kept.output
    embedded.stop()
    embedded.ensure_running()
    assert ask("show wal_level") == [("replica",)]
    assert ask("show synchronous_commit") == [("on",)]
    assert kept.output.count("restarted") == 1


def test_the_second_backup_holds_only_changes(kept: Kept) -> None:
    """A warehouse that copies everything each time is backed up less often."""
    full, incremental = stock.read(kept.backups)
    assert (full.kind, incremental.kind, incremental.parent) == ("full", "incremental", full.name)
    assert incremental.bytes < full.bytes / 2
    assert full.release_id == ask("select max(release_id) from audit.releases")[0][0]


def test_a_restored_warehouse_goes_on(
    kept: Kept, dumped: tuple[Path, str], use: Callable[[Path], None], dbt, tmp_path: Path
) -> None:
    """A backup is worth what the next build makes of it: history goes on, and nothing is built from scratch."""
    restored = kept.home.with_name("restored")
    succeeded(backup("restore", "--backup", kept.incremental, "--into", str(restored)))
    assert kept.home.with_name("restored.part").exists() is False
    use(restored)
    embedded.ensure_running()
    assert ask(NOTES) == [("first",)]
    assert str(fingerprints(url())) == dumped[1]
    assert ask("select pg_has_role('ana', 'pg_monitor', 'member'), pg_is_in_recovery()") == [(True, False)]
    lines = "select count(*) from gold.fct_sales"
    files = """
        select c.relname, c.relfilenode from pg_class as c inner join pg_namespace as n on c.relnamespace = n.oid
        where n.nspname = 'gold_partitions' and c.relkind = 'r'
    """
    (before,), partitions = ask(lines)[0], set(ask(files))
    line = replace(FIRST, invoice="999001", invoiced_at=datetime(2011, 11, 3, 9))
    write((line,), tmp_path / "late.csv")
    assert land([tmp_path / "late.csv"], url(connection.LOCAL_USER)).of("landed")
    outcomes = dbt("build", "--exclude-resource-type", "unit_test")
    assert {outcome.status for outcome in outcomes.values()} <= {"success", "pass", "warn", "no-op"}
    assert ask(lines) == [(before + 1,)]
    # Most months are the files that were restored.
    assert len(partitions & set(ask(files))) > len(partitions) / 2


def test_a_restore_stops_at_a_time(kept: Kept, use: Callable[[Path], None]) -> None:
    """Who drops a table needs the moment before it, not the last night."""
    restored = kept.home.with_name("restored-late")
    moment = kept.moment.isoformat()
    assert "up to the transaction of" in succeeded(backup("restore", "--to", moment, "--into", str(restored)))
    use(restored)
    embedded.ensure_running()
    assert ask(NOTES) == [("first second",)]
    # The restored server is another one, and must not write into the log of the first.
    assert ask("show archive_mode") == [("off",)]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--backup", "2001-01-01T000000Z"], ["is not in", "`make backups`"]),
        (["--to", "yesterday"], ["is no time", "give one such as"]),
        (["--to", "{before}"], ["no backup ended before", "{full}"]),
        (["--to", "{moment}", "--backup", "{incremental}", "--into", "{home}"], ["a server runs on {home}", "INTO="]),
        (["--backup", "{full}", "--to", "{before}"], ["before the end of backup {full}", "BACKUP=latest"]),
        (["--to", "{future}"], ["has not come yet"]),
        (["--into", "{full_folder}"], ["is not empty", "INTO="]),
        (["--into", "{a_file}"], ["is no folder"]),
        (["--backups", "{nowhere}"], ["there are no backups in", "make backup"]),
    ],
)
def test_a_restore_refuses_bad_input(kept: Kept, tmp_path: Path, arguments: list[str], words: list[str]) -> None:
    """A restore is done in a hurry, and a slip must not cost the warehouse that is still there."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    (tmp_path / "file").write_text("years of work")
    names = kept._asdict() | {
        "future": (datetime.now(timezone.utc) + timedelta(days=1)).isoformat(),
        "full_folder": tmp_path / "full",
        "a_file": tmp_path / "file",
        "nowhere": tmp_path / "nowhere",
    }
    target = tmp_path / "new"
    into = [] if "--into" in arguments else ["--into", str(target)]
    assert_refused(
        backup("restore", *(argument.format(**names) for argument in arguments), *into),
        *(word.format(**names) for word in words),
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "full"]
    assert embedded.is_running()


def test_a_time_after_the_end_of_the_log(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the server is lost, nobody knows how far its log reaches until a restore has read it."""
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path / "lost"))
    (tmp_path / "lost").mkdir()
    late = (datetime.now(timezone.utc) - timedelta(milliseconds=1)).isoformat()
    result = backup(
        "restore", "--backups", str(kept.backups), "--backup", kept.full, "--to", late, "--into", str(tmp_path / "new")
    )
    assert result.exit_code == 1
    assert "does not run" in result.output.splitlines()[0]
    assert "does not reach the time TO" in result.output.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["lost"]


def test_a_backup_on_a_full_disk_leaves_nothing(kept: Kept) -> None:
    """A folder that looks like a backup and is none is worse than no backup."""
    before = sorted(kept.backups.iterdir())
    process = subprocess.run(
        [sys.executable, "-m", "scripts.backup", "take", "--full"],
        cwd=PROJECT_ROOT,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4 * 1024**2,) * 2),
    )
    assert process.returncode == 1, process.stdout + process.stderr
    (line,) = process.stderr.splitlines()
    assert "cannot be copied" in line
    assert "free in" in line
    assert sorted(kept.backups.iterdir()) == before


def test_a_full_backup_needs_room(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup that fills the disk stops the warehouse as well, if both are on one disk."""
    real = shutil.disk_usage
    monkeypatch.setattr(shutil, "disk_usage", lambda path: real(path)._replace(free=1000))
    assert_refused(backup("take", "--full"), "a full backup takes up to", "BACKUPS=")


def test_an_aborted_backup_does_not_look_complete(kept: Kept) -> None:
    """A killed backup cannot clear up behind itself, so its name must say that it is none."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scripts.backup", "take", "--full"], cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL
    )
    while not list(kept.backups.glob("*.part/data/base")):
        assert process.poll() is None, "the backup ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.wait()
    assert list(kept.backups.glob("*.part"))
    assert [found.name for found in stock.read(kept.backups)] == [kept.full, kept.incremental]
    with stock.alone(kept.backups):
        assert not list(kept.backups.glob("*.part"))


def test_a_damaged_copy_is_no_backup(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup that was never read is a hope."""
    copy = copying.copy_files

    def copy_and_damage(home: Path, target: Path, *options: str) -> None:
        copy(home, target, *options)
        file = target / "global" / "pg_filenode.map"
        content = bytearray(file.read_bytes())
        content[100] ^= 1
        file.write_bytes(content)

    monkeypatch.setattr(copying, "copy_files", copy_and_damage)
    before = sorted(kept.backups.iterdir())
    assert_refused(backup("take"), "is not what the server sent", "pg_filenode.map")
    assert sorted(kept.backups.iterdir()) == before


def test_two_backups_at_once(kept: Kept) -> None:
    """A nightly backup and one by hand must not delete each other's unfinished files."""
    with stock.alone(kept.backups):
        assert_refused(backup("take"), "another backup or restore works in")


def test_backups_of_another_warehouse_stay_its_own(kept: Kept, tmp_path: Path) -> None:
    """Two warehouses in one folder would delete each other's backups by number and age."""
    (tmp_path / "theirs").mkdir()
    ended = kept.moment.isoformat()
    theirs = Backup("theirs", None, ended, ended, "/their/wh", "1", "18.6", 1, "0/2000028", 1, None)
    stock.write(tmp_path / "theirs", theirs)
    assert_refused(backup("take", "--backups", str(tmp_path)), "holds backups of /their/wh", "BACKUPS=")


def test_health_sees_what_is_not_archived(kept: Kept) -> None:
    """If the folder of the log is gone, the log fills the disk of the server instead."""
    archive = Path(keeping.read(kept.home).archive or "")
    assert {found.name: found.status for found in measure(limits({"disk": 100}))}["backup"] == "ok"
    assert {found.name: found.status for found in measure(limits({"backup": 0}))}["backup"] == "fail"
    archive.rename(archive.with_name("away"))
    try:
        do("select pg_logical_emit_message(false, 'test', 'x', true), pg_switch_wal()")
        found = {found.name: found for found in measure(limits({"archive": 0}))}["archive"]
    finally:
        archive.with_name("away").rename(archive)
    assert (found.status, found.value) == ("fail", 1)


def test_another_target_has_its_own_tools(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backup of the embedded server must not pass for one of production."""
    for name in connection.REQUIRED_VARIABLES:
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("DBT_TARGET", "prod")
    assert_refused(backup("take"), "'prod'", "its own tools")


def test_old_backups_go_unless_others_need_them() -> None:
    """An incremental backup without the full one below it is worth nothing."""
    now = datetime(2026, 1, 31, tzinfo=timezone.utc)

    def taken(day: int, parent: int | None = None) -> Backup:
        ended = datetime(2026, 1, day, tzinfo=timezone.utc).isoformat()
        return Backup(
            str(day), str(parent) if parent else None, ended, ended, "/wh", "1", "18.6", 1, "0/2000028", 1, None
        )

    backups = [taken(1), taken(2, 1), taken(10), taken(11, 10), taken(12, 11), taken(30)]
    assert [old.name for old in stock.outdated(backups, 2, 5, now)] == ["1", "2"]
    assert [old.name for old in stock.outdated(backups, 1, 5, now)] == ["1", "2", "10", "11", "12"]
    assert [old.name for old in stock.outdated(backups, 1, 30, now)] == []


def test_outdated_backups_and_their_log_are_deleted(kept: Kept, tmp_path: Path) -> None:
    """A disk full of old log stops the warehouse."""
    folder = tmp_path / "backups"
    system = stock.read(kept.backups)[0].system
    archive = stock.archive_of(folder, system)
    embedded.give(folder, kept.home)
    embedded.give(archive.parent, kept.home)
    embedded.give(archive, kept.home)
    for number, name in ((3, "old"), (7, "new")):
        (folder / name).mkdir()
        segment = f"0000000100000000{number:08X}"
        (archive / segment).write_text("log")
        ended = datetime(2026, 1, number, tzinfo=timezone.utc).isoformat()
        position = f"0/{number:X}000028"
        stock.write(folder / name, Backup(name, None, ended, ended, "/wh", system, "18.6", 1, position, 1, None))
    assert [gone.name for gone in take.clear(folder, keep=1, days=0)] == ["old"]
    assert [path.name for path in archive.iterdir()] == [f"0000000100000000{7:08X}"]
    assert not (folder / "old").exists()


def test_readers_follow_and_a_promotion_loses_nothing(kept: Kept, use: Callable[[Path], None]) -> None:
    """What readers have seen must still be there after the server was killed, sent to the standby or not."""
    gold = fingerprints(url())
    standby = kept.home.with_name("wh-standby")
    assert "the standby streams" in succeeded(backup("standby"))
    assert_refused(backup("promote"), f"the server in {kept.home} runs", "stop it first")
    use(standby)
    assert ask("select pg_is_in_recovery()") == [(True,)]
    assert fingerprints(url()) == gold
    assert_refused(backup("take"), "is a standby")
    with pytest.raises(Refusal, match="is a standby, which only follows"):
        embedded.refuse_standby()
    assert {found.name: found.status for found in measure(limits({}))}["standby"] == "ok"
    found = embedded.find()
    receivers = subprocess.run(["pgrep", "-P", str(found.pid), "-f", "walreceiver"], capture_output=True, check=True)
    receiver = int(receivers.stdout)
    os.kill(receiver, 19)
    use(kept.home)
    do("create table public.promised as select generate_series(1, 100000) as promise")
    primary = embedded.find()
    os.kill(primary.pid, 9)
    os.kill(receiver, 18)
    assert "the standby took over" in succeeded(backup("promote"))
    assert_refused(backup("promote"), "took over already")
    with pytest.raises(Refusal, match="took over from the server"):
        embedded.ensure_running()
    use(standby)
    assert ask("select count(*), sum(promise) from public.promised") == [(100_000, 5_000_050_000)]
    do("insert into public.promised values (0)")
    assert fingerprints(url()) == gold
    assert keeping.read(standby) == keeping.Keeping()
