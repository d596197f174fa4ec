"""What a review builds, and which checks it runs: no more than what can have other rows than the release.

The nodes that changed below gold are built first. What reads a node whose rows turn out to be equal is not built, and a
check that reads only equal relations is not run.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Any

import psycopg
from psycopg import sql

from scripts.review.nodes import GONE, Change, descendants, nodes_of

# Values that are equal, such as 1.0 and 1.00, have equal hashes, and a sum does not depend on the order of rows.
HASHED = sql.SQL("select count(*), coalesce(sum(hash_record_extended(compared, 0)), 0) from {} as compared")
COLUMNS = b"""
    select array_agg((attname, format_type(atttypid, atttypmod))::text order by attnum)
    from pg_attribute
    where attrelid = to_regclass(%s) and attnum > 0 and not attisdropped
"""


def have_equal_rows(session: psycopg.Connection, before: tuple[str, str], after: tuple[str, str]) -> bool:
    """Return whether two relations have the same columns and the same rows, in any order.

    Args:
        session: a connection that sees both.
        before: schema and name of a relation.
        after: those of the other one.
    """
    both = [sql.Identifier(*each) for each in (before, after)]
    columns = [session.execute(COLUMNS, [name.as_string(session)]).fetchone() for name in both]
    if columns[0] != columns[1] or columns[0] is None or columns[0][0] is None:
        return False
    try:
        with session.transaction():
            first, second = (session.execute(HASHED.format(name)).fetchone() for name in both)
    except psycopg.errors.UndefinedFunction:
        # A type without a hash, such as json.
        return False
    return first == second


def first_step(head: Mapping[str, Any], changes: Iterable[Change], published: str) -> set[str]:
    """Return the nodes that are built first: those that changed below the published schema.

    Args:
        head: manifest.json of the head.
        changes: the nodes that changed.
        published: the schema of gold of the head.
    """
    known = nodes_of(head)
    return {
        change.unique_id
        for change in changes
        if change.needs_build
        and GONE not in change.what
        and change.kind in ("model", "seed")
        and known[change.unique_id]["schema"] != published
        and known[change.unique_id]["config"].get("materialized") != "ephemeral"
    }


def second_step(
    head: Mapping[str, Any], changes: Iterable[Change], first: Collection[str], equal: Collection[str]
) -> set[str]:
    """Return the nodes that are built afterwards: what changed, and what reads a node whose rows may be others.

    Args:
        head: manifest.json of the head.
        changes: the nodes that changed.
        first: the nodes that were built first.
        equal: those of them whose rows are equal.
    """
    other = [
        change.unique_id
        for change in changes
        if change.needs_build and GONE not in change.what and change.unique_id not in equal
    ]
    stale = descendants(head, other) - set(first)
    # A node of the first step read the release where it should have read what is built only now.
    return stale | (descendants(head, stale) & set(first))


def checks_to_run(
    head: Mapping[str, Any], changes: Iterable[Change], built: Collection[str], equal: Collection[str]
) -> set[str]:
    """Return the checks that may have another result: they are others, or read a relation with other rows.

    Args:
        head: manifest.json of the head.
        changes: the nodes that changed.
        built: the nodes that were built.
        equal: those of them whose rows are equal.
    """
    other = {change.unique_id for change in changes if change.kind == "test" and GONE not in change.what}
    moved = set(built) - set(equal)
    return {
        unique_id
        for unique_id, node in nodes_of(head).items()
        if node["resource_type"] == "test" and (unique_id in other or moved & {*node["depends_on"]["nodes"]})
    }
