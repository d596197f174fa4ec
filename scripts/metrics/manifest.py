"""The semantic manifest: what dbt makes of `models/semantic/`, kept until a file that it depends on changes."""

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from scripts import connection
from scripts.errors import Refusal, said_in_one_line
from scripts.paths import PROJECT_ROOT

# Files that decide what the metrics are and which relations they read. Other YAML of models holds the descriptions.
READ = ("dbt_project.yml", "models/**/*.yml", "macros/generate_*.sql")
# dbt calls the schema of the marts so in the target `local`.
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

    dbt parses the project if a file has changed since the last time. It writes into a folder of its own, so no artifact
    of a build is lost, and opens no connection.

    Raises:
        Refusal: dbt cannot parse the project.
    """
    kept = folder() / f"semantic_manifest-{fingerprint()}.json"
    if not kept.exists():
        owned, text = _parse()
        for pattern in ("owners-*.json", "semantic_manifest-*.json"):
            for other in folder().glob(pattern):
                other.unlink(missing_ok=True)
        write(folder() / f"owners-{fingerprint()}.json", json.dumps(owned))
        write(kept, text)
    return with_relations_of_target(kept.read_text())


def owners() -> dict[str, str]:
    """Return the owner of each metric, by its name, which the semantic manifest lacks."""
    semantic_manifest()
    found: dict[str, str] = json.loads((folder() / f"owners-{fingerprint()}.json").read_text())
    return found


def with_relations_of_target(manifest: str) -> str:
    """Return the manifest of the target `local` with relations of the target in use, without a database.

    Args:
        manifest: the semantic manifest as JSON.
    """
    content: dict[str, Any] = json.loads(manifest)
    models = content["semantic_models"] + content["project_configuration"]["time_spines"]
    for model in models:
        relation = model["node_relation"]
        if relation["schema_name"] == GOLD:
            relation["schema_name"] = gold_schema()
        relation["relation_name"] = f"{relation['schema_name']}.{relation['alias']}"
    return json.dumps(content)


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


def _parse() -> tuple[dict[str, str], str]:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # two seconds, which a kept manifest need not take

    own = folder() / "dbt"
    folders = {"project-dir": PROJECT_ROOT, "profiles-dir": PROJECT_ROOT, "target-path": own, "log-path": own / "logs"}
    options = [f"--{name}={path}" for name, path in folders.items()]
    outcome = dbtRunner().invoke(["--log-level", "none", "parse", "--target", "local", *options])
    if not outcome.success:
        raise Refusal(f"dbt cannot parse the project: {said_in_one_line(str(outcome.exception))}.")
    project: Any = outcome.result
    owned = {metric.name: metric.group or "" for metric in project.metrics.values()}
    return owned, (own / "semantic_manifest.json").read_text()
