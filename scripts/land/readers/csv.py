"""Read a CSV file: its header, then batches of records stamped with the file id and the line."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from scripts.errors import Refusal
from scripts.land.files.text import UTF_8, TextSource, guess_encoding
from scripts.land.readers.csv_fields import LONGEST_RECORD, Broken, Incomplete, Record, read_record, sift, values
from scripts.land.readers.csv_stamp import regular_ends, stamp, widths_are
from scripts.land.rows import Batch, NeedsCare

# About the buffer of a Unix socket: Python stamps the next block while the server works on this one.
BLOCK = 1 << 17
# Characters that no header holds, but that most binary files do.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
DELIMITERS = (b",", b";", b"\t", b"|")
DELIMITER_NAMES = {b";": "semicolon", b"\t": "tab", b"|": "bar"}


class CsvReader:
    """An open CSV file, read once from beginning to end.

    Attributes:
        format: `csv`.
        name: empty, because the file is one table.
        header: the names of the columns, as delivered.
        delimiter: the delimiter of the file and of the batches.
        remarks: the packing, encoding and delimiter, where they are not the usual ones.
    """

    format = "csv"
    name = ""

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
        try:
            self.header, self.delimiter, self._rest = self._read_header()
        except BaseException:
            self._source.close()
            raise
        odd_encoding = "" if self._source.encoding == UTF_8 else self._source.encoding
        remarks = (self._source.packing, odd_encoding, DELIMITER_NAMES.get(self.delimiter, ""))
        self.remarks = tuple(filter(None, remarks))

    def tables(self) -> "Iterator[CsvReader]":
        """Return the file as its one table."""
        yield self

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    def digest(self) -> str:
        """Return the SHA-256 of the file, in hexadecimal."""
        return self._source.digest()

    def batches(self, file_id: int, *, careful: bool, fewest: int | None = None) -> Iterator[Batch]:
        """Read the rows.

        Args:
            file_id: the number to stamp on every row.
            careful: whether to check each row as the server would, and reject the rows that the server would refuse.
                Otherwise such rows are in the batches, and the server refuses the file.
            fewest: the least number of fields in a row; all fields when omitted.

        Raises:
            Refusal: a line is longer than any real line.
        """
        line, buffer, counted = 2, self._rest, 0
        self._fewest = len(self.header) if fewest is None else fewest
        while True:
            block = self._source.read(BLOCK)
            final = not block
            buffer += block
            if final and buffer and not buffer.endswith(b"\n"):
                buffer += b"\n"
            batch, done, line = self._batch(buffer, file_id, line, careful=careful, final=final)
            buffer = buffer[done:]
            yield replace(batch, consumed=self._source.position - counted)
            counted = self._source.position
            if final and not buffer:
                return
            if len(buffer) > LONGEST_RECORD and not final:
                raise Refusal(f"line {line} is longer than {LONGEST_RECORD >> 20} MiB")

    def _batch(self, buffer: bytes, file_id: int, line: int, *, careful: bool, final: bool) -> tuple[Batch, int, int]:
        """Take the complete records off a buffer. Return the batch, the bytes it took, and the next line number."""
        width, delimiter = len(self.header), self.delimiter
        ends = regular_ends(buffer, delimiter[0])
        if ends is not None and ends.size:
            done = int(ends[-1]) + 1
            block = buffer[:done]
            if not careful or (_is_text(block) and widths_are(width, block, ends, delimiter[0])):
                data, count = stamp(block, ends, file_id, line, delimiter)
                return Batch(data, count), done, line + int(ends.size)
            buffer, final = block, False
        elif ends is not None and not final and len(buffer) <= LONGEST_RECORD:
            return Batch(b"", 0), 0, line
        overlong = len(buffer) > LONGEST_RECORD and b"\n" in buffer
        sifted, count, rejects, done, line = sift(
            buffer,
            width=width,
            fewest=self._fewest,
            file_id=file_id,
            line=line,
            delimiter=delimiter,
            final=final or overlong,
        )
        return Batch(sifted, count, rejects), done, line

    def _read_header(self) -> tuple[list[str], bytes, bytes]:
        """Return the names, the delimiter, and the bytes that were read beyond the header."""
        buffer = b""
        while True:
            block = self._source.read(BLOCK)
            buffer += block
            if not buffer:
                raise Refusal("the file is empty")
            try:
                delimiter, record = _split_header(buffer if block else buffer + b"\n")
                names = values(record)
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
            if odd := CONTROL.search("".join(names)):
                raise Refusal(f"line 1 is no text: it holds the control character 0x{ord(odd[0]):02x}")
            if names == [""]:
                raise Refusal("line 1 is blank where the header should be")
            return names, delimiter, buffer[record.next :]


def delimiter_of(remarks: str) -> bytes:
    """Return the delimiter that the remarks of a file in the ledger name."""
    names = {name: delimiter for delimiter, name in DELIMITER_NAMES.items()}
    return next((names[word] for word in remarks.split() if word in names), b",")


def _split_header(buffer: bytes) -> tuple[bytes, Record]:
    """Read the header with the delimiter that gives the most columns."""
    readings: dict[bytes, Record] = {}
    problem: Exception | None = None
    for delimiter in DELIMITERS:
        try:
            readings[delimiter] = read_record(buffer, 0, delimiter)
        except (Broken, Incomplete) as error:
            problem = problem or error
    if not readings:
        raise problem or Incomplete
    best = max(readings, key=lambda delimiter: len(readings[delimiter].fields))
    return best, readings[best]


def _is_text(block: bytes) -> bool:
    try:
        block.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in block
