"""Build models of the working tree in a branch. What the branch has not built, dbt reads from the release."""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from scripts.environment import variables
from scripts.errors import Refusal, said_in_one_line
from scripts.governance.pii import DIRECT, read_marks, unmarked
from scripts.lineage import read_edges
from scripts.paths import PROJECT_ROOT
from scripts.playground import branches, schemas

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

PERSONAL = "profiles"
BUILT = ("model", "snapshot", "seed")
# Unit tests prove the models, not the data.
KINDS = ("--exclude-resource-type", "unit_test")
GOOD = ("success", "pass", "warn", "no-op")
# In the branch, or else in the warehouse.
THERE = """
    select coalesce(
        to_regclass(format('%%I.%%I', %s::text, %s::text)),
        to_regclass(format('%%I.%%I', %s::text, %s::text))
    )
"""

Nodes = Mapping[str, Mapping[str, Any]]


class Step(NamedTuple):
    """A node that dbt ran.

    Attributes:
        kind: dbt's type of the node.
        name: its name.
        status: dbt's status.
        message: dbt's message, in one line.
    """

    kind: str
    name: str
    status: str
    message: str


class Outcome(NamedTuple):
    """The result of a build in a branch.

    Attributes:
        steps: what dbt ran.
        branch: the branch afterwards.
    """

    steps: list[Step]
    branch: branches.Branch


def build(name: str, select: str, say: Callable[[str], None]) -> Outcome:
    """Build models in a branch, test them there, and show them under their names if all checks pass.

    Args:
        name: the name of the branch.
        select: models as dbt selects them, with blanks between.
        say: prints a line of progress.

    Raises:
        Refusal: there is no such branch, it is being built, dbt cannot parse the project, or the selection is empty,
            would copy personal data, or reads a relation that does not exist.
    """
    branches.prefix_of(name)
    if not select.split():
        raise Refusal('SELECT is empty: name models of the working tree, such as SELECT="my_mart".')
    with closing(schemas.connect("branch-build")) as session:
        branch = branches.found(session, name)
        with schemas.alone(session, branch.prefix), variables(schemas.environment(branch.prefix)):
            folder = target_of(name)
            folder.mkdir(parents=True, exist_ok=True)
            say("parse the project")
            manifest = _parse(folder)
            nodes = _without_prefix(folder, branch.prefix)
            selected = _selected(manifest, folder, select)
            _refuse_personal(nodes, selected)
            refuse_missing(session, nodes, selected, branch.prefix)
            say(f"build and test {len(selected)} models and checks")
            steps = _build(manifest, folder, select, say)
            branches.complete(session, branch.prefix)
        [described] = branches.described(session, [branches.found(session, name)])
    return Outcome(steps, described)


def target_of(name: str) -> Path:
    """Return the folder in which dbt keeps what it parsed for a branch."""
    return PROJECT_ROOT / (os.environ.get("DBT_TARGET_PATH") or "target") / "branches" / name


def refuse_missing(session: psycopg.Connection[Any], nodes: Nodes, selected: Sequence[str], prefix: str) -> None:
    """Refuse a model that reads what neither the branch nor the warehouse has: dbt would fail in the middle.

    Args:
        session: a session that sees both.
        nodes: the nodes of the project, with the schemas that everyone shares.
        selected: the nodes to build.
        prefix: how the names of the schemas of the branch begin.

    Raises:
        Refusal: a parent is nowhere.
    """
    for unique_id in selected:
        node = nodes.get(unique_id)
        if node is None or node["resource_type"] not in ("model", "snapshot"):
            continue
        for parent in (nodes[name] for name in node["depends_on"]["nodes"] if name in nodes and name not in selected):
            if parent["resource_type"] not in BUILT or parent["config"]["materialized"] == "ephemeral":
                continue
            places = [f"{prefix}_{parent['schema']}", parent["alias"], parent["schema"], parent["alias"]]
            if session.execute(THERE, places).fetchone() == (None,):
                raise Refusal(
                    f"{node['name']} reads {parent['name']}, which neither the branch nor the release has: select it "
                    "as well. Nothing was built."
                )


def forget_parse(name: str) -> None:
    """Delete what dbt parsed for a branch."""
    shutil.rmtree(target_of(name), ignore_errors=True)


def _options(folder: Path) -> list[str]:
    folders = {"project-dir": PROJECT_ROOT, "profiles-dir": PROJECT_ROOT, "target-path": folder, "log-path": folder}
    return [f"--{name}={path}" for name, path in folders.items()]


