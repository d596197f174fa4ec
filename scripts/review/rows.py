"""Which rows a change of code changes: each relation of gold, compared with the release by primary key."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import psycopg
from psycopg import sql

from scripts.review.nodes import nodes_of, owner_of

EXAMPLES = 10
# Numbers that name something; a sum of them says nothing.
NAMES = ("_key", "_id", "_number", "_line")


@dataclass
class Difference:
    """What becomes of one relation of gold.

    Attributes:
        relation: its name in the release.
        owner: its group.
        status: `equal`, `changed`, `new`, `gone`, `not built` or `not compared`.
        before: the relation of the base; after: that of the head.
        key: the primary key.
        found: what `compare_relations` returns; empty if it was not asked.
        problem: why it was not compared, in one line.
        hidden: columns with personal data, whose values no report shows.
    """

    relation: str
    owner: str
    status: str
    before: str = ""
    after: str = ""
    key: tuple[str, ...] = ()
    found: dict[str, Any] = field(default_factory=dict)
    problem: str = ""
    hidden: tuple[str, ...] = ()

    @property
    def is_changed(self) -> bool:
        """Return whether readers see other rows or columns."""
        return self.status not in ("equal",)

    @property
    def rows(self) -> int:
        """Return how many rows differ."""
        return sum(int(self.found.get(f"rows_{what}", 0)) for what in ("added", "gone", "changed"))

    @property
    def columns(self) -> list[str]:
        """Return the columns of which a value differs, or that come or go."""
        names = [column["name"] for column in self.found.get("columns", [])]
        return [*names, *self.found.get("columns_added", []), *self.found.get("columns_gone", [])]


@dataclass(frozen=True)
class Done:
    """What was built of the head.

    Attributes:
        statuses: of each node that was to be built.
        changed: the nodes whose code changed.
        equal: the nodes below gold whose rows are those of the release.
    """

    statuses: Mapping[str, str]
    changed: Collection[str]
    equal: Collection[str]


def differences(
    session: psycopg.Connection,
    base: Mapping[str, Any],
    head: Mapping[str, Any],
    done: Done,
    schemas: tuple[str, str, str],
) -> Iterator[Difference]:
    """Yield what becomes of each relation of gold that was to be built, or that is gone.

    Args:
        session: a connection that sees both sides in one snapshot.
        base: manifest.json of the base.
        head: that of the head.
        done: what was built.
        schemas: of the release, of the candidate of the head, and of the tables and functions of its audit.
    """
    gold, candidate, audit = schemas
    before, after = nodes_of(base), nodes_of(head)
    moved = done.statuses.keys() - set(done.equal)
    for unique_id in _in_order({*done.statuses, *(before.keys() - after.keys())}, after):
        node = after.get(unique_id) or before[unique_id]
        old = before.get(unique_id)
        if node["resource_type"] != "model" or _layer(node, after, gold, candidate) != "gold":
            continue
        relation, owner = f"{gold}.{node['alias']}", owner_of(node)
        if unique_id not in after:
            yield Difference(relation, owner, "gone")
            continue
        if (status := done.statuses[unique_id]) != "success":
            yield Difference(relation, owner, "not built", problem=f"its build ended with {status}")
            continue
        difference = Difference(
            relation, owner, "new", relation, f"{candidate}.{node['alias']}", key_of(node), hidden=tuple(_hidden(node))
        )
        is_view = node["config"].get("materialized") == "published_view"
        if old is not None and is_view and unique_id not in done.changed and not moved & {*node["depends_on"]["nodes"]}:
            # It shows equal rows in the same way. To compute it on both sides may take ten seconds.
            difference.status = "equal"
        elif old is not None:
            _compare(session, difference, key_of(old), _measures(node), audit)
        if difference.status == "equal":
            moved.discard(unique_id)
        yield difference


def _in_order(unique_ids: Collection[str], after: Mapping[str, Any]) -> Iterable[str]:
    """Return nodes, each after the nodes that it reads."""
    reads = {
        unique_id: set(unique_ids) & {*after.get(unique_id, {}).get("depends_on", {}).get("nodes", [])}
        for unique_id in sorted(unique_ids)
    }
    return TopologicalSorter(reads).static_order()


def key_of(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the primary key that a contract declares, or else the `unique_key`.

    Args:
        node: a model of manifest.json.
    """
    for constraint in node.get("constraints") or []:
        if constraint["type"] == "primary_key":
            return tuple(constraint["columns"])
    for name, column in node["columns"].items():
        if any(constraint["type"] == "primary_key" for constraint in column.get("constraints") or []):
            return (name,)
    key = node["config"].get("unique_key") or ()
    return (key,) if isinstance(key, str) else tuple(key)


def _compare(
    session: psycopg.Connection, difference: Difference, old_key: tuple[str, ...], measures: list[str], audit: str
) -> None:
    key = difference.key
    if not key or sorted(key) != sorted(old_key):
        difference.status = "not compared"
        difference.problem = (
            f"its primary key changes from ({', '.join(old_key)}) to ({', '.join(key)}), so no row can be found again: "
            "give the new grain a model of its own, and retire the old one"
            if key or old_key
            else "it has no primary key, by which rows could be compared: declare one in its contract"
        )
        return
    query = sql.SQL("select {}(%s, %s, %s, %s, 'true', %s)").format(sql.Identifier(audit, "compare_relations"))
    try:
        with session.transaction():
            row = session.execute(
                query, [difference.before, difference.after, list(key), measures, EXAMPLES]
            ).fetchone()
    except (psycopg.errors.UndefinedColumn, psycopg.errors.UndefinedTable) as error:
        difference.status, difference.problem = "not compared", str(error.diag.message_primary)
        return
    found: dict[str, Any] = row[0] if row else {}
    difference.found = found
    moved = ("rows_added", "rows_gone", "rows_changed", "columns_added", "columns_gone", "columns_retyped")
    difference.status = "changed" if any(found.get(what) for what in moved) else "equal"


def _measures(node: Mapping[str, Any]) -> list[str]:
    """Return the columns of a model whose sum may mean something; the database knows which are numbers."""
    keys = {column for constraint in node.get("constraints") or [] for column in constraint.get("columns") or []}
    return [
        name
        for name, column in node["columns"].items()
        if name not in keys
        and not name.endswith(NAMES)
        and not any(found["type"] in ("foreign_key", "primary_key") for found in column.get("constraints") or [])
    ]


def _hidden(node: Mapping[str, Any]) -> Iterable[str]:
    for name, column in node["columns"].items():
        meta = {**(column.get("meta") or {}), **((column.get("config") or {}).get("meta") or {})}
        if meta.get("pii") not in (None, "none"):
            yield name


def _layer(node: Mapping[str, Any], after: Mapping[str, Any], gold: str, candidate: str) -> str:
    """Return `gold` for a model that readers see. The base's schema has the name of the layer, the head's a prefix."""
    published = candidate.removesuffix("_candidate") if node["unique_id"] in after else gold
    return "gold" if node["schema"] == published else ""
