"""The schemas of a playground: make, find and drop them, and run dbt in them.

A playground is all schemas whose names begin with a prefix: `branch_ann_gold`, `branch_ann_gold_tables` and so on. The
comment of the first of these, `<prefix>_gold`, is its mark. By the mark a release knows that the views of these schemas
must give way (packages/pg_wap/docs/releases.md, "Playgrounds"), and it says who made the playground, and when.
"""

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from scripts import artifacts, connection, locks
from scripts.errors import Refusal

PUBLISHED = "gold"
# What makes playgrounds. A prefix that begins like this is one even without a mark, after a command that was killed.
KINDS = ("branch", "review")
# packages/pg_wap/macros/publish/playgrounds.sql reads the same mark.
MARK = re.compile(r"playground (?P<prefix>\S+) of (?P<published>\S+), made (?P<made_at>\S+) by (?P<made_by>\S+)")
# Sessions that build in a playground or drop it hold an advisory lock of this number and the prefix.
LOCK = 0x706C_6179
PATIENCE_SECONDS = 10

NAMESPACES = """
    select nspname, nspowner::regrole::text, coalesce(obj_description(oid, 'pg_namespace'), '')
    from pg_namespace
    where nspname !~ '^pg_'
    order by nspname
"""
# A publisher that lacks the rights of the owner of a playground could not drop its views.
MAY_GIVE_WAY = """
    select pg_has_role(nspowner, current_user, 'usage'), current_user, nspowner::regrole::text
    from pg_namespace
    where nspname = %s
"""
NOW = "select to_char(now() at time zone 'utc', 'YYYY-MM-DD\"T\"HH24:MI:SS+00:00')"


class Playground(NamedTuple):
    """A playground.

    Attributes:
        prefix: how the names of its schemas begin, without the last underscore.
        schemas: its schemas.
        made_at: when it was made; None if it lost its mark.
        made_by: the role that made it.
    """

    prefix: str
    schemas: list[str]
    made_at: datetime | None
    made_by: str


def base_target() -> str:
    """Return the target whose release playgrounds read: the embedded server, or the shared one of the PG* variables."""
    return "local" if connection.target_name() == "local" else "prod"


def connect(name: str = "playground") -> psycopg.Connection[Any]:
    """Open a connection to the warehouse of the target in use, in autocommit mode.

    Args:
        name: the name that others see in `pg_stat_activity`.

    Raises:
        Refusal: the server does not answer.
    """
    return connection.connect(base_target(), autocommit=True, name=name)


def environment(prefix: str) -> dict[str, str]:
    """Return the variables with which a child dbt builds in the schemas of a prefix, in the database in use.

    Args:
        prefix: how the names of the schemas begin, without the last underscore.

    Raises:
        Refusal: it cannot begin the name of a schema, or a variable of the server is not set.
    """
    if not connection.PREFIX.fullmatch(prefix):
        raise Refusal(
            f"{prefix!r} is no prefix for schemas: give 1 to 40 lower case letters, digits and underscores, with no "
            "digit first."
        )
    given = connection.libpq_environment(base_target())
    # The socket asks for no password, but the target wants one.
    password = given["PGPASSWORD"] or "not asked for"
    return given | {"PGPASSWORD": password, "DBT_TARGET": "dev", "DBT_SCHEMA": prefix}


def deferring() -> list[str]:
    """Return options with which dbt reads from the release what a playground has not built.

    The names of relations come from a parse of the working tree, for the target that everyone shares.

    Raises:
        Refusal: dbt cannot parse the project.
    """
    with _as_base():
        artifacts.parsed()
        return ["--defer", "--state", str(artifacts.folder() / "parsed")]


def create(session: psycopg.Connection[Any], prefix: str) -> None:
    """Make and mark the first schema of a playground. dbt makes the others.

    Args:
        session: a session in autocommit mode.
        prefix: how the names of the schemas begin, without the last underscore.

    Raises:
        Refusal: it exists, nothing was released yet, or a release could not make its views give way.
    """
    name = f"{prefix}_{PUBLISHED}"
    environment(prefix)
    rights = session.execute(MAY_GIVE_WAY, [PUBLISHED]).fetchone()
    if rights is None:
        raise Refusal("nothing was released yet: run `make build` first.")
    may_give_way, user, publisher = rights
    if not may_give_way:
        raise Refusal(
            f"views of {user} would stop a release, because {publisher} may not drop them: an administrator runs "
            f"`grant {user} to {publisher}`."
        )
    if there := find(session, prefix):
        raise Refusal(
            f"{prefix} exists since {there.made_at:%Y-%m-%d %H:%M}, made by {there.made_by}: choose another name, or "
            "drop it."
        )
    if prefix.endswith(f"_{PUBLISHED}"):
        # The schemas `<another prefix>_gold_tables` and the like would belong to both.
        raise Refusal(f"{prefix} ends like a schema of a release: choose a name without _{PUBLISHED} at its end.")
    if taken := schemas_of(session, prefix):
        raise Refusal(f"the schema {taken[0]} exists: choose another name.")
    with _taken_meanwhile(prefix), session.transaction():
        [(now,)] = session.execute(NOW).fetchall()
        mark = f"playground {prefix} of {PUBLISHED}, made {now} by {user}"
        session.execute(sql.SQL("create schema {}").format(sql.Identifier(name)))
        session.execute(sql.SQL("comment on schema {} is {}").format(sql.Identifier(name), sql.Literal(mark)))


