"""Assets and asset checks, made from dbt's manifest."""

from collections.abc import Iterator, Mapping
from typing import Any

import dagster as dg
import yaml

from scripts.paths import PROJECT_ROOT

Node = Mapping[str, Any]
Manifest = Mapping[str, Any]

# The resource types of dbt that are assets.
RELATIONS = ("model", "seed", "snapshot")
# The files of a day, as they are delivered: sources derive from them.
DAILY_FILES = dg.AssetKey(["landing", "daily_files"])


class Graph:
    """The nodes of a manifest by their id, with their names in Dagster.

    Args:
        manifest: dbt's manifest of the parsed project.
    """

    def __init__(self, manifest: Manifest) -> None:
        nodes: Mapping[str, Node] = manifest["nodes"]
        self._groups: Mapping[str, Any] = {group["name"]: group for group in manifest["groups"].values()}
        self.sources: dict[str, Node] = dict(manifest["sources"])
        self.checks = {name: node for name, node in nodes.items() if node["resource_type"] == "test"}
        self.relations = {name: node for name, node in nodes.items() if node["resource_type"] in RELATIONS}
        self._depth: dict[str, int] = {}
        # Dagster takes the outputs of an operation only in the order of their dependencies.
        in_order = sorted(self.relations, key=lambda name: (self._depth_of(name), name))
        self.relations = {name: self.relations[name] for name in in_order}

    def key(self, unique_id: str) -> dg.AssetKey:
        """Return the asset key of a relation or source: its layer and its name, the same in every target."""
        if source := self.sources.get(unique_id):
            return dg.AssetKey([source["config"].get("schema") or source["schema"], source["name"]])
        node = self.relations[unique_id]
        return dg.AssetKey([node["config"].get("schema") or node["schema"], node["name"]])

    def check_key(self, unique_id: str) -> dg.AssetCheckKey:
        """Return the key of a check: the asset that shows it, and its name."""
        return dg.AssetCheckKey(self.key(self._shown_on(unique_id)), self.checks[unique_id]["name"])

    def is_warning(self, unique_id: str) -> bool:
        """Return whether a check only warns, whatever it finds."""
        return str(self.checks[unique_id]["config"]["severity"]).lower() == "warn"

    def asset_specs(self) -> list[dg.AssetSpec]:
        """Return an asset for each model, seed and snapshot."""
        return [
            dg.AssetSpec(
                key=self.key(unique_id),
                deps=[self.key(parent) for parent in self._parents(node)],
                description=node["description"].strip() or None,
                group_name=node.get("group") or node["package_name"],
                owners=self._owners(node),
                kinds={"postgres", node["resource_type"]},
                metadata={"materialization": node["config"]["materialized"], "path": node["original_file_path"]},
            )
            for unique_id, node in self.relations.items()
        ]

    def source_specs(self) -> list[dg.AssetSpec]:
        """Return an asset for each source. Landing fills it, so Dagster shows it and does not make it."""
        return [
            dg.AssetSpec(
                key=self.key(unique_id),
                deps=[DAILY_FILES],
                description=source["description"].strip() or None,
                group_name=source["source_name"],
                kinds={"postgres", "source"},
            )
            for unique_id, source in self.sources.items()
        ]

    def check_specs(self) -> list[dg.AssetCheckSpec]:
        """Return a check for each test of the manifest, also if it reads several models."""
        return [
            dg.AssetCheckSpec(
                name=(key := self.check_key(unique_id)).name,
                asset=key.asset_key,
                description=check["description"].strip() or None,
                metadata={
                    "severity": "warn" if self.is_warning(unique_id) else "error",
                    "reads": ", ".join(self.key(parent).to_user_string() for parent in self._parents(check)),
                    "owner": check.get("group") or "",
                },
            )
            for unique_id, check in self.checks.items()
        ]

    def _parents(self, node: Node) -> Iterator[str]:
        # A seed depends on macros only.
        for name in dict.fromkeys(node["depends_on"].get("nodes", ())):
            if name in self.relations or name in self.sources:
                yield name

    def _shown_on(self, unique_id: str) -> str:
        """Return the relation that shows a check: the one it is declared on, else the last that it reads.

        A check of sources alone is shown on the first model that reads them.
        """
        check = self.checks[unique_id]
        if (attached := check.get("attached_node")) in self.relations:
            return str(attached)
        parents = list(self._parents(check))
        if read := [parent for parent in parents if parent in self.relations]:
            return max(read, key=lambda name: (self._depth_of(name), name))
        return min(name for name, node in self.relations.items() if set(parents) & set(self._parents(node)))

    def _depth_of(self, unique_id: str) -> int:
        """Return the number of steps from the sources to a relation."""
        if unique_id not in self._depth:
            parents = [parent for parent in self._parents(self.relations[unique_id]) if parent in self.relations]
            self._depth[unique_id] = 1 + max(map(self._depth_of, parents), default=0)
        return self._depth[unique_id]

    def _owners(self, node: Node) -> list[str]:
        group = self._groups.get(node.get("group") or "", {})
        email = group.get("owner", {}).get("email")
        return [email] if email else []


def calendar_begins() -> str:
    """Return the first day that a line may have: the var `calendar_start` of dbt_project.yml."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text())
    return str(project["vars"]["calendar_start"])
