"""The report of a review: what was found, and the verdict."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from scripts.review.checks import Check
from scripts.review.code import Code
from scripts.review.cost import Asked, Built
from scripts.review.metrics import Metric
from scripts.review.nodes import Change
from scripts.review.release import Release
from scripts.review.risk import Risk
from scripts.review.rows import Difference

# Relations of which the verdict says how many rows change.
MOST = 3


@dataclass
class Report:
    """All that a review found.

    Attributes:
        code: what was compared.
        release: with what.
        changes: the nodes that really changed.
        unchanged: nodes whose text differs and whose meaning does not.
        built: the status of each node that was built, by name.
        spared: how many nodes read what changed and need not be built, as its rows are equal.
        problems: why nodes could not be built, by name.
        rows: what becomes of each relation of gold.
        metrics: those that could move.
        checks: those that are new, gone, weakened or that fail.
        cost: of each node that was built.
        queries: the dashboard queries that read what was built.
        risks: what a merge sets in motion.
        lineage: edges between columns that come and go.
        prefix: of the schemas in which the head was built.
        seconds: how long each part of the review took.
    """

    code: Code
    release: Release
    prefix: str
    changes: list[Change] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    built: dict[str, str] = field(default_factory=dict)
    spared: int = 0
    problems: dict[str, str] = field(default_factory=dict)
    rows: list[Difference] = field(default_factory=list)
    metrics: list[Metric] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    cost: list[Built] = field(default_factory=list)
    queries: list[Asked] = field(default_factory=list)
    risks: list[Risk] = field(default_factory=list)
    lineage: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def owners(self) -> list[str]:
        """Return the groups whose numbers, columns or checks change, so that they have to approve."""
        differing = (
            difference.owner for difference in self.rows if difference.is_changed and difference.status != "new"
        )
        moved = (metric.owner for metric in self.metrics if metric.what in ("changed", "defined anew", "gone"))
        return sorted({owner for owner in [*differing, *moved] if owner})

    @property
    def verdict(self) -> str:
        """Return what a reviewer has to know first, in one line."""
        if self.problems:
            return f"{_names(list(self.problems))} cannot be built, so not all numbers are known"
        parts = [*self._moved(), *self._relations()]
        failing = [check.name for check in self.checks if check.what in ("fails", "could not run")]
        weaker = [check.name for check in self.checks if check.what in ("gone", "weakened")]
        if failing:
            parts.append(f"{_names(failing)} {'fails' if len(failing) == 1 else 'fail'}")
        if weaker:
            parts.append(f"{_number(len(weaker), 'check asks', 'checks ask')} less ({_names(weaker)})")
        text = "; ".join(parts) or "no number changes"
        return f"{text}: needs {_all(self.owners)}" if self.owners else text

    def as_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        found = asdict(self)
        return {"verdict": self.verdict, "owners": self.owners, **found}

    def _moved(self) -> Iterable[str]:
        moved = [each for each in self.rows if each.status == "changed"]
        for difference in sorted(moved, key=lambda each: -each.rows)[:MOST]:
            found, name = difference.found, _short(difference.relation)
            columns = len(found["columns"])
            parts = []
            if found["rows_changed"]:
                rows = _number(found["rows_changed"], "row", "rows")
                parts.append(f"{_number(columns, 'column changes', 'columns change')} in {rows} of {name}")
            for what, word in (("added", "come"), ("gone", "go")):
                if count := found[f"rows_{what}"]:
                    parts.append(f"{_number(count, 'row', 'rows')} {word if count > 1 else word + 's'}")
            if not parts:
                parts.append(f"the columns of {name} change")
            elif not found["rows_changed"]:
                parts[-1] += f" {'to' if not found['rows_gone'] else 'in'} {name}"
            yield ", ".join(parts)
        if len(moved) > MOST:
            yield f"{_number(len(moved) - MOST, 'other relation changes', 'other relations change')}"

    def _relations(self) -> Iterable[str]:
        for status in ("new", "gone", "not compared"):
            if names := [_short(difference.relation) for difference in self.rows if difference.status == status]:
                yield f"{_names(names)} {'is' if len(names) == 1 else 'are'} {status}"
        anew = [metric.name for metric in self.metrics if metric.what == "defined anew"]
        if anew:
            yield f"{_names(anew)} {'is' if len(anew) == 1 else 'are'} defined anew"


def _short(relation: str) -> str:
    return relation.rpartition(".")[-1]


def _names(names: list[str], most: int = MOST) -> str:
    """Return names in words: at most three of them."""
    shown = names[:most]
    return ", ".join(shown) + (f" and {len(names) - most} more" if len(names) > most else "")


def _all(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1])] * (len(names) > 1) + names[-1:])


def _number(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
