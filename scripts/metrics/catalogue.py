"""The catalogue of metrics and dimensions: what each means, its unit, and what can be grouped by what."""

import functools
import json
from dataclasses import asdict, dataclass
from typing import Any

from scripts.metrics import manifest
from scripts.metrics.manifest import folder, semantic_manifest, write

GRAINS = ("day", "week", "month", "quarter", "year")
# Each form of the kept file has a number of its own.
FORM = 1


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes:
        name: as a question names it, such as `net_revenue`.
        label: as a heading names it.
        description: its definition.
        unit: `gbp`, `percent` (a share, 0.05 is shown as 5 %), `count` or `days`.
        good: `up` or `down`, the direction that the shop wants.
        synonyms: other words for it.
        owner: who decides on the definition.
        kind: simple, derived or cumulative.
        inputs: the metrics that a derived metric is computed from.
        dimensions: full names of what it can be grouped by. Time dimensions have no grain here.
    """

    name: str
    label: str
    description: str
    unit: str
    good: str
    synonyms: tuple[str, ...]
    owner: str
    kind: str
    inputs: tuple[str, ...]
    dimensions: tuple[str, ...]


@dataclass(frozen=True)
class Dimension:
    """A dimension.

    Attributes:
        name: its full name, such as `customer__segment`: entities, then the dimension.
        label: as a heading names it.
        description: what it is.
        synonyms: other words for it.
        is_time: whether it is asked with a grain: day, week, month, quarter or year, as `metric_time__month`.
        relation: the relation that has its values; none of `metric_time`, which each metric brings.
        expression: the expression of its values in that relation.
    """

    name: str
    label: str
    description: str
    synonyms: tuple[str, ...]
    is_time: bool
    relation: str | None
    expression: str | None


@dataclass(frozen=True)
class Catalogue:
    """All metrics and dimensions, by name.

    Attributes:
        metrics: by their names, in the order of the files.
        dimensions: by their full names.
    """

    metrics: dict[str, Metric]
    dimensions: dict[str, Dimension]


@functools.cache
def catalogue() -> Catalogue:
    """Return the catalogue of the project. MetricFlow is asked only if the metrics have changed since the last time.

    Raises:
        Refusal: dbt cannot parse the project.
    """
    kept = folder() / f"catalogue-{FORM}-{manifest.gold_schema()}-{manifest.fingerprint()}.json"
    if not kept.exists():
        found = _derive(semantic_manifest())
        for other in folder().glob("catalogue-*.json"):
            other.unlink(missing_ok=True)
        write(
            kept, json.dumps({kind: [asdict(each) for each in named.values()] for kind, named in vars(found).items()})
        )
    content = json.loads(kept.read_text())
    return Catalogue(
        {each["name"]: Metric(**_with_tuples(each)) for each in content["metrics"]},
        {each["name"]: Dimension(**_with_tuples(each)) for each in content["dimensions"]},
    )


def _derive(text: str) -> Catalogue:
    from scripts.metrics.engine import METRIC_TIME, Engine  # noqa: PLC0415  # imports MetricFlow

    engine = Engine(text)
    owned = manifest.owners()
    content: dict[str, Any] = json.loads(text)
    hidden = {
        dimension["name"]
        for model in content["semantic_models"]
        for dimension in model["dimensions"]
        if _meta_of(dimension).get("hidden")
    }
    reachable = {
        each["name"]: tuple(name for name in engine.dimensions(each["name"]) if name.split("__")[-1] not in hidden)
        for each in content["metrics"]
    }
    metrics = {
        each["name"]: Metric(
            each["name"],
            each["label"] or each["name"],
            each["description"] or "",
            _meta_of(each).get("unit", ""),
            _meta_of(each).get("good", ""),
            tuple(_meta_of(each).get("synonyms", ())),
            owned[each["name"]],
            each["type"],
            tuple(used["name"] for used in each["type_params"].get("metrics") or ()),
            reachable[each["name"]],
        )
        for each in content["metrics"]
    }
    declared = {
        (entity["name"], dimension["name"]): (model, dimension)
        for model in content["semantic_models"]
        for entity in [
            *({"name": model["primary_entity"]} if model["primary_entity"] else {},),
            *(entity for entity in model["entities"] if entity["type"] in ("primary", "unique")),
        ]
        if entity
        for dimension in model["dimensions"]
    }
    names = sorted({name for each in reachable.values() for name in each if name != METRIC_TIME})
    dimensions = {
        METRIC_TIME: Dimension(METRIC_TIME, "Date", "Day of the fact.", ("date", "time", "period"), True, None, None)
    }
    for name in names:
        entity, element = name.split("__")[-2:]
        model, dimension = declared[entity, element]
        dimensions[name] = Dimension(
            name,
            dimension["label"] or element,
            dimension["description"] or "",
            tuple(_meta_of(dimension).get("synonyms", ())),
            dimension["type"] == "time",
            model["node_relation"]["relation_name"],
            dimension["expr"] or element,
        )
    return Catalogue(metrics, dimensions)


def _meta_of(each: dict[str, Any]) -> dict[str, Any]:
    return (each.get("config") or {}).get("meta") or {}


def _with_tuples(each: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in each.items()}
