"""Read CSV field by field: slower, but it can reject a broken row and go on with the next line."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.land.rows import Reject, legible

# A quote that is still open after 8 MiB is never closed, and no real line is longer.
LONGEST_RECORD = 8 << 20

# None is an empty field without quotes.
Field = bytes | None


class Incomplete(Exception):
    """The buffer ends before the record."""


class Broken(Exception):
    """The record breaks a rule of CSV. The message says which."""


@dataclass(frozen=True)
class Sifted:
    """The records of a buffer.

    Attributes:
        data: the good records, ready for `copy`.
        count: their number.
        rejects: the broken records.
        next: the position of the first incomplete record.
        line: the line number of that record.
        repeated: the number of records that repeat the header. They are neither good nor broken.
    """

    data: bytes
    count: int
    rejects: Sequence[Reject]
    next: int
    line: int
    repeated: int


@dataclass(frozen=True)
class Record:
    """One record: its fields, and the start of the next record."""

    fields: tuple[Field, ...]
    next: int


def read_record(buffer: bytes, start: int, delimiter: bytes) -> Record:
    """Read one record.

    A quote inside a field that does not begin with a quote is an ordinary character (`5" plate`).

    Args:
        buffer: CSV.
        start: the position of the record.
        delimiter: the delimiter.

    Raises:
        Incomplete: the buffer ends before the record.
        Broken: there is text behind a closing quote.
    """
    fields: list[Field] = []
    at = start
    while True:
        read = _quoted if buffer.startswith(b'"', at) else _unquoted
        field, at = read(buffer, at, delimiter)
        fields.append(field)
        if buffer.startswith(delimiter, at):
            at += len(delimiter)
        elif buffer.startswith(b"\n", at):
            return Record(tuple(fields), at + 1)
        elif buffer.startswith(b"\r\n", at):
            return Record(tuple(fields), at + 2)
        elif at >= len(buffer) - 1 and buffer[at:] in (b"", b"\r"):
            raise Incomplete
        else:
            raise Broken("text behind a closing quote")


def sift(
    buffer: bytes,
    *,
    width: int,
    fewest: int,
    file_id: int,
    line: int,
    delimiter: bytes,
    final: bool,
    header: Sequence[Field] = (),
    closed: bool = False,
) -> Sifted:
    """Read the records of a buffer: reject the broken ones, and write the others for `copy`.

    A record that breaks the rules of quoting is rejected up to the end of its first line, and reading goes on with
    the next line. The lines behind a stray quote are sound.

    Args:
        buffer: CSV that begins with a record.
        width: the number of fields in a record.
        fewest: the least number of fields in a record. Missing fields are empty.
        file_id: the number of the file.
        line: the line number of the first record.
        delimiter: the delimiter.
        final: whether this is the end of the file, so that an incomplete record is broken.
        header: the fields of the header, which a concatenated file repeats.
        closed: whether a record may end with a delimiter, behind its last field.
    """
    good: list[bytes] = []
    rejects: list[Reject] = []
    at = repeated = 0
    header = tuple(header)
    while at < len(buffer):
        try:
            record = read_record(buffer, at, delimiter)
            following = record.next
            fields = record.fields
            if closed and len(fields) == width + 1 and fields[-1] is None:
                fields = fields[:-1]
            fields = _filled(fields, width, fewest)
            complaint = _complaint(fields, buffer[at:following], width)
        except Incomplete:
            following = _next_line(buffer, at)
            if not final:
                break
            complaint = "a quote is opened and never closed"
        except Broken as error:
            following, complaint = _next_line(buffer, at), str(error)
        raw = buffer[at:following].rstrip(b"\r\n")
        if complaint:
            rejects.append(Reject(line, legible(raw), complaint))
        elif raw and fields == header:
            repeated += 1
        elif raw:
            good.append(for_copy(fields, delimiter, file_id, line))
        at, line = following, line + 1
    return Sifted(b"".join(good), len(good), rejects, at, line, repeated)


def values(record: Record) -> list[str]:
    """Return the fields of a header as text.

    Raises:
        UnicodeDecodeError: the header is not UTF-8.
    """
    return [(field or b"").decode("utf-8") for field in record.fields]


def _quoted(buffer: bytes, at: int, _delimiter: bytes) -> tuple[Field, int]:
    close = buffer.find(b'"', at + 1)
    while close != -1 and buffer.startswith(b'"', close + 1):
        close = buffer.find(b'"', close + 2)
    if close == -1:
        raise Incomplete
    return buffer[at + 1 : close].replace(b'""', b'"'), close + 1


def _unquoted(buffer: bytes, at: int, delimiter: bytes) -> tuple[Field, int]:
    line_end = buffer.find(b"\n", at)
    if line_end == -1:
        raise Incomplete
    end = buffer.find(delimiter, at, line_end)
    if end == -1:
        end = line_end - 1 if line_end > at and buffer.startswith(b"\r", line_end - 1) else line_end
    return buffer[at:end] or None, end


def _filled(fields: tuple[Field, ...], width: int, fewest: int) -> tuple[Field, ...]:
    blank = fields == (None,)
    return fields if blank or len(fields) < fewest else fields + (None,) * (width - len(fields))


def _complaint(fields: tuple[Field, ...], raw: bytes, width: int) -> str | None:
    blank = fields == (None,)
    if blank:
        return None
    if len(fields) != width:
        return f"{len(fields)} fields instead of {width}"
    if b"\0" in raw:
        return "a NUL byte, which text in PostgreSQL cannot hold"
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"byte 0x{raw[error.start]:02x} is not UTF-8"
    return None


def _next_line(buffer: bytes, at: int) -> int:
    end = buffer.find(b"\n", at)
    return len(buffer) if end == -1 else end + 1


def for_copy(fields: Sequence[Field], delimiter: bytes, file_id: int, line: int) -> bytes:
    """Write a record for `copy`, with the file id and the line at its end."""
    written = [b"" if field is None else b'"' + field.replace(b'"', b'""') + b'"' for field in fields]
    return delimiter.join([*written, b"%d" % file_id, b"%d" % line]) + b"\n"
