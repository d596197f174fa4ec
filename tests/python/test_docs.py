"""`make docs` generates the documentation again if the project or the warehouse has changed, and only then."""

import os
from pathlib import Path

import psycopg
import pytest
from dbt_project import environment
from harness import Database

from scripts import docs


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project of one model, and make the tool work on it."""
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "a.sql").write_text("select 1 as one")
    monkeypatch.setattr(docs, "PROJECT_ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    "change",
    [
        "create table silver.another (one integer)",
        "comment on column silver.some.one is 'first'",
        "comment on table silver.some is 'a table'",
        "alter table silver.some alter column one type bigint",
        "alter table silver.some rename column one to two",
        "drop table silver.some",
    ],
)
def test_a_change_of_the_warehouse_is_noticed(
    database: Database, project: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """Documentation of columns that are gone misleads its reader."""
    for name, value in environment(database.name).items():
        monkeypatch.setenv(name, value)
    with psycopg.connect(database.url, autocommit=True) as session:
        session.execute("create schema silver")
        session.execute("create table silver.some (one integer)")
        before = docs.fingerprint()
        session.execute("insert into silver.some values (1)")
        assert docs.fingerprint() == before
        session.execute(change)
        assert docs.fingerprint() != before


def test_a_change_of_the_project_is_noticed(database: Database, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page shows the code, so it has to be the present code."""
    for name, value in environment(database.name).items():
        monkeypatch.setenv(name, value)
    model = project / "models" / "a.sql"
    before = docs.fingerprint()
    os.utime(model, ns=(model.stat().st_atime_ns, model.stat().st_mtime_ns + 1))
    changed = docs.fingerprint()
    assert changed != before
    (project / "models" / "b.sql").write_text("select 2 as two")
    assert docs.fingerprint() not in (before, changed)
