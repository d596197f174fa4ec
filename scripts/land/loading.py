"""Land files: each in one transaction with its rejects and its line in the ledger."""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Literal, Protocol

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from scripts.errors import Refusal
from scripts.land import ledger
from scripts.land.contract import CONTRACT, FILE_ID, LINE, Contract, read_contract
from scripts.land.discovery import Delivery, discover, fingerprint
from scripts.land.header import Fit, fit
from scripts.land.layout import ensure
from scripts.land.readers import Reader, open_reader
from scripts.land.rows import NeedsCare, Reject

MAX_REJECT_SHARE = 0.01
REASONS_TOLD = 3
# They are kept in memory until the file is through, and nobody looks at more.
MOST_REJECTS = 100_000


class Progress(Protocol):
    """Who wants to know how far the landing is."""

    def start(self, total: int) -> None:
        """Hear how many bytes there are to land."""

    def advance(self, name: str, consumed: int) -> None:
        """Hear that so many more bytes of a file are done."""


@dataclass(frozen=True)
class FileResult:
    """What became of one file.

    Attributes:
        name: the path relative to the folder that was given.
        outcome: whether it landed, had landed before, or was refused.
        detail: why it was skipped or refused, in one line; what there is to know otherwise, if anything.
        file_id: its number in the ledger if it landed now.
        bytes: its size.
        rows_loaded: rows that went into the table.
        rejects: rows that were set aside.
        seconds: how long it took.
    """

    name: str
    outcome: Literal["landed", "skipped", "refused"]
    detail: str = ""
    file_id: int | None = None
    bytes: int = 0
    rows_loaded: int = 0
    rejects: Sequence[Reject] = ()
    seconds: float = 0.0

    @property
    def rows_read(self) -> int:
        """Return how many data rows the file has."""
        return self.rows_loaded + len(self.rejects)


@dataclass(frozen=True)
class LandingReport:
    """What became of all files, in their order."""

    files: Sequence[FileResult]
    passed_over: int
    seconds: float

    def of(self, outcome: Literal["landed", "skipped", "refused"]) -> list[FileResult]:
        """Return the files of one outcome."""
        return [file for file in self.files if file.outcome == outcome]


@dataclass(frozen=True)
class _Candidate:
    """A file as it was when the run began."""

    delivery: Delivery
    size: int
    changed_ns: int
    began: float = 0.0

    def result(self, outcome: Literal["landed", "skipped", "refused"], detail: str = "") -> FileResult:
        taken = time.perf_counter() - self.began
        return FileResult(self.delivery.name, outcome, detail, bytes=self.size, seconds=taken)

    def is_unchanged(self) -> bool:
        now = self.delivery.path.stat()
        return (now.st_size, now.st_mtime_ns) == (self.size, self.changed_ns)


@dataclass(frozen=True)
class _Lander:
    connection: psycopg.Connection[TupleRow]
    contract: Contract
    max_reject_share: float
    encoding: str | None
    advance: Callable[[str, int], None]
    # Most files of a folder have the same header.
    fits: dict[tuple[str, ...], Fit] = field(default_factory=dict)

    def land(self, candidate: _Candidate, *, known_size: bool) -> FileResult:
        """Land one file, or say why not.

        Equal contents have equal sizes, so only a file of a size that is in the ledger is hashed before it is
        sent; the hash of any other is that of the bytes that were sent. It saves reading all new files twice.
        """
        try:
            if known_size and (name := self._landed_as(candidate)):
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
        except psycopg.DataError as error:
            return candidate.result("refused", f"the server does not take it: {_one_line(error)}")

    def _attempt(self, candidate: _Candidate, *, careful: bool) -> FileResult:
        with closing(open_reader(candidate.delivery, encoding=self.encoding, careful=careful)) as reader:
            fitting = self._fit(reader.header, candidate.delivery.format)
            with self.connection.transaction():
                file_id = ledger.claim(self.connection, candidate.size)
                if file_id is None:
                    if name := self._landed_as(candidate):
                        return candidate.result("skipped", f"already landed as {name}")
                    file_id = ledger.next_number(self.connection)
                loaded, rejects = self._copy(candidate, reader, fitting, file_id, careful=careful)
                sha256 = reader.digest()
                self._judge(candidate, loaded, rejects)
                ledger.record(
                    self.connection,
                    ledger.Entry(
                        file_id=file_id,
                        source=fitting.landing.table,
                        name=candidate.delivery.name,
                        sha256=sha256,
                        bytes=candidate.size,
                        format=" ".join((candidate.delivery.format, *reader.remarks)),
                        rows_loaded=loaded,
                        rejects=rejects,
                    ),
                )
        return FileResult(
            name=candidate.delivery.name,
            outcome="landed",
            detail="; ".join(_details(reader, fitting)),
            file_id=file_id,
            bytes=candidate.size,
            rows_loaded=loaded,
            rejects=rejects,
            seconds=time.perf_counter() - candidate.began,
        )

    def _landed_as(self, candidate: _Candidate) -> str | None:
        return ledger.landed_name(self.connection, fingerprint(candidate.delivery.path))

    def _fit(self, header: Sequence[str], file_format: str) -> Fit:
        key = (file_format, *header)
        if key not in self.fits:
            self.fits[key] = fit(header, file_format, self.contract)
        return self.fits[key]

    def _copy(
        self, candidate: _Candidate, reader: Reader, fitting: Fit, file_id: int, *, careful: bool
    ) -> tuple[int, list[Reject]]:
        """Send the rows; return how many the server took, and those set aside."""
        columns = sql.SQL(", ").join(map(sql.Identifier, (*fitting.columns, FILE_ID, LINE)))
        command = sql.SQL("copy {} ({}) from stdin (format csv, delimiter {})").format(
            sql.Identifier(self.contract.schema, fitting.landing.table),
            columns,
            sql.Literal(reader.delimiter.decode()),
        )
        sent, rejects = 0, list[Reject]()
        with self.connection.cursor() as cursor:
            with cursor.copy(command) as copy:
                for batch in reader.batches(file_id, careful=careful):
                    if batch.data:
                        copy.write(batch.data)
                    sent += batch.loaded
                    rejects += batch.rejects
                    if len(rejects) > MOST_REJECTS:
                        raise Refusal(f"more than {MOST_REJECTS:,} rows cannot be read: {_reasons(rejects)}")
                    self.advance(candidate.delivery.name, batch.consumed)
            if cursor.rowcount != sent:
                raise Refusal(f"{sent} rows were sent, but the server took {cursor.rowcount}")
        return sent, rejects

    def _judge(self, candidate: _Candidate, loaded: int, rejects: Sequence[Reject]) -> None:
        """Refuse a file that changed, has no rows, or has too many broken ones."""
        if not candidate.is_unchanged():
            raise Refusal("the file changed while it was landed: land it again when it is complete")
        read = loaded + len(rejects)
        if not read:
            raise Refusal("the file has a header but no rows")
        if len(rejects) > self.max_reject_share * read:
            share = f"{self.max_reject_share:.4g}"
            raise Refusal(
                f"{len(rejects)} of {read} rows cannot be read, more than {share} of them: {_reasons(rejects)}"
            )


