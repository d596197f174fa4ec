"""`scripts/dbt_tuning/sessions.py` keeps a session open for the next node, but not the state of the last node."""

import multiprocessing
from collections.abc import Iterator
from types import SimpleNamespace

import psycopg
import pytest
from dbt.adapters.postgres.connections import PostgresConnectionManager, PostgresCredentials
from dbt_common.exceptions import DbtDatabaseError

from scripts import connection
from scripts.dbt_tuning.sessions import keep_sessions

PROCESS = "select pg_backend_pid()"


@pytest.fixture
def credentials(database) -> PostgresCredentials:
    """Return the credentials with which dbt logs in."""
    place = connection.libpq_environment("local")
    login = {"host": place["PGHOST"], "port": int(place["PGPORT"]), "user": place["PGUSER"], "password": ""}
    return PostgresCredentials(database=database.name, schema="public", **login)


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch, credentials: PostgresCredentials) -> Iterator[PostgresConnectionManager]:
    """Yield dbt's connection manager with the change that a build makes to it."""
    monkeypatch.setattr(PostgresConnectionManager, "release", PostgresConnectionManager.release)
    keep_sessions()
    manager = PostgresConnectionManager(SimpleNamespace(credentials=credentials), multiprocessing.get_context("spawn"))
    yield manager
    manager.cleanup_all()


def node(sessions: PostgresConnectionManager, *statements: str, commit: bool = False) -> str:
    """Run statements as a dbt node does, and return the first value of the last statement."""
    sessions.set_connection_name(f"node of {len(statements)}")
    try:
        for statement in statements:
            _, table = sessions.execute(statement, auto_begin=True, fetch=True)
        if commit:
            sessions.commit()
        return str(table.rows[0][0]) if table.rows else ""
    finally:
        sessions.release()


def test_next_node_goes_on_with_the_session(sessions) -> None:
    """A new session reads the catalog again, which took the server 0.5 s per build."""
    assert node(sessions, PROCESS) == node(sessions, "select 1", PROCESS)


def test_what_a_node_did_not_commit_is_undone(sessions, database) -> None:
    """A check ends without a commit, and a model that fails must leave no changes."""
    node(sessions, "create table kept (id integer)", commit=True)
    node(sessions, "create table undone (id integer)")
    with psycopg.connect(database.url) as session:
        tables = session.execute("select relname from pg_class where relname in ('kept', 'undone')").fetchall()
    assert tables == [("kept",)]


def test_no_transaction_stays_open(sessions, database) -> None:
    """An open transaction would hold up a release and vacuum."""
    process = node(sessions, PROCESS)
    with psycopg.connect(database.url) as session:
        state = session.execute("select state from pg_stat_activity where pid = %s", [int(process)]).fetchone()
    assert state == ("idle",)


@pytest.mark.parametrize(
    ("left", "seen"),
    [
        ("create temporary table leftover (id integer)", "select to_regclass('leftover')"),
        ("set work_mem = '1MB'", "select current_setting('work_mem')"),
        ("select pg_advisory_lock(1)", "select nullif(count(*), 0) from pg_locks where locktype = 'advisory'"),
        ("prepare known as select 1", "select nullif(count(*), 0) from pg_prepared_statements"),
    ],
)
def test_nothing_of_a_node_reaches_the_next(sessions, left: str, seen: str) -> None:
    """Partitioned models take a session-level lock, and dbt's snapshots leave temporary tables."""
    process = node(sessions, PROCESS)
    before = node(sessions, seen)
    assert node(sessions, left, "select 1", commit=True) == "1"
    assert (node(sessions, PROCESS), node(sessions, seen)) == (process, before)


def test_node_that_failed_does_not_spoil_the_next(sessions) -> None:
    """PostgreSQL rejects every statement in a failed transaction until the session rolls it back."""
    process = node(sessions, PROCESS)
    with pytest.raises(DbtDatabaseError):
        node(sessions, "select 1 / 0")
    assert node(sessions, PROCESS) == process


def test_session_that_broke_is_replaced(sessions, database) -> None:
    """An administrator may end a session at any time, and this must fail only one node."""
    process = node(sessions, PROCESS)
    with pytest.raises(DbtDatabaseError):
        node(sessions, f"select pg_terminate_backend({process})")
    assert node(sessions, PROCESS) != process


def test_role_of_a_profile_is_kept(sessions, database, credentials) -> None:
    """`discard all` resets the role of a session, so new tables would belong to another role."""
    with psycopg.connect(database.operator_url, autocommit=True) as session:
        session.execute("create role test_sessions_role")
        session.execute(f"grant test_sessions_role to {connection.LOCAL_USER}")
    credentials.role = "test_sessions_role"
    assert {node(sessions, "select current_user") for _ in range(3)} == {"test_sessions_role"}
    with psycopg.connect(database.operator_url, autocommit=True) as session:
        session.execute("drop role test_sessions_role")


def test_sessions_end_with_the_build(sessions, database) -> None:
    """An unused session would prevent the user from dropping the database."""
    process = node(sessions, PROCESS)
    sessions.cleanup_all()
    with psycopg.connect(database.url) as session:
        query = "select pg_sleep(0.05) from pg_stat_activity where pid = %s"
        assert any(not session.execute(query, [int(process)]).fetchall() for _ in range(100))
