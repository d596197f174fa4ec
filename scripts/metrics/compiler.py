"""From a question to SQL: resolve its names, ask MetricFlow, keep the statement."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, replace
from difflib import get_close_matches

from scripts.errors import Refusal, printable
from scripts.metrics import manifest
from scripts.metrics.catalogue import GRAINS, Catalogue, catalogue
from scripts.metrics.query import Compiled, Query

METRIC_TIME = "metric_time"
# Kept statements of another form are not read.
FORM = 1


def compile_query(query: Query) -> Compiled:
    """Return the SQL of a question. A question that was asked before does not load MetricFlow.

    Args:
        query: the question, with full or short names.

    Raises:
        Refusal: a name is unknown or ambiguous, or a metric cannot be grouped by a dimension.
    """
    query = resolve(query, catalogue())
    asked = json.dumps([FORM, manifest.fingerprint(), manifest.gold_schema(), asdict(query)], default=str)
    kept = manifest.folder() / "compiled" / f"{hashlib.sha256(asked.encode()).hexdigest()[:32]}.sql"
    if not kept.exists():
        manifest.write(kept, _compile(query))
    return Compiled(kept.read_text(), query, (*query.group_by, *query.metrics))


def resolve(query: Query, known: Catalogue) -> Query:
    """Return a question with full names.

    Args:
        query: the question, with full or short names.
        known: the catalogue of the project.

    Raises:
        Refusal: a name is unknown or ambiguous, or a metric cannot be grouped by a dimension.
    """
    for name in query.metrics:
        if name not in known.metrics:
            raise Refusal(f"metric {printable(name)!r} is unknown{_nearest(name, known.metrics)}.")
    if len(set(query.metrics)) < len(query.metrics):
        raise Refusal("the question names a metric twice: name each metric once.")
    group_by = tuple(full_name(name, query.metrics, known) for name in query.group_by)
    if len(set(group_by)) < len(group_by):
        raise Refusal("the question groups by the same dimension twice: name each dimension once.")
    where = tuple(replace(each, dimension=full_name(each.dimension, query.metrics, known)) for each in query.where)
    return replace(query, group_by=group_by, where=where, order_by=tuple(_ordered(query, group_by, known)))


def full_name(name: str, metrics: Iterable[str], known: Catalogue) -> str:
    """Return the full name of a dimension that all metrics have, such as `country__country_name` for `country`.

    Args:
        name: a full name; a grain (`month`); the name of a dimension without its entities; or a synonym.
        metrics: names of metrics.
        known: the catalogue of the project.

    Raises:
        Refusal: no dimension or several dimensions of these metrics have the name.
    """
    wanted = name.strip().lower()
    if wanted in GRAINS:
        return f"{METRIC_TIME}__{wanted}"
    path, _, grain = wanted.rpartition("__")
    if grain not in GRAINS:
        path, grain = wanted, ""
    common = shared_dimensions(metrics, known)
    found = [path] if path in common else _named(path, common, known)
    if not found:
        words = {word for each in common for word in (each.split("__")[-1], *known.dimensions[each].synonyms)}
        names = ", ".join(metrics)
        raise Refusal(f"{names} cannot be grouped by {printable(name)!r}{_nearest(wanted, [*GRAINS, *words])}.")
    if len(found) > 1:
        raise Refusal(f"{printable(name)!r} is ambiguous: use one of {', '.join(found)}.")
    return f"{found[0]}__{grain or 'day'}" if known.dimensions[found[0]].is_time else found[0]


def shared_dimensions(metrics: Iterable[str], known: Catalogue) -> list[str]:
    """Return the full names of the dimensions that all metrics have, in order.

    Args:
        metrics: names of metrics.
        known: the catalogue of the project.
    """
    return sorted(set.intersection(*(set(known.metrics[name].dimensions) for name in metrics)))


def _named(name: str, common: list[str], known: Catalogue) -> list[str]:
    """Return the dimensions with a short name or a synonym; of the same dimension, the one with the fewest joins."""
    by_element = [each for each in common if each.split("__")[-1] == name]
    found = by_element or [each for each in common if name in known.dimensions[each].synonyms]
    shortest = min((each.count("__") for each in found), default=0)
    return [each for each in found if each.count("__") == shortest]


def _ordered(query: Query, group_by: tuple[str, ...], known: Catalogue) -> Iterable[str]:
    given = []
    for name in query.order_by:
        sign, bare = ("-", name[1:]) if name.startswith("-") else ("", name)
        column = bare if bare in query.metrics else full_name(bare, query.metrics, known)
        if column not in (*group_by, *query.metrics):
            raise Refusal(f"cannot order by {printable(bare)!r}: the question neither asks for it nor groups by it.")
        given.append(column)
        yield f"{sign}{column}"
    yield from (column for column in group_by if column not in given)


def _compile(query: Query) -> str:
    from scripts.metrics.engine import engine  # noqa: PLC0415  # imports MetricFlow

    statement = [engine(manifest.semantic_manifest()).sql(query)]
    if query.order_by:
        # Without values last, the rows of a descending order would begin with those that have no value.
        directions = [f'"{name.lstrip("-")}"{" desc" if name.startswith("-") else ""}' for name in query.order_by]
        statement.append("ORDER BY " + ", ".join(f"{each} NULLS LAST" for each in directions))
    if query.limit:
        statement.append(f"LIMIT {query.limit}")
    return "\n".join(statement) + "\n"


def _nearest(name: str, names: Iterable[str]) -> str:
    near = get_close_matches(name, sorted(names), n=3, cutoff=0.5)
    return f": did you mean {' or '.join(near)}?" if near else ": `make metrics` lists what is known"
