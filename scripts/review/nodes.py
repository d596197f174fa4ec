"""Which nodes a change of code really changes: by compiled SQL, by rows of seeds, by declarations; not by files."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.review.canonical import canonical

PROJECT = "retail_warehouse"
# The materializations and the macros of these packages come with their versions.
FOREIGN = ("dbt", "dbt_postgres")
KINDS = ("model", "seed", "snapshot", "function", "test", "analysis")
# What a node declares that changes neither its rows nor how they are made.
DECLARED_ONLY = {"meta", "docs", "tags", "group", "access", "persist_docs", "event_time", "description", "contract"}
# In `meta`: which rows an incremental build looks at again.
INCREMENTAL_META = ("touched_by", "changes_with")
INCREMENTAL_CONFIG = {"touched_by", "logged_columns", "check_column"}
VARIABLE = re.compile(r"\bvar\(\s*[\"'](\w+)")
DELTA = re.compile(r"\{%-?\s*if [^%]*is_(?:delta|incremental)\(\).*?(?:\{%-?\s*(?:else|endif)\s*-?%\})", re.DOTALL)
JINJA_COMMENT = re.compile(r"\{#.*?#\}", re.DOTALL)

QUERY, ROWS, CONTRACT, SETTINGS, INCREMENTAL, NEW, GONE = (
    *("query", "rows of the seed", "contract", "settings", "incremental build", "new", "gone"),
)
# Of these, the relation has to be built to know what they do.
NEEDS_BUILD = {QUERY, ROWS, CONTRACT, SETTINGS, NEW}


@dataclass(frozen=True)
class Change:
    """A node that is another one than in the base.

    Attributes:
        unique_id: dbt's name of the node.
        name: its name.
        kind: its type, such as `model`.
        path: the file in which it stands.
        owner: its group.
        what: what changed: `query`, `contract`, `settings: indexes`, `new` and so on.
    """

    unique_id: str
    name: str
    kind: str
    path: str
    owner: str
    what: tuple[str, ...]

    @property
    def needs_build(self) -> bool:
        """Return whether its rows may be others."""
        return self.kind in ("model", "seed", "snapshot", "function") and any(
            what.partition(":")[0] in NEEDS_BUILD for what in self.what
        )


def nodes_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the nodes of the project by their unique ids, those of packages aside.

    Args:
        manifest: content of manifest.json.
    """
    every = {**manifest["nodes"], **manifest.get("functions", {})}
    return {
        unique_id: node
        for unique_id, node in every.items()
        if node["resource_type"] in KINDS and node["package_name"] == PROJECT
    }


def kept_under_another_id(base: Mapping[str, Any], head: Mapping[str, Any], prefix: str) -> dict[str, str]:
    """Return the ids in the base of models and checks that have another id in the head, by their ids in the base.

    dbt gives a model another id when it gets versions. A model is the same
    if it makes the same relation, and a check if it has the same name.

    Args:
        base: content of manifest.json of the base.
        head: that of the head.
        prefix: of the schemas of the head, which the base does not have.
    """

    def identity(node: Mapping[str, Any]) -> tuple[str, ...]:
        schema = str(node["schema"]).removeprefix(f"{prefix}_")
        return ("model", schema, node["alias"]) if node["resource_type"] == "model" else ("test", node["name"])

    before, after = (
        {unique_id: node for unique_id, node in nodes_of(side).items() if node["resource_type"] in ("model", "test")}
        for side in (base, head)
    )
    gone = {identity(before[unique_id]): unique_id for unique_id in before.keys() - after.keys()}
    new = {identity(after[unique_id]): unique_id for unique_id in after.keys() - before.keys()}
    return {gone[same]: new[same] for same in gone.keys() & new.keys()}


