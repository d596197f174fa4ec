"""Which files are old enough to leave bronze, and which of them must stay."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import psycopg
from psycopg import sql
from psycopg.rows import class_row

from scripts import connection
from scripts.errors import Refusal, printable
from scripts.governance.retention.content import REFUSED, REJECTED, SCHEMA, Relation, of_file
from scripts.land.contract import Contract, Retention

STAGING = "stg_retail__{}"
LAYERS = ("silver", "profiles")

RELATIONS = """
    select relnamespace::regnamespace::text, relname::text
    from pg_class
    where
        relnamespace = any(%(schemas)s::text[]::regnamespace[])
        and relkind in ('r', 'p', 'v')
        and (relname = %(name)s or relname ~ %(pattern)s)
"""
SCHEMAS = "select nspname::text from pg_namespace where nspname = any(%s)"
# A row that was erased since is loaded for the ledger.
IN_BRONZE = "rows_loaded - rows_erased"
FILES = f"""
    select
        file_id,
        name,
        {IN_BRONZE} as rows_loaded,
        rows_rejected,
        (landed_at at time zone 'UTC')::date as landed_on,
        coalesce((landed_at at time zone 'UTC') < %(before)s::date, false) as has_landed_long_ago
    from bronze.landed_files
    where source = %(source)s
    order by file_id
"""
BEFORE = "select (%s::date - %s::interval)::date"
UNBUILT = f"""
    with

    landed as (
        select
            file_id,
            name,
            {IN_BRONZE} as rows_in_bronze
        from bronze.landed_files
        where source = {{source}}
    )

    select landed.name
    from landed
    left join {{ledger}} as built on landed.file_id = built.file_id
    where landed.rows_in_bronze > 0 and landed.rows_in_bronze is distinct from built.rows_loaded
    order by landed.file_id
"""
SPANS = "select file_id, min({dated_by})::date, max({dated_by})::date from {staging} group by file_id"
# The later row corrects the earlier one.
CORRECTIONS = """
    with

    keys as (
        select distinct {key}, {order_by} file_id
        from {staging}
        where file_id = any({present})
    )

    select distinct later.file_id, earlier.file_id
    from keys as later
    inner join keys as earlier using ({key})
    where
        later.file_id <> earlier.file_id
        and ({later}) > ({earlier})
"""
PARTS = """
    select part.file_id, other.file_id
    from {ledger} as part
    inner join {ledger} as other on part.delivery_id = other.delivery_id and part.file_id <> other.file_id
"""
WAITING = "select file_id, count(*) from {} where file_id = any({}) group by file_id"
REFUSALS = """
    select count(*), min(refused_at)::date, max(refused_at)::date
    from bronze.refused_files
    where refused_at < %s::date
