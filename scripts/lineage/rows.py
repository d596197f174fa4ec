"""What a query or a relation holds: rows, of which each column has origins."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from scripts.lineage.edges import FILTER_OR_JOIN, KINDS, PASSED_ON, ROWS, Column

# A column with how it gets there. The same column can come by several ways.
Origins = frozenset[tuple[Column, str]]
NOTHING: Origins = frozenset()
# Columns that identify a thing, and the begin and the end of the span in which a row of it is valid: no spans overlap.
Interval = tuple[frozenset[str], str, str]


@dataclass(frozen=True)
class Rows:
    """The result of a query, or a relation.

    Attributes:
        columns: where each column comes from.
        row_origins: what decides which rows there are.
        grain: the relations whose rows these are.
        keys: sets of columns of which no two rows have the same values. The empty set means one row at most.
        intervals: spans that do not overlap.
        always_null: columns that hold nothing but null, which no join finds.
    """

    columns: Mapping[str, Origins]
    row_origins: Origins = NOTHING
    grain: Origins = NOTHING
    keys: frozenset[frozenset[str]] = frozenset()
    intervals: frozenset[Interval] = frozenset()
    always_null: frozenset[str] = frozenset()


def strengthen(origins: Iterable[tuple[Column, str]], kind: str) -> Origins:
    """Return origins after one more step of a kind."""
    at_least = KINDS.index(kind)
    return frozenset((column, KINDS[max(at_least, KINDS.index(known))]) for column, known in origins)


def merge(many: Iterable[Origins]) -> Origins:
    """Return the origins of something that is made of several things."""
    return frozenset(chain.from_iterable(many))


def relation(
    name: str,
    columns: Iterable[str],
    keys: frozenset[frozenset[str]] = frozenset(),
    intervals: frozenset[Interval] = frozenset(),
    always_null: frozenset[str] = frozenset(),
) -> Rows:
    """Return a relation of the project, as the beginning of a walk.

    Args:
        name: the layer and the name.
        columns: the names of its columns.
        keys: sets of columns that are unique.
        intervals: spans that do not overlap.
        always_null: columns that hold nothing but null.
    """
    rows = frozenset({(Column(name, ROWS), FILTER_OR_JOIN)})
    passed_on = {column: frozenset({(Column(name, column), PASSED_ON)}) for column in columns}
    return Rows(passed_on, rows, frozenset({(Column(name, ROWS), PASSED_ON)}), keys, intervals, always_null)


def renamed(rows: Rows, names: list[str]) -> Rows:
    """Return rows whose first columns have other names."""
    new = dict(zip(rows.columns, names, strict=False))

    def each(columns: Iterable[str]) -> frozenset[str]:
        return frozenset(new.get(name, name) for name in columns)

    return replace(
        rows,
        columns={new.get(name, name): origins for name, origins in rows.columns.items()},
        keys=frozenset(each(key) for key in rows.keys),
        intervals=frozenset((each(key), new.get(a, a), new.get(b, b)) for key, a, b in rows.intervals),
        always_null=each(rows.always_null),
    )
