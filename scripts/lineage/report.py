"""What the terminal shows of the lineage: one column, or the columns that have no origin."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from scripts.errors import Refusal
from scripts.lineage.edges import ARGUMENTS, FILTER_OR_JOIN, RAW_FILES, ROWS, Column, Edge, Lineage

# Of a line in a pipe or a log.
WIDEST = 1_000
# Where a column must not end: what readers ask for, and what the package keeps about releases, is no origin.
NO_ORIGIN = (f"{ARGUMENTS}.", "audit.")


def gold_columns(edges: Iterable[Edge]) -> list[Column]:
    """Return the columns of gold, sorted."""
    return sorted({edge.target for edge in edges if edge.to_relation.startswith("gold.") and edge.to_column != ROWS})


def of_values(edges: Iterable[Edge]) -> list[Edge]:
    """Return the edges by which values come, without those that only decide which rows there are."""
    return [edge for edge in edges if edge.kind != FILTER_OR_JOIN or edge.to_column == edge.from_column == ROWS]


def origins(edges: Iterable[Edge], column: Column) -> set[Column]:
    """Return where the values of a column begin: headers of files, columns of seeds, and what is generated.

    Args:
        edges: all edges.
        column: any column.
    """
    return Lineage(of_values(edges)).origins(column)


def without_origin(edges: Sequence[Edge]) -> list[Column]:
    """Return the columns of gold that lead to no file, seed, generated series or constant."""
    lineage = Lineage(of_values(edges))
    return [
        column
        for column in gold_columns(edges)
        if all(origin.relation.startswith(NO_ORIGIN) for origin in lineage.origins(column))
    ]


def show(console: Console, edges: Sequence[Edge], name: str) -> None:
    """Print where a column comes from, up to the files, and what it changes.

    Args:
        console: where to print.
        edges: all edges.
        name: of the column, as `layer.relation.column`.

    Raises:
        Refusal: there is no such column.
    """
    relation, _, column_name = name.strip().lower().rpartition(".")
    column = Column(relation, column_name)
    known = {str(each) for edge in edges for each in (edge.target, edge.source)}
    if str(column) not in known:
        nearest = (
            get_close_matches(str(column), known, n=3)
            or [other for other in sorted(known) if other.endswith(f".{column_name}")][:3]
        )
        hint = f"did you mean {' or '.join(nearest)}?" if nearest else "give layer.relation.column."
        raise Refusal(f"the lineage has no column {name!r}: {hint}")
    incoming: dict[Column, list[Edge]] = defaultdict(list)
    for edge in of_values(edges):
        incoming[edge.target].append(edge)
    tree = Tree(Text(str(column), style="bold"))
    _grow(tree, column, incoming, set())
    if not console.is_terminal:
        # A line of a pipe or a log is not broken.
        console.width = WIDEST
    console.print(tree)
    of_all, of_some = Lineage(edges), Lineage(of_values(edges))
    headers = {each for each in of_all.ancestors(column) if each.relation.startswith(RAW_FILES)}
    _list(console, "Filters and joins on the way also read", headers - of_some.ancestors(column))
    changed = of_some.descendants(column)
    _list(console, "Its values go into", changed)
    _list(console, "By a filter or a join it also changes", of_all.descendants(column) - changed)


def _grow(tree: Tree, column: Column, incoming: dict[Column, list[Edge]], seen: set[Column]) -> None:
    for edge in incoming[column]:
        is_new = edge.source not in seen
        label = f"{edge.source}  ({edge.kind}{'' if is_new or not incoming[edge.source] else ', as above'})"
        branch = tree.add(Text(label))
        if is_new:
            seen.add(edge.source)
            _grow(branch, edge.source, incoming, seen)


def _list(console: Console, title: str, columns: Iterable[Column]) -> None:
    of_relation: dict[str, list[str]] = defaultdict(list)
    for column in sorted(columns):
        if column.name != ROWS:
            of_relation[column.relation].append(column.name)
    if of_relation:
        console.print(Text(f"\n{title}:", style="bold"))
    for relation, names in of_relation.items():
        console.print(Text(f"  {relation}: {', '.join(names)}"))