def with_ids(manifest: Mapping[str, Any], ids: Mapping[str, str]) -> dict[str, Any]:
    """Return a manifest in which some nodes have other ids, wherever it names them.

    Args:
        manifest: content of manifest.json.
        ids: the new id by the old one.
    """
    text = json.dumps(manifest)
    for old, new in ids.items():
        text = text.replace(json.dumps(old), json.dumps(new))
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def to_compile(base: Mapping[str, Any], head: Mapping[str, Any]) -> list[str]:
    """Return the nodes of both whose SQL may differ: their text, a macro or a var that it uses is another one.

    Args:
        base: content of manifest.json of the base.
        head: that of the head.
    """
    before, after = nodes_of(base), nodes_of(head)
    macros = {name for name in {*base["macros"], *head["macros"]} if _macro(base, name) != _macro(head, name)}
    variables = _changed_variables(base, head)
    found = []
    for unique_id in before.keys() & after.keys():
        if after[unique_id]["resource_type"] == "seed":
            continue
        used = macros_used(head, after[unique_id])
        texts = [_text(after[unique_id]), *(_macro(head, name) for name in used)]
        if (
            _text(before[unique_id]) != _text(after[unique_id])
            or _arguments(before[unique_id]) != _arguments(after[unique_id])
            or macros & {*used, *macros_used(base, before[unique_id])}
            or variables & {name for text in texts for name in VARIABLE.findall(text)}
        ):
            found.append(unique_id)
    return sorted(found)


def queries_of(base: Mapping[str, Any], head: Mapping[str, Any], wanted: Iterable[str]) -> set[str]:
    """Return the queries of the dashboards that read, directly or not, what may have changed.

    Args:
        base: content of manifest.json of the base.
        head: that of the head.
        wanted: the nodes whose SQL may differ.
    """
    before, after = nodes_of(base), nodes_of(head)
    seeds = {
        unique_id
        for unique_id, node in after.items()
        if node["resource_type"] == "seed" and unique_id in before and node["checksum"] != before[unique_id]["checksum"]
    }
    above = descendants(head, {*wanted, *seeds})
    return {
        unique_id
        for unique_id, node in after.items()
        if node["resource_type"] == "analysis" and unique_id in before and above & {*node["depends_on"]["nodes"]}
    }


def changes(
    base: Mapping[str, Any],
    head: Mapping[str, Any],
    compiled: tuple[Mapping[str, str], Mapping[str, str]],
    prefix: str,
) -> Iterator[Change]:
    """Yield the nodes that really changed.

    Args:
        base: content of manifest.json of the base.
        head: that of the head.
        compiled: compiled SQL of both, of the nodes that `to_compile` names.
        prefix: of the schemas of the head, which the base does not have.
    """
    before, after = nodes_of(base), nodes_of(head)
    for unique_id in sorted({*before, *after}):
        old, new = before.get(unique_id), after.get(unique_id)
        if old is None and new is not None:
            yield _change(new, (NEW,))
        if old is None or new is None:
            if old is not None:
                yield _change(old, (GONE,))
            continue
        what = [*_of_rows(old, new, unique_id, compiled, prefix), *_of_declarations(old, new)]
        if what:
            yield _change(new, tuple(what))


