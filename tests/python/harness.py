"""The fixtures of all tests: an embedded server, databases on it, dbt, and a warehouse that is built once.

Under pytest-xdist each worker has all of these for itself, so no test sees what another process does.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.parse import quote

import psycopg
import pytest
from dbt_project import WORKING_DATABASE, Dbt

from scripts import connection
from scripts.land import land
from scripts.paths import socket_dir
from scripts.warehouse import server as embedded

BUILT_DATABASE = "retail_built"
SAMPLE_ROWS, SAMPLE_SEED = 20_000, 7

# A server whose data nobody needs after a crash: it need not wait for the disk, nor take a quarter of the memory.
SERVER_SETTINGS = """
fsync = off
full_page_writes = off
shared_buffers = 256MB
"""

# A worker takes the next file when it is done with one. The slowest come first, so that both workers end together.
SLOWEST_FIRST = (
    "test_real_data",
    "test_metrics",
    "test_build_command",
    "test_site",
    "test_site_catalogue",
    "test_ask",
    "test_ask_page",
    "test_lineage",
    "test_history_property",
    "test_roles",
    "test_releases",
    "test_commands",
    "test_history_operations",
    "test_partitions",
    "test_touched_by",
    "test_quarantine",
    "test_retention",
    "test_checks",
    "test_release_blocked",
    "test_anomalies",
    "test_guard",
    "test_declarations",
    "test_runs",
    "test_scaffold_mart",
    "test_backup",
    "test_late_data",
    "test_vault",
    "test_vault_package",
    "test_network",
    "test_deliveries",
    "test_delivery_order",
    "test_house",
    "test_upgrade",
    "test_lint",
    "test_generate",
    "test_packages",
    "test_offline_packages",
    "test_history_reference",
)

# Who uses one of these runs dbt; the last is the server of the package's tests.
FIXTURES_WITH_DBT = {"dbt", "work_on", "maintenance"}

_numbers = count(1)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that run dbt. For pytest-xdist, sort the tests: it hands out whole files in this order."""
    for item in items:
        if FIXTURES_WITH_DBT & set(getattr(item, "fixturenames", ())):
            item.add_marker("dbt")
    if hasattr(config, "workerinput"):
        places = {name: place for place, name in enumerate(SLOWEST_FIRST)}
        items.sort(key=lambda item: (places.get(item.path.stem, len(places)), item.get_closest_marker("dbt") is None))


class Database(NamedTuple):
    """A database of a test's own.

    Attributes:
        name: its name.
        url: how to connect as the role that builds, which owns the database.
        operator_url: how to connect as the superuser of the server.
    """

    name: str
    url: str
    operator_url: str


class Sample(NamedTuple):
    """Generated files, and what a warehouse must find in them."""

    folder: Path
    truth: dict[str, Any]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """Run an embedded server in a temporary folder for the whole session, as the target in use; yield its URI."""
    # Not pytest's own temporary folder: under root, another run of pytest locks that again at any moment.
    with TemporaryDirectory(prefix="retail-") as home, pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE_HOME", home)
        patch.setenv("DBT_TARGET", "local")
        Path(home, "override.conf").write_text(SERVER_SETTINGS)
        embedded.ensure_running()
        yield connection.url(operator=True)
        patch.setenv("WAREHOUSE_HOME", home)
        embedded.destroy()


def _database(name: str) -> Database:
    place = f"@/{name}?host={quote(str(socket_dir()), safe='')}&port=5432"
    builder, operator = (f"postgresql://{role}{place}" for role in (connection.LOCAL_USER, connection.LOCAL_OPERATOR))
    return Database(name, builder, operator)


@pytest.fixture
def database(server: str) -> Iterator[Database]:
    """Make an empty database on the session's server, and drop it after the test."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    with psycopg.connect(server, autocommit=True) as session:
        session.execute(f"create database {name} owner {connection.LOCAL_USER}")
        yield _database(name)
        session.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def sample() -> Iterator[Sample]:
    """Generate a sample of deliveries with all that makes real ones hard: corrections, moves, renames, bad lines."""
    from scripts.generate.__main__ import generate  # noqa: PLC0415  # numpy and polars

    with TemporaryDirectory(prefix="retail-") as parent:
        folder = Path(parent) / "sample"
        generate([f"--rows={SAMPLE_ROWS}", f"--seed={SAMPLE_SEED}", f"--out={folder}"], standalone_mode=False)
        yield Sample(folder, json.loads((folder / "truth.json").read_text()))


@pytest.fixture(scope="session")
def dbt(server: str) -> Iterator[Dbt]:
    """Run dbt in this process against the working database, parsed once a session."""
    with TemporaryDirectory(prefix="retail-") as folder:
        yield Dbt(Path(folder))


@pytest.fixture(scope="session")
def work_on(server: str) -> Callable[..., AbstractContextManager[Database]]:
    """Offer the working database, which is the one that `dbt` sees, empty or as a copy, while a `with` lasts."""

    @contextmanager
    def work_on(template: Database | None = None) -> Iterator[Database]:
        # The files as they are: a checkpoint and a copy, where the default writes each page to the log.
        copied = f"template {template.name} strategy file_copy" if template else ""
        with psycopg.connect(server, autocommit=True) as session:
            session.execute(f"create database {WORKING_DATABASE} owner {connection.LOCAL_USER} {copied}")
            try:
                yield _database(WORKING_DATABASE)
            finally:
                session.execute(f"drop database if exists {WORKING_DATABASE} with (force)")

    return work_on


@pytest.fixture
def working(work_on: Callable[..., AbstractContextManager[Database]]) -> Iterator[Database]:
    """Make the working database, which is the one that `dbt` sees: empty."""
    with work_on() as database:
        yield database


@pytest.fixture(scope="session")
def keep(server: str) -> Callable[[Database, str], Database]:
    """Offer to put a working database aside under a name: to read from, and as a template of `work_on`."""

    def keep(database: Database, name: str) -> Database:
        with psycopg.connect(server, autocommit=True) as session:
            session.execute(f"drop database if exists {name} with (force)")
            session.execute(f"alter database {database.name} rename to {name}")
        return _database(name)

    return keep


@pytest.fixture(scope="session")
def built(keep, work_on: Callable[..., AbstractContextManager[Database]], sample: Sample, dbt: Dbt) -> Database:
    """Land the sample and build the warehouse from it once; to read from, not to change."""
    with work_on() as database:
        land([sample.folder], database.url)
        bad = [
            f"{name}: {result.status} {result.message}"
            for name, result in dbt("build", "--exclude-resource-type", "unit_test").items()
            if result.status not in ("success", "pass", "no-op")
        ]
        if bad:
            pytest.fail("\n".join(["the sample does not build:", *bad]), pytrace=False)
        return keep(database, BUILT_DATABASE)


@pytest.fixture
def copy_of_built(built: Database, work_on: Callable[..., AbstractContextManager[Database]]) -> Iterator[Database]:
    """Make the working database a copy of the built warehouse, to damage."""
    with work_on(built) as copy:
        yield copy
