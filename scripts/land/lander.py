"""Land one file: its rows, its rejects and its line of the ledger in one transaction."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain

import psycopg
from psycopg.rows import TupleRow

from scripts.errors import Refusal, printable
from scripts.land.bronze import copy, ledger
from scripts.land.contract import EXTRA, Contract, Landing
from scripts.land.files.discovery import Delivery
from scripts.land.files.unpack import fingerprint
from scripts.land.header import Fit, fit, likeliest
from scripts.land.progress import Progress
from scripts.land.readers.open import Reader, Table, open_reader
from scripts.land.reading import Survey
from scripts.land.results import FileResult, Outcome, reasons
from scripts.land.rows import Batch, NeedsCare, Reject

# Rejects stay in memory until the file has landed, and more are of no use to a reader.
MOST_REJECTS = 100_000

# Fewer bad rows than these are no share, so they do not refuse a file.
FEWEST_FOR_SHARE = 20

# After these errors, another file may still land: its data may be better, or it may fit on the disk.
ABOUT_ONE_FILE = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.DiskFull,
    psycopg.errors.ProgramLimitExceeded,
)


@dataclass(frozen=True)
class Lander:
    """Everything that landing a file needs.

    Attributes:
        connection: in autocommit mode.
        contract: the tables and their columns.
        max_reject_share: the share of rejected rows above which a file is refused.
        encoding: the encoding of text files, if it is known.
        progress: the listener for progress.
        known: the contents that have landed.
        fits: the fits of earlier headers. Most files of a folder have the same header.
    """

    connection: psycopg.Connection[TupleRow]
    contract: Contract
    max_reject_share: float
    encoding: str | None
    progress: Progress
    known: ledger.Known
    fits: dict[tuple[str, ...], Fit] = field(default_factory=dict)

    def land(self, delivery: Delivery, began: float | None = None) -> FileResult:
        """Land one file, or say why it does not land.

        Equal contents have equal sizes. So a file is hashed before it is sent only if a file of its size is in the
        ledger. For any other file, the hash is computed from the bytes that are sent, so it is read once.

        Args:
            delivery: the file.
            began: when work on the file began, by `time.perf_counter`; now when omitted.

        Raises:
            psycopg.Error: the connection is lost, or the server refuses every file.
        """
        began = time.perf_counter() if began is None else began
        try:
            return self._land(delivery, began)
        except Refusal as refusal:
            reason = refusal.message
        except OSError as error:
            reason = f"cannot be read: {error.strerror or error}"
        except ABOUT_ONE_FILE as error:
            reason = f"the server does not take it: {error}"
        except psycopg.Error:
            raise
        except Exception as error:
            # A fault of the loader in one file must not stop the others.
            reason = f"the loader fails at it: {type(error).__name__}: {error}"
        return _not_landed(delivery, began, "refused", reason)

    def _land(self, delivery: Delivery, began: float) -> FileResult:
        if delivery.size in self.known.sizes:
            name = self.known.name_of(fingerprint(delivery.path))
            if name is not None:
                return _not_landed(delivery, began, "skipped", f"already landed as {name}")
        try:
            return self._attempt(delivery, began, careful=False)
        except (psycopg.DataError, NeedsCare):
            # The server does not say which rows it would accept, so the careful reading finds them.
            return self._attempt(delivery, began, careful=True)

    def fit(self, header: Sequence[str], file_format: str) -> Fit:
        """Find the table for a header.

        Args:
            header: the names of the file's columns, as delivered.
            file_format: one of the formats of the contract.

        Raises:
            Refusal: no table takes the file.
        """
        key = (file_format, *header)
        if key not in self.fits:
            self.fits[key] = fit(header, file_format, self.contract)
        return self.fits[key]

    def settle(self, table: Table, file_format: str, notes: list[str]) -> Fit:
        """Find the header of a table and the table of the contract for it, and add remarks to the notes.

        The header is the first row, or below a title: then it is the row with the most columns of the contract.

        Raises:
            Refusal: no table takes the file.
        """
        try:
            return self.fit(table.header, file_format)
        except Refusal:
            place = likeliest(table.candidates, file_format, self.contract)
            if not place:
                raise
        above, header = table.candidates[:place], table.candidates[place]
        if any(2 * sum(map(bool, map(str.strip, names))) > len(header) for names in above):
            first = ", ".join(header[:3])
            raise Refusal(f"rows stand above its header ({first}, ...): put the header above all rows")
        table.begin_at(place)
        fitting = self.fit(table.header, file_format)
        notes.append(f"{_counted(place, 'line')} above the header passed over")
        return fitting

    def _attempt(self, delivery: Delivery, began: float, *, careful: bool) -> FileResult:
        with closing(open_reader(delivery, encoding=self.encoding, careful=careful)) as reader:
            notes: list[str] = []
            tables = self._fitting(reader, notes)
            first = next(tables)
            with self.connection.transaction():
                file_id = ledger.claim(self.connection, delivery.size)
                if file_id is None:
                    name = ledger.landed_name(self.connection, fingerprint(delivery.path))
                    if name is not None:
                        return _not_landed(delivery, began, "skipped", f"already landed as {name}")
                    file_id = ledger.next_number(self.connection)
                loaded, rejects = 0, list[Reject]()
                survey = Survey(first[1].landing, delivery.name)
                for table, fitting in chain([first], tables):
                    zone = fitting.landing.time_zone
                    batches = table.batches(file_id, careful=careful, fewest=fitting.fewest, time_zone=zone)
                    batches = survey.watch(fitting, table.delimiter, batches)
                    counted = self._counted(delivery, batches, rejects)
                    loaded += copy.load(self.connection, self.contract.schema, fitting, table.delimiter, counted)
                    notes += table.notes
                self._judge(delivery, first[1].landing, loaded, rejects)
                if not loaded and not rejects:
                    notes.append("it has a header but no rows")
                reading, remarks = survey.conclude()
                entry = entry_of(delivery, reader, first, reading, file_id=file_id, loaded=loaded, rejects=rejects)
                ledger.record(self.connection, entry)
        return landed(delivery, began, entry, detail([*remarks_on_reading(reader), *notes, *remarks]))

    def _fitting(self, reader: Reader, notes: list[str]) -> Iterator[tuple[Table, Fit]]:
        """Yield the tables of a file that fit the contract, and add remarks to the notes."""
        source: str | None = None
        for table in reader.tables():
            try:
                fitting = self.settle(table, reader.format, notes)
            except Refusal as refusal:
                if not table.name:
                    raise
                notes.append(f"sheet {table.name!r} passed over: {refusal.message}")
                continue
            if table.hidden and not fitting.landing.takes_hidden_sheets:
                notes.append(f"sheet {table.name!r} passed over, as it is hidden")
                continue
            if source not in (None, fitting.landing.table):
                raise Refusal(f"its sheets belong to two tables, {source!r} and {fitting.landing.table!r}: part them")
            source = fitting.landing.table
            notes += remarks_on_columns(fitting)
            yield table, fitting
        if source is None:
            raise Refusal(detail(notes) or "the file is empty")

    def _counted(self, delivery: Delivery, batches: Iterable[Batch], rejects: list[Reject]) -> Iterator[Batch]:
        """Pass batches on, collect their rejects, and report progress."""
        for batch in batches:
            rejects += batch.rejects
            if len(rejects) > MOST_REJECTS:
                raise Refusal(f"more than {MOST_REJECTS:,} rows cannot be read: {reasons(rejects)}")
            yield batch
            self.progress.advance(delivery.name, batch.consumed, batch.loaded + len(batch.rejects))

    def _judge(self, delivery: Delivery, landing: Landing, loaded: int, rejects: Sequence[Reject]) -> None:
        """Refuse a file that changed, has no rows although the contract requires them, or has too many rejects."""
        if not delivery.is_unchanged():
            raise Refusal("the file changed while it was landed: land it again when it is complete")
        read = loaded + len(rejects)
        if not read and landing.needs_rows:
            raise Refusal("the file has a header but no rows, which the contract requires (`required_rows`)")
        has_too_many = len(rejects) > self.max_reject_share * read
        if has_too_many and (len(rejects) >= FEWEST_FOR_SHARE or not loaded):
            share = f"{self.max_reject_share:.4g}"
            raise Refusal(
                f"{len(rejects)} of {read} rows cannot be read, more than {share} of them: {reasons(rejects)}"
            )


def entry_of(
    delivery: Delivery,
    reader: Reader,
    first: tuple[Table, Fit],
    reading: Mapping[str, str] | None,
    *,
    file_id: int,
    loaded: int,
    rejects: Sequence[Reject] = (),
) -> ledger.Entry:
    """Return the line of the ledger for a file that has been read.

    Args:
        delivery: the file.
        reader: its reader, at the end of the file.
        first: its first table, and the fit of that table.
        reading: how it writes dates and numbers, None if it is plain.
        file_id: its number.
        loaded: the number of rows in bronze.
        rejects: the rejected rows.
    """
    table, fitting = first
    return ledger.Entry(
        file_id=file_id,
        source=fitting.landing.table,
        name=delivery.name,
        sha256=reader.digest(),
        bytes=delivery.size,
        format=" ".join((reader.format, *reader.remarks)),
        header=table.header if reader.format == "csv" else None,
        reading=reading,
        rows_loaded=loaded,
        rejects=rejects,
    )


def detail(notes: Iterable[str]) -> str:
    """Return the notes in one line, each of them once."""
    return "; ".join(dict.fromkeys(printable(note) for note in notes))


def landed(delivery: Delivery, began: float, entry: ledger.Entry, detail: str) -> FileResult:
    """Return the result of a file that has landed.

    Args:
        delivery: the file.
        began: when work on the file began, by `time.perf_counter`.
        entry: its line of the ledger.
        detail: remarks about the file.
    """
    return FileResult(
        name=delivery.name,
        outcome="landed",
        detail=detail,
        file_id=entry.file_id,
        sha256=entry.sha256,
        bytes=delivery.size,
        rows_loaded=entry.rows_loaded,
        rejects=entry.rejects,
        seconds=time.perf_counter() - began,
    )


def remarks_on_reading(reader: Reader) -> Iterable[str]:
    """Yield remarks about how a file is packed, encoded and delimited."""
    if reader.remarks:
        yield f"read as {' '.join(reader.remarks)}"


def remarks_on_columns(fitting: Fit) -> Iterable[str]:
    """Yield remarks about absent and new columns."""
    if fitting.absent:
        yield f"without {', '.join(fitting.absent)}"
    if fitting.new:
        yield f"new columns kept in {EXTRA}: {', '.join(' '.join(name.split()) for name in fitting.new)}"


def _not_landed(delivery: Delivery, began: float, outcome: Outcome, detail: str) -> FileResult:
    seconds = time.perf_counter() - began
    # Messages of libraries may have several lines.
    told = printable(" ".join(detail.split()))
    return FileResult(delivery.name, outcome, told, bytes=delivery.size, seconds=seconds)


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
