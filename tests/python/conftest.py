"""What every test may ask for: one embedded server for the whole run, and empty databases on it."""

import os
from collections.abc import Iterator
from itertools import count
from tempfile import TemporaryDirectory
from typing import NamedTuple
from urllib.parse import quote

import psycopg
import pytest

from scripts import connection
from scripts.paths import socket_dir
from scripts.warehouse import server as embedded

_numbers = count(1)


class Database(NamedTuple):
    """A database of a test's own."""

    name: str
    url: str


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Run an embedded server in a temporary folder for the whole session, as the target in use; yield its URI."""
    # Not pytest's own temporary folder: under root, another run of pytest locks that again at any moment.
    with TemporaryDirectory(prefix="retail-") as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_HOME", home)
        patch.setenv("DBT_TARGET", "local")
        embedded.ensure_running()
        yield connection.url()
        patch.setenv("WAREHOUSE_HOME", home)
        embedded.destroy()


@pytest.fixture
def database(server: str) -> Iterator[Database]:
    """Make an empty database on the session's server, and drop it after the test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    host = quote(str(socket_dir()), safe="")
    with psycopg.connect(server, autocommit=True) as session:
        session.execute(f"create database {name}")
        yield Database(name, f"postgresql://postgres@/{name}?host={host}&port=5432")
        session.execute(f"drop database {name} with (force)")