"""


class Span(NamedTuple):
    """The dates of the oldest and the newest row."""

    oldest: date | None
    newest: date | None


@dataclass(frozen=True)
class File:
    """A landed file."""

    file_id: int
    name: str
    rows_loaded: int
    rows_rejected: int
    landed_on: date
    has_landed_long_ago: bool


@dataclass(frozen=True)
class Leaving:
    """Rows that leave bronze together.

    Attributes:
        relation: their table.
        file_id: their landed file, or None of `refused_files`.
        name: the name of their file.
        rows: their number.
        span: their dates.
        is_exported: whether they go to a Parquet file, or are dropped.
        where: the condition by which they are found.
        corrected_by: files that correct rows of this file.
    """

    relation: str
    file_id: int | None
    name: str
    rows: int
    span: Span
    is_exported: bool
    where: sql.Composed
    corrected_by: tuple[int, ...] = ()


@dataclass
class Plan:
    """What leaves, and what stays although it is old: the reason by the name of the file."""

    leaving: list[Leaving] = field(default_factory=list)
    staying: dict[str, str] = field(default_factory=dict)


def plan(session: psycopg.Connection[Any], contract: Contract, as_of: date) -> Plan:
    """Find the rows that are older than the contract keeps them.

    Args:
        session: a session beside which nothing is built and nothing lands.
        contract: how long rows stay.
        as_of: the day from which ages count.

    Raises:
        Refusal: rows of an old file wait in quarantine, files were not built yet, or the contract names a column or a
            file that is not there.
    """
    found = Plan()
    rejected = contract.retentions.get(REJECTED, Retention(REJECTED))
    for landing in contract.landings:
        retention = contract.retentions[landing.table]
        if retention.keep or rejected.keep:
            _Table(session, retention, rejected, as_of).add_to(found)
    _add_refusals(session, contract.retentions.get(REFUSED, Retention(REFUSED)), as_of, found)
    return found


class _Table:
    """The files of one table."""

    def __init__(
        self, session: psycopg.Connection[Any], retention: Retention, rejected: Retention, as_of: date
    ) -> None:
        self._session, self._retention, self._rejected = session, retention, rejected
        self._before = _before(session, retention, as_of)
        given_up = _before(session, rejected, as_of)
        cursor = session.cursor(row_factory=class_row(File))
        parameters = {"source": retention.table, "before": given_up}
        self._files = {file.file_id: file for file in cursor.execute(FILES, parameters)}

    def add_to(self, found: Plan) -> None:
        """Add what leaves of the table, and what stays."""
        held = self._held(self._retention)
        spans = self._spans() if self._retention.keep else {}
        going = {number for number in self._files if self._is_old(number, spans)}
        found.staying |= {self._files[number].name: reason for number, reason in held.items() if number in going}
        going -= held.keys()
        corrections = self._corrections() if going else []
        going = self._without_what_corrects(going, corrections, found)
        self._refuse_waiting(going)
        held_rejects = held | self._held(self._rejected)
        for number in sorted(self._files):
            file = self._files[number]
            if number in going and file.rows_loaded:
                later = {after for after, before in corrections if before == number}
                found.leaving.append(self._leaving(file, self._retention, spans[number], sorted(later)))
            if file.rows_rejected and number not in held_rejects and file.has_landed_long_ago:
                found.leaving.append(self._leaving(file, self._rejected, Span(file.landed_on, file.landed_on)))

    def _is_old(self, number: int, spans: Mapping[int, Span]) -> bool:
        if self._before is None or not self._files[number].rows_loaded:
            return False
        newest = spans[number].newest
        return newest is not None and newest < self._before

    def _leaving(self, file: File, retention: Retention, span: Span, later: Sequence[int] = ()) -> Leaving:
        where = of_file(Relation(retention.table, ()), file.file_id)
        rows = file.rows_rejected if retention.table == REJECTED else file.rows_loaded
        return Leaving(retention.table, file.file_id, file.name, rows, span, retention.is_exported, where, tuple(later))

    def _held(self, retention: Retention) -> dict[int, str]:
        """Return the files that a legal hold names, with the reason."""
        held: dict[int, str] = {}
        for hold in retention.holds:
            of = {
                number
                for number, file in self._files.items()
                if hold.files is None
                or any(fnmatchcase(each, hold.files) for each in (file.name, file.name.rpartition("/")[2]))
            }
            # A pattern with a slip holds nothing, and what it should hold would be gone.
            if not of and hold.files is not None and retention is self._retention:
                raise Refusal(
                    f"legal_hold of {retention.table}: no landed file is named like {hold.files!r}: "
                    "mend the pattern in _retail__sources.yml, or remove it. Nothing changed."
                )
            held |= dict.fromkeys(of, f"legal hold: {hold.reason}")
        return held

    def _staging(self) -> sql.Identifier:
        """Return the staging model of the table.

        Raises:
            Refusal: it is not built, or lacks a column that the contract names.
        """
        name = STAGING.format(self._retention.table)
        found = _relations(self._session, name)
        if not found:
            raise Refusal(f"{name} is not built: run `make build`, then archive. Nothing changed.")
        wanted = {*self._retention.key, *self._retention.order_by, self._retention.dated_by} - {None}
        query = sql.SQL("select * from {} limit 0").format(sql.Identifier(*found[0]))
        described = self._session.execute(query).description or []
        if missing := sorted(str(column) for column in wanted - {column.name for column in described}):
            raise Refusal(
                f"retention of {self._retention.table} names the column {missing[0]!r}, which {name} lacks: mend "
                "_retail__sources.yml. Nothing changed."
            )
        return sql.Identifier(*found[0])

    def _ledger(self) -> sql.Identifier:
        name = STAGING.format("landed_files")
        found = _relations(self._session, name)
        if not found:
            raise Refusal(f"{name} is not built: run `make build`, then archive. Nothing changed.")
        return sql.Identifier(*found[0])

    def _spans(self) -> dict[int, Span]:
        """Return the dates of each file.

        Raises:
            Refusal: files landed or left since the last build, so their rows are not typed, or still are.
        """
        staging = self._staging()
        query = sql.SQL(UNBUILT).format(ledger=self._ledger(), source=sql.Literal(self._retention.table))
        if unbuilt := self._session.execute(query).fetchall():
            raise Refusal(
                f"{printable(unbuilt[0][0])}{_and_others(len(unbuilt))} changed since the last build, so nobody knows "
                "what is in quarantine: run `make build`, then archive. Nothing changed."
            )
        spans = {number: Span(file.landed_on, file.landed_on) for number, file in self._files.items()}
        if self._retention.dated_by:
            query = sql.SQL(SPANS).format(staging=staging, dated_by=sql.Identifier(self._retention.dated_by))
            spans |= {row[0]: Span(*row[1:]) for row in self._session.execute(query) if row[1]}
        return spans

    def _corrections(self) -> list[tuple[int, int]]:
        """Return pairs of files: the first may not leave before the second, because it corrects rows of it."""
        pairs: list[tuple[int, int]] = []
        present = [number for number, file in self._files.items() if file.rows_loaded]
        if self._retention.key:
            ordered = [*self._retention.order_by, "file_id"]
            query = sql.SQL(CORRECTIONS).format(
                staging=self._staging(),
                key=_list(self._retention.key),
                order_by=sql.SQL("").join(sql.SQL("{}, ").format(sql.Identifier(name)) for name in ordered[:-1]),
                later=_list(ordered, "later"),
                earlier=_list(ordered, "earlier"),
                present=sql.Literal(present),
            )
            pairs += self._session.execute(query).fetchall()
        # The parts of one delivery leave together.
        pairs += self._session.execute(sql.SQL(PARTS).format(ledger=self._ledger())).fetchall()
        return [pair for pair in pairs if {*pair} <= set(present)]

    def _without_what_corrects(self, going: set[int], pairs: Iterable[tuple[int, int]], found: Plan) -> set[int]:
        """Return the files that leave: if a correction left alone, the row that it corrected would count again."""
        going, pairs = set(going), list(pairs)
        while staying := {after: before for after, before in pairs if after in going and before not in going}:
            for number, before in staying.items():
                corrected = self._files[before].name
                found.staying[self._files[number].name] = f"corrects rows of {corrected}, which stays"
            going -= staying.keys()
        return going

    def _refuse_waiting(self, going: set[int]) -> None:
        """Refuse to archive rows that wait for a correction.

        Raises:
            Refusal: rows of a file wait in quarantine, or were rejected and not replayed.
        """
        for schema, name in _relations(self._session, "", r"^quarantined_") if going else []:
            query = sql.SQL(WAITING).format(sql.Identifier(schema, name), sql.Literal(sorted(going)))
            if waiting := dict(self._session.execute(query).fetchall()):
                self._refuse(waiting, f"wait in {schema}.{name}: deliver a correction")
        rejected = {
            number: self._files[number].rows_rejected
            for number in going
            if self._files[number].rows_rejected and not self._files[number].has_landed_long_ago
        }
        if rejected:
            self._refuse(
                rejected,
                f"wait in {SCHEMA}.{REJECTED}: replay them, or declare how long {REJECTED} keeps its rows",
            )

    def _refuse(self, waiting: Mapping[int, int], what: str) -> None:
        first = min(waiting)
        raise Refusal(
            f"{printable(self._files[first].name)} is older than {self._retention.keep}, but {waiting[first]:,} of its "
            f"rows{_and_others(len(waiting), 'rows of')} {what}, or name the files under legal_hold of "
            f"{self._retention.table}. Nothing changed."
        )


def _add_refusals(session: psycopg.Connection[Any], retention: Retention, as_of: date, found: Plan) -> None:
    before = _before(session, retention, as_of)
    rows, *span = session.execute(REFUSALS, [before]).fetchall()[0]
    if rows and retention.holds:
        found.staying[REFUSED] = f"legal hold: {retention.holds[0].reason}"
    elif rows:
        where = sql.SQL("refused_at < {}::date").format(sql.Literal(before))
        found.leaving.append(Leaving(REFUSED, None, REFUSED, rows, Span(*span), retention.is_exported, where))


def _before(session: psycopg.Connection[Any], retention: Retention, as_of: date) -> date | None:
    """Return the day before which rows are too old, or None if they stay."""
    if retention.keep is None:
        return None
    day: date = session.execute(BEFORE, [as_of, retention.keep]).fetchall()[0][0]
    return day


def _relations(session: psycopg.Connection[Any], name: str, pattern: str = "$^") -> list[tuple[str, str]]:
    """Return schema and name of the relations of silver and profiles that have a name or fit a pattern."""
    schemas = [row[0] for row in session.execute(SCHEMAS, [[connection.schema_of(layer) for layer in LAYERS]])]
    return session.execute(RELATIONS, {"schemas": schemas, "name": name, "pattern": pattern}).fetchall()


def _list(columns: Iterable[str], of: str | None = None) -> sql.Composed:
    return sql.SQL(", ").join(sql.Identifier(of, name) if of else sql.Identifier(name) for name in columns)


def _and_others(count: int, what: str = "") -> str:
    return f" and {what} {count - 1:,} other files".replace("  ", " ") if count > 1 else ""
