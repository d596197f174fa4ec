"""`docs/lineage.json`: the edges in the shape of OpenLineage's column lineage facet."""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from scripts.errors import Refusal
from scripts.lineage.edges import AGGREGATED, DERIVED, FILTER_OR_JOIN, PASSED_ON, ROWS, WINDOW, Edge
from scripts.paths import PROJECT_ROOT

FILE = PROJECT_ROOT / "docs" / "lineage.json"
NAMESPACE = "retail_warehouse"
PRODUCER = "urn:retail_warehouse:scripts.lineage"
SCHEMA = "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json"
# How OpenLineage names the kinds. Its subtypes of a filter or join are finer than ours.
TRANSFORMATIONS = {
    PASSED_ON: ("DIRECT", "IDENTITY"),
    DERIVED: ("DIRECT", "TRANSFORMATION"),
    AGGREGATED: ("DIRECT", "AGGREGATION"),
    WINDOW: ("INDIRECT", "WINDOW"),
    FILTER_OR_JOIN: ("INDIRECT", "FILTER"),
}


def facet_text(edges: Iterable[Edge]) -> str:
    """Return the edges as JSON, with one line for each column that another comes from.

    What all columns of a relation come from, because it decides which rows there are, stands once for the relation, as
    `dataset` of the facet.

    Args:
        edges: as `scripts.lineage.column_edges` returns them.
    """
    of_relation: dict[str, list[Edge]] = defaultdict(list)
    for edge in sorted(edges):
        of_relation[edge.to_relation].append(edge)
    return (
        json.dumps([], indent=1)
        if not of_relation
        else _text(_dataset(name, of_relation[name]) for name in of_relation)
    )


def _dataset(name: str, edges: list[Edge]) -> dict[str, Any]:
    of_rows = {edge.source for edge in edges if edge.to_column == ROWS}
    fields: dict[str, list[dict[str, Any]]] = defaultdict(list)
    kinds: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for edge in edges:
        if edge.to_column != ROWS:
            known = kinds[edge.to_column, edge.from_relation, edge.from_column]
            if edge.kind != FILTER_OR_JOIN or edge.source not in of_rows:
                known.append(edge.kind)
    for (column, relation, field), found in kinds.items():
        fields[column]
        if found:
            fields[column].append(_input(relation, field, found))
    facet = {
        "_producer": PRODUCER,
        "_schemaURL": SCHEMA,
        "fields": {column: {"inputFields": inputs} for column, inputs in fields.items()},
        "dataset": [_input(*column, [FILTER_OR_JOIN]) for column in sorted(of_rows)],
    }
    return {"namespace": NAMESPACE, "name": name, "facets": {"columnLineage": facet}}


def _input(relation: str, field: str, kinds: list[str]) -> dict[str, Any]:
    transformations = [dict(zip(("type", "subtype"), TRANSFORMATIONS[kind], strict=True)) for kind in kinds]
    return {"namespace": NAMESPACE, "name": relation, "field": field, "transformations": transformations}


def _text(datasets: Iterable[dict[str, Any]]) -> str:
    """Return JSON in which each input is one line, so that a change of one column is a difference of one line."""
    lines = ["["]
    for number, dataset in enumerate(datasets):
        facet = dataset["facets"]["columnLineage"]
        lines[-1] += "," if number else ""
        lines += [
            f' {{"namespace": {json.dumps(dataset["namespace"])}, "name": {json.dumps(dataset["name"])},',
            f'  "facets": {{"columnLineage": {{"_producer": {json.dumps(facet["_producer"])},',
            f'   "_schemaURL": {json.dumps(facet["_schemaURL"])},',
            '   "fields": {',
        ]
        for place, (column, content) in enumerate(facet["fields"].items()):
            lines[-1] += "," if place else ""
            lines += [f'    {json.dumps(column)}: {{"inputFields": [', *_one_a_line(content["inputFields"]), "    ]}"]
        lines += ["   },", '   "dataset": [', *_one_a_line(facet["dataset"]), "   ]", "  }}", " }"]
    return "\n".join([*lines, "]", ""])


def _one_a_line(inputs: list[dict[str, Any]]) -> list[str]:
    texts = [f"     {json.dumps(each)}" for each in inputs]
    return [*(f"{text}," for text in texts[:-1]), *texts[-1:]]


def read_edges(file: Path = FILE) -> list[Edge]:
    """Read the edges that `make lineage` wrote.

    Args:
        file: the file of lineage.

    Returns:
        The edges, sorted, as `scripts.lineage.column_edges` returned them.

    Raises:
        Refusal: the file is missing or no column lineage.
    """
    try:
        datasets = json.loads(file.read_text())
        return sorted(set(_edges(datasets)))
    except (OSError, ValueError, KeyError, TypeError) as problem:
        raise Refusal(f"{file}: cannot read the column lineage ({problem!r}): run `make lineage`.") from problem


def _edges(datasets: list[dict[str, Any]]) -> Iterator[Edge]:
    kind_of = {transformation: kind for kind, transformation in TRANSFORMATIONS.items()}
    for dataset in datasets:
        name, facet = dataset["name"], dataset["facets"]["columnLineage"]
        for column, content in facet["fields"].items():
            for each in content["inputFields"]:
                for step in each["transformations"]:
                    yield Edge(name, column, each["name"], each["field"], kind_of[step["type"], step["subtype"]])
        for each in facet["dataset"]:
            for column in [*facet["fields"], ROWS]:
                yield Edge(name, column, each["name"], each["field"], FILTER_OR_JOIN)
