"""What the head costs: seconds, rows and bytes of what was built, and the plans of the queries that read it."""

import json
import re
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql

from scripts.review.nodes import nodes_of

# Runs of each query on either side, in turn.
ROUNDS = 5
# A query got slower if every run of it took longer than the median before, and the median is this much longer.
SLOWER = 1.2
# Below this many milliseconds, noise is larger than any difference.
NOISE_MS = 1.0


@dataclass(frozen=True)
class Built:
    """What building a node costs.

    Attributes:
        name: of the node.
        seconds_before: of its last full build on the base, None if it is not on record; seconds_after: on the head.
        rows_before, rows_after: by PostgreSQL's statistics.
        bytes_before, bytes_after: on disk, with indexes.
    """

    name: str
    seconds_before: float | None
    seconds_after: float
    rows_before: int | None
    rows_after: int | None
    bytes_before: int | None
    bytes_after: int | None


@dataclass(frozen=True)
class Asked:
    """What a query of the dashboards costs.

    Attributes:
        name: of the query.
        shape: whether the plan has other steps than before.
        ms_before, ms_after: medians; slowest_before, slowest_after: of all runs.
        is_slower: whether it got slower by more than noise.
        problem: why it was not measured, such as a column that is gone.
    """

    name: str
    shape: bool = False
    ms_before: float = 0.0
    ms_after: float = 0.0
    slowest_before: float = 0.0
    slowest_after: float = 0.0
    is_slower: bool = False
    problem: str = ""


def built(
    session: psycopg.Connection, head: Mapping[str, Any], results: Mapping[str, Any], prefix: str, audit: str
) -> Iterator[Built]:
    """Yield what each node that was built costs.

    Args:
        session: a connection to the warehouse.
        head: manifest.json of the head.
        results: dbt's results by unique id.
        prefix: of the schemas of the head.
        audit: the schema `audit` of the release.
    """
    seconds = _last_full_builds(session, audit)
    nodes = nodes_of(head)
    for unique_id, result in sorted(results.items()):
        node = nodes[unique_id]
        if node["resource_type"] == "function" or str(result.status) != "success":
            continue
        schema, name = node["schema"].removeprefix(f"{prefix}_"), node["alias"]
        before = _size(session, [f"{schema}_tables.{name}", f"{schema}.{name}"])
        after = _size(session, [f"{node['schema']}_tables.{name}__new", f"{node['schema']}.{name}"])
        yield Built(name, seconds.get(unique_id), float(result.execution_time), *_zip(before, after))


def asked(session: psycopg.Connection, queries: Mapping[str, tuple[str, str]]) -> Iterator[Asked]:
    """Yield what each query of the dashboards costs on both sides.

    Args:
        session: a connection that sees both sides.
        queries: the SQL of each query on the base and on the head.
    """
    for name, sides in sorted(queries.items()):
        try:
            with session.transaction():
                plans = [_explain(session, query) for query in sides]
                times: tuple[list[float], list[float]] = ([], [])
                for _ in range(ROUNDS):
                    for query, found in zip(sides, times, strict=True):
                        found.append(_explain(session, query)["Execution Time"])
                    if times[1][-1] <= SLOWER * times[0][-1]:
                        # Slower is only what is slower in each round.
                        break
        except psycopg.Error as error:
            yield Asked(name, problem=str(error.diag.message_primary))
            continue
        before, after = (statistics.median(found) for found in times)
        is_slower = len(times[1]) == ROUNDS and after > SLOWER * before and after - before > NOISE_MS
        shapes = [_shape(plan["Plan"]) for plan in plans]
        yield Asked(name, shapes[0] != shapes[1], before, after, max(times[0]), max(times[1]), is_slower)


def _explain(session: psycopg.Connection, query: str) -> dict[str, Any]:
    row = session.execute(b"explain (analyze, timing off, format json) " + query.encode()).fetchone()
    if row is None:
        raise psycopg.DataError("no plan")
    found: dict[str, Any] = row[0][0]
    return found


def _shape(plan: Mapping[str, Any]) -> str:
    """Return the steps of a plan, with relations as readers know them. Partitions count as their relation."""
    relation = re.sub(r"_\d{4,8}$", "", re.sub(r"__new(_\d+)?$", "", plan.get("Relation Name", "")))
    index = "index" if "Index Name" in plan else ""
    inner = (
        sorted({_shape(step) for step in plan.get("Plans", [])})
        if plan["Node Type"] == "Append"
        else [_shape(step) for step in plan.get("Plans", [])]
    )
    return json.dumps([plan["Node Type"], relation, index, inner])


def _last_full_builds(session: psycopg.Connection, audit: str) -> dict[str, float]:
    """Return the seconds of the last full build of each node that is on record."""
    query = """
        select distinct on (results.unique_id)
            results.unique_id,
            results.seconds::double precision
        from {audit}.node_results as results
        left join {audit}.model_states as states on results.unique_id = states.unique_id
        where
            results.status = 'success'
            and (
                states.built_in_full_at is null
                or states.built_in_full_at between
                results.started_at and results.started_at + (results.seconds + 600) * interval '1 second'
            )
        order by results.unique_id, results.seconds desc
    """
    return dict(session.execute(sql.SQL(query).format(audit=sql.Identifier(audit))).fetchall())


def _size(session: psycopg.Connection, names: list[str]) -> tuple[int | None, int | None]:
    """Return the rows and bytes of the first of these relations that is a table, partitions included."""
    query = """
        select
            sum(greatest(reltuples, 0))::bigint,
            sum(pg_total_relation_size(pg_class.oid))::bigint
        from (
            select to_regclass(%(name)s) as oid
            union
            select relid from pg_partition_tree(to_regclass(%(name)s))
        ) as tree
        inner join pg_class on tree.oid = pg_class.oid
        where pg_class.relkind in ('r', 'm')
    """
    for name in names:
        row = session.execute(query, {"name": name}).fetchone()
        if row and row[1] is not None:
            return int(row[0]), int(row[1])
    return None, None


def _zip(before: tuple[int | None, int | None], after: tuple[int | None, int | None]) -> tuple[int | None, ...]:
    return before[0], after[0], before[1], after[1]
