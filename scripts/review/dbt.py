"""dbt in this process: parse and compile both states of the project, and build the head into schemas of its own."""

import json
import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from scripts.environment import variables
from scripts.errors import Refusal, said_in_one_line

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

QUIET = ("--log-level", "none", "--log-level-file", "none")
# What has rows or is code in the database. Checks run after all of them, so that a failing one hides no number.
BUILT = ("model", "seed", "snapshot", "function")


@dataclass
class Project:
    """One state of the project, parsed.

    Attributes:
        name: `base` or `head`, for messages.
        folder: of its files.
        environment: the variables of its target.
        target: dbt's target.
        content: its manifest.json.
    """

    name: str
    folder: Path
    target: str
    environment: Mapping[str, str]
    content: dict[str, Any] = field(default_factory=dict)
    # Each command gets a copy, because it writes into the manifest: the next one could not read a foreign key any more.
    _parsed: bytes = b""

    @property
    def artifacts(self) -> Path:
        """Return dbt's target folder."""
        return self.folder / "target" / "review" / self.name

    def parse(self) -> None:
        """Parse the project.

        Raises:
            Refusal: it does not parse.
        """
        with variables(self.environment):
            result = self._invoke("parse")
        # A manifest as a whole cannot be pickled: it leaves fields out. dbt makes its lookups again.
        names = [each.name for each in fields(result) if not each.name.startswith("_")]
        self._parsed = pickle.dumps({name: getattr(result, name) for name in names})
        self.content = json.loads((self.artifacts / "manifest.json").read_text())
        # The manifest does not hold the values of vars.
        self.content["variables"] = yaml.safe_load((self.folder / "dbt_project.yml").read_text()).get("vars") or {}

    def compiled(self, names: Iterable[str], *options: str) -> dict[str, str]:
        """Return the compiled SQL of nodes by their unique ids.

        Args:
            names: unique ids of nodes.
            options: further options of dbt.

        Raises:
            Refusal: a node does not compile.
        """
        known = {**self.content["nodes"], **self.content.get("functions", {})}
        chosen = sorted({known[unique_id]["name"] for unique_id in names})
        if not chosen:
            return {}
        with variables(self.environment):
            result = self._invoke("compile", "--select", *chosen, "--indirect-selection", "empty", *options)
        return {found.node.unique_id: found.node.compiled_code or "" for found in result.results}

    def run(self, command: str, *options: str) -> list[Any]:
        """Run a command that builds or tests, and return dbt's results of the nodes.

        Args:
            command: `build` or `test`.
            options: of dbt.

        Raises:
            Refusal: dbt could not begin.
        """
        with variables(self.environment):
            result = self._invoke(command, *options, may_fail=True)
        return [found for found in result.results if found.node.resource_type != "operation"]

    def _invoke(self, command: str, *options: str, may_fail: bool = False) -> Any:  # noqa: ANN401  # each command of dbt has a result of its own
        from dbt.cli.main import dbtRunner  # noqa: PLC0415  # seconds, which a mistake in the command need not take

        problems: list[str] = []

        def follow(event: "EventMsg") -> None:
            if event.info.level == "error":
                problems.append(str(getattr(event.info, "msg", "")))

        folders = [
            "--project-dir",
            str(self.folder),
            "--profiles-dir",
            str(self.folder),
            "--target-path",
            str(self.artifacts),
        ]
        manifest = None if command == "parse" else self._copy()
        outcome = dbtRunner(manifest, callbacks=[follow]).invoke(
            [*QUIET, command, *folders, "--target", self.target, *options]
        )
        has_results = bool(getattr(outcome.result, "results", None))
        if not outcome.success and not (may_fail and has_results):
            said = said_in_one_line(str(outcome.exception or "") or " ".join(problems[-1:]) or "dbt does not say why")
            raise Refusal(f"the {self.name} does not {command}: {said}.")
        return outcome.result

    def _copy(self) -> "Manifest":
        """Return the parsed project as no command has used it."""
        from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415  # as above

        manifest = Manifest(**pickle.loads(self._parsed))
        manifest.build_flat_graph()  # type: ignore[no-untyped-call]  # dbt has no types there
        return manifest
