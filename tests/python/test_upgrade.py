"""A warehouse that the last version built goes on with this one: nobody has to build it again by hand."""

import io
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from dbt_project import Dbt, environment
from harness import Database, Sample
from warehouse_state import fingerprints

from scripts import connection
from scripts.land import land
from scripts.paths import PROJECT_ROOT

# The last commit in which the engine lay among the macros of the project.
LAST_VERSION = "f9e61de9e08ef87d8afb8ad26bf810d604145681"
RELEASES = (
    "select release_id, kind, published_at::text, known_until::text, files from audit.releases order by release_id"
)
OLD_RELEASES = RELEASES.replace("release_id", "publication_id").replace("audit.releases", "audit.publications")


# What this version took away, and columns that hold other values now; CHANGELOG.md tells readers of both.
REMOVED = {"sales_key"}
OTHER_VALUES = {
    *("customer_key", "customer_durable_key", "product_key", "product_durable_key", "country_key", "invoice_key"),
    *("country_name", "first_country_name", "previous_country_name", "current_country_name"),
}
# Days are rated by another calendar, and silences by another chance, so this mart has other rows.
OTHER_ROWS = {"daily_anomalies"}
Columns = dict[str, list[str]]


class Upgraded(NamedTuple):
    """What the last version left, and what this one made of it."""

    database: Database
    columns_before: Columns
    gold_before: dict[str, tuple[int, int]]
    history_before: dict[str, tuple[int, int]]
    releases_before: list[tuple]


def ask(database: Database, query: str) -> list[tuple]:
    """Return the rows of a query."""
    with psycopg.connect(database.url) as session:
        return session.execute(query).fetchall()


def columns_of(database: Database) -> Columns:
    """Return the columns of each relation of gold."""
    query = (
        "select table_name, array_agg(column_name::text) from information_schema.columns"
        " where table_schema = 'gold' group by table_name"
    )
    return dict(ask(database, query))


def values(database: Database, columns: Columns) -> dict[str, tuple[int, int]]:
    """Return a fingerprint of the columns that hold the same values in both versions, under their old names."""
    found = {}
    for relation, names in columns.items():
        if relation in OTHER_ROWS:
            continue
        kept = ", ".join(sorted(set(names) - REMOVED - OTHER_VALUES))
        query = f"select count(*), sum(hashtextextended(row({kept})::text, 0)) from gold.{relation}"
        [found[relation]] = ask(database, query)
    return found


def last_version(folder: Path) -> Path:
    """Put the files of the last version into a folder, or skip the test where the repository does not hold them."""
    command = ["git", "-C", str(PROJECT_ROOT), "archive", LAST_VERSION]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        pytest.skip("needs the history of the repository: git fetch --unshallow")
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(folder, filter="data")
    shutil.copytree(folder / "offline_packages", folder / "dbt_packages")
    return folder


@pytest.fixture(scope="module")
def upgraded(work_on, sample: Sample, dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upgraded]:
    """Build the sample with the last version, and then with this one."""
    from dbt.version import __version__ as dbt_version  # noqa: PLC0415  # needs dbt

    if not dbt_version.startswith("1.11."):
        pytest.skip(f"the last version does not know dbt {dbt_version}")
    old = last_version(tmp_path_factory.mktemp("old"))
    # The last version knows no customer master.
    files = tmp_path_factory.mktemp("files") / "sample"
    shutil.copytree(sample.folder, files, ignore=shutil.ignore_patterns("customers"))
    with work_on() as database:
        done = subprocess.run(
            [sys.executable, "-m", "scripts.build", str(files)],
            cwd=old,
            env=os.environ | environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        columns = columns_of(database)
        before = Upgraded(
            database,
            columns,
            values(database, columns),
            fingerprints(database.url, "history"),
            ask(database, OLD_RELEASES),
        )
        # As the changelog says: `make migrate` first. The next landing creates the tables of new sources.
        migrated = subprocess.run(
            [sys.executable, "-m", "scripts.migrate"],
            cwd=PROJECT_ROOT,
            env=os.environ | environment() | {"PGUSER": connection.LOCAL_OPERATOR},
            capture_output=True,
            text=True,
            check=False,
        )
        assert migrated.returncode == 0, migrated.stdout + migrated.stderr
        land([sample.folder / "customers"], database.url)
        failed = {
            name: result.message
            for name, result in dbt("build", "--exclude-resource-type=unit_test").items()
            if result.status not in ("success", "pass", "warn", "no-op")
        }
        assert not failed
        yield before


def test_gold_is_the_same(upgraded: Upgraded) -> None:
    """Reports of the last version must find every column under its old name, with the same values."""
    assert values(upgraded.database, upgraded.columns_before) == upgraded.gold_before


def test_only_what_the_changelog_names_was_removed(upgraded: Upgraded) -> None:
    """Somebody's report may read any column, so none may go without a word."""
    now = columns_of(upgraded.database)
    gone = {column for name, columns in upgraded.columns_before.items() for column in set(columns) - set(now[name])}
    assert gone == REMOVED
    changes = (PROJECT_ROOT / "CHANGELOG.md").read_text()
    assert all(f".{column}`" in changes for column in gone)


def test_history_is_kept(upgraded: Upgraded) -> None:
    """What the warehouse knew, and when, cannot be built again."""
    assert fingerprints(upgraded.database.url, "history") == upgraded.history_before


def test_releases_are_kept(upgraded: Upgraded) -> None:
    """An auditor asks what was published before the upgrade; the first build after it makes one release more."""
    releases = ask(upgraded.database, RELEASES)
    assert releases[:-1] == upgraded.releases_before
    assert len(releases) == len(upgraded.releases_before) + 1


def test_the_next_build_is_incremental(upgraded: Upgraded, dbt: Dbt) -> None:
    """An upgrade costs one full build, not two."""
    built_in_full = "select unique_id, built_in_full_at from audit.model_states order by unique_id"
    before = ask(upgraded.database, built_in_full), ask(upgraded.database, RELEASES)
    dbt("build", "--exclude-resource-type=unit_test")
    assert (ask(upgraded.database, built_in_full), ask(upgraded.database, RELEASES)) == before
