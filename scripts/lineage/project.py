"""The lineage of all relations of the project, by dbt's manifest with compiled SQL."""

import csv
import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from typing import Any

from sqlglot.errors import SqlglotError

from scripts.errors import Refusal
from scripts.lineage.edges import (
    ARGUMENTS,
    CONSTANTS,
    DERIVED,
    FILTER_OR_JOIN,
    GENERATED,
    KINDS,
    PASSED_ON,
    RAW_FILES,
    ROWS,
    VARIABLES,
    Column,
    Edge,
)
from scripts.lineage.rows import Origins, Rows, merge, relation, strengthen
from scripts.lineage.walk import Untraceable, walk
from scripts.paths import PROJECT_ROOT

# What the package keeps about runs and releases comes from no file, and is left out.
PACKAGES = {"retail_warehouse"}
SNAPSHOT_COLUMNS = ("dbt_scd_id", "dbt_updated_at", "dbt_valid_from", "dbt_valid_to")
EXCLUSION = re.compile(r"exclude using gist \((\w+) with =, daterange\((\w+), (\w+)\) with &&\)")
# The arguments of a series in the code of a model, before Jinja puts the values of variables in.
SERIES = re.compile(r"generate_series\((.*?)\) as", re.DOTALL)
VARIABLE = re.compile(r"""var\(\s*["'](\w+)["']""")

Node = Mapping[str, Any]


def edges_of(manifest: Mapping[str, Any]) -> list[Edge]:
    """Return the edges between the columns of all relations of the project.

    Args:
        manifest: dbt's manifest with compiled SQL, of a warehouse that is built.

    Raises:
        Refusal: a model cannot be followed.
    """
    return _Project(manifest).edges()


class _Project:
    """The relations of the project, each with what its columns come from."""

    def __init__(self, manifest: Mapping[str, Any]) -> None:
        every = {**manifest["sources"], **manifest["nodes"], **manifest.get("functions", {})}
        kinds = ("source", "model", "seed", "snapshot", "function")
        self.nodes: dict[str, Node] = {
            unique_id: node
            for unique_id, node in every.items()
            if node["resource_type"] in kinds and node["package_name"] in PACKAGES
        }
        self.known: dict[str, Rows] = {}
        self._edges: list[Edge] = []

    def edges(self) -> list[Edge]:
        """Walk the relations, each after those that it reads."""
        graph = {
            unique_id: [other for other in node.get("depends_on", {}).get("nodes", []) if other in self.nodes]
            for unique_id, node in self.nodes.items()
        }
        for unique_id in TopologicalSorter(graph).static_order():
            node = self.nodes[unique_id]
            try:
                self._walk(node)
            except (Untraceable, SqlglotError) as problem:
                reason = " ".join(str(problem).split())
                raise Refusal(
                    f"{node['original_file_path']}: cannot follow its columns: {reason}. Write it another way, or "
                    "extend scripts/lineage/walk.py."
                ) from problem
        return sorted(set(self._edges))

    def _walk(self, node: Node) -> None:
        name, kind = _name(node), node["resource_type"]
        properties = _declared(node)
        if kind == "source":
            columns = list(node["columns"])
            for column in node["columns"].values():
                for spelling in column["config"].get("meta", {}).get("spellings", []):
                    self._edges.append(Edge(name, column["name"], f"{RAW_FILES}.{node['name']}", spelling, PASSED_ON))
        elif kind == "seed":
            columns = _header(node)
        elif kind == "snapshot":
            found = self._snapshot(node, self._query(node))
            columns = self._add(node, found)
        else:
            found = self._query(node)
            if kind == "function":
                found = _returned(node, found)
            columns = self._add(node, found)
            properties = {
                "keys": properties["keys"] | found.keys,
                "intervals": properties["intervals"] | found.intervals,
                "always_null": found.always_null,
            }
        self.known[_physical(node)] = relation(name, columns, **properties)

    def _query(self, node: Node) -> Rows:
        if not node.get("compiled_code"):
            raise Refusal(f"{node['original_file_path']}: the manifest has no compiled SQL of it. Run `dbt compile`.")
        if node["resource_type"] == "snapshot":
            if "{{ this }}" in node["raw_code"] and node["relation_name"] not in node["compiled_code"]:
                # Before the first build, its SQL is another one.
                raise Refusal(
                    f"{node['original_file_path']}: was compiled before the warehouse was built, without its own rows. "
                    "Run `make build`, delete target/artifacts, and run this again."
                )
            self.known.setdefault(_physical(node), relation(_name(node), node["columns"]))
        arguments = {}
        if node["resource_type"] == "function":
            names = [argument["name"] for argument in node["arguments"]]
            arguments[node["name"]] = relation(f"{ARGUMENTS}.{node['name']}", names)
        return walk(node["compiled_code"], _WithAudit(self.known), arguments)

    @staticmethod
    def _snapshot(node: Node, found: Rows) -> Rows:
        """Add the columns by which dbt keeps history: they depend on what it compares, and on when it did."""
        config = node["config"]
        key = [config["unique_key"]] if isinstance(config["unique_key"], str) else config["unique_key"]
        compared = config["check_cols"] if isinstance(config["check_cols"], list) else list(found.columns)
        made_of = strengthen(merge(found.columns[name] for name in {*key, *compared}), DERIVED)
        when = frozenset({(Column(GENERATED, "now()"), DERIVED)})
        return Rows(
            {**found.columns, **dict.fromkeys(SNAPSHOT_COLUMNS, made_of | when)}, found.row_origins, found.grain
        )

    def _add(self, node: Node, found: Rows) -> list[str]:
        """Add the edges of a relation; return the names of its columns."""
        name = _name(node)
        columns = [
            column
            for column in found.columns
            if not node.get("contract", {}).get("enforced") or column in node["columns"]
        ]
        for column in [*columns, ROWS]:
            strongest: dict[Column, str] = {}
            for origin, kind in found.row_origins if column == ROWS else found.columns[column] | found.row_origins:
                for source in _beginnings(origin, node):
                    if kind == FILTER_OR_JOIN:
                        self._edges.append(Edge(name, column, *source, kind))
                    elif KINDS.index(kind) >= KINDS.index(strongest.get(source, PASSED_ON)):
                        strongest[source] = kind
            self._edges.extend(Edge(name, column, *source, kind) for source, kind in strongest.items())
            if not strongest and column != ROWS:
                self._edges.append(Edge(name, column, CONSTANTS, "a constant of the query", PASSED_ON))
        return columns