def find(session: psycopg.Connection[Any], prefix: str) -> Playground | None:
    """Return the playground of a prefix; None if none has its mark.

    Args:
        session: a session that sees the schemas.
        prefix: how their names begin, without the last underscore.
    """
    return next((each for each in playgrounds(session) if each.prefix == prefix), None)


def playgrounds(session: psycopg.Connection[Any]) -> list[Playground]:
    """Return the playgrounds of the database that have their mark, the oldest first."""
    rows = session.execute(NAMESPACES).fetchall()
    marks = _marks(rows)
    owned: dict[str, list[str]] = {prefix: [] for prefix in marks}
    for name, _, _ in rows:
        if prefix := _prefix_of(name, marks):
            owned[prefix].append(name)
    found = [
        Playground(prefix, owned[prefix], datetime.fromisoformat(mark["made_at"]), mark["made_by"])
        for prefix, mark in marks.items()
    ]
    return sorted(found, key=lambda each: (str(each.made_at), each.prefix))


def schemas_of(session: psycopg.Connection[Any], prefix: str) -> list[str]:
    """Return the schemas of a playground. Those of another whose prefix begins with this one are not among them.

    Args:
        session: a session in autocommit mode.
        prefix: how the names of the schemas begin, without the last underscore.
    """
    rows = session.execute(NAMESPACES).fetchall()
    known = {*_marks(rows), prefix}
    return [name for name, _, _ in rows if _prefix_of(name, known) == prefix]


def drop(prefix: str) -> list[str]:
    """Drop all schemas of a playground, and return their names; none if it has none.

    Args:
        prefix: how the names of the schemas begin, without the last underscore.

    Raises:
        Refusal: it is no playground, it is being built, or a session uses it.
    """
    with closing(connect()) as session, alone(session, prefix):
        marked = {each.prefix for each in playgrounds(session)}
        names = schemas_of(session, prefix)
        if names and prefix not in marked and not prefix.startswith(tuple(f"{kind}_" for kind in KINDS)):
            raise Refusal(f"{prefix} is no playground: its schemas have no mark. Nothing was dropped.")
        if names:
            _drop(session, names)
        return names


@contextmanager
def alone(session: psycopg.Connection[Any], prefix: str) -> Iterator[None]:
    """Hold a playground, while it is built or dropped. A killed session lets go.

    Args:
        session: a session in autocommit mode.
        prefix: how the names of the schemas begin, without the last underscore.

    Raises:
        Refusal: another session builds it or drops it.
    """
    number = (LOCK << 32) | zlib.crc32(prefix.encode())
    try:
        locks.take(
            session,
            number,
            what=f"the playground {prefix}",
            patience=0,
            say=lambda _: None,
            statement=locks.TRY_SESSION,
        )
    except psycopg.errors.LockNotAvailable as error:
        said = str(error).partition("which ")[2]
        raise Refusal(f"{prefix} is being built or dropped: {said}. Nothing changed.") from error
    try:
        yield
    finally:
        session.execute("select pg_advisory_unlock(%s)", [number])


@contextmanager
def _taken_meanwhile(prefix: str) -> Iterator[None]:
    try:
        yield
    except (psycopg.errors.DuplicateSchema, psycopg.errors.UniqueViolation) as error:
        raise Refusal(f"{prefix} was made by another session at this moment: choose another name.") from error


def _drop(session: psycopg.Connection[Any], names: Sequence[str]) -> None:
    try:
        with session.transaction():
            session.execute("select set_config('lock_timeout', %s, true)", [f"{PATIENCE_SECONDS}s"])
            session.execute("set local client_min_messages to warning")
            listed = sql.SQL(", ").join(map(sql.Identifier, names))
            session.execute(sql.SQL("drop schema {} cascade").format(listed))
    except psycopg.errors.LockNotAvailable as error:
        raise Refusal(
            f"a session reads {names[0]} or its neighbours for longer than {PATIENCE_SECONDS} s: end it, then run this "
            "again. Nothing was dropped."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refusal(f"{' '.join(str(error).split())}: ask its owner to drop it. Nothing was dropped.") from error


def _marks(rows: Iterable[tuple[str, str, str]]) -> dict[str, re.Match[str]]:
    marks = ((name, MARK.fullmatch(comment)) for name, _, comment in rows)
    return {mark["prefix"]: mark for name, mark in marks if mark and name == f"{mark['prefix']}_{mark['published']}"}


def _prefix_of(name: str, prefixes: Iterable[str]) -> str | None:
    return max((prefix for prefix in prefixes if name.startswith(f"{prefix}_")), key=len, default=None)


@contextmanager
def _as_base() -> Iterator[None]:
    before = os.environ.get("DBT_TARGET")
    os.environ["DBT_TARGET"] = base_target()
    try:
        yield
    finally:
        if before is None:
            del os.environ["DBT_TARGET"]
        else:
            os.environ["DBT_TARGET"] = before
