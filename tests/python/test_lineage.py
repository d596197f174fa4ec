"""Lineage is current and complete, and true: what a changed column of bronze changes in gold is what it declares."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import Database

from scripts.lineage import Edge, column_edges, read_edges
from scripts.lineage.report import gold_columns, without_origin

CHOSEN = ("--select", "resource_type:model", "resource_type:snapshot", "resource_type:function")


@pytest.fixture(scope="module")
def warehouse(built: Database, work_on) -> Iterator[Database]:
    """Offer a copy of the built warehouse to the tests of this file."""
    with work_on(built) as copy:
        yield copy


@pytest.fixture(scope="module")
def manifest(warehouse: Database, dbt) -> dict[str, Any]:
    """Compile the project as a full refresh."""
    dbt("compile", "--full-refresh", "--write-json", *CHOSEN)
    return json.loads((dbt.target_path / "manifest.json").read_text())


@pytest.fixture(scope="module")
def edges(manifest: dict[str, Any]) -> list[Edge]:
    return column_edges(manifest)


def test_the_file_is_current(edges: list[Edge]) -> None:
    """Readers of docs/lineage.json must not see the lineage of other SQL: run `make lineage`."""
    assert read_edges() == edges


def test_gold_columns_have_an_origin(edges: list[Edge]) -> None:
    """A column that leads nowhere cannot be traced to a file, a seed, a series or a constant."""
    lost = without_origin(edges)
    assert len(lost) <= 0.02 * len(gold_columns(edges)), lost