def macros_used(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> set[str]:
    """Return the macros that a node uses, and those that they use.

    Args:
        manifest: content of manifest.json.
        node: a node of it.
    """
    found: set[str] = set()
    waiting = list(node.get("depends_on", {}).get("macros") or [])
    while waiting:
        name = waiting.pop()
        if name in found or name.split(".")[1] in FOREIGN or name not in manifest["macros"]:
            continue
        found.add(name)
        waiting += manifest["macros"][name]["depends_on"]["macros"]
    return found


def macros_beside_nodes(base: Mapping[str, Any], head: Mapping[str, Any]) -> list[str]:
    """Return the macros of the project that differ and that no node uses: those of hooks and operations.

    Args:
        base: content of manifest.json of the base.
        head: that of the head.
    """
    used = {name for side in (base, head) for node in nodes_of(side).values() for name in macros_used(side, node)}
    names = {name for name in {*base["macros"], *head["macros"]} if name.split(".")[1] == PROJECT}
    words = [
        {name: " ".join(JINJA_COMMENT.sub("", _macro(side, name)).split()) for name in names} for side in (base, head)
    ]
    return sorted(name.split(".")[-1] for name in names - used if words[0][name] != words[1][name])


def descendants(manifest: Mapping[str, Any], unique_ids: Iterable[str]) -> set[str]:
    """Return nodes and all that is built from them, checks aside.

    Args:
        manifest: content of manifest.json.
        unique_ids: of nodes.
    """
    known = nodes_of(manifest)
    found: set[str] = set()
    waiting = list(unique_ids)
    while waiting:
        name = waiting.pop()
        if name in found or name not in known or known[name]["resource_type"] in ("test", "analysis"):
            continue
        found.add(name)
        waiting += manifest["child_map"].get(name, [])
    return found


def _of_rows(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    unique_id: str,
    compiled: tuple[Mapping[str, str], Mapping[str, str]],
    prefix: str,
) -> Iterator[str]:
    if new["resource_type"] == "seed":
        if old["checksum"]["checksum"] != new["checksum"]["checksum"]:
            yield ROWS
        return
    query_before, query_after = (side.get(unique_id) for side in compiled)
    if query_before is not None and query_after is not None:
        query_after = query_after.replace(f"{prefix}_", "")
        if query_before != query_after and canonical(query_before) != canonical(query_after):
            yield QUERY
    if _incremental_text(old) != _incremental_text(new):
        yield INCREMENTAL


def _of_declarations(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if _contract(old) != _contract(new):
        yield CONTRACT
    config_before, config_after = old["config"], new["config"]
    differing = sorted(
        name
        for name in {*config_before, *config_after} - DECLARED_ONLY
        if _plain(config_before.get(name)) != _plain(config_after.get(name)) and new["resource_type"] != "test"
    )
    incremental = [name for name in differing if name in INCREMENTAL_CONFIG]
    if incremental:
        yield f"{INCREMENTAL}: {', '.join(incremental)}"
    if settings := [name for name in differing if name not in INCREMENTAL_CONFIG]:
        yield f"{SETTINGS}: {', '.join(settings)}"
    if old.get("arguments") != new.get("arguments") or old.get("returns") != new.get("returns"):
        yield CONTRACT


def _change(node: Mapping[str, Any], what: tuple[str, ...]) -> Change:
    return Change(
        unique_id=node["unique_id"],
        name=full_name(node),
        kind=node["resource_type"],
        path=node["original_file_path"],
        owner=owner_of(node),
        what=what,
    )


def full_name(node: Mapping[str, Any]) -> str:
    """Return the name by which dbt selects a node: `orders`, or `orders.v1` for a version of a model.

    Args:
        node: a node of manifest.json.
    """
    version = node.get("version")
    return str(node["name"]) if version is None else f"{node['name']}.v{version}"


def owner_of(node: Mapping[str, Any]) -> str:
    """Return the group that owns a node; empty if none does.

    Args:
        node: a node of manifest.json.
    """
    return str(node.get("group") or node["config"].get("group") or "")


def _text(node: Mapping[str, Any]) -> str:
    return str(node.get("raw_code") or "").strip()


def _arguments(node: Mapping[str, Any]) -> str:
    return json.dumps(node.get("test_metadata"), sort_keys=True, default=str)


def _macro(manifest: Mapping[str, Any], name: str) -> str:
    found = manifest["macros"].get(name)
    return str(found["macro_sql"]).strip() if found and name.split(".")[1] not in FOREIGN else ""


def _changed_variables(base: Mapping[str, Any], head: Mapping[str, Any]) -> set[str]:
    before, after = base.get("variables", {}), head.get("variables", {})
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def _incremental_text(node: Mapping[str, Any]) -> str:
    """Return what only an incremental build runs."""
    text = JINJA_COMMENT.sub("", _text(node))
    meta = node["config"].get("meta") or {}
    blocks = [" ".join(re.sub(r"--[^\n]*", "", block).split()) for block in DELTA.findall(text)]
    return json.dumps([blocks, {name: meta.get(name) for name in INCREMENTAL_META}], sort_keys=True, default=str)


def _contract(node: Mapping[str, Any]) -> str:
    columns = [(name, column.get("data_type"), column.get("constraints")) for name, column in node["columns"].items()]
    enforced = (node["config"].get("contract") or {}).get("enforced", False)
    if not enforced:
        columns = []
    return json.dumps([columns, enforced, node.get("constraints") if enforced else None], sort_keys=True, default=str)


def _plain(value: object) -> object:
    """Return a setting without what makes no difference: layout in texts of SQL."""
    if isinstance(value, str):
        return " ".join(value.split())
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value
