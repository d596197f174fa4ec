"""The data of the catalogue: what the project declares of each relation, and what the warehouse knows of it.

Descriptions and types are those of the database, as the release has them. Owners, keys, headers, terms, metrics and
exposures are those of dbt's manifest. Checks, builds and profiles are those of the schema `audit`.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from scripts import artifacts, connection
from scripts.artifacts import Manifest
from scripts.lineage import read_edges
from scripts.lineage.edges import KINDS as KINDS_OF_EDGES
from scripts.lineage.facet import FILE
from scripts.site.datasets import Column, Dataset, Datasets
from scripts.site.keys import bare, foreign_keys, name_of, primary_key

Fields = dict[str, Any]

KINDS = {"model", "seed", "snapshot", "source", "function"}
# In the order in which the page lists them.
LAYERS = ("gold", "silver", "history", "profiles", "bronze", "audit")
GRAIN = re.compile(r"\bGrain:\s*(.+?)(?:\.\s|\.$|\n\n|$)", re.DOTALL)
ROWS_OF_COMMENT = re.compile(r"\n*About [\d,]+ rows in release \d+\.\s*$")
TERM = re.compile(r"\*\*([^*]+)\*\*:\s*")

COLUMNS = """
    select
        n.nspname || '.' || c.relname as relation,
        a.attname as name,
        format_type(a.atttypid, a.atttypmod) as type,
        col_description(c.oid, a.attnum) as description,
        obj_description(c.oid, 'pg_class') as of_relation
    from pg_class as c
    inner join pg_namespace as n on c.relnamespace = n.oid
    inner join pg_attribute as a on c.oid = a.attrelid and a.attnum > 0 and not a.attisdropped
    where n.nspname || '.' || c.relname = any(%s)
    order by c.oid, a.attnum
"""
RESULTS = """
    select
        n.nspname || '.' || p.proname as relation,
        names.name,
        format_type(types.type, null) as type,
        obj_description(p.oid, 'pg_proc') as of_relation
    from pg_proc as p
    inner join pg_namespace as n on p.pronamespace = n.oid
    cross join lateral unnest(p.proargnames, p.proallargtypes, p.proargmodes) with ordinality
        as names (name, type, mode, place)
    cross join lateral (select names.type) as types
    where n.nspname || '.' || p.proname = any(%s) and names.mode = 't'
    order by p.oid, names.place
"""
BUILDS = """
    select distinct on (unique_id)
        unique_id,
        to_json(started_at) #>> '{{}}' as started_at,
        seconds::double precision as seconds
    from {node_results}
    where status = 'success'
    order by unique_id asc, started_at desc
"""
CHANGES = """
    select replace(name, '"', '') as name, max(release_id) as release_id
    from {releases} cross join lateral unnest(changed_models) as changed (name)
    group by name
"""
CHECKS = """
    select
        name, check_name, kind, owner, severity, threshold, states, reason, protects,
        to_json(last_run_at) #>> '{{}}' as last_run_at,
        to_json(last_failed_at) #>> '{{}}' as last_failed_at,
        rows_found_then
    from {check_catalogue}
    order by position
"""
NEWEST_PROFILES = """
    select distinct on (relation, column_name) *
    from {column_profiles}
    order by relation asc, column_name asc, release_id desc
