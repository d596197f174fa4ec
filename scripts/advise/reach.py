"""Find which relations a query reads, and whether it is safe to run it.

A query may call a function of the role that asked it. If we ran this query, the function would run with our rights,
which are far greater. PostgreSQL evaluates some functions even to plan a query. So a query is planned and run only if
all that it reaches belongs to the role that builds or to a superuser; views of other roles are looked through.
"""

from dataclasses import dataclass

import psycopg
from psycopg import sql

from scripts.advise.asked import Asked, Session
from scripts.advise.text import valid, with_number_at, with_numbers

# A function whose body is parsed when it is made, so that PostgreSQL records everything that the query names. It is
# never called, and its transaction is rolled back.
FUNCTION = "create function pg_temp.asked({types}) returns void language sql begin atomic {text}\n; end"
REACHED = """
    with recursive

    reached (classid, objid) as (

        select
            refclassid,
            refobjid
        from pg_depend
        where
            classid = 'pg_proc'::regclass
            and objid = (select oid from pg_proc where pronamespace = pg_my_temp_schema() and proname = 'asked')

        union

        -- What a view reads hangs on its rule.
        select
            pg_depend.refclassid,
            pg_depend.refobjid
        from reached
        inner join pg_rewrite on reached.classid = 'pg_class'::regclass and reached.objid = pg_rewrite.ev_class
        inner join pg_depend on pg_depend.classid = 'pg_rewrite'::regclass and pg_rewrite.oid = pg_depend.objid

    ),

    owned as (

        select
            reached.*,
            pg_class.relnamespace::regnamespace::text as schema_name,
            pg_class.relname as name,
            coalesce(pg_class.relkind = 'v', false) as is_view,
            coalesce(pg_class.relowner, pg_proc.proowner, pg_operator.oprowner, pg_type.typowner) as owner
        from reached
        left join pg_class on reached.classid = 'pg_class'::regclass and reached.objid = pg_class.oid
        left join pg_proc on reached.classid = 'pg_proc'::regclass and reached.objid = pg_proc.oid
        left join pg_operator on reached.classid = 'pg_operator'::regclass and reached.objid = pg_operator.oid
        left join pg_type on reached.classid = 'pg_type'::regclass and reached.objid = pg_type.oid

    )

    select
        array_agg(distinct name) filter (where schema_name = %(published)s) as published,
        min(pg_describe_object(classid, objid, 0)) filter (
            where
                not is_view
                and owner <> current_user::regrole
                and owner not in (select oid from pg_roles where rolsuper)
        ) as foreign_object
    from owned
"""

# What PostgreSQL says where it takes a parameter for something else than a number.
CONTRADICTIONS = (
    psycopg.errors.AmbiguousFunction,
    psycopg.errors.UndefinedFunction,
    psycopg.errors.DatatypeMismatch,
    psycopg.errors.IndeterminateDatatype,
)


@dataclass(frozen=True)
class Query:
    """A query that can be planned.

    Attributes:
        asked: how often it was asked, and how long it took.
        text: valid SQL with parameters.
        types: the type of each parameter.
        published: the relations of the published schema that the query reads, also by views.
    """

    asked: Asked
    text: str
    types: tuple[str, ...]
    published: frozenset[str]


@dataclass(frozen=True)
class Unreadable:
    """A query that cannot be planned.

    Attributes:
        reason: why.
        is_published: whether it reads published relations; if that is not known, whether its text names their schema.
    """

    reason: str
    is_published: bool


def look(session: Session, asked: Asked, published: str) -> Query | Unreadable | None:
    """Return a query with what it reads, or why it cannot be planned, or None if it reads nothing published.

    Args:
        session: a connection as the role that builds, in autocommit mode.
        asked: the query.
        published: the name of the published schema.
    """
    text = valid(asked.text)
    try:
        with session.transaction(force_rollback=True):
            resolve_in(session, published)
            text, types = _typed(session, text)
            session.execute(FUNCTION.format(types=", ".join(types), text=text).encode())
            session.execute("set local search_path to pg_catalog, pg_temp")
            names, foreign = session.execute(REACHED, {"published": published}).fetchone() or (None, None)
    except psycopg.Error as error:
        return Unreadable(" ".join(str(error).split()), published in asked.text)
    if foreign and names:
        reason = f"{foreign} belongs to another role, and would run with the rights of the role that builds"
        return Unreadable(reason, is_published=True)
    return Query(asked, text, types, frozenset(names)) if names else None


def resolve_in(session: Session, published: str) -> None:
    """Resolve names that have no schema as readers do, until the transaction ends.

    Args:
        session: a connection in a transaction.
        published: the name of the published schema.
    """
    session.execute(sql.SQL("set local search_path to pg_catalog, {}, pg_temp").format(sql.Identifier(published)))


def _typed(session: Session, text: str) -> tuple[str, tuple[str, ...]]:
    """Return a query with the types that PostgreSQL infers for its parameters; several statements are refused."""
    try:
        return _mended(session, text)
    except CONTRADICTIONS:
        return _mended(session, with_numbers(text))


def _mended(session: Session, text: str) -> tuple[str, tuple[str, ...]]:
    """Make parameters numbers where PostgreSQL finds a contradiction, one after the other, until it finds none."""
    while True:
        try:
            with session.transaction():
                return text, _types(session, text)
        except CONTRADICTIONS as error:
            mended = with_number_at(text, int(error.diag.statement_position or 1) - 1)
            if mended is None:
                raise
            text = mended


def _types(session: Session, text: str) -> tuple[str, ...]:
    """Return the types that PostgreSQL infers for the parameters of one statement; several statements are refused."""
    connection = session.pgconn
    prepared = connection.prepare(b"", text.encode())
    if prepared.status != psycopg.pq.ExecStatus.COMMAND_OK:
        raise psycopg.errors.error_from_result(prepared)
    described = connection.describe_prepared(b"")
    numbers = [described.param_type(number) for number in range(described.nparams)]
    names = session.execute(
        """
        select format_type(number, null)
        from unnest(%s::oid[]) with ordinality as listed (number, place)
        order by place
        """,
        [numbers],
    ).fetchall()
    # No function may have a parameter of the type unknown.
    return tuple(name if name != "unknown" else "text" for (name,) in names)
