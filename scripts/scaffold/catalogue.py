"""The columns that the project documents, and how a mart takes them over: from which models, by which joins."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from scripts.errors import Refusal

# Where a mart looks for a column: the star schema, then other marts, then silver.
LAYERS = ("models/marts/core/fct_", "models/marts/core/", "models/marts/", "models/intermediate/")
# The fact with all lines, where several facts would do.
FIRST = "fct_sales"
# Numbers that are no amounts: sums of them say nothing.
NOT_SUMMED = re.compile(r"(_key|_id|_price|number|year|quarter|month|week|day|hour|minute|rank|score)$")
NUMBER = re.compile(r"(numeric|integer|bigint|smallint)")
MARKS = ("pii", "pii_reason", "purpose")


@dataclass(frozen=True)
class Known:
    """A column that a model documents.

    Attributes:
        name: its name.
        model: the model.
        data_type: its type in the contract; empty without one.
        description: its description, which may refer to a block of docs.
        constraints: the kinds of its constraints.
        marks: what it says about personal data.
    """

    name: str
    model: str
    data_type: str
    description: str
    constraints: frozenset[str] = frozenset()
    marks: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_summed(self) -> bool:
        """Whether a mart sums it up; otherwise it is part of the grain."""
        is_amount = NUMBER.match(self.data_type) and not NOT_SUMMED.search(self.name)
        return (
            bool(is_amount) and self.model.startswith("fct_") and not self.constraints & {"primary_key", "foreign_key"}
        )


@dataclass(frozen=True)
class Origin:
    """Where the columns of a mart come from.

    Attributes:
        base: the model with the rows.
        columns: the columns, in the order that was asked for.
        joins: the other models, each with the column that joins it.
    """

    base: str
    columns: tuple[Known, ...]
    joins: Mapping[str, str]


def origin_of(project: Path, wanted: Sequence[str]) -> Origin:
    """Find the model, and the dimensions that it joins, that have all columns.

    Args:
        project: the folder of the dbt project.
        wanted: names of columns.

    Raises:
        Refusal: no model has a column, or no model joins all of them.
    """
    models = dict(_models(project))
    for name in wanted:
        if not any(name in columns for columns in models.values()):
            every = sorted({each for columns in models.values() for each in columns})
            near = get_close_matches(name, every, n=3)
            ask = f"did you mean {', '.join(near)}?" if near else "models/marts/core/README.md lists the columns."
            metric = f" ({name} is a metric: `make metric NAME={name}`)" if name in _metrics(project) else ""
            raise Refusal(f"COLUMNS: no model has a column {name!r}{metric}; {ask}")
    for base in sorted(models, key=lambda model: _rank(models, model, wanted)):
        found = [_found(models, base, name) for name in wanted]
        if all(found):
            pairs = [pair for pair in found if pair]
            return Origin(base, tuple(known for known, _ in pairs), {known.model: key for known, key in pairs if key})
    raise Refusal(
        f"COLUMNS: no model has {', '.join(wanted)} or joins what has them by one key: take the columns of one fact and"
        " its dimensions."
    )


def _models(project: Path) -> Iterator[tuple[str, dict[str, Known]]]:
    """Yield the documented columns of each model, the models of the first layer first."""
    seen = set()
    for layer in LAYERS:
        for file in sorted((project / "models").rglob("*.yml")):
            if file in seen or not str(file.relative_to(project)).startswith(layer):
                continue
            seen.add(file)
            for model in (yaml.safe_load(file.read_text(encoding="utf-8")) or {}).get("models") or ():
                yield (
                    model["name"],
                    {column["name"]: _known(model["name"], column) for column in model.get("columns") or ()},
                )


def _metrics(project: Path) -> set[str]:
    """Return the names of the metrics, which are easily taken for columns."""
    files = (project / "models" / "semantic").rglob("*.yml")
    entries = [yaml.safe_load(file.read_text(encoding="utf-8")) or {} for file in files]
    return {metric["name"] for entry in entries for metric in entry.get("metrics") or ()}


def _known(model: str, column: Mapping[str, Any]) -> Known:
    meta = (column.get("config") or {}).get("meta") or {}
    return Known(
        column["name"],
        model,
        column.get("data_type", ""),
        " ".join(column.get("description", "").split()),
        frozenset(constraint["type"] for constraint in column.get("constraints") or ()),
        {mark: meta[mark] for mark in MARKS if mark in meta},
    )


def _rank(models: Mapping[str, Mapping[str, Known]], model: str, wanted: Sequence[str]) -> tuple[bool, int, bool, int]:
    """Order models: facts first, then those with more of the columns, then the order of the layers."""
    has = sum(name in models[model] for name in wanted)
    return not (model.startswith("fct_") and has), -has, model != FIRST, list(models).index(model)


def _found(models: Mapping[str, Mapping[str, Known]], base: str, name: str) -> tuple[Known, str] | None:
    """Return a column of a model or of a dimension that it joins, with the column that joins it."""
    if name in models[base]:
        return models[base][name], ""
    for columns in models.values():
        keys = [key for key, known in columns.items() if "primary_key" in known.constraints and key in models[base]]
        if name in columns and keys and columns[name].data_type:
            return columns[name], keys[0]
    return None
