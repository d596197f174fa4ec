"""The peer of `make bench PARTS=peer`: it must do the same work as the warehouse, or the ratio means nothing."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from scripts.bench.peer import project
from scripts.bench.peer.landing import read
from scripts.land.contract import read_contract
from scripts.land.files.discovery import discover

Nodes = dict[str, dict[str, Any]]
SERVER = {"PGHOST": "/nowhere", "PGPORT": "5432", "PGUSER": "peer", "PGPASSWORD": ""}
# They need the engine: its profiles of columns, and the checks on them.
NEEDS_ENGINE = {"assert_no_column_drifts"}


@pytest.fixture(scope="module")
def peer(dbt) -> Iterator[Nodes]:
    """Return the nodes of the peer's project, parsed by dbt."""
    with TemporaryDirectory(prefix="retail-") as folder:
        project.write(Path(folder) / "peer", SERVER, "peer", threads=4)
        dbt("parse", "--target=local", project=Path(folder) / "peer")
        yield nodes_in(Path(folder) / "peer" / "target")


@pytest.fixture(scope="module")
def ours(dbt) -> Nodes:
    dbt("list", "--select", "fct_sales")
    found = nodes_in(dbt.target_path)
    return {key: node for key, node in found.items() if node["package_name"] != "pg_wap"}


def nodes_in(target: Path) -> Nodes:
    return json.loads((target / "manifest.json").read_text())["nodes"]


def of_kind(nodes: Nodes, kind: str) -> list[dict[str, Any]]:
    return [node for node in nodes.values() if node["resource_type"] == kind]


def kind_of_test(node: dict[str, Any]) -> str:
    return (node.get("test_metadata") or {}).get("name", "")


@pytest.mark.parametrize("kind", ["model", "seed", "snapshot"])
def test_peer_builds_the_same_relations(peer: Nodes, ours: Nodes, kind: str) -> None:
    """A peer that builds less would look faster than it is."""
    names = {(node["schema"], node["name"]) for node in of_kind(peer, kind)}
    assert names == {(node["schema"], node["name"]) for node in of_kind(ours, kind)}


def test_peer_builds_plain_tables_and_views(peer: Nodes) -> None:
    """A materialization of the engine would be measured against itself."""
    assert {node["config"]["materialized"] for node in of_kind(peer, "model")} == {"table", "view"}


def test_every_rule_of_the_contract_is_one_test(peer: Nodes, ours: Nodes) -> None:
    """A rule that got lost would make the peer faster; a rule that is checked twice would make the peer slower."""
    checked = [key["attached_node"] for key in of_kind(ours, "test") if kind_of_test(key) == "row_rules"]
    assert len(checked) == len(set(checked)) > 0
    rules: list[tuple[str, str]] = []
    references: list[str] = []
    for unique_id in checked:
        owners = [ours[unique_id], *ours[unique_id]["columns"].values()]
        for owner in owners:
            given = owner["config"]["meta"].get("rules", {})
            rules += [(unique_id, " ".join(rule["expression"].split())) for rule in given.values()]
            keys = [each for each in owner.get("constraints", []) if each["type"] == "foreign_key"]
            references += [key["name"] for key in keys]
    tests = of_kind(peer, "test")
    found = [
        (node["attached_node"], " ".join(node["test_metadata"]["kwargs"]["expression"].split()))
        for node in tests
        if kind_of_test(node) == "rule"
    ]
    assert rules
    assert Counter(found) == Counter(rules)
    assert references
    assert {node["name"] for node in tests if kind_of_test(node) == "relationships"} >= set(references)


def test_all_other_checks_are_the_same(peer: Nodes, ours: Nodes) -> None:
    """Both have to run the checks over several models, with the same severity."""
    expected = {
        node["name"]: node["config"]["severity"]
        for node in of_kind(ours, "test")
        if kind_of_test(node) != "row_rules" and node["name"] not in NEEDS_ENGINE
    }
    found = {node["name"]: node["config"]["severity"] for node in of_kind(peer, "test")}
    assert expected
    assert {name: found.get(name) for name in expected} == expected


def test_constraints_become_clauses_of_the_finished_table() -> None:
    """Without its keys, the peer would hold duplicates that the warehouse refuses."""
    model = {
        "name": "fct",
        "columns": [
            {"name": "a", "constraints": [{"type": "not_null"}, {"type": "check", "expression": "a > 0"}]},
            {"name": "b", "constraints": [{"type": "foreign_key", "name": "b_is_known"}]},
        ],
        "constraints": [
            {"type": "primary_key", "columns": ["a", "b"]},
            {"type": "unique", "columns": ["b"], "expression": "nulls not distinct"},
            {"type": "custom", "expression": "alter column a set (n_distinct = 1)"},
        ],
    }
    assert project.constraints_of(model) == [
        "alter column a set not null",
        "add check (a > 0)",
        "add primary key (a, b)",
        "add unique nulls not distinct (b)",
    ]


def test_indexes_stay_where_readers_look_rows_up() -> None:
    """Indexes that serve only incremental builds would cost the peer time for nothing."""
    text = (
        "{{ config(\n    materialized='incremental_by_key',\n    indexes=[\n        {'columns': ['a']},\n    ],\n) }}\n"
    )
    assert project.plain(text) == text.replace("incremental_by_key", "table")
    assert project.plain(text, keeps_indexes=False) == "{{ config(\n    materialized='table',\n) }}\n"


def test_all_files_are_read_with_the_columns_of_their_table(sample) -> None:
    """The peer must land the same rows under the same columns, or its models see other data."""
    contract = read_contract()
    columns = {landing.table: {column.name for column in landing.columns} for landing in contract.landings}
    found = set()
    for number, delivery in enumerate(discover([sample.folder]).deliveries, 1):
        table, rows = read(delivery, contract, number)
        found.add((table, delivery.format))
        assert {"_file_id", "_line"} < set(rows.columns) <= columns[table] | {"_file_id", "_line"}
        assert rows["_line"].to_list() == list(range(2, rows.height + 2))
        assert set(rows["_file_id"]) == {number}
    assert {table for table, _ in found} == set(columns)
