"""The report on the warehouse's health: every measure must fail when its fault is there."""

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from click.testing import CliRunner, Result
from harness import Database

from scripts import connection
from scripts.health.__main__ import main
from scripts.health.measures import Measure, limits, measure
from scripts.paths import warehouse_home
from scripts.stream.cdc.bronze import TABLES as CAPTURE
from scripts.warehouse import keeping

# The disk and the age of the sample are not what these tests are about.
WELL = {"disk": 100.0}
WITH_NOTHING_KEPT = {"standby", "archive", "backup"}


def health(*arguments: str) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(main, arguments, prog_name="health")


def found(**overrides: float) -> dict[str, Measure]:
    """Return all measures by their names."""
    return {one.name: one for one in measure(limits(WELL | overrides))}


@pytest.fixture
def well(built: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Measure the built warehouse."""
    monkeypatch.setattr(connection, "LOCAL_DATABASE", built.name)
    return built


@pytest.fixture
def copy(copy_of_built: Database, monkeypatch: pytest.MonkeyPatch) -> Database:
    """Measure a copy of the built warehouse, to damage."""
    monkeypatch.setattr(connection, "LOCAL_DATABASE", copy_of_built.name)
    return copy_of_built


@pytest.fixture
def kept(well: Database, tmp_path: Path) -> Iterator[None]:
    """Let the folder say that there are backups and a standby, though there are none."""
    keeping.write(warehouse_home(), keeping.Keeping(archive=str(tmp_path / "wal" / "1"), standby=str(tmp_path)))
    yield
    keeping.write(warehouse_home(), keeping.Keeping())


def test_a_well_warehouse_is_reported_as_well(well: Database) -> None:
    """A report that always complains is ignored."""
    result = health("--limit", "disk=100 file=1", "--limit", "release=1")
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    assert [line.split()[1] for line in lines] == ["server", *limits({})]
    assert {line.split()[0] for line in lines} == {"ok", "off"}


@pytest.mark.parametrize("name", ["disk", "file", "release"])
def test_a_value_above_its_limit_fails(well: Database, name: str) -> None:
    """A monitor reads only the exit code."""
    result = health("--limit", f"disk=100 {name}=0")
    assert result.exit_code == 1
    assert [line.split()[1] for line in result.output.splitlines() if line.startswith("fail")] == [name]


def test_a_stopped_server_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report must not start the server whose state it reports."""
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path))
    result = health("--limit", "disk=100")
    assert result.exit_code == 1
    assert result.output.startswith("fail    server")
    assert "unknown release" in re.sub(" +", " ", result.output)
    assert list(tmp_path.iterdir()) == []


def test_an_empty_warehouse_is_not_well(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A warehouse that was never filled has no age that a limit could catch."""
    monkeypatch.setattr(connection, "LOCAL_DATABASE", database.name)
    measures = found()
    assert {name for name, one in measures.items() if one.status == "fail"} == {"file", "release", "checks"}


def test_a_failing_check_is_named(copy: Database) -> None:
    """The reader of a report should know where to look."""
    with psycopg.connect(copy.url, autocommit=True) as session:
        session.execute("update audit.node_results set status = 'fail' where name = 'assert_quarantine_stays_small'")
    one = found()["checks"]
    assert (one.status, one.value, one.text) == ("fail", 1, "assert_quarantine_stays_small")


def test_a_waiting_session_and_an_open_transaction_are_named(well: Database) -> None:
    """A release waits for readers, and somebody has to know for whom."""
    with closing(psycopg.connect(well.url)) as holder, closing(psycopg.connect(well.url)) as waiter:
        holder.execute("select pg_advisory_xact_lock(4711)")
        waiter.execute("begin")
        waiter.pgconn.send_query(b"select pg_advisory_xact_lock(4711)")
        with psycopg.connect(well.url, autocommit=True) as session:
            while not session.execute("select 1 from pg_locks where not granted and waitstart is not null").fetchall():
                pass
        measures = found(locks=0, transaction=0)
        waiting = f"process {waiter.info.backend_pid} waits for process {holder.info.backend_pid}"
        assert (measures["locks"].status, measures["locks"].text) == ("fail", waiting)
        assert measures["transaction"].status == "fail"
        assert f"process {holder.info.backend_pid}" in measures["transaction"].text
        holder.rollback()


def test_a_capture_that_has_stopped_fails(copy: Database) -> None:
    """The source keeps its log for a capture that does not run, until its disk is full or changes are lost."""
    assert found()["stream"].status == "off"
    with psycopg.connect(copy.url, autocommit=True) as session:
        session.execute(CAPTURE.read_bytes())
        session.execute(
            """
            insert into bronze.streams (
                slot, copy_number, publication, system_identifier, database, position, landed_at
            ) values
            ('shop', 1, 'p', '7', 'shop', '0/1', now()),
            ('old', 1, 'p', '7', 'shop', '0/2', now() - interval '1h')
            """
        )
        one = found()["stream"]
        assert (one.status, round(one.value), one.text) == ("fail", 60, "slot old, landed up to 0/2")
        session.execute("delete from bronze.streams where slot = 'old'")
        assert found()["stream"].status == "ok"


def test_dead_rows_are_bloat(copy: Database) -> None:
    """A table that vacuum cannot clear becomes slow without a word."""
    with psycopg.connect(copy.url, autocommit=True) as session:
        session.execute("create table public.full_of_dead (n) with (autovacuum_enabled = false) as select 1")
        session.execute("insert into public.full_of_dead select generate_series(1, 300000)")
        session.execute("delete from public.full_of_dead where n > 100000")
        session.execute("select pg_stat_force_next_flush()")
    one = found()["bloat"]
    assert (one.status, one.text) == ("fail", "public.full_of_dead")


def test_a_missing_backup_and_a_missing_standby_fail(kept: None) -> None:
    """What was switched on once, and broke, looks like what was never there."""
    measures = found()
    assert {name: measures[name].status for name in WITH_NOTHING_KEPT} == {
        "standby": "fail",
        "archive": "ok",
        "backup": "fail",
    }


def test_monitors_get_the_same_measures(well: Database) -> None:
    """A monitor that reads other values than people do is a second truth."""
    as_json = json.loads(health("--limit", "disk=100", "--json").output)
    text = health("--limit", "disk=100", "--prometheus").output
    assert [one["name"] for one in as_json] == ["server", *limits({})]
    for line in text.splitlines():
        assert re.fullmatch(r'# (TYPE|HELP) \w+ .+|\w+(\{measure="\w+"\})? -?[\d.e+-]+', line), line
    assert len(re.findall(r"^retail_warehouse_well\{.*\} 1$", text, re.MULTILINE)) == len(as_json)
    assert "retail_warehouse_server_up 1\n" in text


@pytest.mark.parametrize("limit", ["disc=95", "disk=much", "disk"])
def test_a_wrong_limit_is_named(well: Database, limit: str) -> None:
    """A limit with a slip would be one that never fails."""
    result = health("--limit", limit)
    assert result.exit_code in {1, 2}
    assert limit.partition("=")[0] in result.output
    assert "Traceback" not in result.output
