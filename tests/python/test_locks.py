"""A wait for an advisory lock names the session that holds it, ends, and holds no snapshot meanwhile."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from harness import Database

from scripts import locks
from scripts.errors import Refusal
from scripts.land import land
from scripts.land.bronze import ledger

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
ROW = "1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,UK\n"


@pytest.fixture
def rude(database: Database, tmp_path: Path) -> Iterator[psycopg.Connection]:
    """Land a file, then hold the lock of the loader as a role without any right."""
    (tmp_path / "a.csv").write_text(HEADER + ROW)
    land([tmp_path], database.url)
    (tmp_path / "b.csv").write_text(HEADER + ROW * 2)
    (tmp_path / "c.csv").write_text(HEADER + ROW * 3)
    with psycopg.connect(database.operator_url, autocommit=True) as owner:
        owner.execute("create role rude login")
        url = database.operator_url.replace("postgres@", "rude@")
        with psycopg.connect(url, autocommit=True, application_name="a report") as session:
            session.execute("select pg_advisory_lock(%s)", [ledger.LANDING_LOCK])
            yield session
        owner.execute("drop role rude")


def test_a_landing_ends_and_names_who_stopped_it(
    rude: psycopg.Connection, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    """Any role may take the lock, and a landing that waits for ever without a word looks like one that works."""
    monkeypatch.setattr(ledger, "PATIENCE_SECONDS", 0.3)
    with pytest.raises(Refusal) as refused:
        land([tmp_path], database.url)
    holder = f"process {rude.info.backend_pid} (role rude, application a report"
    assert holder in refused.value.message
    assert f"pg_terminate_backend({rude.info.backend_pid})" in refused.value.message
    assert "\n" not in refused.value.message
    assert f"Waiting     for the landing lock, which {holder}" in capsys.readouterr().err
    rude.execute("select pg_advisory_unlock_all()")
    assert [file.outcome for file in land([tmp_path], database.url).files] == ["skipped", "landed", "landed"]


def test_a_landing_that_waits_holds_no_snapshot(rude: psycopg.Connection, database: Database, tmp_path: Path) -> None:
    """A release waits for each session with an older snapshot, so a landing that waits would hold it up."""
    waiting = """
        select from pg_stat_activity
        where
            application_name = 'scripts.land' and datname = current_database()
            and state = 'idle in transaction' and query like '%pg_locks%' and backend_xmin is null
    """
    with ThreadPoolExecutor() as pool, psycopg.connect(database.url, autocommit=True) as observer:
        landing = pool.submit(land, [tmp_path], database.url)
        deadline = time.monotonic() + 30
        try:
            while not observer.execute(waiting).rowcount:
                assert time.monotonic() < deadline
                assert not landing.done(), landing.result()
                time.sleep(0.01)
        finally:
            # The landing would wait for as long as the pool waits for it.
            rude.execute("select pg_advisory_unlock_all()")
        assert [file.outcome for file in landing.result().files] == ["skipped", "landed", "landed"]


def test_patience_is_for_one_transaction(database: Database) -> None:
    """A loader at work takes the lock for each file again, and the landing that waits must not give up."""
    taken = threading.Event()

    def work(seconds: float) -> None:
        with psycopg.connect(database.url) as worker:
            until = time.monotonic() + seconds
            while time.monotonic() < until:
                worker.execute("select pg_advisory_xact_lock(7)")
                taken.set()
                time.sleep(0.1)
                # The next transaction waits for its turn in the server, as the lock is taken before the waiter asks.
                worker.execute("commit; begin; select pg_advisory_xact_lock(7)")

    with ThreadPoolExecutor() as pool, psycopg.connect(database.url) as waiter:
        working = pool.submit(work, 1.5)
        taken.wait(30)
        locks.take(waiter, 7, what="work", patience=0.6, say=lambda line: None)
        working.result()


def test_a_lock_is_told_from_others(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """The lock of another database, or with the same number in two halves, is not the one that we wait for."""
    number = (1 << 33) + 5
    with psycopg.connect(database.url) as one, psycopg.connect(database.url, application_name="right") as other:
        one.execute("select pg_advisory_lock(2, 5)")
        other.execute("select pg_advisory_lock(%s)", [number])
        found = one.execute(locks.HOLDER.format(number)).fetchall()
        assert [row[3] for row in found] == ["right"]
