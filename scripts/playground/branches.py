"""Branches: playgrounds with a name, in which every relation of the release has a view until a model replaces it."""

import re
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from psycopg import sql

from scripts.errors import Refusal, printable
from scripts.playground import schemas

KIND = "branch"
# With the kind, at most the 40 characters of a prefix.
NAME = re.compile(r"[a-z][a-z0-9_]{0,32}")
# A build keeps tables, candidates and records here; what it built is shown elsewhere.
INNER = ("_tables", "_partitions", "_candidate", "_audit")

PUBLISHED_VIEWS = """
    select relname
    from pg_class
    where relnamespace = to_regnamespace(%s) and relkind = 'v'
    order by relname
"""
# A view of the release reads the relation of its name, and nothing else.
OWN = """
    with

    relations as (

        select
            pg_namespace.nspname,
            pg_class.relname,
            pg_class.relkind,
            (
                select array_agg(distinct pg_depend.refobjid)
                from pg_rewrite
                inner join pg_depend on pg_rewrite.oid = pg_depend.objid and pg_depend.classid = 'pg_rewrite'::regclass
                where
                    pg_rewrite.ev_class = pg_class.oid
                    and pg_depend.refclassid = 'pg_class'::regclass
                    and pg_depend.refobjid <> pg_class.oid
            ) as reads
        from pg_class
        inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
        where
            pg_namespace.nspname = any(%(schemas)s)
            and pg_class.relkind in ('r', 'p', 'v', 'm')
            and not pg_class.relispartition

    )

    select
        nspname,
        relname
    from relations
    where
        not (
            relkind = 'v'
            and reads is not null
            and reads = array[to_regclass(format('%%I.%%I', %(published)s::text, relname))::oid]
        )
    order by nspname, relname
"""
SIZES = """
    select
        pg_namespace.nspname,
        sum(pg_total_relation_size(pg_class.oid))::bigint
    from pg_class
    inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
    where pg_namespace.nspname = any(%s) and pg_class.relkind in ('r', 'm')
    group by pg_namespace.nspname
"""
# Of the relations that the branch has released, those that its project still declares.
RELEASED = """
    select distinct split_part(declared.relation, '.', 2) as name
    from {releases}
    cross join lateral unnest(changed_models) as changed
    inner join {relations} as declared on replace(changed, '"', '') = declared.relation
    order by name
"""


class Branch(NamedTuple):
    """A branch.

    Attributes:
        name: its name.
        prefix: how the names of its schemas begin.
        made_at: when it was made.
        made_by: the role that made it.
        built: the relations that differ from the release because they were built in the branch, as `layer.name`.
        lost: relations of `gold` that were built in the branch, and gave way to a release.
        size: the bytes of its tables and indexes.
    """

    name: str
    prefix: str
    made_at: datetime | None
    made_by: str
    built: list[str]
    lost: list[str]
    size: int


def prefix_of(name: str) -> str:
    """Return how the schemas of a branch begin.

    Args:
        name: what was typed.

    Raises:
        Refusal: it cannot be the name of a branch.
    """
    if not NAME.fullmatch(name):
        raise Refusal(
            f"NAME={printable(name)!r} is no name for a branch: give 1 to 33 lower case letters, digits and "
            "underscores, with a letter first."
        )
    return f"{KIND}_{name}"


def make(name: str) -> Branch:
    """Make a branch, in which every relation of `gold` is a view on the release.

    Args:
        name: its name.

    Raises:
        Refusal: the name is none or is taken, nothing was released yet, or a release is in progress.
    """
    prefix = prefix_of(name)
    with closing(schemas.connect("branch")) as session:
        try:
            with session.transaction():
                session.execute("set local lock_timeout to '10s'")
                schemas.create(session, prefix)
                if not complete(session, prefix):
                    raise Refusal("nothing was released yet: run `make build` first.")
        except psycopg.errors.LockNotAvailable as error:
            raise Refusal("a release is in progress: run this again when it has ended. Nothing was made.") from error
        return described(session, [found(session, name)])[0]


