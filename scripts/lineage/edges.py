"""What lineage is made of: edges between columns, and the kinds that they have."""

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

PASSED_ON = "passed on"
DERIVED = "derived"
AGGREGATED = "aggregated"
WINDOW = "window"
FILTER_OR_JOIN = "filter or join"
# From the weakest to the strongest: a value that passes several steps has the kind of the strongest step.
KINDS = (PASSED_ON, DERIVED, AGGREGATED, WINDOW, FILTER_OR_JOIN)
# Stands for the rows of a relation: `count(*)` counts them, and each relation has them from those that it reads.
ROWS = "*"
# Relations that are none: where columns without any source in a file or seed come from.
RAW_FILES = "files"
VARIABLES = "variables"
CONSTANTS = "constants"
GENERATED = "generated"
ARGUMENTS = "arguments"


class Column(NamedTuple):
    """A column of a relation.

    Attributes:
        relation: the layer and the name, such as `gold.dim_product`.
        name: of the column; `*` for the rows of the relation.
    """

    relation: str
    name: str

    def __str__(self) -> str:
        return f"{self.relation}.{self.name}"


class Edge(NamedTuple):
    """A column, and a column of an adjacent relation that it comes from."""

    to_relation: str
    to_column: str
    from_relation: str
    from_column: str
    kind: str

    @property
    def target(self) -> Column:
        """Return the column that the edge leads to."""
        return Column(self.to_relation, self.to_column)

    @property
    def source(self) -> Column:
        """Return the column that the edge comes from."""
        return Column(self.from_relation, self.from_column)


def ancestors(edges: Iterable[Edge], column: Column) -> set[Column]:
    """Return all columns that a column comes from, directly or through other columns."""
    return _reachable(edges, column, upwards=True)


def descendants(edges: Iterable[Edge], column: Column) -> set[Column]:
    """Return all columns that a column can change, directly or through other columns."""
    return _reachable(edges, column, upwards=False)


def _reachable(edges: Iterable[Edge], column: Column, *, upwards: bool) -> set[Column]:
    nexts: dict[Column, set[Column]] = defaultdict(set)
    for edge in edges:
        begin, end = (edge.target, edge.source) if upwards else (edge.source, edge.target)
        nexts[begin].add(end)
    found: set[Column] = set()
    waiting = [column]
    while waiting:
        new = nexts[waiting.pop()] - found
        found |= new
        waiting.extend(new)
    return found
