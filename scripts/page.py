"""What dbt's page of documentation does not show: rules as tests, types of published relations, a short lineage.

The page reads two files, `manifest.json` and `catalog.json`. Only the served copies of these files change.
"""

from collections.abc import Iterator
from typing import Any

# Behind a published name is a view on a table; dbt's catalog says VIEW.
STORED = {"incremental_by_key", "incremental_by_partition", "table", "incremental", "materialized_view"}
# The lineage leads from files to marts. Queries, checks and hooks are listed at their models.
NOT_IN_LINEAGE = {"analysis", "operation", "test", "unit_test"}


def complete(manifest: dict[str, Any], catalog: dict[str, Any]) -> None:
    """Add to the files of the page what dbt leaves out.

    Args:
        manifest: content of `manifest.json`; changes in place.
        catalog: content of `catalog.json`; changes in place.
    """
    for node in [*manifest["nodes"].values(), *manifest.get("unit_tests", {}).values()]:
        if node["resource_type"] in NOT_IN_LINEAGE:
            node["docs"] = {"show": False}
    models = [node for node in manifest["nodes"].values() if node["resource_type"] == "model"]
    for model in models:
        for test in rules_as_tests(model):
            manifest["nodes"][test["unique_id"]] = test
        found = catalog["nodes"].get(model["unique_id"])
        if found and found["metadata"]["type"] == "VIEW" and model["config"]["materialized"] in STORED:
            found["metadata"]["type"] = "table, behind a view of the release"


def rules_as_tests(model: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a test for each rule of a model's columns: the page shows tests at their columns, and knows no rules.

    Args:
        model: a model of `manifest.json`.
    """
    for column in model["columns"].values():
        meta = {**(column.get("meta") or {}), **(column.get("config", {}).get("meta") or {})}
        for name, rule in (meta.get("rules") or {}).items():
            yield {
                "unique_id": f"test.{model['package_name']}.{model['name']}.{name}",
                "resource_type": "test",
                "name": name,
                "package_name": model["package_name"],
                "column_name": column["name"],
                "test_metadata": {
                    "name": name,
                    "namespace": None,
                    "kwargs": {"rule": rule["expression"], "why": rule["why"]},
                },
                "depends_on": {"nodes": [model["unique_id"]], "macros": []},
                "refs": [],
                "tags": [],
                "fqn": [*model["fqn"], name],
                "original_file_path": model["original_file_path"],
                "description": rule["why"],
                "docs": {"show": False},
                "columns": {},
                "config": {},
            }
