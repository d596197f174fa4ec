"""Follow personal data along the lineage: a column needs at least the mark of each column that it derives from."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from scripts.land.contract import Pii, Purpose
from scripts.lineage import Column, Edge
from scripts.lineage.edges import AGGREGATED, DERIVED, PASSED_ON, ROWS, WINDOW

PROJECT = "retail_warehouse"
GOLD, BRONZE = "gold", "bronze"
DIRECT, QUASI, NONE = "direct", "quasi", "none"
STRENGTH = {NONE: 0, QUASI: 1, DIRECT: 2}
# Along which edges a mark travels. An aggregate or a window of e-mail addresses can hold an address (`max`, `lag`). Of
# customer numbers, it is a count, a rank or a neighbour in the same history. A filter or join moves no value.
CARRIES = {DIRECT: {PASSED_ON, DERIVED, AGGREGATED, WINDOW}, QUASI: {PASSED_ON, DERIVED}}
GUIDE = "docs/governance.md"


@dataclass(frozen=True)
class Mark:
    """What the YAML of a column declares.

    Attributes:
        pii: `direct`, `quasi` or `none`; None if it declares nothing.
        reason: why a column that derives from personal data is none.
        purpose: what the column may be used for.
    """

    pii: str | None = None
    reason: str | None = None
    purpose: str | None = None


@dataclass(frozen=True)
class Marks:
    """What the project declares of its columns.

    Attributes:
        of: the marks by column, of all relations.
        files: the YAML file of each relation.
        reads: the relations that each relation reads.
    """

    of: Mapping[Column, Mark]
    files: Mapping[str, str]
    reads: Mapping[str, Sequence[str]]


def read_marks(sources: Mapping[str, Any], nodes: Mapping[str, Any]) -> Marks:
    """Read the marks from what dbt parsed.

    Args:
        sources: the sources of a manifest, as dbt's objects or as a file has them.
        nodes: its nodes, of any kind.
    """
    kinds = ("source", "model", "seed", "snapshot")
    chosen = {
        unique_id: node
        for unique_id, node in {**sources, **nodes}.items()
        if str(_get(node, "resource_type")) in kinds and _get(node, "package_name") == PROJECT
    }
    names = {unique_id: _name(node) for unique_id, node in chosen.items()}
    found: dict[Column, Mark] = {}
    for unique_id, node in chosen.items():
        for name, column in _get(node, "columns").items():
            meta = _get(_get(column, "config"), "meta") or {}
            found[Column(names[unique_id], name)] = Mark(meta.get("pii"), meta.get("pii_reason"), meta.get("purpose"))
    return Marks(
        of=found,
        files={
            names[unique_id]: str(_get(node, "patch_path") or _get(node, "original_file_path")).rpartition("://")[2]
            for unique_id, node in chosen.items()
        },
        reads={
            names[unique_id]: [
                names[other] for other in _get(_get(node, "depends_on"), "nodes") or () if other in names
            ]
            for unique_id, node in chosen.items()
            if _get(node, "depends_on")
        },
    )


def unmarked(marks: Marks, edges: Iterable[Edge]) -> list[str]:
    """Return a line for each column whose mark is missing or too weak, with where its data come from and what to do.

    Args:
        marks: what the project declares.
        edges: the lineage. A column that it does not know, of a relation that is new, is judged by its name.
    """
    lineage = _Followed(marks, edges)
    columns = sorted({*marks.of, *lineage.columns})
    return [*(line for column in columns for line in lineage.faults(column)), *_by_name(marks, lineage)]


class _Followed:
    """Personal data, followed from the contract to the last column.

    Attributes:
        columns: the columns that lineage knows.
    """

    def __init__(self, marks: Marks, edges: Iterable[Edge]) -> None:
        self.marks = marks
        self.columns: set[Column] = set()
        self._sources: dict[Column, list[Edge]] = defaultdict(list)
        self._known: dict[Column, tuple[str, Column | None]] = {}
        for edge in edges:
            if edge.to_column != ROWS:
                self.columns.add(edge.target)
                self._sources[edge.target].append(edge)

    def faults(self, column: Column) -> Iterator[str]:
        """Yield what is wrong with the mark of a column."""
        mark = self.marks.of.get(column, Mark())
        file = self.marks.files.get(column.relation, GUIDE)
        layer = column.relation.partition(".")[0]
        if mark.pii not in (None, *get_args(Pii)) or mark.purpose not in (None, *get_args(Purpose)):
            known = f"pii: {', '.join(get_args(Pii))}; purpose: {', '.join(get_args(Purpose))}"
            yield f"{column}: pii {mark.pii!r} or purpose {mark.purpose!r} is unknown; choose {known} in {file}."
            return
        if mark.pii in (DIRECT, QUASI) and not mark.purpose:
            purposes = ", ".join(get_args(Purpose))
            yield f"{column}: is marked {mark.pii}, but has no purpose; choose {purposes} in {file}."
        if layer == BRONZE:
            return
        if mark.pii == NONE and mark.reason:
            return
        reached, origin = self._arriving(column)
        if layer == GOLD and DIRECT in (mark.pii, reached):
            whose = f" of {origin}" if origin else ""
            yield (
                f"{column}: holds direct personal data{whose}, and gold holds none: build it"
                f" in the schema profiles, or declare pii: none with a pii_reason in {file} ({GUIDE})."
            )
        elif column.relation in self.marks.files and STRENGTH[mark.pii or NONE] < STRENGTH[reached]:
            yield (
                f"{column}: derives from {origin} ({reached}) and is marked {mark.pii or 'nothing'}: declare"
                f" pii: {reached} and a purpose, or pii: none with a pii_reason, in {file} ({GUIDE})."
            )

    def strength(self, column: Column) -> tuple[str, Column | None]:
        """Return how personal a column is, and the column that makes it so: by its mark, else by what reaches it."""
        if column not in self._known:
            # A relation that reads its own rows: what is known so far.
            self._known[column] = (NONE, None)
            mark = self.marks.of.get(column, Mark())
            reached, origin = self._arriving(column)
            if mark.pii == NONE and mark.reason:
                reached, origin = NONE, None
            elif STRENGTH.get(mark.pii or NONE, 0) >= STRENGTH[reached] and mark.pii in (DIRECT, QUASI):
                # A mark that is too weak is a fault of this column, and hides nothing behind it.
                reached, origin = mark.pii, origin or column
            self._known[column] = reached, origin
        return self._known[column]

    def _arriving(self, column: Column) -> tuple[str, Column | None]:
        """Return what the columns bring from which a column derives, the strongest first."""
        best: tuple[str, Column | None] = (NONE, None)
        for edge in self._sources[column]:
            strength, origin = self.strength(edge.source)
            if strength != NONE and edge.kind in CARRIES[strength] and STRENGTH[strength] > STRENGTH[best[0]]:
                best = strength, origin
        return best


def _by_name(marks: Marks, lineage: _Followed) -> Iterator[str]:
    """Yield the columns of gold that lineage does not know, and that have the name of direct personal data upstream."""
    for column, mark in sorted(marks.of.items()):
        if not column.relation.startswith(f"{GOLD}.") or column in lineage.columns or mark.pii is not None:
            continue
        for upstream in _upstream(marks, column.relation):
            strength, origin = lineage.strength(Column(upstream, column.name))
            if strength == DIRECT:
                yield (
                    f"{column}: has the name of {origin} (direct), and docs/lineage.json does not know it: rename it,"
                    f" build it in the schema profiles, or declare its pii in {marks.files[column.relation]} ({GUIDE})."
                )
                break


def _upstream(marks: Marks, relation: str) -> list[str]:
    found: dict[str, None] = {}
    waiting = [relation]
    while waiting:
        for other in marks.reads.get(waiting.pop(), ()):
            if other not in found:
                found[other] = None
                waiting.append(other)
    return list(found)


def _name(node: Any) -> str:  # noqa: ANN401 - dbt's objects, or what a file has of them
    """Return the layer and the name of a relation, as lineage has them."""
    if str(_get(node, "resource_type")) == "source":
        return f"{_get(node, 'schema')}.{_get(node, 'identifier')}"
    return f"{_get(_get(node, 'config'), 'schema')}.{_get(node, 'alias')}"


def _get(thing: Any, key: str) -> Any:  # noqa: ANN401 - dbt's objects, or what a file has of them
    return thing.get(key) if isinstance(thing, Mapping) else getattr(thing, key, None)
