"""The keys that the contracts declare: what a row of a relation is named by, and what it refers to."""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from scripts import connection

# A parse leaves the reference as written, a compiled node has the name of the relation.
REFERENCE = re.compile(r"""^\s*ref\(\s*['"](?P<name>\w+)['"]\s*\)\s*$""")


class ForeignKey(NamedTuple):
    """A foreign key of one column.

    Attributes:
        relation: layer and name of the relation that refers, such as `gold.fct_sales`.
        column: its column.
        to: layer and name of the relation that is referred to.
        to_column: the column of that.
        name: the name of the constraint.
    """

    relation: str
    column: str
    to: str
    to_column: str
    name: str


def primary_key(node: dict[str, Any]) -> list[str]:
    """Return the columns of the primary key that a node declares, or an empty list.

    Args:
        node: a node of dbt's manifest.
    """
    of_relation = [each["columns"] for each in node.get("constraints") or [] if each["type"] == "primary_key"]
    of_columns = [
        column["name"]
        for column in node["columns"].values()
        if any(each["type"] == "primary_key" for each in column.get("constraints") or [])
    ]
    return list(of_relation[0]) if of_relation else of_columns


def foreign_keys(project: dict[str, Any], node: dict[str, Any]) -> Iterator[ForeignKey]:
    """Yield the foreign keys that a node declares, in the order of its columns.

    Args:
        project: dbt's manifest of the project, compiled or only parsed.
        node: a node of it.
    """
    for column in node["columns"].values():
        for key in column.get("constraints") or []:
            if key["type"] == "foreign_key":
                to = _relation(project, key["to"])
                yield ForeignKey(name_of(node), column["name"], to, key["to_columns"][0], key["name"])


def name_of(node: dict[str, Any]) -> str:
    """Return layer and name of the relation of a node, such as `gold.fct_sales`.

    Args:
        node: a node of dbt's manifest.
    """
    return bare(f"{node['schema']}.{node.get('alias') or node['identifier']}")


def bare(name: str) -> str:
    """Return the name of a relation without the prefix that its schema has in the target in use.

    Args:
        name: schema and name, such as `ci_gold.fct_sales`.
    """
    return name.removeprefix(connection.audit_schema().removesuffix("audit"))


def _relation(project: dict[str, Any], to: str) -> str:
    if found := REFERENCE.match(to):
        candidates = (
            node
            for node in project["nodes"].values()
            if node["name"] == found["name"] and node["resource_type"] in ("model", "seed", "snapshot")
        )
        return name_of(next(candidates))
    return bare(".".join(to.replace('"', "").split(".")[-2:]))
