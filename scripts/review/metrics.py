"""Each metric of the semantic layer before and after: those that read what changed, or that are defined anew."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg

from scripts.errors import said_in_one_line
from scripts.metrics.manifest import with_relations_of_target
from scripts.metrics.query import Query

if TYPE_CHECKING:
    from scripts.metrics.engine import Engine


@dataclass(frozen=True)
class Metric:
    """A metric over all rows, before and after.

    Attributes:
        name: its name.
        owner: its group.
        what: `equal`, `changed`, `new`, `gone`, `defined anew` or `not computed`.
        before: its value on the base, if it has one; after: that on the head.
        problem: why it was not computed.
    """

    name: str
    owner: str
    what: str
    before: Decimal | None = None
    after: Decimal | None = None
    problem: str = ""

    @property
    def per_cent(self) -> Decimal | None:
        """Return by how much of the value before it moved, in per cent."""
        if self.before is None or self.after is None or self.before == 0:
            return None
        return 100 * (self.after - self.before) / abs(self.before)


def compared(
    session: psycopg.Connection,
    semantic: tuple[dict[str, Any], dict[str, Any]],
    manifests: tuple[Mapping[str, Any], Mapping[str, Any]],
    moved: Mapping[str, str],
) -> Iterator[Metric]:
    """Yield the metrics that could move, with both values.

    Args:
        session: a connection that sees both sides in one snapshot.
        semantic: the semantic manifests of base and head, with the relations of the release.
        manifests: their manifest.json.
        moved: of each relation that differs, that of the head.
    """
    definitions = tuple({metric["name"]: metric for metric in side["metrics"]} for side in semantic)
    before, after = definitions
    owners = {metric["name"]: metric.get("group") or "" for side in manifests for metric in side["metrics"].values()}
    texts = tuple(with_relations_of_target(side) for side in semantic)
    anew = {name for name in before.keys() & after.keys() if _definition(before[name]) != _definition(after[name])}
    models = [{model["name"]: _definition(model) for model in side["semantic_models"]} for side in semantic]
    if models[0] != models[1]:
        # A dimension or measure of another definition may move any metric.
        anew |= before.keys() & after.keys()
    if not moved and not anew and before.keys() == after.keys():
        return
    from scripts.metrics.engine import engine  # noqa: PLC0415  # MetricFlow takes seconds

    engines = (engine(texts[0]), engine(texts[1]))
    queries: dict[str, list[str]] = {}
    for name in sorted({*before, *after}):
        if name not in before or name not in after:
            yield Metric(name, owners.get(name, ""), "new" if name not in before else "gone")
            continue
        try:
            sides = [side.sql(Query((name,))) for side in engines]
        except Exception as error:
            yield Metric(name, owners.get(name, ""), "not computed", problem=said_in_one_line(str(error))[:200])
            continue
        sides[1] = _on_head(sides[1], moved)
        if sides[0] != sides[1]:
            queries[name] = sides
    together = _together(session, engines, tuple(queries), moved) if queries else {}
    for name, sides in queries.items():
        try:
            with session.transaction():
                values = together.get(name) or [_value(session, query) for query in sides]
        except psycopg.Error as error:
            yield Metric(name, owners.get(name, ""), "not computed", problem=said_in_one_line(str(error)))
            continue
        what = "equal" if values[0] == values[1] else "defined anew" if name in anew else "changed"
        yield Metric(name, owners.get(name, ""), what, values[0], values[1])


def _together(
    session: psycopg.Connection, engines: tuple["Engine", "Engine"], names: tuple[str, ...], moved: Mapping[str, str]
) -> dict[str, list[Decimal | None]]:
    """Return both values of each metric, of one query a side: it reads a relation once for all of its metrics.

    One metric that cannot be computed makes the query fail. Nothing is returned then, and each metric is asked alone.
    """
    values: dict[str, list[Decimal | None]] = {name: [] for name in names}
    try:
        both = [side.sql(Query(names)) for side in engines]
        with session.transaction():
            for query in (both[0], _on_head(both[1], moved)):
                answer = session.execute(query.encode())
                row = answer.fetchone() or ()
                found = dict(zip((column.name for column in answer.description or ()), row, strict=True))
                for name in names:
                    values[name].append(None if found[name] is None else Decimal(str(found[name])))
    except Exception:  # MetricFlow raises errors of many kinds, and each metric is asked alone
        return {}
    return values


def _on_head(query: str, moved: Mapping[str, str]) -> str:
    """Return a query that reads the relations of the head where they differ."""
    for relation, built in moved.items():
        query = re.sub(rf"(?<![\w.]){re.escape(relation)}\b", built, query)
    return query


def _value(session: psycopg.Connection, query: str) -> Decimal | None:
    row = session.execute(query.encode()).fetchone()
    return None if row is None or row[0] is None else Decimal(str(row[0]))


def _definition(metric: Mapping[str, Any]) -> str:
    """Return what a metric or semantic model computes, without its texts."""
    kept = {name: value for name, value in metric.items() if name not in ("description", "label", "metadata", "config")}
    return json.dumps(kept, sort_keys=True, default=str)
