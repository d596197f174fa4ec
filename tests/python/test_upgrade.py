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

from scripts.paths import PROJECT_ROOT

# The last commit in which the engine lay among the macros of the project.
LAST_VERSION = "f9e61de9e08ef87d8afb8ad26bf810d604145681"
RELEASES = (
    "select release_id, kind, published_at::text, known_until::text, files from audit.releases order by release_id"
)
OLD_RELEASES = RELEASES.replace("release_id", "publication_id").replace("audit.releases", "audit.publications")


class Upgraded(NamedTuple):
    """What the last version left, and what this one made of it."""

    database: Database
    gold_before: dict[str, tuple[int, int]]
    history_before: dict[str, tuple[int, int]]
    releases_before: list[tuple]


def ask(database: Database, query: str) -> list[tuple]:
    """Return the rows of a query."""
    with psycopg.connect(database.url) as session:
        return session.execute(query).fetchall()


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
    with work_on() as database:
        done = subprocess.run(
            [sys.executable, "-m", "scripts.build", str(sample.folder)],
            cwd=old,
            env=os.environ | environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        before = Upgraded(
            database,
            fingerprints(database.url, "gold"),
            fingerprints(database.url, "history"),
            ask(database, OLD_RELEASES),
        )
        failed = {
            name: result.message
            for name, result in dbt("build", "--exclude-resource-type=unit_test").items()
            if result.status not in ("success", "pass", "warn", "no-op")
        }
        assert not failed
        yield before


def test_gold_is_the_same(upgraded: Upgraded) -> None:
    """Readers must not see that the engine changed."""
    assert fingerprints(upgraded.database.url, "gold") == upgraded.gold_before


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
