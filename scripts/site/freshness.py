"""How old each source may be: the thresholds of the YAML files of the sources, which `dbt source freshness` reads."""

from collections.abc import Iterator
from typing import Any

import psycopg
import yaml

from scripts.paths import PROJECT_ROOT
from scripts.site.datasets import Column, Dataset, Datasets, texts

HOURS = {"minute": 1 / 60, "hour": 1.0, "day": 24.0}


def freshness(_: psycopg.Connection[Any]) -> Datasets:
    """Return the sources that declare how old they may be, in hours since their last file landed."""
    found = sorted(declared())
    return {
        "freshness": Dataset(
            len(found),
            {
                "source": texts([name for name, _, _ in found]),
                "warn_hours": Column("number", [warn for _, warn, _ in found]),
                "error_hours": Column("number", [error for _, _, error in found]),
            },
        )
    }


def declared() -> Iterator[tuple[str, float | None, float | None]]:
    """Yield the landed tables of the sources, with the ages in hours at which dbt warns and fails."""
    for path in PROJECT_ROOT.glob("models/staging/**/_*__sources.yml"):
        for source in yaml.safe_load(path.read_text())["sources"]:
            for table in source["tables"]:
                config = table.get("config", {})
                limits = config.get("freshness") or {}
                # The ledger of files itself is no source that is landed.
                if limits and config.get("meta", {}).get("landing"):
                    yield table["name"], hours(limits.get("warn_after")), hours(limits.get("error_after"))


def hours(limit: dict[str, Any] | None) -> float | None:
    """Return an age in hours.

    Args:
        limit: `count` and `period`, as dbt has them, or None.
    """
    return float(limit["count"] * HOURS[limit["period"]]) if limit else None
