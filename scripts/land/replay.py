"""Land rejected rows again, after the contract or the loader has been mended.

A row that can be read now lands beside the other rows of its file, with the same file id and line. It leaves
`rejected_rows`, and the ledger counts it as loaded, in one transaction per file. A row that still cannot be read stays,
with today's reason.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg.rows import TupleRow

from scripts.errors import Refusal, printable
from scripts.land.bronze import copy, ledger
from scripts.land.bronze.session import connect, prepared
from scripts.land.contract import CONTRACT, Contract, read_contract
from scripts.land.header import Fit, fit
from scripts.land.readers import csv_fields, jsonl
from scripts.land.readers.csv import CLOSED, delimiter_of
from scripts.land.results import FileResult, LandingReport
from scripts.land.rows import Batch, Reject, as_delivered


@dataclass
class Sorted:
    """Rejected rows, read again.

    Attributes:
        good: the rows that can be read now, ready for `copy`.
        lines: the lines of the good rows.
        bad: the rows that still cannot be read.
    """

    good: list[bytes] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    bad: list[Reject] = field(default_factory=list)


def replay(
    connection_url: str, *, contract: Path = CONTRACT, encoding: str | None = None, dry_run: bool = False
) -> LandingReport:
    """Land rejected rows again.

    Args:
        connection_url: the database, as a libpq URI.
        contract: the sources file with the contract.
        encoding: the encoding of rows that were not UTF-8, if it is known by now.
        dry_run: whether to roll everything back at the end. The report says what would happen.

    Raises:
        Refusal: the contract cannot be read, or the database fails.
    """
    began = time.perf_counter()
    agreed = read_contract(contract)
    try:
        with connect(connection_url) as connection:
            with prepared(connection, agreed, dry_run=dry_run):
                files = [_replay(connection, agreed, file, encoding) for file in ledger.incomplete(connection)]
                if not dry_run and (landed := [file for file in files if file.outcome == "landed"]):
                    ledger.record_landing(connection, "replay", sum(file.rows_loaded for file in landed), 0)
            if not dry_run and any(file.outcome == "landed" for file in files):
                ledger.make_durable(connection)
    except psycopg.Error as error:
        raise Refusal(f"the database gave up: {' '.join(str(error).split())}.") from error
    return LandingReport(files, 0, time.perf_counter() - began)


def _replay(
    connection: psycopg.Connection[TupleRow], contract: Contract, file: ledger.Incomplete, encoding: str | None
) -> FileResult:
    began = time.perf_counter()

    def result(**more: object) -> FileResult:
        return FileResult(name=file.name, bytes=file.bytes, seconds=time.perf_counter() - began, **more)  # type: ignore[arg-type]  # the fields differ by outcome

    try:
        with connection.transaction():
            rejects = ledger.rejects_of(connection, file.file_id)
            if not rejects:
                return result(outcome="skipped", detail="another session has replayed it meanwhile")
            found, fitting, delimiter = _read_again(file, rejects, contract, encoding)
            if not found.lines:
                why = f"line {found.bad[0].line}: {found.bad[0].reason}"
                return result(outcome="skipped", detail=f"no rejected row can be read yet: {why}")
            batch = Batch(b"".join(found.good), len(found.lines))
            copy.load(connection, contract.schema, fitting, delimiter, [batch])
            ledger.record_replay(connection, file.file_id, found.lines, found.bad)
    except Refusal as refusal:
        return result(outcome="refused", detail=printable(refusal.message))
    except psycopg.DataError as error:
        return result(
            outcome="refused", detail=printable(f"the server does not take it: {' '.join(str(error).split())}")
        )
    return result(outcome="landed", file_id=file.file_id, rows_loaded=len(found.lines), rejects=found.bad)


def _read_again(
    file: ledger.Incomplete, rejects: Sequence[Reject], contract: Contract, encoding: str | None
) -> tuple[Sorted, Fit, bytes]:
    """Sort the rows into good and bad. Return them with their fit and their delimiter."""
    file_format = file.format.split()[0]
    if file_format == "csv":
        if file.header is None:
            raise Refusal("landed before headers were kept, so its rows cannot be read again")
        header: Sequence[str] = file.header
        delimiter = delimiter_of(file.format)
        fitting = _fit(header, file, contract)
        found = _sort(rejects, encoding, lambda raw, line: _csv_row(raw, line, file, fitting, delimiter))
    else:
        header, delimiter = _keys(rejects), b","
        fitting = _fit(header, file, contract)
        found = _sort(rejects, encoding, lambda raw, line: _json_row(raw, line, file, header))
    return found, fitting, delimiter


def _sort(rejects: Sequence[Reject], encoding: str | None, read: Callable[[bytes, int], bytes]) -> Sorted:
    found = Sorted()
    for reject in rejects:
        try:
            found.good.append(read(_decoded(as_delivered(reject.raw), encoding), reject.line))
            found.lines.append(reject.line)
        except ValueError as error:
            found.bad.append(Reject(reject.line, reject.raw, str(error)))
    return found


def _decoded(raw: bytes, encoding: str | None) -> bytes:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode(encoding).encode() if encoding else raw
    return raw


def _csv_row(raw: bytes, line: int, file: ledger.Incomplete, fitting: Fit, delimiter: bytes) -> bytes:
    found = csv_fields.sift(
        raw + b"\n",
        width=len(fitting.columns),
        fewest=fitting.fewest,
        file_id=file.file_id,
        line=line,
        delimiter=delimiter,
        final=True,
        closed=CLOSED in file.format.split(),
    )
    if found.rejects or found.count != 1:
        raise ValueError(found.rejects[0].reason if found.rejects else f"{found.count} rows instead of one")
    return found.data


def _json_row(raw: bytes, line: int, file: ledger.Incomplete, header: Sequence[str]) -> bytes:
    values = jsonl.fields(raw)
    return csv_fields.for_copy([values.get(key) for key in header], b",", file.file_id, line)


def _keys(rejects: Sequence[Reject]) -> list[str]:
    keys: dict[str, None] = {}
    for reject in rejects:
        try:
            keys.update(dict.fromkeys(jsonl.fields(as_delivered(reject.raw))))
        except ValueError:
            continue
    if not keys:
        raise Refusal(f"no rejected row can be read yet: line {rejects[0].line}: {rejects[0].reason}")
    return list(keys)


def _fit(header: Sequence[str], file: ledger.Incomplete, contract: Contract) -> Fit:
    fitting = fit(header, file.format.split()[0], contract)
    if fitting.landing.table != file.source:
        raise Refusal(f"its rows went to {file.source!r}, and by the contract of today go to {fitting.landing.table!r}")
    return fitting