def _details(reader: Reader, fitting: Fit) -> Iterable[str]:
    if reader.remarks:
        yield f"read as {' '.join(reader.remarks)}"
    if fitting.absent:
        yield f"without {', '.join(fitting.absent)}"


def _reasons(rejects: Sequence[Reject]) -> str:
    return "; ".join(f"line {reject.line}: {reject.reason}" for reject in islice(rejects, REASONS_TOLD))


class _Silent:
    def start(self, total: int) -> None:
        pass

    def advance(self, name: str, consumed: int) -> None:
        pass


def land(
    paths: Sequence[Path],
    connection_url: str,
    *,
    contract: Path = CONTRACT,
    max_reject_share: float = MAX_REJECT_SHARE,
    encoding: str | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> LandingReport:
    """Land files and folders in the bronze schema.

    A file that cannot be landed leaves nothing behind and does not keep the others from landing. When this
    returns, what has landed is on disk.

    Args:
        paths: files and folders, in the order in which they count.
        connection_url: the database, as a libpq URI.
        contract: the sources file that says what may land.
        max_reject_share: the share of broken rows, from 0 to 1, above which a file is refused as a whole.
        encoding: how the text files are encoded; found out for each when omitted.
        dry_run: whether to take everything back at the end: the report says what would happen.
        progress: who wants to know how far it is.

    Raises:
        Refusal: nothing can be landed: the paths, the contract or the database are at fault.
    """
    began = time.perf_counter()
    progress = progress or _Silent()
    agreed = read_contract(contract)
    discovery = discover(paths)
    try:
        with _connect(connection_url) as connection:
            lander = _Lander(connection, agreed, max_reject_share, encoding, progress.advance)
            with connection.transaction(force_rollback=True) if dry_run else nullcontext():
                ensure(connection, agreed)
                files = _land_all(lander, discovery.deliveries, progress)
            if not dry_run and any(file.outcome == "landed" for file in files):
                ledger.make_durable(connection)
    except psycopg.Error as error:
        raise Refusal(f"the database gave up: {_one_line(error)}.") from error
    return LandingReport(files, discovery.passed_over, time.perf_counter() - began)


def _land_all(lander: _Lander, deliveries: Sequence[Delivery], progress: Progress) -> list[FileResult]:
    candidates = [_candidate(delivery) for delivery in deliveries]
    sizes = [candidate.size for candidate in candidates if isinstance(candidate, _Candidate)]
    known = ledger.landed_sizes(lander.connection, sizes)
    progress.start(sum(sizes))
    results = []
    for candidate in candidates:
        if isinstance(candidate, FileResult):
            results.append(candidate)
            continue
        result = lander.land(replace(candidate, began=time.perf_counter()), known_size=candidate.size in known)
        if result.outcome == "skipped":
            progress.advance(result.name, candidate.size)
        known.add(candidate.size)
        results.append(result)
    return results


def _candidate(delivery: Delivery) -> _Candidate | FileResult:
    """Look at a file; return its refusal if it cannot be looked at."""
    try:
        state = delivery.path.stat()
    except OSError as error:
        return FileResult(delivery.name, "refused", f"cannot be read: {error.strerror or error}")
    return _Candidate(delivery, state.st_size, state.st_mtime_ns)


def _connect(connection_url: str) -> psycopg.Connection[TupleRow]:
    connection = psycopg.connect(
        connection_url,
        autocommit=True,
        client_encoding="utf8",
        connect_timeout=10,
        fallback_application_name="scripts.land",
    )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise Refusal(f"the database is encoded in {encoding}: create it with encoding UTF8.")
    # A commit for each file waits for no disk; `make_durable` waits once for all of them.
    connection.execute("set synchronous_commit to off")
    return connection


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())


def refusals(files: Iterable[FileResult]) -> list[str]:
    """Return a line for each refused file."""
    return [f"{file.name}: {file.detail}." for file in files if file.outcome == "refused"]
