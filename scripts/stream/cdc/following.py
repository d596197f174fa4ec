"""Follow the source: land its transactions in the order of their commits."""

import time
from collections.abc import Callable

from scripts.errors import Refusal, printable
from scripts.stream.cdc import bronze, lag, lsn, pgoutput, source
from scripts.stream.cdc.bronze import Landing, Stream
from scripts.stream.cdc.lsn import Lsn
from scripts.stream.cdc.options import Options, Report, Say
from scripts.stream.cdc.replication import Sent
from scripts.stream.cdc.rows import EMPTY, Shape, Transaction, moment
from scripts.stream.cdc.source import Slot
from scripts.stream.cdc.starting import START_OVER, Sides, added

# A position without changes is stored and confirmed this often, so that the source can delete its log.
CONFIRM_SECONDS = 5.0
# So often is a position stored that has not moved: `make health` sees that the capture runs.
ALIVE_SECONDS = 30.0
LOOK_AT_LAG_SECONDS = 10.0
SAY_AGAIN_SECONDS = 60.0
# How long a wait for the source lasts at most: `stop` is asked in between.
WAIT_SECONDS = 0.2


class Follower:
    """Receives what the source sends, and lands it.

    Args:
        sides: the connections.
        stream: what has landed.
        slot: the slot, as it was found.
        options: what to capture, and how.
        report: takes what has landed.
        say: takes one line about what happens.
        stop: asked whether to stop.
    """

    def __init__(
        self,
        sides: Sides,
        stream: Stream,
        slot: Slot,
        options: Options,
        report: Report,
        *,
        say: Say,
        stop: Callable[[], bool],
    ) -> None:
        assert stream.position
        self._sides, self._options, self._report, self._say, self._stop = sides, options, report, say, stop
        self._stream = stream
        self._start = lsn.parsed(stream.position)
        self._landing = Landing(sides.warehouse, options.slot, stream.copy_number, self._start)
        self._tables = {
            table.oid: table for table in bronze.tables_of(sides.warehouse, options.slot, stream.copy_number)
        }
        self._shapes: dict[int, Shape | None] = {}
        # What is received: up to where, and of which commits.
        self._boundary = self._start
        self._is_within = False
        self._transaction: Transaction | None = None
        self._last: Transaction | None = None
        self._first_commit: int | None = None
        self._since = self._stored = time.monotonic()
        # A source that was restored and has grown since would not send the last landed transaction again, or would
        # send others between that and the position.
        self._last_landed = lsn.parsed(stream.commit_lsn) if stream.commit_lsn else 0
        self._expected = self._last_landed if slot.confirmed_lsn <= self._last_landed else None
        self._is_news_of_old = False
        self._clock_offset = sides.server.clock - time.time()
        self._looked_at_lag = self._confirmed = 0.0
        self._said: dict[str, float] = {}

    def follow(self) -> None:
        """Land what the source sends, until it is drained (`once`) or `stop` says so.

        Raises:
            Refusal: a change cannot land.
            psycopg.Error: a connection is lost.
        """
        target = self._sides.identity.position if self._options.once else None
        self._look_at_lag()
        self._sides.replication.start(self._options.slot, self._options.publication)
        try:
            while not self._is_done(target):
                wait = min(WAIT_SECONDS, self._options.interval) if self._landing.pending else WAIT_SECONDS
                heard = False
                for sent in self._sides.replication.receive(wait):
                    heard = True
                    self._take(sent)
                self._land_if_due()
                if not heard:
                    self._confirm(ask=target is not None)
                self._look_at_lag()
        except BaseException:
            self._landing.give_up()
            raise
        if self._is_within:
            # The source sends an unfinished transaction again, and what is pending with it.
            self._landing.give_up()
        else:
            self._land()
        self._confirm()
        self._report.position = self._landing.position or 0

    def _is_done(self, target: Lsn | None) -> bool:
        if self._stop():
            return True
        return target is not None and not self._is_within and self._boundary >= target

    def _take(self, sent: Sent) -> None:
        if not sent.data:
            if not self._is_within and sent.position >= self._boundary:
                self._check_history()
                self._boundary = sent.position
            if sent.wants_answer:
                self._confirm()
            return
        message = pgoutput.decode(sent.data)
        if isinstance(message, pgoutput.Change):
            self._change(message)
        elif isinstance(message, pgoutput.Begin):
            self._begin(message)
        elif isinstance(message, pgoutput.Commit):
            self._commit(message)
        elif isinstance(message, pgoutput.Relation):
            self._relation(message)
        elif isinstance(message, pgoutput.Truncate):
            self._truncate(message)

    def _begin(self, begin: pgoutput.Begin) -> None:
        self._is_within = True
        if begin.commit_lsn < self._start:
            # Landed before, and not confirmed: the process was killed between the two.
            if begin.commit_lsn == self._expected and begin.committed_at == self._stream.committed_at:
                self._expected = None
            self._transaction = None
            self._is_news_of_old = begin.commit_lsn > self._last_landed
            return
        self._check_history()
        self._is_news_of_old = False
        self._transaction = Transaction(
            self._options.slot, self._stream.copy_number, begin.commit_lsn, begin.committed_at
        )

    def _check_history(self) -> None:
        """Refuse a source whose log does not hold the transaction that landed last."""
        if self._expected is not None:
            raise self._restored(f"does not have the transaction at {self._stream.commit_lsn}, which landed last")

    def _restored(self, sign: str) -> Refusal:
        return Refusal(
            f"the source {sign}: it was restored to an earlier time, and has gone another way since. If that is meant, "
            f"{START_OVER}."
        )

    def _change(self, change: pgoutput.Change) -> None:
        shape = self._shapes[change.oid]
        if shape and self._is_news_of_old:
            raise self._restored(f"has changes before {lsn.text(self._start)} that it did not have before")
        if self._transaction and shape:
            self._landing.add(self._transaction.line(shape.change(change)))

    def _truncate(self, truncate: pgoutput.Truncate) -> None:
        for shape in map(self._shapes.get, truncate.oids):
            if not self._transaction or not shape:
                continue
            if not self._options.land_truncate:
                when = moment(self._transaction.committed_at)
                raise Refusal(
                    f"the source emptied the table {shape.name} (truncate) at {when:%Y-%m-%d %H:%M:%S} UTC: if that is "
                    "meant, run this again with --truncate land, which deletes its rows in the warehouse's view."
                )
            self._landing.add(self._transaction.line(shape.row(EMPTY)))

    def _relation(self, relation: pgoutput.Relation) -> None:
        name = printable(relation.name)
        table = self._tables.get(relation.oid)
        columns = [column.name for column in relation.columns]
        if table is None:
            published = source.examine(self._sides.source, self._options.publication)[1]
            if any(each.oid == relation.oid for each in published):
                raise Refusal(added(name, self._options.publication))
            self._say(f"Left out    {name}, which was published for a while after the initial copy")
            self._shapes[relation.oid] = None
            return
        key = [column.name for column in relation.columns if column.is_key]
        self._shapes[relation.oid] = Shape(table.relation, columns, key)
        if self._transaction is None or (table.source_name, table.columns) == (relation.name, columns):
            return
        if table.source_name != relation.name:
            self._say(f"Renamed     {printable(table.source_name)} to {name}; its rows still land as {table.relation}")
        for verb, changed in (
            ("New        ", [column for column in columns if column not in table.columns]),
            ("Dropped    ", [column for column in table.columns if column not in columns]),
        ):
            if changed:
                self._say(f"{verb} column {', '.join(map(printable, changed))} of {name}")
        self._tables[relation.oid] = table._replace(source_name=relation.name, columns=columns)
        self._landing.change_table(self._tables[relation.oid])

    def _commit(self, commit: pgoutput.Commit) -> None:
        self._is_within = False
        self._boundary = max(self._boundary, commit.end_lsn)
        transaction, self._transaction = self._transaction, None
        if transaction and transaction.seq:
            self._report.transactions += 1
            self._last = transaction
            if self._first_commit is None:
                self._first_commit, self._since = transaction.committed_at, time.monotonic()
        self._land_if_due()

    def _land_if_due(self) -> None:
        if self._is_within:
            return
        waited = time.monotonic() - self._since
        if self._landing.pending:
            if self._landing.pending >= self._options.batch or waited >= self._options.interval:
                self._land()
        elif waited >= CONFIRM_SECONDS:
            self._land()

    def _land(self) -> None:
        """Store what is received with its position, then confirm the position."""
        rows, last = self._landing.pending, self._last
        self._since = time.monotonic()
        if rows == 0 and self._boundary == self._landing.position and time.monotonic() - self._stored < ALIVE_SECONDS:
            return
        self._stored = time.monotonic()
        of_last = (last.commit_lsn, last.committed_at) if last else (None, None)
        self._landing.commit(self._boundary, *of_last)
        if self._first_commit is not None:
            lag_seconds = time.time() + self._clock_offset - self._first_commit / 1_000_000
            self._report.longest_lag = max(self._report.longest_lag, lag_seconds)
        self._report.changes += rows
        self._last = self._first_commit = None
        self._confirm()

    def _confirm(self, *, ask: bool = False) -> None:
        position = self._landing.position
        assert position is not None
        self._sides.replication.confirm(position, ask=ask)

    def _look_at_lag(self) -> None:
        now = time.monotonic()
        if now - self._looked_at_lag < LOOK_AT_LAG_SECONDS:
            return
        is_first, self._looked_at_lag = self._looked_at_lag == 0.0, now
        measured = lag.measure(self._sides.source, self._options.slot)
        if measured is None:
            return
        first = self._first_commit
        seconds = time.time() + self._clock_offset - first / 1_000_000 if first else 0.0
        options = self._options
        lines = lag.warnings(
            measured, seconds, most_bytes=options.most_lag_bytes, most_seconds=options.most_lag_seconds
        )
        if is_first and (unlimited := lag.unlimited(measured)):
            lines.append(unlimited)
        for line in lines:
            # The kind of warning, whatever its figures.
            kind = line.split(":")[-1]
            if now - self._said.get(kind, -SAY_AGAIN_SECONDS) >= SAY_AGAIN_SECONDS:
                self._said[kind] = now
                self._say(f"Warning     {line}")
