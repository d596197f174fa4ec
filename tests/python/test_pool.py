"""PgBouncer before the embedded server: many readers, and the rights of each."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from click.testing import CliRunner
from harness import Database

from scripts.pool.__main__ import main
from scripts.warehouse import server as embedded

CLIENTS = 200
pytestmark = pytest.mark.skipif(
    shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin") is None, reason="pgbouncer is not installed"
)


class Pool(NamedTuple):
    """A running PgBouncer.

    Attributes:
        port: of 127.0.0.1.
        database: the built warehouse.
    """

    port: int
    database: Database


@pytest.fixture(scope="module")
def pool(built: Database) -> Iterator[Pool]:
    """Run PgBouncer on a free port, with one analyst who may read gold."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with psycopg.connect(built.operator_url, autocommit=True) as session:
        session.execute("create role pooled login password 'secret'")
        session.execute("grant usage on schema gold to pooled")
        session.execute("grant select on all tables in schema gold to pooled")
        result = CliRunner().invoke(main, ["start", f"--port={port}"])
        assert result.exit_code == 0, result.output
        yield Pool(port, built)
        assert CliRunner().invoke(main, ["stop"]).output == "stopped\n"
        session.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'pooled'")
        session.execute("revoke all on schema gold from pooled")
        session.execute("revoke all on all tables in schema gold from pooled")
        session.execute("drop role pooled")


def test_two_hundred_readers_share_ten_connections(pool: Pool, tmp_path: Path) -> None:
    """Each reader in a process of the server would cost memory that the build needs; the server has 50 connections."""
    script = tmp_path / "read.sql"
    script.write_text(
        "begin;\nselect count(*) from gold.dim_country;\nselect count(*) from gold.daily_sales;\ncommit;\n"
    )
    command = [
        *(embedded.binary("pgbench"), "--no-vacuum", f"--client={CLIENTS}", "--jobs=2", "--transactions=5"),
        *(f"--file={script}", "--host=127.0.0.1", f"--port={pool.port}", "--username=pooled", pool.database.name),
    ]
    most = 0
    with psycopg.connect(pool.database.operator_url, autocommit=True) as session:
        readers = subprocess.Popen(
            command, env={"PGPASSWORD": "secret"}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        while readers.poll() is None:
            (now,) = session.execute("select count(*) from pg_stat_activity where usename = 'pooled'").fetchone() or (
                0,
            )
            most = max(most, now)
            time.sleep(0.02)
    assert readers.stdout is not None
    output = readers.stdout.read()
    assert f"transactions actually processed: {5 * CLIENTS}/{5 * CLIENTS}" in output, output
    assert 0 < most <= 10


@pytest.mark.parametrize(("role", "password"), [("pooled", "wrong"), ("postgres", ""), ("postgres", "secret")])
def test_a_wrong_password_and_a_superuser_are_refused(pool: Pool, role: str, password: str) -> None:
    """Every user of the machine can reach the port, and the server behind it asks for no password."""
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(host="127.0.0.1", port=pool.port, user=role, password=password, dbname=pool.database.name)


def test_a_reader_keeps_the_rights_of_its_role(pool: Pool) -> None:
    """A pool that connects as one role for all would undo the grants."""
    options = {"host": "127.0.0.1", "port": pool.port, "user": "pooled", "password": "secret"}
    with psycopg.connect(**options, dbname=pool.database.name, autocommit=True, prepare_threshold=None) as session:
        assert session.execute("select current_user::text").fetchone() == ("pooled",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("select count(*) from bronze.transactions")


def test_a_second_pool_is_refused(pool: Pool) -> None:
    """Two pools of one folder would write one log and one file of their process."""
    result = CliRunner().invoke(main, ["start", "--port=1"])
    assert result.exit_code == 1
    assert "runs already" in result.output
