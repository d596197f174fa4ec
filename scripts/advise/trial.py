"""Try indexes for real: make one in a transaction, run the queries with it, and roll back.

No reader notices: making an index lets others read the table, and no other session ever sees it. It does hold up
builds, so no build may run beside it. A hypothetical index would cost less, but only a real index has a time.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql

from scripts.advise.asked import Session
from scripts.advise.plans import Scan, roots_of_partitions, wasteful_scans
from scripts.advise.reach import Query
from scripts.advise.running import Timed, only_read, run
from scripts.advise.samples import Values

# An index with a smaller effect is not worth its writes.
LEAST_GAIN = 0.2
# Rows of a day, where a build adds rows one by one.
ROWS_OF_A_DAY = 2_500
WRITES = 3
# Columns of a comparison by equality that are tried, alone and together.
MOST_EQUAL = 3

EXISTING = """
    select
        array(
            select pg_get_indexdef(pg_index.indexrelid, number, true)
            from generate_series(1, pg_index.indnkeyatts) as number
            order by number
        ) as columns
    from pg_index
    inner join pg_class on pg_index.indexrelid = pg_class.oid
    where
        pg_index.indrelid = coalesce(
            -- The engine makes the indexes of a partitioned table on its partitions.
            (select min(relid::oid) from pg_partition_tree(%(name)s::regclass) where isleaf), %(name)s::regclass::oid
        )
        and not pg_index.indisunique
        and not pg_index.indisexclusion
        and pg_index.indpred is null
        and pg_class.relam = (select oid from pg_am where amname = 'btree')
    order by pg_index.indexrelid
"""
# Of an index or table without partitions, the tree is empty.
SIZE = """
    select
        coalesce(
            (select sum(pg_total_relation_size(relid)) from pg_partition_tree(%(name)s::regclass) where isleaf),
            pg_total_relation_size(%(name)s::regclass)
        )::bigint
"""
DISTINCT = """
    select
        attname,
        case when n_distinct < 0 then -n_distinct * greatest(reltuples, 1) else n_distinct end
    from pg_stats
    inner join pg_class
        on pg_stats.tablename = pg_class.relname and to_regnamespace(quote_ident(pg_stats.schemaname)) = relnamespace
    where schemaname = %s and tablename = %s and attname = any(%s)
    order by inherited
"""
LARGEST_PARTITION = """
    select pg_class.oid::regclass::text
    from pg_partition_tree(%s::regclass) as tree
    inner join pg_class on tree.relid = pg_class.oid
    where tree.isleaf
    order by pg_class.reltuples desc, pg_class.relname asc
    limit 1