"""


def datasets(session: psycopg.Connection) -> Datasets:
    """Return the catalogue as a data set of one value.

    Args:
        session: a session of `scripts.site.datasets.snapshot`.

    Raises:
        Refusal: dbt could not parse the project.
    """
    return {"catalogue": Dataset(1, {"content": Column("json", [collect(session, artifacts.parsed())])})}


def collect(session: psycopg.Connection, project: Manifest) -> Fields:
    """Return the catalogue as the page shows it.

    Args:
        session: a connection to a warehouse; the statements read only.
        project: dbt's manifest of the project.

    Returns:
        Lists of relations, checks, terms, exposures, owners and metrics; lineage and profiles, each `None` if the
        warehouse has none. Relations are named by layer and name, such as `gold.fct_sales`, and times are texts.
    """
    nodes = dict(relations(project))
    of_node = {node["unique_id"]: name for name, node in nodes.items()}
    known = _columns(session, nodes)
    columns = {name: _declared(project, node, known.get(name, [])) for name, node in nodes.items()}
    profiles = _profiles(session)
    rows = _rows(session, nodes, known, profiles)
    builds = {row["unique_id"]: row for row in _all(session, BUILDS, "node_results")}
    changed = {bare(row["name"]): row["release_id"] for row in _all(session, CHANGES, "releases")}
    return {
        "relations": [
            _relation(name, node, known.get(name, []), of_node)
            | {
                "columns": columns[name],
                "rows": rows.get(name),
                "built": builds.get(node["unique_id"], {}).get("started_at"),
                "seconds": builds.get(node["unique_id"], {}).get("seconds"),
                "release": changed.get(name),
            }
            for name, node in nodes.items()
        ],
        "checks": [
            row | {"protects": [bare(name) for name in row["protects"]]}
            for row in _all(session, CHECKS, "check_catalogue")
        ],
        "terms": terms(project),
        "exposures": list(_exposures(project, of_node)),
        "owners": [
            {
                "name": group["name"],
                "title": group["owner"].get("name") or group["name"],
                "email": group["owner"].get("email"),
                "description": group.get("description") or "",
            }
            for group in project["groups"].values()
        ],
        "metrics": list(_metrics(project, of_node)),
        "lineage": _lineage(),
        "profiles": profiles,
    }


def relations(project: Manifest) -> Iterator[tuple[str, Fields]]:
    """Yield each relation and function that the project makes or reads, by schema and name, gold first.

    Args:
        project: dbt's manifest of the project.
    """
    found = [
        (name_of(node), node)
        for kind in ("nodes", "sources", "functions")
        for node in project.get(kind, {}).values()
        if node["resource_type"] in KINDS and node["config"].get("materialized") != "ephemeral"
    ]
    place = {layer: number for number, layer in enumerate(LAYERS)}
    yield from sorted(found, key=lambda each: (place.get(each[0].split(".", 1)[0], len(place)), each[0]))


def terms(project: Manifest) -> list[tuple[str, str]]:
    """Return the terms of the glossary with their texts: the bold words on the front page of the documentation.

    Args:
        project: dbt's manifest of the project.
    """
    texts = [doc["block_contents"] for name, doc in project["docs"].items() if name.endswith(".__overview__")]
    bullets = [bullet for text in texts for bullet in re.split(r"\n- ", text)[1:]]
    found: list[tuple[str, str]] = []
    for bullet in bullets:
        _, *parts = TERM.split(" ".join(bullet.split("\n\n")[0].split()))
        found += zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True)
    return sorted(found, key=lambda each: each[0].lower())


def _relation(name: str, node: Fields, in_warehouse: list[Fields], names: dict[str, str]) -> Fields:
    # The engine ends a comment with the number of rows, which the page shows by itself.
    comment = next((row["of_relation"] for row in in_warehouse), None) or node["description"]
    description = ROWS_OF_COMMENT.sub("", comment)
    found = GRAIN.search(description)
    return {
        "name": name,
        "layer": name.split(".", 1)[0],
        "kind": node["resource_type"],
        "made": node["config"].get("materialized"),
        "description": description.strip(),
        "grain": " ".join(found[1].split()) if found else None,
        "owner": node.get("group") or node["config"].get("group"),
        "access": node.get("access"),
        "path": node["original_file_path"],
        "loader": node.get("loader"),
        "key": primary_key(node),
        "reads": sorted(names[parent] for parent in node.get("depends_on", {}).get("nodes", []) if parent in names),
        "is_built": bool(in_warehouse),
    }


def _declared(project: Manifest, node: Fields, in_warehouse: list[Fields]) -> list[Fields]:
    """Return the columns of a relation, in the order of the database; before the first build, in that of the YAML."""
    declared = node["columns"]
    references = {key.column: key for key in foreign_keys(project, node)}
    known = in_warehouse or [
        {"name": column["name"], "type": column.get("data_type"), "description": None} for column in declared.values()
    ]
    columns = []
    for column in known:
        name = column["name"]
        of_yaml = declared.get(name, {})
        meta = {**(of_yaml.get("meta") or {}), **(of_yaml.get("config", {}).get("meta") or {})}
        key = references.get(name)
        fields = {
            "name": name,
            "type": column["type"],
            "description": (column.get("description") or of_yaml.get("description") or "").strip(),
            "required": any(each["type"] == "not_null" for each in of_yaml.get("constraints") or [])
            or name in primary_key(node)
            or bool(meta.get("required")),
            "to": [key.to, key.to_column, key.name] if key else None,
            "class": meta.get("classification") or meta.get("pii"),
            "headers": meta.get("spellings"),
        }
        columns.append({each: value for each, value in fields.items() if value not in (None, False, "")})
    return columns


def _exposures(project: Manifest, names: dict[str, str]) -> Iterator[Fields]:
    for exposure in project["exposures"].values():
        yield {
            "name": exposure["name"],
            "label": exposure["label"] or exposure["name"],
            "type": exposure["type"],
            "maturity": exposure["maturity"],
            "description": exposure["description"].strip(),
            "owner": exposure["owner"].get("name"),
            "uses": sorted(names[parent] for parent in exposure["depends_on"]["nodes"] if parent in names),
        }


def _metrics(project: Manifest, names: dict[str, str]) -> Iterator[Fields]:
    models = {name: model["depends_on"]["nodes"] for name, model in project["semantic_models"].items()}
    for metric in project["metrics"].values():
        parents = {parent for name in _ancestors(project, metric) for parent in models.get(name, [])}
        made_of = [
            project["metrics"][name]["name"] for name in metric["depends_on"]["nodes"] if name in project["metrics"]
        ]
        meta = metric["config"].get("meta") or {}
        yield {
            "name": metric["name"],
            "label": metric["label"] or metric["name"],
            "type": metric["type"],
            "description": (metric["description"] or "").strip(),
            "owner": metric.get("group") or metric["config"].get("group"),
            "unit": meta.get("unit"),
            "synonyms": list(meta.get("synonyms") or []),
            "of": sorted(made_of),
            "uses": sorted(names[parent] for parent in parents if parent in names),
        }


def _ancestors(project: Manifest, metric: Fields) -> set[str]:
    """Return the semantic models behind a metric, also through the metrics that it is made of."""
    found: set[str] = set()
    waiting = list(metric["depends_on"]["nodes"])
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += project["metrics"].get(name, {}).get("depends_on", {}).get("nodes", [])
    return found


def _columns(session: psycopg.Connection, nodes: dict[str, Fields]) -> dict[str, list[Fields]]:
    """Return the columns that relations and functions have in the database, and their comments."""
    names = {f"{node['schema']}.{node.get('alias') or node['identifier']}": name for name, node in nodes.items()}
    found: dict[str, list[Fields]] = defaultdict(list)
    for query in (COLUMNS, RESULTS):
        for row in session.cursor(row_factory=dict_row).execute(query, [list(names)]):
            found[names[row["relation"]]].append(row)
    return found


def _rows(
    session: psycopg.Connection, nodes: dict[str, Fields], known: dict[str, list[Fields]], profiles: Fields | None
) -> dict[str, int]:
    """Return the number of rows of each relation: from its profile if the release was profiled, else counted."""
    (release,) = _all(session, "select max(release_id) as number from {releases}", "releases") or ({"number": None},)
    rows = {
        column.rsplit(".", 1)[0]: profile["rows"]
        for column, profile in (profiles or {}).items()
        if profile["release"] == release["number"]
    }
    counts = [
        sql.SQL("select {}, count(*) from {}").format(
            sql.Literal(name), sql.Identifier(node["schema"], node.get("alias") or node["identifier"])
        )
        for name, node in nodes.items()
        if name in known and name not in rows and node["resource_type"] != "function"
    ]
    if counts:
        rows |= dict(session.execute(sql.SQL(" union all ").join(counts)).fetchall())
    return rows


def _lineage() -> Fields | None:
    """Return the edges between columns as places in a list of the columns; None before the first `make lineage`."""
    if not FILE.exists():
        return None
    edges = read_edges()
    ends = sorted({end for edge in edges for end in (edge.target, edge.source)})
    place = {end: number for number, end in enumerate(ends)}
    return {
        "columns": ends,
        "kinds": KINDS_OF_EDGES,
        "edges": [(place[edge.target], place[edge.source], KINDS_OF_EDGES.index(edge.kind)) for edge in edges],
    }


def _profiles(session: psycopg.Connection) -> Fields | None:
    """Return the newest profile of each column by its full name; None if no release was profiled."""
    found = {
        f"{bare(row['relation'])}.{row['column_name']}": {
            "release": row["release_id"],
            "type": row["data_type"],
            "estimated": row["is_estimated"],
            "rows": row["row_count"],
            "nulls": row["null_count"],
            "distinct": row["distinct_count"],
            "min": row["min_value"],
            "max": row["max_value"],
            "mean": row["mean"],
            "deviation": row["standard_deviation"],
            "length": row["mean_length"],
            "top": [
                [value, round(share, 6)] for value, share in zip(row["top_values"], row["top_shares"], strict=True)
            ],
            "bounds": row["bounds"],
        }
        for row in _all(session, NEWEST_PROFILES, "column_profiles")
    }
    return found or None


def _all(session: psycopg.Connection, query: str, *tables: str) -> list[Fields]:
    """Return the rows of a query on tables of `audit`; none if the warehouse lacks one of them."""
    schema = connection.audit_schema()
    for table in tables:
        if session.execute("select to_regclass(%s)", [f"{schema}.{table}"]).fetchone() == (None,):
            return []
    names = {table: sql.Identifier(schema, table) for table in tables}
    return session.cursor(row_factory=dict_row).execute(sql.SQL(query).format(**names)).fetchall()
