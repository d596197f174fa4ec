"""What lineage is made of: edges between columns, and the kinds that they have."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
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


class Lineage:
    """Edges that are asked more than once.

    Args:
        edges: all edges, or some.
    """

    def __init__(self, edges: Iterable[Edge]) -> None:
        self._sources: dict[Column, set[Column]] = defaultdict(set)
        self._targets: dict[Column, set[Column]] = defaultdict(set)
        for edge in edges:
            self._sources[edge.target].add(edge.source)
            self._targets[edge.source].add(edge.target)

    def ancestors(self, column: Column) -> set[Column]:
        """Return all columns that a column comes from, directly or through other columns."""
        return _reachable(self._sources, column)

    def descendants(self, column: Column) -> set[Column]:
        """Return all columns that a column can change, directly or through other columns."""
        return _reachable(self._targets, column)

    def origins(self, column: Column) -> set[Column]:
        """Return the ancestors that come from nothing: headers of files, columns of seeds, and what is generated."""
        return {each for each in self.ancestors(column) if each not in self._sources}


def ancestors(edges: Iterable[Edge], column: Column) -> set[Column]:
    """Return all columns that a column comes from, directly or through other columns."""
    return Lineage(edges).ancestors(column)


def descendants(edges: Iterable[Edge], column: Column) -> set[Column]:
    """Return all columns that a column can change, directly or through other columns."""
    return Lineage(edges).descendants(column)


def _reachable(nexts: Mapping[Column, set[Column]], column: Column) -> set[Column]:
    found: set[Column] = set()
    waiting = [column]
    while waiting:
        new = nexts.get(waiting.pop(), set()) - found
        found |= new
        waiting.extend(new)
    return found
