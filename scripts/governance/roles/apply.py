"""Create the declared roles and their rights, and compare them with the server."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow, class_row

from scripts.errors import Refusal
from scripts.governance.events.recording import lock_log, record_event
from scripts.governance.roles.declaration import Right, Role

RIGHTS_DDL = Path(__file__).parent / "rights.sql"
BUILDER = "retail_builder"
# One at a time: two sessions that create the same role, or grant on the same relation, disturb each other.
LOCK = 0x726F_6C65_7300

MAY_CREATE = "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
EXISTING = "select rolname from pg_roles where rolname = any(%s)"
FINGERPRINT = "select obj_description(to_regnamespace('governance'), 'pg_namespace')"


class Drift(NamedTuple):
    """A difference between the declaration and the server.

    Attributes:
        role_name: the role.
        difference: what differs, in words.
        statement: the SQL that ends it.
    """

    role_name: str
    difference: str
    statement: str


class Outcome(NamedTuple):
    """What was done, and what differs.

    Attributes:
        created: the roles that did not exist.
        granted: the number of rights that were missing.
        drift: the differences that remain.
    """

    created: list[str]
    granted: int
    drift: list[Drift]


def apply(connection: psycopg.Connection[TupleRow], roles: tuple[Role, ...]) -> Outcome:
    """Create missing roles, grant missing rights and return what differs otherwise, in one transaction.

    Nothing is taken from a role that exists: each right and attribute beyond the declaration is drift. The log of
    events records what was done and what differs.

    Args:
        connection: of a user who may create roles.
        roles: the declared roles.

    Raises:
        Refusal: the user may not create roles.
    """
    with connection.transaction():
        lock_log(connection)
        _begin(connection)
        was_declared = is_declared(connection, roles)
        created = _create(connection, roles)
        connection.execute(RIGHTS_DDL.read_bytes())
        _declare(connection, roles)
        query = "select statement from governance.missing_rights"
        missing = [statement for (statement,) in connection.execute(query).fetchall()]
        for statement in missing:
            connection.execute(statement)
        for role in roles:
            for schema in _schemas_given_whole(role):
                _grant_on_new_relations(connection, role.name, schema)
        outcome = Outcome(created, len(missing), drift(connection))
        if missing or outcome.drift or not was_declared:
            details = {
                "created": created,
                "granted": missing,
                "drift": [f"{found.role_name} {found.difference}" for found in outcome.drift],
                "declaration": _fingerprint(roles),
            }
            record_event(connection, "roles changed", "roles.yml", details)
        return outcome


def compare(connection: psycopg.Connection[TupleRow], roles: tuple[Role, ...]) -> list[Drift]:
    """Return what differs between the declaration and the server, and change nothing.

    Raises:
        Refusal: the user may not create roles, which the comparison tries.
    """
    with connection.transaction(force_rollback=True):
        _begin(connection)
        existing = {name for (name,) in connection.execute(EXISTING, [[role.name for role in roles]]).fetchall()}
        absent = [role.name for role in roles if role.name not in existing]
        _create(connection, roles)
        connection.execute(RIGHTS_DDL.read_bytes())
        _declare(connection, roles)
        differing = [found for found in drift(connection) if found.role_name not in absent]
        return [*(Drift(name, "does not exist", "make roles") for name in absent), *differing]


def is_declared(connection: psycopg.Connection[TupleRow], roles: tuple[Role, ...]) -> bool:
    """Return whether this declaration is in the database already, and all its roles exist."""
    names = [role.name for role in roles]
    return connection.execute(FINGERPRINT).fetchone() == (_fingerprint(roles),) and len(
        connection.execute(EXISTING, [names]).fetchall()
    ) == len(names)


def drift(connection: psycopg.Connection[TupleRow]) -> list[Drift]:
    """Return what differs between the declaration in the database and the server."""
    query = "select role_name, difference, statement from governance.drift order by role_name, difference"
    return connection.cursor(row_factory=class_row(Drift)).execute(query).fetchall()


def _begin(connection: psycopg.Connection[TupleRow]) -> None:
    connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
    if connection.execute(MAY_CREATE).fetchone() != (True,):
        raise Refusal(
            f"the user {connection.info.user} may not create roles, so nothing changed: "
            "run `make roles` as a user with the attribute createrole."
        )


def _create(connection: psycopg.Connection[TupleRow], roles: tuple[Role, ...]) -> list[str]:
    existing = {name for (name,) in connection.execute(EXISTING, [[role.name for role in roles]]).fetchall()}
    created = [role for role in roles if role.name not in existing]
    for role in created:
        attributes = sql.SQL(" ").join(sql.SQL(attribute) for attribute in role.attributes or ("nologin",))
        connection.execute(sql.SQL("create role {} {}").format(sql.Identifier(role.name), attributes))
        comment = sql.SQL("comment on role {} is {}").format(sql.Identifier(role.name), sql.Literal(role.purpose))
        connection.execute(comment)
    for role in created:
        for above in role.member_of:
            grant = sql.SQL("grant {} to {}").format(sql.Identifier(above), sql.Identifier(role.name))
            connection.execute(grant)
    return [role.name for role in created]


def _declare(connection: psycopg.Connection[TupleRow], roles: tuple[Role, ...]) -> None:
    """Write the declaration into the database, where each release finds it."""
    connection.execute("delete from governance.rights")
    connection.execute("delete from governance.roles")
    with connection.cursor() as cursor:
        cursor.executemany(
            "insert into governance.roles values (%s, %s, %s, %s, %s)",
            [
                (role.name, role.purpose, list(role.attributes), list(role.member_of), role.managed_elsewhere)
                for role in roles
            ],
        )
        cursor.executemany(
            "insert into governance.rights values (%s, %s, %s, %s, %s)",
            [
                (role.name, right.kind, right.schema, _like(name), [_like(pattern) for pattern in right.excluded])
                for role in roles
                for right in role.rights
                for name in right.names
            ],
        )
    comment = sql.SQL("comment on schema governance is {}").format(sql.Literal(_fingerprint(roles)))
    connection.execute(comment)


def _schemas_given_whole(role: Role) -> list[str]:
    return [right.schema for right in role.rights if _is_whole(right)]


def _is_whole(right: Right) -> bool:
    return right.kind == "relation" and right.names == ("*",) and not right.excluded


def _grant_on_new_relations(connection: psycopg.Connection[TupleRow], role: str, schema: str) -> None:
    """Let new relations of a schema be readable from the moment that they exist, before the release grants the rest."""
    if connection.execute("select to_regnamespace(quote_ident(%s)) is null", [schema]).fetchone() == (True,):
        return
    statement = sql.SQL("alter default privileges for role {} in schema {} grant select on tables to {}")
    connection.execute(
        statement.format(sql.Identifier(BUILDER), sql.Identifier(schema), sql.Identifier(role)),
    )


def _fingerprint(roles: tuple[Role, ...]) -> str:
    """Return a text that differs when the declaration, or the views that compare it, differ."""
    return hashlib.sha256(repr(roles).encode() + RIGHTS_DDL.read_bytes()).hexdigest()


def _like(pattern: str) -> str:
    """Return a pattern with `*` as a pattern of `like`."""
    return pattern.replace("\\", "\\\\").replace("_", "\\_").replace("%", "\\%").replace("*", "%")
