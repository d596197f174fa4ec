"""`make docs` generates the documentation again if the project or the warehouse has changed, and only then."""

import json
import os
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from dbt_project import Dbt, environment
from harness import Database

from scripts import docs
from scripts.page import complete

WorkOn = Callable[..., AbstractContextManager[Database]]


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


@pytest.fixture(scope="module")
def page(built: Database, dbt: Dbt, work_on: WorkOn) -> tuple[dict[str, Any], dict[str, Any]]:
    """Generate dbt's documentation of the built warehouse, and complete it."""
    with work_on(built):
        dbt("docs", "generate", "--write-json")
    manifest, catalog = (json.loads((dbt.target_path / name).read_text()) for name in docs.PAGE[1:])
    complete(manifest, catalog)
    return manifest, catalog


def test_the_page_shows_each_rule_at_its_column(page: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """A column with rules and no test looks untested."""
    manifest, _ = page
    model = "model.retail_warehouse.fct_sales"
    rules = {
        (column["name"], name)
        for column in manifest["nodes"][model]["columns"].values()
        for name in (column["config"]["meta"].get("rules") or {})
    }
    shown = {
        (node["column_name"], node["test_metadata"]["name"])
        for node in manifest["nodes"].values()
        if node["resource_type"] == "test" and node["depends_on"]["nodes"] == [model] and node.get("column_name")
    }
    assert rules
    assert rules <= shown


def test_the_page_says_what_is_behind_a_published_name(page: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """The catalog of dbt calls every published relation a view, beside a materialization that makes tables."""
    manifest, catalog = page
    types = {
        manifest["nodes"][name]["config"]["materialized"]: found["metadata"]["type"]
        for name, found in catalog["nodes"].items()
        if found["metadata"]["schema"] == "gold"
    }
    assert types["incremental_by_key"] == types["incremental_by_partition"] == "table, behind a view of the release"
    assert types["published_view"] == "VIEW"


def test_the_lineage_leads_from_files_to_marts(page: tuple[dict[str, Any], dict[str, Any]]) -> None:
    """With each check and query as a node of its own, nobody can read the graph."""
    manifest, _ = page
    visible = {node["resource_type"] for node in manifest["nodes"].values() if node["docs"].get("show", True)}
    assert visible == {"model", "seed", "snapshot"}
