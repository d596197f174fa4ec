"""`make exports`: write the exports of the saved queries as tables and views, from one release.

MetricFlow's open command line has no command for exports.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg import sql

from scripts import connection
from scripts.errors import Refusal
from scripts.metrics import manifest
from scripts.metrics.answers import release

TIMEOUT_S = 300


@dataclass(frozen=True)
class Export:
    """An export of a saved query.

    Attributes:
        saved_query: the name of the saved query.
        description: its description.
        kind: `table`, a copy of the release; or `view`, which follows the releases.
        schema: the schema in the target in use.
        name: the name of the relation.
    """

    saved_query: str
    description: str
    kind: str
    schema: str
    name: str


def exports() -> list[Export]:
    """Return the exports that the project declares.

    Raises:
        Refusal: dbt cannot parse the project, or an export names no schema.
    """
    declared = json.loads(manifest.semantic_manifest())["saved_queries"]
    found = []
    for query in declared:
        for export in query["exports"]:
            config = export["config"]
            # dbt fills in the schema of the profile, which holds no layer of this project.
            if config["schema_name"] in (None, "", connection.LOCAL_DATABASE):
                raise Refusal(f"export {export['name']!r} of {query['name']!r} names no schema: add `schema` to it.")
            found.append(
                Export(
                    query["name"],
                    query["description"] or "",
                    config["export_as"],
                    connection.schema_of(config["schema_name"]),
                    config["alias"] or export["name"],
                )
            )
    return found


def write() -> Iterator[tuple[str, int]]:
    """Write all exports in one transaction, and yield each relation with its number of rows after the commit.

    All of them read the same release: the transaction sees one state, and gold refuses a state older than the release.

    Raises:
        Refusal: nothing is published yet, a release was published meanwhile, or another relation reads an export.
    """
    from scripts.metrics.engine import engine  # noqa: PLC0415  # imports MetricFlow

    compiler = engine(manifest.semantic_manifest())
    statements = [(export, compiler.sql_of_saved(export.saved_query)) for export in exports()]
    with connection.connect(name="exports") as session:
        session.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            with session.transaction():
                session.execute(f"set local statement_timeout to '{TIMEOUT_S}s'")
                session.execute("set local timezone to 'UTC'")
                number = release(session)
                written = [(export, _write(session, export, statement, number)) for export, statement in statements]
        except psycopg.Error as error:
            raise Refusal(f"no export was written: {' '.join(str(error).split())}.") from error
    yield from ((f"{export.schema}.{export.name}", rows) for export, rows in written)


def _write(session: psycopg.Connection, export: Export, statement: str, number: int) -> int:
    schema, relation = sql.Identifier(export.schema), sql.Identifier(export.schema, export.name)
    kind = sql.SQL("table" if export.kind == "table" else "view")
    session.execute(sql.SQL("create schema if not exists {}").format(schema))
    query = "select relkind::text from pg_class where relnamespace = to_regnamespace(%s) and relname = %s"
    found = session.execute(query, [export.schema, export.name]).fetchone()
    if found:
        old = sql.SQL("view" if found[0] == "v" else "table")
        session.execute(sql.SQL("drop {} {}").format(old, relation))
    session.execute(sql.SQL("create {} {} as\n").format(kind, relation).as_bytes(session) + statement.encode())
    origin = f"of release {number}" if export.kind == "table" else "of the release"
    comment = f"{export.description.strip()} Export of the saved query {export.saved_query} {origin}.".strip()
    session.execute(sql.SQL("comment on {} {} is {}").format(kind, relation, sql.Literal(comment)))
    counted = session.execute(sql.SQL("select count(*) from {}").format(relation)).fetchone()
    return int(counted[0]) if counted else 0
