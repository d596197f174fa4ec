"""What a build recorded in the schema `audit`: the source of all events that Dagster gets."""

from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row

from scripts import connection
from scripts.build.report import broken_rules


@dataclass(frozen=True)
class Result:
    """The result of one node, a row of `audit.node_results`.

    Attributes:
        unique_id: its id in dbt.
        name: its name.
        resource_type: its type in dbt.
        status: its status in dbt.
        seconds: the seconds that it took.
        failures: the number of rows that a check found.
        message: the message of dbt.
    """

    unique_id: str
    name: str
    resource_type: str
    status: str
    seconds: float | None
    failures: int | None
    message: str | None


@dataclass(frozen=True)
class Build:
    """One run of `dbt build`, as it is on record.

    Attributes:
        status: `success`; `fail` if only checks failed; `error` if anything else failed; `killed`, `running`.
        published: the number of the release that the build published, if any.
        results: the result of each node.
        broken_rules: the rules that rows break, by the name of the check.
        rows: the number of rows of each relation, by its schema and name, as PostgreSQL estimates it.
        release: the release that readers see after the build, a row of `audit.releases`.
    """

    status: str
    published: int | None
    results: list[Result]
    broken_rules: dict[str, str]
    rows: dict[tuple[str, str], int]
    release: dict[str, Any] | None


def read_build(invocation_id: str) -> Build:
    """Read a build from the target in use.

    Args:
        invocation_id: dbt's id of the run.

    Raises:
        Refusal: the server does not answer.
        LookupError: no such run is on record.
    """
    audit = sql.Identifier(connection.audit_schema())
    with connection.connect() as session:
        query = sql.SQL("select status, release_id from {}.runs where invocation_id = %s").format(audit)
        run = session.execute(query, [invocation_id]).fetchone()
        if run is None:
            raise LookupError(f"run {invocation_id} is not in {connection.audit_schema()}.runs")
        query = sql.SQL(
            """
            select unique_id, name, resource_type, status, seconds::float8, failures, message
            from {}.node_results
            where invocation_id = %s
            """
        ).format(audit)
        results = session.cursor(row_factory=class_row(Result)).execute(query, [invocation_id]).fetchall()
        query = sql.SQL("select * from {}.releases order by release_id desc limit 1").format(audit)
        release = session.cursor(row_factory=dict_row).execute(query).fetchone()
        return Build(run[0], run[1], results, broken_rules(session, invocation_id), _rows(session, release), release)


def read_release() -> int | None:
    """Return the number of the release that readers see; None before the first.

    Raises:
        Refusal: the server does not answer.
    """
    schema = connection.audit_schema()
    with connection.connect() as session:
        if session.execute("select to_regclass(%s)", [f"{schema}.releases"]).fetchone() == (None,):
            return None
        query = sql.SQL("select max(release_id) from {}.releases").format(sql.Identifier(schema))
        found = session.execute(query).fetchone()
        return found[0] if found else None


def _rows(session: psycopg.Connection, release: dict[str, Any] | None) -> dict[tuple[str, str], int]:
    """Return the rows of tables, and of published views, which the catalog does not count."""
    tables = session.execute(
        """
        select nspname, relname, reltuples::int8
        from pg_class inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
        where relkind in ('r', 'p', 'm') and reltuples >= 0 and nspname !~ '^pg_'
        """
    ).fetchall()
    found = {(schema, name): rows for schema, name, rows in tables}
    if release:
        query = sql.SQL("select relation, row_estimate from {}.published_rows where release_id = %s").format(
            sql.Identifier(connection.audit_schema())
        )
        for relation, rows in session.execute(query, [release["release_id"]]).fetchall():
            schema, _, name = relation.replace('"', "").partition(".")
            if rows is not None:
                found[schema, name] = rows
    return found
