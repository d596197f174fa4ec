"""The semantic manifest: what dbt makes of `models/semantic/`."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from scripts import artifacts, connection
from scripts.paths import PROJECT_ROOT

# Files that decide what the metrics are and which relations they read. Other YAML of models holds the descriptions.
READ = ("dbt_project.yml", "models/**/*.yml", "macros/generate_*.sql")
# What dbt calls the schema of the marts in the target `local`.
GOLD = "gold"


def folder() -> Path:
    """Return the folder of all that is derived from the metrics: the manifest, the catalogue and compiled SQL."""
    return PROJECT_ROOT / "target" / "metrics"


def fingerprint() -> str:
    """Return a text that differs if the semantic manifest may differ."""
    digest = hashlib.sha256()
    for pattern in READ:
        for path in sorted(PROJECT_ROOT.glob(pattern)):
            digest.update(f"{path.relative_to(PROJECT_ROOT)}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:20]


def gold_schema() -> str:
    """Return the schema of the published marts in the target in use."""
    return connection.schema_of(GOLD)


def semantic_manifest() -> str:
    """Return the semantic manifest as JSON, with the relations of the target in use.

    Raises:
        Refusal: dbt cannot parse the project.
    """
    return with_relations_of_target(artifacts.semantic())


def owners() -> dict[str, str]:
    """Return the owner of each metric, by its name, which the semantic manifest lacks."""
    return {metric["name"]: metric["group"] or "" for metric in artifacts.parsed()["metrics"].values()}


def with_relations_of_target(manifest: dict[str, Any]) -> str:
    """Return the manifest as JSON, with relations that name a schema and no database.

    Args:
        manifest: the semantic manifest.
    """
    for model in manifest["semantic_models"] + manifest["project_configuration"]["time_spines"]:
        relation = model["node_relation"]
        relation["relation_name"] = f"{relation['schema_name']}.{relation['alias']}"
    return json.dumps(manifest)


def write(path: Path, text: str) -> None:
    """Write a file that another process may read or write at the same time.

    Args:
        path: the file; its folder is made.
        text: its content.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(path)
