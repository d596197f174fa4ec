"""The server of the shop: a second embedded server whose log can be decoded, in the folder `shop` of the warehouse."""

from contextlib import suppress
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from scripts import connection
from scripts.errors import Refusal
from scripts.paths import warehouse_home
from scripts.warehouse import server

DATABASE = "shop"
# Who reads the changes: a login that may replicate, and reads what is published.
READER = "warehouse"
TABLES = Path(__file__).with_name("tables.sql")
SETTINGS = """\
# Written by `make shop`.
wal_level = logical
max_wal_senders = 4
max_replication_slots = 4
# A slot that nobody reads must not fill the disk.
max_slot_wal_keep_size = 1GB
shared_buffers = 128MB
"""


def home() -> Path:
    """Return the folder of the server."""
    return warehouse_home() / "shop"


def ensure_running() -> None:
    """Start the server unless it runs, and make the database first if need be.

    Raises:
        Refusal: the server cannot be started.
    """
    folder = home()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    (folder / "override.conf").write_text(SETTINGS)
    with server.at_home(folder):
        server.ensure_running()
    with psycopg.connect(_operator("retail"), autocommit=True) as session:
        if not session.execute("select from pg_database where datname = %s", [DATABASE]).fetchall():
            session.execute(f"create database {DATABASE}")
    with psycopg.connect(_operator(DATABASE)) as session:
        session.execute(TABLES.read_bytes())


def stop() -> bool:
    """Stop the server; return whether it ran."""
    with server.at_home(home()):
        return server.stop()


def destroy() -> None:
    """Stop the server and delete all its data."""
    with server.at_home(home()):
        server.destroy()
    with suppress(OSError):
        (home() / "override.conf").unlink()
        home().rmdir()


def connect() -> psycopg.Connection:
    """Open a connection to the shop as its owner, in autocommit mode.

    Raises:
        Refusal: the server does not run.
    """
    try:
        return psycopg.connect(_operator(DATABASE), autocommit=True, application_name="scripts.shop")
    except psycopg.OperationalError as error:
        raise Refusal("the shop is closed: run `make shop` first.") from error


def url() -> str:
    """Return the libpq URI of the shop for who reads its changes."""
    given = conninfo_to_dict(_operator(DATABASE))
    return f"postgresql://{READER}@/{DATABASE}?host={given['host']}&port={given['port']}"


def _operator(database: str) -> str:
    with server.at_home(home()):
        return make_conninfo(connection.url("local", operator=True), dbname=database)
