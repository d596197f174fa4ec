"""Land one file, whatever it is: one transaction for its rows, its rejects and its line in the ledger."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain

import psycopg
from psycopg.rows import TupleRow

from scripts.errors import Refusal
from scripts.land import copying, ledger
from scripts.land.candidate import Candidate
from scripts.land.contract import EXTRA, Contract
from scripts.land.discovery import fingerprint
from scripts.land.header import Fit, fit
from scripts.land.progress import Progress
from scripts.land.readers import Reader, Table, open_reader
from scripts.land.results import FileResult, reasons
from scripts.land.rows import Batch, NeedsCare, Reject

# They are kept in memory until the file is through, and nobody looks at more.
MOST_REJECTS = 100_000

# Another file may be of better data, or fit on the disk.
ABOUT_ONE_FILE = (
    psycopg.DataError,
    psycopg.IntegrityError,
    psycopg.errors.DiskFull,
    psycopg.errors.ProgramLimitExceeded,
)


@dataclass(frozen=True)
class Lander:
    """What landing a file takes.

    Attributes:
        connection: in autocommit mode.
        contract: which table takes which columns.
        max_reject_share: the share of broken rows above which a file is refused.
        encoding: how text files are encoded, if somebody knows.
        progress: whom to tell how far it is.
        known: what has landed already.
    """

    connection: psycopg.Connection[TupleRow]
    contract: Contract
    max_reject_share: float
    encoding: str | None
    progress: Progress
    known: ledger.Known
    # Most files of a folder have the same header.
    fits: dict[tuple[str, ...], Fit] = field(default_factory=dict)

    def land(self, candidate: Candidate) -> FileResult:
        """Land one file, or say why not.

        Equal contents have equal sizes, so only a file of a size that is in the ledger is hashed before it is
        sent; the hash of any other is that of the bytes that were sent. It saves reading all new files twice.

        Raises:
            psycopg.Error: the server has gone, or does not take any file.
        """
        try:
            if candidate.size in self.known.sizes:
                name = self.known.name_of(fingerprint(candidate.delivery.path))
                if name is not None:
                    return candidate.result("skipped", f"already landed as {name}")
            try:
                return self._attempt(candidate, careful=False)
            except (psycopg.DataError, NeedsCare):
                # The server does not say which rows it would have taken, so go again and find out before it does.
                return self._attempt(candidate, careful=True)
        except Refusal as refusal:
            return candidate.result("refused", refusal.message)
        except OSError as error:
            return candidate.result("refused", f"cannot be read: {error.strerror or error}")
        except ABOUT_ONE_FILE as error:
            return candidate.result("refused", f"the server does not take it: {' '.join(str(error).split())}")

    def fit(self, header: Sequence[str], file_format: str) -> Fit:
        """Find the table for a header, as `header.fit` does."""
        key = (file_format, *header)
        if key not in self.fits:
            self.fits[key] = fit(header, file_format, self.contract)
        return self.fits[key]

    def _attempt(self, candidate: Candidate, *, careful: bool) -> FileResult:
        with closing(open_reader(candidate.delivery, encoding=self.encoding, careful=careful)) as reader:
            notes: list[str] = []
            tables = self._fitting(reader, notes)
            first = next(tables)
            with self.connection.transaction():
                file_id = ledger.claim(self.connection, candidate.size)
                if file_id is None:
                    name = ledger.landed_name(self.connection, fingerprint(candidate.delivery.path))
                    if name is not None:
                        return candidate.result("skipped", f"already landed as {name}")
                    file_id = ledger.next_number(self.connection)
                loaded, rejects = 0, list[Reject]()
                for table, fitting in chain([first], tables):
                    batches = table.batches(file_id, careful=careful, fewest=fitting.fewest)
                    counted = self._counted(candidate, batches, rejects)
                    loaded += copying.load(self.connection, self.contract.schema, fitting, table.delimiter, counted)
                entry = enter(candidate, reader, first, file_id=file_id, loaded=loaded, rejects=rejects)
                self._judge(candidate, loaded, rejects)
                ledger.record(self.connection, entry)
        return landed(candidate, entry, detail([*way_of_reading(reader), *notes]))

    def _fitting(self, reader: Reader, notes: list[str]) -> Iterator[tuple[Table, Fit]]:
        """Return the tables of a file that fit the contract, and note what is not plain about any."""
        source: str | None = None
        for table in reader.tables():
            try:
                fitting = self.fit(table.header, reader.format)
            except Refusal as refusal:
                if not table.name:
                    raise
                notes.append(f"sheet {table.name!r} passed over: {refusal.message}")
                continue
            if source not in (None, fitting.landing.table):
                raise Refusal(f"its sheets belong to two tables, {source!r} and {fitting.landing.table!r}: part them")
            source = fitting.landing.table
            notes += ways_of_fitting(fitting)
            yield table, fitting
        if source is None:
            raise Refusal(detail(notes) or "the file is empty")

    def _counted(self, candidate: Candidate, batches: Iterable[Batch], rejects: list[Reject]) -> Iterator[Batch]:
        """Hand on batches, put their rejects with the others, and tell how far it is."""
        for batch in batches:
            rejects += batch.rejects
            if len(rejects) > MOST_REJECTS:
                raise Refusal(f"more than {MOST_REJECTS:,} rows cannot be read: {reasons(rejects)}")
            yield batch
            self.progress.advance(candidate.name, batch.consumed, batch.loaded + len(batch.rejects))

    def _judge(self, candidate: Candidate, loaded: int, rejects: Sequence[Reject]) -> None:
        """Refuse a file that changed, has no rows, or has too many broken ones."""
        if not candidate.is_unchanged():
            raise Refusal("the file changed while it was landed: land it again when it is complete")
        read = loaded + len(rejects)
        if not read:
            raise Refusal("the file has a header but no rows")
        if len(rejects) > self.max_reject_share * read:
            share = f"{self.max_reject_share:.4g}"
            raise Refusal(
                f"{len(rejects)} of {read} rows cannot be read, more than {share} of them: {reasons(rejects)}"
            )


def enter(
    candidate: Candidate,
    reader: Reader,
    first: tuple[Table, Fit],
    *,
    file_id: int,
    loaded: int,
    rejects: Sequence[Reject] = (),
) -> ledger.Entry:
    """Return the line of the ledger for a file that has been read."""
    table, fitting = first
    return ledger.Entry(
        file_id=file_id,
        source=fitting.landing.table,
        name=candidate.name,
        sha256=reader.digest(),
        bytes=candidate.size,
        format=" ".join((reader.format, *reader.remarks)),
        header=table.header if reader.format == "csv" else None,
        rows_loaded=loaded,
        rejects=rejects,
    )


def detail(notes: Iterable[str]) -> str:
    """Return what there is to tell of a file in one line, each thing once."""
    return "; ".join(dict.fromkeys(notes))


def landed(candidate: Candidate, entry: ledger.Entry, detail: str) -> FileResult:
    """Return the end of a file that has landed."""
    return FileResult(
        name=candidate.name,
        outcome="landed",
        detail=detail,
        file_id=entry.file_id,
        sha256=entry.sha256,
        bytes=candidate.size,
        rows_loaded=entry.rows_loaded,
        rejects=entry.rejects,
        seconds=candidate.seconds,
    )


def way_of_reading(reader: Reader) -> Iterable[str]:
    """Note what is not plain about how a file is written."""
    if reader.remarks:
        yield f"read as {' '.join(reader.remarks)}"


def ways_of_fitting(fitting: Fit) -> Iterable[str]:
    """Note what is not plain about the columns of a table."""
    if fitting.absent:
        yield f"without {', '.join(fitting.absent)}"
    if fitting.new:
        yield f"new columns kept in {EXTRA}: {', '.join(' '.join(name.split()) for name in fitting.new)}"
