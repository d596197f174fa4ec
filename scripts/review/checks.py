"""What a change of code does to the checks: new ones, ones that are gone or ask less, and ones that fail now."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from scripts.review.nodes import Change, nodes_of

# From strict to lenient.
SEVERITIES = ("error", "warn")
THRESHOLDS = ("error_if", "warn_if", "fail_calc")
# Of the settings of a check: those that leave out rows, or the check.
NARROWING = ("where", "limit", "enabled")


@dataclass(frozen=True)
class Check:
    """A check of which a reviewer should know.

    Attributes:
        name: its name.
        what: `new`, `gone`, `weakened`, `changed`, `fails`, `warns` or `could not run`.
        detail: what is other than before, or how many rows break it.
        path: the file in which it stands.
    """

    name: str
    what: str
    detail: str
    path: str

    @property
    def is_risk(self) -> bool:
        """Return whether less is checked than before, or something fails."""
        return self.what in ("gone", "weakened", "fails", "could not run")


def declared(base: Mapping[str, Any], head: Mapping[str, Any], changes: list[Change]) -> Iterator[Check]:
    """Yield the checks and rules that are declared otherwise than in the base.

    Args:
        base: manifest.json of the base.
        head: that of the head.
        changes: the nodes that changed.
    """
    before, after = nodes_of(base), nodes_of(head)
    queries = {change.unique_id for change in changes if "query" in change.what}
    for unique_id in sorted({*before, *after}):
        old, new = before.get(unique_id), after.get(unique_id)
        node = after.get(unique_id) or before[unique_id]
        if node["resource_type"] == "test":
            # The SQL of a generic check follows from its arguments and from the rules of its model, which are compared.
            yield from _check(old, new, asks_other=unique_id in queries and not node.get("test_metadata"))
        elif node["resource_type"] == "model":
            yield from _rules(old, new)


def results(found: Mapping[str, Any], earlier: Mapping[str, str]) -> Iterator[Check]:
    """Yield the checks that do not pass on the rows of the head.

    Args:
        found: dbt's result of each check, by its unique id.
        earlier: the last status of each check on the base.
    """
    words = {"fail": "fails", "error": "could not run", "warn": "warns"}
    for unique_id, result in sorted(found.items()):
        status = str(result.status)
        if status not in words or earlier.get(unique_id) == status:
            continue
        rows = f"{result.failures} rows" if result.failures is not None else " ".join(str(result.message).split())[:200]
        yield Check(result.node.name, words[status], rows, result.node.original_file_path)


def _check(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None, *, asks_other: bool) -> Iterator[Check]:
    node = new or old
    if node is None:
        return
    name, path = node["name"], node["original_file_path"]
    if old is None or new is None:
        yield Check(name, "new" if old is None else "gone", "", path)
        return
    before, after = old["config"], new["config"]
    less: list[str] = []
    other: list[str] = []
    severity = [str(config.get("severity") or "error").lower() for config in (before, after)]
    if severity[0] != severity[1]:
        (less if SEVERITIES.index(severity[1]) > SEVERITIES.index(severity[0]) else other).append(
            f"severity {severity[0]} → {severity[1]}"
        )
    for setting in (*THRESHOLDS, *NARROWING):
        if before.get(setting) != after.get(setting):
            is_lifted = setting in NARROWING and after.get(setting) in (None, True)
            (other if is_lifted else less).append(f"{setting} {before.get(setting)} → {after.get(setting)}")
    arguments = [json.dumps((side.get("test_metadata") or {}).get("kwargs"), sort_keys=True) for side in (old, new)]
    if arguments[0] != arguments[1]:
        other.append("other arguments")
    if asks_other:
        other.append("another query")
    thresholds = [(side["config"].get("meta") or {}).get("threshold") for side in (old, new)]
    if thresholds[0] != thresholds[1]:
        less.append(f"threshold {thresholds[0]} → {thresholds[1]}")
    if less or other:
        yield Check(name, "weakened" if less else "changed", "; ".join([*less, *other]), path)


def _rules(old: Mapping[str, Any] | None, new: Mapping[str, Any] | None) -> Iterator[Check]:
    """Yield the rules of a model that changed: they stand in the meta of the model and of its columns."""
    before, after = (dict(_rules_of(side)) if side else {} for side in (old, new))
    node = new or old
    if node is None:
        return
    for name in sorted({*before, *after}):
        if before.get(name) == after.get(name):
            continue
        what = "new" if name not in before else "gone" if name not in after else "changed"
        detail = "" if what == "gone" else f"{after[name].get('expression', '')}"
        if what == "changed" and _severity(after[name]) != _severity(before[name]):
            what, detail = "weakened", f"severity {_severity(before[name])} → {_severity(after[name])}"
        if old is not None and new is not None:
            yield Check(f"{node['name']}.{name}", what, " ".join(detail.split()), node["original_file_path"])


def _rules_of(node: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for owner in (node, *node["columns"].values()):
        meta = {**(owner.get("meta") or {}), **((owner.get("config") or {}).get("meta") or {})}
        for name, rule in (meta.get("rules") or {}).items():
            yield name, rule if isinstance(rule, dict) else {"expression": rule}


def _severity(rule: Mapping[str, Any]) -> str:
    return str(rule.get("severity", "error"))
