"""Fixtures: a PostgreSQL server, databases on it, and projects that are parsed and built once a session.

Under pytest-xdist each worker has all of these for itself.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import pytest

from .databases import Databases
from .lines import BOUNDED, CONTRACT, CONTRACTED, LINES_SOURCE, Lines
from .project import PACKAGE, ROOT, WITHOUT_VIEWS_ON_RUNS, Project
from .versions import VERSIONS_SOURCE, Versions

# A server whose data nobody needs after a crash: it need not wait for the disk, nor take a quarter of the memory.
SERVER_SETTINGS = "fsync = off\nfull_page_writes = off\nshared_buffers = 128MB\n"
REPOSITORY = PACKAGE.parent.parent


@pytest.fixture(scope="session")
def maintenance() -> Iterator[str]:
    """Yield the URI of a server: that of the variable `PG_WAP_SERVER`, else an embedded one in a temporary folder."""
    if given := os.environ.get("PG_WAP_SERVER"):
        yield given
        return
    with TemporaryDirectory(prefix="pg_wap-") as home:
        (Path(home) / "override.conf").write_text(SERVER_SETTINGS)
        server = [sys.executable, "-m", "scripts.warehouse"]
        # Under another home than that of other tests, and only for these two commands.
        options = {"cwd": REPOSITORY, "env": os.environ | {"WAREHOUSE_HOME": home, "DBT_TARGET": "local"}}
        subprocess.run([*server, "start"], check=True, capture_output=True, **options)
        yield f"postgresql://postgres@/postgres?host={quote(f'{home}/socket', safe='')}&port=5432"
        subprocess.run([*server, "destroy", "--yes"], check=True, capture_output=True, **options)


@pytest.fixture(scope="session")
def databases(maintenance: str) -> Iterator[Databases]:
    """Offer the databases of the session."""
    databases = Databases(maintenance)
    yield databases
    databases.drop_templates()


@pytest.fixture
def empty(databases: Databases) -> Iterator[str]:
    """Make an empty database."""
    with databases.working() as url:
        yield url


# The store itself


@pytest.fixture(scope="session")
def store_project() -> Iterator[Project]:
    """Copy the store, all of it."""
    project = Project(("macros", "models", "functions", "seeds", "snapshots", "checks"))
    project.keep()
    yield project
    project.destroy()


@pytest.fixture(scope="session")
def built_store(databases: Databases, store_project: Project) -> str:
    """Build the store once, as whoever installs the package does; return the name of the database."""
    with databases.working() as store_project.url:
        store_project.build()
        return databases.keep("pg_wap_built_store")


@pytest.fixture
def store(databases: Databases, store_project: Project, built_store: str) -> Iterator[Project]:
    """Give a copy of the store that was built."""
    store_project.reset()
    with databases.working(built_store) as store_project.url:
        yield store_project


@pytest.fixture(scope="session")
def lean_project() -> Iterator[Project]:
    """Copy the store without the views on the history of runs."""
    project = Project(("macros", "models", "functions", "seeds", "snapshots", "checks"), WITHOUT_VIEWS_ON_RUNS)
    project.keep()
    yield project
    project.destroy()


@pytest.fixture(scope="session")
def built_lean_store(databases: Databases, lean_project: Project) -> str:
    """Build the store without those views once; return the name of the database."""
    with databases.working() as lean_project.url:
        lean_project.build()
        return databases.keep("pg_wap_built_lean_store")


@pytest.fixture
def lean(databases: Databases, lean_project: Project, built_lean_store: str) -> Iterator[Project]:
    """Give a copy of the store without those views."""
    lean_project.reset()
    with databases.working(built_lean_store) as lean_project.url:
        yield lean_project


@pytest.fixture(scope="session")
def bare_project() -> Iterator[Project]:
    """Write a project without models, nor views on the history of runs."""
    project = Project((), WITHOUT_VIEWS_ON_RUNS | {"on-run-start": ["{{ pg_wap.on_run_start() }}"]})
    project.write("macros/pg_wap_hooks.sql", (ROOT / "macros" / "pg_wap_hooks.sql").read_text())
    project.keep()
    yield project
    project.destroy()


@pytest.fixture
def bare(bare_project: Project, empty: str) -> Project:
    """Give a project without models, and an empty database."""
    bare_project.reset()
    bare_project.url = empty
    return bare_project


# A project all of whose published models show the version of its source


@pytest.fixture(scope="session")
def versions_project() -> Iterator[Versions]:
    """Write the project."""
    project = Versions()
    project.keep()
    yield project
    project.destroy()


@pytest.fixture(scope="session")
def version_1(databases: Databases, versions_project: Versions) -> str:
    """Publish version 1 once; return the name of the database."""
    with databases.working() as versions_project.url:
        versions_project.ask(VERSIONS_SOURCE)
        versions_project.build()
        return databases.keep("pg_wap_version_1")


@pytest.fixture
def versions(databases: Databases, versions_project: Versions, version_1: str) -> Iterator[Versions]:
    """Give a database in which version 1 is published."""
    versions_project.reset()
    with databases.working(version_1) as versions_project.url:
        yield versions_project


# A project with a partitioned model outside the published schema


@pytest.fixture(scope="session")
def lines_project() -> Iterator[Lines]:
    """Write the project, without models."""
    project = Lines()
    project.keep()
    yield project
    project.destroy()


@pytest.fixture(scope="session")
def three_months(databases: Databases, lines_project: Lines) -> str:
    """Build a model of three months that uses the bounds of partitions; return the name of the database."""
    lines_project.reset()
    lines_project.model("lines", BOUNDED)
    with databases.working() as lines_project.url:
        lines_project.ask(LINES_SOURCE)
        lines_project.land("2011-01-31", "2011-02-01", "2011-02-28", "2011-03-01")
        lines_project.touch(m201101=True, m201102=True, m201103=True)
        lines_project.build()
        return databases.keep("pg_wap_three_months")


@pytest.fixture(scope="session")
def three_months_under_contract(databases: Databases, lines_project: Lines, three_months: str) -> str:
    """Put the model under a contract with each kind of constraint, and build it."""
    lines_project.reset()
    lines_project.model("lines", CONTRACTED, **CONTRACT)
    with databases.working(three_months) as lines_project.url:
        lines_project.build()
        return databases.keep("pg_wap_three_months_under_contract")


@pytest.fixture
def lines(lines_project: Lines, empty: str) -> Lines:
    """Give a database with the source in it, and no models."""
    lines_project.reset()
    lines_project.url = empty
    lines_project.ask(LINES_SOURCE)
    return lines_project


@pytest.fixture
def bounded(databases: Databases, lines_project: Lines, three_months: str) -> Iterator[Lines]:
    """Give the model of three months, which is built."""
    lines_project.reset()
    lines_project.model("lines", BOUNDED)
    with databases.working(three_months) as lines_project.url:
        yield lines_project


@pytest.fixture
def contracted(databases: Databases, lines_project: Lines, three_months_under_contract: str) -> Iterator[Lines]:
    """Give the model under a contract, which is built."""
    lines_project.reset()
    lines_project.model("lines", CONTRACTED, **CONTRACT)
    with databases.working(three_months_under_contract) as lines_project.url:
        yield lines_project