"""


@dataclass(frozen=True)
class Candidate:
    """An index that may help.

    Attributes:
        schema: of the table.
        table: the name of the table.
        columns: the columns of the index.
    """

    schema: str
    table: str
    columns: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.schema}.{self.table} ({', '.join(self.columns)})"


@dataclass(frozen=True)
class Case:
    """A query with the values it runs with, and its time as things are."""

    query: Query
    values: Sequence[Values]
    before: Timed


@dataclass(frozen=True)
class Outcome:
    """What an index did.

    Attributes:
        candidate: the index.
        after: the time of each query that became faster, by the number of the query.
        bytes: the size of the index.
        make_ms: the time to make the index of the whole table.
        existing: the columns of the table's other indexes that a model's config declares.
    """

    candidate: Candidate
    after: dict[int, float]
    bytes: int
    make_ms: float
    existing: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class WriteCost:
    """What a build pays for an index.

    Attributes:
        what: what was written.
        without_ms: the time without the index.
        with_ms: the time with it.
    """

    what: str
    without_ms: float
    with_ms: float


def candidates(session: Session, cases: Sequence[Case]) -> dict[Candidate, list[Case]]:
    """Return the indexes that may help, each with the queries that it may help.

    Args:
        session: a connection as the role that builds.
        cases: queries with their plans.
    """
    roots = roots_of_partitions(session)
    found: dict[Candidate, list[Case]] = {}
    for case in cases:
        own: dict[Candidate, None] = {}
        for plan in case.before.plans:
            for scan in wasteful_scans(plan, roots):
                own |= dict.fromkeys(_of_scan(session, scan))
        for candidate in own:
            found.setdefault(candidate, []).append(case)
    return found


def attempt(session: Session, candidate: Candidate, cases: Sequence[Case], published: str) -> Outcome | str:
    """Make an index, run the queries with it, and take it back. Return what it did, or why it could not be tried.

    Args:
        session: a connection as the role that builds, in autocommit mode.
        candidate: the index.
        cases: the queries that it may help.
        published: the published schema.
    """
    name = sql.Identifier(candidate.schema, candidate.table)
    text = name.as_string(session)
    columns = sql.SQL(", ").join(map(sql.Identifier, candidate.columns))
    after = {}
    try:
        existing = tuple(tuple(row) for (row,) in session.execute(EXISTING, {"name": text}).fetchall())
        with session.transaction(force_rollback=True):
            began = time.perf_counter()
            session.execute(sql.SQL("create index advised on {} ({})").format(name, columns))
            make_ms = 1_000 * (time.perf_counter() - began)
            index = sql.Identifier(candidate.schema, "advised").as_string(session)
            (size,) = session.execute(SIZE, {"name": index}).fetchone() or (0,)
            only_read(session, published)
            for case in cases:
                now = run(session, case.query.text, case.values)
                if now.ms <= (1 - LEAST_GAIN) * case.before.ms:
                    after[case.query.asked.number] = now.ms
    except psycopg.Error as error:
        return " ".join(str(error).split())
    return Outcome(candidate, after, int(size or 0), make_ms, existing)


def write_cost(session: Session, candidate: Candidate) -> WriteCost:
    """Write rows with and without an index, in temporary tables with the other indexes of the table.

    A build writes a partition of a partitioned table again as a whole, and single rows of any other table.

    Args:
        session: a connection as the role that builds, in autocommit mode.
        candidate: the index.

    Raises:
        psycopg.Error: the rows cannot be copied.
    """
    table = sql.Identifier(candidate.schema, candidate.table)
    columns = sql.SQL(", ").join(map(sql.Identifier, candidate.columns))
    with session.transaction(force_rollback=True):
        session.execute("set local search_path to pg_catalog, pg_temp")
        partition = session.execute(LARGEST_PARTITION, [table.as_string(session)]).fetchone()
        source = partition[0].encode() if partition else table.as_bytes(session)
        for name in (b"plain", b"indexed"):
            session.execute(b"create temporary table " + name + b" (like " + source + b" including indexes)")
        session.execute(sql.SQL("create index on pg_temp.indexed ({})").format(columns))
        writer = _whole(session, source) if partition else _rows(session, source)
        plain, indexed = [], []
        for _ in range(WRITES):
            plain.append(writer(b"plain"))
            indexed.append(writer(b"indexed"))
        (rows,) = session.execute("select count(*) from pg_temp.written").fetchone() or (0,)
    what = f"{rows:,} rows of a partition" if partition else f"{rows:,} rows"
    return WriteCost(what, min(plain), min(indexed))


def _whole(session: Session, source: bytes) -> Callable[[bytes], float]:
    """Return a function that fills an empty table with a partition, and returns the milliseconds."""
    session.execute(b"create temporary table written as table " + source)

    def write(name: bytes) -> float:
        session.execute(b"truncate pg_temp." + name)
        return _insert(session, name)

    return write


def _rows(session: Session, source: bytes) -> Callable[[bytes], float]:
    """Return a function that adds rows of a day to a table that holds all others, and returns the milliseconds."""
    session.execute(b"insert into pg_temp.plain table " + source)
    # In the same order, as a temporary table is always read from its beginning.
    session.execute(b"insert into pg_temp.indexed table pg_temp.plain")
    session.execute(b"create temporary table written as table pg_temp.plain limit %d" % ROWS_OF_A_DAY)

    def write(name: bytes) -> float:
        # The rows that were written last are at other places now, so they are found by what they hold.
        session.execute(b"delete from pg_temp." + name + b" as held using pg_temp.written where held = written")
        return _insert(session, name)

    return write


def _insert(session: Session, name: bytes) -> float:
    began = time.perf_counter()
    session.execute(b"insert into pg_temp." + name + b" table pg_temp.written")
    return 1_000 * (time.perf_counter() - began)


def _of_scan(session: Session, scan: Scan) -> Iterator[Candidate]:
    """Return the indexes for a scan: each column that is compared by equality, all of them, and ranges behind them."""
    rows = session.execute(DISTINCT, [scan.schema, scan.table, [*scan.equal]]).fetchall()
    distinct = {name: float(number) for name, number in rows}
    equal = sorted(scan.equal, key=lambda column: (-distinct.get(column, 0.0), column))[:MOST_EQUAL]
    ranged = sorted(scan.ranged - scan.equal)
    for column in (*equal, *ranged):
        yield Candidate(scan.schema, scan.table, (column,))
    if len(equal) > 1:
        yield Candidate(scan.schema, scan.table, tuple(equal))
    if equal:
        for column in ranged:
            yield Candidate(scan.schema, scan.table, (*equal, column))