class _WithAudit(dict[str, Rows]):
    """The relations of the project, and any table in which the package keeps its records."""

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401  # as of a dict
        if name in self:
            return self[name]
        schema, _, table = name.partition(".")
        return Rows(_AnyColumn(f"audit.{table}")) if schema.endswith("audit") and table else default


class _AnyColumn(Mapping[str, Origins]):
    """The columns of a table that the manifest does not describe."""

    def __init__(self, relation: str) -> None:
        self.relation = relation

    def __getitem__(self, name: str) -> Origins:
        return frozenset({(Column(self.relation, name), PASSED_ON)})

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def _name(node: Node) -> str:
    """Return the layer and the name of a relation, the same in each target."""
    schema = node["schema"] if node["resource_type"] == "source" else node["config"]["schema"]
    return f"{schema}.{node.get('alias') or node['identifier']}"


def _physical(node: Node) -> str:
    return f"{node['schema']}.{node.get('alias') or node['identifier']}"


def _beginnings(source: Column, node: Node) -> list[Column]:
    """Return where an edge begins: a column, or the variables whose values a generated series has."""
    if source.relation != GENERATED or "generate_series" not in source.name.lower():
        return [source]
    used = [name for series in SERIES.findall(node["raw_code"]) for name in VARIABLE.findall(series)]
    return [Column(VARIABLES, name) for name in dict.fromkeys(used)] or [source]


def _declared(node: Node) -> dict[str, frozenset[Any]]:
    """Return the keys that a relation declares, and the spans that the database keeps from overlapping."""
    config = node.get("config") or {}
    keys: set[frozenset[str]] = set()
    intervals: set[tuple[frozenset[str], str, str]] = set()
    if given := config.get("unique_key"):
        key = {given} if isinstance(given, str) else set(given)
        keys.add(frozenset(key | ({"dbt_valid_to"} if node["resource_type"] == "snapshot" else set())))
    for constraint in node.get("constraints", []):
        if constraint["type"] in ("primary_key", "unique"):
            keys.add(frozenset(constraint["columns"]))
        elif found := EXCLUSION.fullmatch(constraint.get("expression") or ""):
            intervals.add((frozenset({found[1]}), found[2], found[3]))
    for column in node.get("columns", {}).values():
        if any(each["type"] in ("primary_key", "unique") for each in column.get("constraints", [])):
            keys.add(frozenset({column["name"]}))
    return {"keys": frozenset(keys), "intervals": frozenset(intervals), "always_null": frozenset()}


def _header(node: Node) -> list[str]:
    with (PROJECT_ROOT / node["original_file_path"]).open(newline="") as file:
        return next(csv.reader(file))


def _returned(node: Node, found: Rows) -> Rows:
    """Return the rows of a function, whose columns have the names that it declares."""
    declared = re.findall(r"[(,]\s*(\w+) ", node["returns"]["data_type"])
    columns = dict(zip(declared, found.columns.values(), strict=True))
    return Rows(columns, found.row_origins, found.grain)