def _parse(folder: Path) -> "Manifest":
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # three seconds, which a mistake in the command need not take

    outcome = dbtRunner().invoke(["--log-level", "none", "parse", *_options(folder)])
    if not outcome.success:
        raise Refusal(f"dbt cannot parse the project: {said_in_one_line(str(outcome.exception))}. Nothing was built.")
    manifest: Manifest = outcome.result  # type: ignore[assignment]  # dbt types the results of all commands as one
    return manifest


def _without_prefix(folder: Path, prefix: str) -> Nodes:
    """Write the manifest with the names that everyone shares, which dbt defers to, and return its nodes.

    A second parse for another target would take as long as the first.
    """
    manifest = json.loads((folder / "manifest.json").read_text())
    for node in [*manifest["nodes"].values(), *manifest["functions"].values()]:
        shared = node["schema"].removeprefix(f"{prefix}_")
        if node.get("relation_name"):
            node["relation_name"] = node["relation_name"].replace(f'"{node["schema"]}"', f'"{shared}"', 1)
        node["schema"] = shared
    state = folder / "state"
    state.mkdir(exist_ok=True)
    (state / "manifest.json").write_text(json.dumps(manifest))
    if lines := unmarked(read_marks(manifest["sources"], manifest["nodes"]), read_edges()):
        raise Refusal("\n".join([*lines, "Nothing was built."]))
    nodes: Nodes = manifest["nodes"]
    return nodes


def _selected(manifest: "Manifest", folder: Path, select: str) -> list[str]:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # imported before

    command = ["ls", *_options(folder), "--select", *select.split(), *KINDS]
    outcome = dbtRunner(manifest).invoke(
        ["--log-level", "none", "--quiet", *command, "--output", "json", "--output-keys", "unique_id"]
    )
    if not outcome.success:
        raise Refusal(f"SELECT={select!r}: {said_in_one_line(str(outcome.exception))}. Nothing was built.")
    lines: list[str] = outcome.result or []  # type: ignore[assignment]  # dbt types the results of all commands as one
    names = [str(json.loads(line)["unique_id"]) for line in lines]
    if not any(name.startswith("model.") for name in names):
        raise Refusal(f"SELECT={select!r} names no model of the working tree. Nothing was built.")
    return names


def _refuse_personal(nodes: Nodes, selected: Sequence[str]) -> None:
    """Refuse to copy what is personal: rights, masks and erasure know the original only."""
    for unique_id in selected:
        node = nodes.get(unique_id)
        if node is None or node["resource_type"] not in BUILT:
            continue
        if is_personal(node, node["schema"]):
            raise Refusal(
                f"{node['name']} holds personal data, which no branch may copy: select models without it. Nothing was "
                "built."
            )


def is_personal(node: Mapping[str, Any], schema: str) -> bool:
    """Return whether a copy of a node would be a copy of personal data.

    Args:
        node: a node of a manifest.
        schema: its schema, as everyone shares it.
    """
    marks = [((column.get("config") or {}).get("meta") or {}).get("pii") for column in node["columns"].values()]
    return schema == PERSONAL or (DIRECT in marks and not _is_view(node))


def _is_view(node: Mapping[str, Any]) -> bool:
    return str(node["config"]["materialized"]) in ("view", "stable_view", "published_view", "ephemeral")


def _build(manifest: "Manifest", folder: Path, select: str, say: Callable[[str], None]) -> list[Step]:
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # imported before

    def follow(event: "EventMsg") -> None:
        if event.info.name in ("JinjaLogInfo", "JinjaLogWarning"):
            say(event.data.msg)

    deferring = ["--defer", "--state", str(folder / "state")]
    command = ["build", *_options(folder), "--select", *select.split(), *KINDS, *deferring]
    outcome = dbtRunner(manifest, callbacks=[follow]).invoke(
        ["--log-level", "none", "--log-level-file", "info", *command]
    )
    results = getattr(outcome.result, "results", None)
    if results is None:
        reason = said_in_one_line(str(outcome.exception or "it was interrupted"))
        raise Refusal(f"dbt could not build: {reason}. Mend the cause, then run this again.")
    return [
        Step(
            kind=str(result.node.resource_type),
            name=result.node.name,
            status=str(result.status),
            message=said_in_one_line(result.message or ""),
        )
        for result in results
        if str(result.node.resource_type) != "operation"
    ]