def found(session: psycopg.Connection[Any], name: str) -> schemas.Playground:
    """Return the playground of a branch.

    Args:
        session: a session in autocommit mode.
        name: the name of the branch.

    Raises:
        Refusal: there is none of this name.
    """
    prefix = prefix_of(name)
    if there := schemas.find(session, prefix):
        return there
    raise Refusal(f"there is no branch {name!r}: `make branches` lists them, `make branch NAME={name}` makes one.")


def branches() -> list[Branch]:
    """Return all branches, the oldest first."""
    with closing(schemas.connect("branches")) as session:
        return described(session, [each for each in schemas.playgrounds(session) if _is_branch(each.prefix)])


def drop(name: str) -> list[str]:
    """Drop a branch with all that was built in it, and return the schemas that it had.

    Args:
        name: its name.

    Raises:
        Refusal: there is none of this name, it is being built, or a session reads it.
    """
    prefix = prefix_of(name)
    with closing(schemas.connect("branch-drop")) as session:
        # After a build that was killed, schemas may be left without the mark.
        if not schemas.schemas_of(session, prefix):
            found(session, name)
    return schemas.drop(prefix)


def complete(session: psycopg.Connection[Any], prefix: str) -> int:
    """Give a branch a view of each published relation for which it has nothing; return how many views were made.

    Args:
        session: a session that may make relations in the schemas of the branch.
        prefix: how the names of its schemas begin.
    """
    place = f"{prefix}_{schemas.PUBLISHED}"
    query = "select relname from pg_class where relnamespace = to_regnamespace(%s)"
    present = {name for (name,) in session.execute(query, [place]).fetchall()}
    published = [name for (name,) in session.execute(PUBLISHED_VIEWS, [schemas.PUBLISHED]).fetchall()]
    missing = [name for name in published if name not in present]
    for name in missing:
        statement = sql.SQL("create view {} as select * from {}")
        session.execute(statement.format(sql.Identifier(place, name), sql.Identifier(schemas.PUBLISHED, name)))
    return len(missing)


def _is_branch(prefix: str) -> bool:
    return prefix.startswith(f"{KIND}_")


def described(session: psycopg.Connection[Any], playgrounds: Sequence[schemas.Playground]) -> list[Branch]:
    """Return branches with what was built in them.

    Args:
        session: a session in autocommit mode.
        playgrounds: the playgrounds of the branches.
    """
    names = [name for each in playgrounds for name in each.schemas]
    sizes = dict(session.execute(SIZES, [names]).fetchall())
    shown = [name for name in names if not name.endswith(INNER)]
    own = session.execute(OWN, {"schemas": shown, "published": schemas.PUBLISHED}).fetchall()
    return [
        Branch(
            name=each.prefix.removeprefix(f"{KIND}_"),
            prefix=each.prefix,
            made_at=each.made_at,
            made_by=each.made_by,
            built=(
                built := [
                    f"{name.removeprefix(f'{each.prefix}_')}.{table}" for name, table in own if name in each.schemas
                ]
            ),
            lost=list(_lost(session, each.prefix, built)),
            size=sum(int(sizes.get(name, 0)) for name in each.schemas),
        )
        for each in playgrounds
    ]


def _lost(session: psycopg.Connection[Any], prefix: str, built: Sequence[str]) -> Iterator[str]:
    tables = {name: (f"{prefix}_audit", name) for name in ("releases", "relations")}
    for table in tables.values():
        if session.execute("select to_regclass(%s)", [".".join(table)]).fetchone() == (None,):
            return
    identifiers = {name: sql.Identifier(*table) for name, table in tables.items()}
    for (name,) in session.execute(sql.SQL(RELEASED).format(**identifiers)).fetchall():
        if f"{schemas.PUBLISHED}.{name}" not in built:
            yield f"{schemas.PUBLISHED}.{name}"
