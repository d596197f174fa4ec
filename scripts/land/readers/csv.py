"""Read a CSV file: its header, then batches of records stamped with the file id and the line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.errors import Refusal
from scripts.land.files.text import UTF_8, TextSource, guess_encoding
from scripts.land.readers.csv_fields import LONGEST_RECORD, Broken, Incomplete, Record, read_record, sift, values
from scripts.land.readers.csv_stamp import (
    Positions,
    begins_a_record,
    regular_ends,
    stamp,
    widths_are,
    without_last_delimiter,
)
from scripts.land.rows import Batch, NeedsCare

# About the buffer of a Unix socket: Python stamps the next block while the server works on this one.
BLOCK = 1 << 17
# Characters that no header holds, but that most binary files do.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
# The first bytes, which hold the header and some rows.
HEAD = 1 << 15
# The header is within the first lines, below a title.
HEADER_WITHIN = 20
# So many rows tell whether each row ends with a delimiter.
ROWS_LOOKED_AT = 20
DELIMITERS = (b",", b";", b"\t", b"|")
# The remark about a file whose rows end with a delimiter.
CLOSED = "trailing-delimiter"
DELIMITER_NAMES = {b";": "semicolon", b"\t": "tab", b"|": "bar"}


@dataclass(frozen=True)
class Candidate:
    """A record that may be the header.

    Attributes:
        names: its fields.
        delimiter: the delimiter with which it was read.
        line: its line number.
        start: its position in the first bytes of the file.
        next: the position of the next record.
        closed: whether each row ends with a delimiter that closes its last field.
    """

    names: list[str]
    delimiter: bytes
    line: int
    start: int
    next: int
    closed: bool


class CsvReader:
    """An open CSV file, read once from beginning to end.

    Attributes:
        format: `csv`.
        name: empty, because the file is one table.
        hidden: whether it is a hidden sheet: never.
        header: the names of the columns, as delivered.
        delimiter: the delimiter of the file and of the batches.
        remarks: the packing, encoding and delimiter, where they are not the usual ones.
        notes: remarks about the rows, once they are read.
    """

    format = "csv"
    name = ""
    hidden = False

    def __init__(self, path: Path, *, encoding: str | None = None, careful: bool = False) -> None:
        """Open a file and read its header.

        Args:
            path: the file.
            encoding: the encoding of the text. By default the byte order mark says it; a file without a mark is UTF-8.
            careful: whether to detect the encoding of a file without a mark from the whole file.

        Raises:
            Refusal: there is no header.
            NeedsCare: the header is not UTF-8, so the encoding must be detected.
            OSError: the file cannot be read.
        """
        if careful and encoding is None:
            encoding = guess_encoding(path)
        self._careful = careful or encoding is not None
        self._source = TextSource(path, encoding=encoding)
        self._returns = False
        self._found: list[Candidate] | None = None
        self.notes: tuple[str, ...] = ()
        try:
            self._start, first = self._read_header()
        except BaseException:
            self._source.close()
            raise
        self._first = first
        self._take(first)

    @property
    def remarks(self) -> tuple[str, ...]:
        """Return the packing, encoding and delimiter, where they are not the usual ones."""
        odd_encoding = "" if self._source.encoding == UTF_8 else self._source.encoding
        closed = CLOSED if self._header.closed else ""
        words = (self._source.packing, odd_encoding, DELIMITER_NAMES.get(self.delimiter, ""), closed)
        return tuple(filter(None, words))

    @property
    def candidates(self) -> list[list[str]]:
        """Return the records of the first lines."""
        return [candidate.names for candidate in self._candidates()]

    def begin_at(self, place: int) -> None:
        """Take a candidate for the header. The rows begin below it."""
        self._take(self._candidates()[place])

    def tables(self) -> "Iterator[CsvReader]":
        """Return the file as its one table."""
        yield self

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def digest(self) -> str:
        """Return the SHA-256 of the file, in hexadecimal."""
        return self._source.digest()

    def batches(
        self, file_id: int, *, careful: bool, fewest: int | None = None, time_zone: str | None = None
    ) -> Iterator[Batch]:
        """Read the rows.

        Args:
            file_id: the number to stamp on every row.
            careful: whether to check each row as the server would, and reject the rows that the server would refuse.
                Otherwise such rows are in the batches, and the server refuses the file.
            fewest: the least number of fields in a row; all fields when omitted.
            time_zone: ignored, because text stays as delivered.

        Raises:
            Refusal: a line is longer than any real line.
        """
        header = self._header
        line, buffer, counted, repeated = header.line + 1, self._start[header.next :], 0, 0
        self._fewest = len(self.header) if fewest is None else fewest
        while True:
            block = self._read()
            final = not block
            buffer += block
            if final and buffer and not buffer.endswith(b"\n"):
                buffer += b"\n"
            batch, done, line, headers = self._batch(buffer, file_id, line, careful=careful, final=final)
            repeated += headers
            buffer = buffer[done:]
            yield replace(batch, consumed=self._source.position - counted)
            counted = self._source.position
            if final and not buffer:
                break
            if len(buffer) > LONGEST_RECORD and not final:
                raise Refusal(f"line {line} is longer than {LONGEST_RECORD >> 20} MiB")
        if repeated:
            self.notes = (f"{repeated:,} repeated header{'' if repeated == 1 else 's'} passed over",)

    def _batch(
        self, buffer: bytes, file_id: int, line: int, *, careful: bool, final: bool
    ) -> tuple[Batch, int, int, int]:
        """Take the complete records off a buffer.

        Returns:
            The batch, the bytes it took, the next line number, and the number of repeated headers.
        """
        width, delimiter = len(self.header), self.delimiter
        ends = regular_ends(buffer, delimiter[0])
        if ends is not None and ends.size:
            done = int(ends[-1]) + 1
            block = buffer[:done]
            plain = self._plain(block, ends)
            if plain and (not careful or (_is_text(block) and widths_are(width, *plain, delimiter[0]))):
                data, count = stamp(*plain, file_id, line, delimiter)
                return Batch(data, count), done, line + int(ends.size), 0
            buffer, final = block, False
        elif ends is not None and not final and len(buffer) <= LONGEST_RECORD:
            return Batch(b"", 0), 0, line, 0
        overlong = len(buffer) > LONGEST_RECORD and b"\n" in buffer
        sifted = sift(
            buffer,
            width=width,
            fewest=self._fewest,
            file_id=file_id,
            line=line,
            delimiter=delimiter,
            final=final or overlong,
            header=[name.encode() or None for name in self.header],
            closed=self._header.closed,
        )
        return Batch(sifted.data, sifted.count, sifted.rejects), sifted.next, sifted.line, sifted.repeated

    def _plain(self, block: bytes, ends: Positions) -> tuple[bytes, Positions] | None:
        """Return a block that can be stamped in bulk. None: its fields must be read one by one."""
        if begins_a_record(self._header_text, block, ends):
            return None
        return without_last_delimiter(block, ends, self.delimiter[0]) if self._header.closed else (block, ends)

    def _take(self, header: Candidate) -> None:
        self._header = header
        self.header, self.delimiter = header.names, header.delimiter
        self._header_text = self._start[header.start : header.next].rstrip(b"\r\n")

    def _read(self) -> bytes:
        block = self._source.read(BLOCK)
        return block.replace(b"\r", b"\n") if self._returns else block

    def _read_header(self) -> tuple[bytes, Candidate]:
        """Return the first bytes of the file, and the first record in them that is not blank."""
        buffer = b""
        while True:
            block = self._read()
            buffer += block
            if block and len(buffer) < HEAD:
                continue
            if not buffer:
                raise Refusal("the file is empty")
            if b"\r" in buffer and b"\n" not in buffer:
                # Lines end as on the first Macintosh.
                self._returns, buffer = True, buffer.replace(b"\r", b"\n")
            at, line = _first_line_with_text(buffer)
            if at == len(buffer):
                if block and at <= LONGEST_RECORD:
                    continue
                raise Refusal("the file holds blank lines only")
            text = buffer if block else buffer + b"\n"
            try:
                return buffer, _candidate(text, at, line)
            except Incomplete:
                if block and len(buffer) <= LONGEST_RECORD:
                    continue
                raise Refusal("the header has no end: a quote is never closed, or there are no line breaks") from None
            except Broken as error:
                raise Refusal(f"the header is not CSV: {error}") from None
            except UnicodeDecodeError as error:
                if not self._careful:
                    raise NeedsCare from None
                raise Refusal(f"the header is not UTF-8: byte 0x{error.object[error.start]:02x}") from None

    def _candidates(self) -> list[Candidate]:
        if self._found is None:
            self._found = [self._first]
            text = self._start if self._start.endswith(b"\n") else self._start + b"\n"
            while (last := self._found[-1]).line < HEADER_WITHIN and last.next < len(text):
                try:
                    self._found.append(_candidate(text, last.next, last.line + 1))
                except (Broken, Incomplete, UnicodeDecodeError, Refusal):
                    break
        return self._found


def delimiter_of(remarks: str) -> bytes:
    """Return the delimiter that the remarks of a file in the ledger name."""
    names = {name: delimiter for delimiter, name in DELIMITER_NAMES.items()}
    return next((names[word] for word in remarks.split() if word in names), b",")


def _candidate(buffer: bytes, at: int, line: int) -> Candidate:
    """Read a record with the delimiter that gives the most columns.

    Raises:
        Incomplete: the buffer ends before the record.
        Broken: the record breaks a rule of CSV.
        UnicodeDecodeError: the record is not UTF-8.
        Refusal: the record is no text.
    """
    readings: dict[bytes, Record] = {}
    problem: Exception | None = None
    for delimiter in DELIMITERS:
        try:
            readings[delimiter] = read_record(buffer, at, delimiter)
        except (Broken, Incomplete) as error:
            problem = problem or error
    if not readings:
        raise problem or Incomplete
    best = max(readings, key=lambda delimiter: len(readings[delimiter].fields))
    names = values(readings[best])
    if odd := CONTROL.search("".join(names)):
        raise Refusal(f"line {line} is no text: it holds the control character 0x{ord(odd[0]):02x}")
    is_nameless = len(names) > 1 and not names[-1]
    widths = {len(names) - 1, len(names)} if is_nameless else {len(names) + 1}
    closed = _are_closed(buffer, readings[best].next, best, widths)
    return Candidate(names[:-1] if closed and is_nameless else names, best, line, at, readings[best].next, closed)


def _are_closed(buffer: bytes, at: int, delimiter: bytes, widths: set[int]) -> bool:
    """Return whether the first rows end with a delimiter that closes their last field, in one of the widths."""
    rows = 0
    while rows < ROWS_LOOKED_AT:
        try:
            record = read_record(buffer, at, delimiter)
        except (Broken, Incomplete):
            break
        if record.fields != (None,):
            width = len(record.fields)
            if width not in widths or (width == max(widths) and record.fields[-1] is not None):
                return False
            rows += 1
        at = record.next
    return rows > 0


def _first_line_with_text(buffer: bytes) -> tuple[int, int]:
    """Return the position and the number of the first line that is not blank."""
    at = len(buffer) - len(buffer.lstrip(b"\r\n"))
    return at, 1 + buffer.count(b"\n", 0, at)


def _is_text(block: bytes) -> bool:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in block
