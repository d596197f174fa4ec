"""CSV field by field: slower, but it can set aside a row that is broken and go on with the next line."""

from collections.abc import Sequence
from dataclasses import dataclass

from scripts.land.rows import Reject, legible

# A quote that is still open after so many bytes will not be closed, and a line so long is no line.
LONGEST_RECORD = 8 << 20

# A field that was empty and not quoted is None.
Field = bytes | None


class Incomplete(Exception):
    """The record goes on after the end of the buffer."""


class Broken(Exception):
    """The record breaks a rule of CSV; the message says which."""


@dataclass(frozen=True)
class Record:
    """One record: its fields, and where the next one begins."""

    fields: tuple[Field, ...]
    next: int


def read_record(buffer: bytes, start: int, delimiter: bytes) -> Record:
    """Read one record.

    A quote inside a field that did not begin with one is an ordinary character (`5" plate`).

    Args:
        buffer: CSV.
        start: where the record begins.
        delimiter: what stands between fields.

    Raises:
        Incomplete: the buffer ends before the record does.
        Broken: text stands behind a closing quote.
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
    buffer: bytes, *, width: int, fewest: int, file_id: int, line: int, delimiter: bytes, final: bool
) -> tuple[bytes, int, list[Reject], int, int]:
    """Read the records of a buffer, set aside the broken ones, and write the others for COPY.

    A record that breaks the rules of quoting is set aside up to the end of its first line, and reading goes
    on with the next: where a stray quote has opened a text, the lines behind it are sound.

    Args:
        buffer: CSV that begins with a record.
        width: how many fields a record must have.
        fewest: with how many it may do, those that it lacks being empty.
        file_id: the number of the file.
        line: the number of the first record.
        delimiter: what stands between fields.
        final: whether nothing comes after this buffer, so that what is incomplete is broken.

    Returns:
        The records for COPY, how many they are, the rejects, where the first incomplete record begins,
        and the number that it will have.
    """
    good: list[bytes] = []
    rejects: list[Reject] = []
    at = 0
    while at < len(buffer):
        try:
            record = read_record(buffer, at, delimiter)
            following = record.next
            fields = _filled(record.fields, width, fewest)
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
        elif raw:
            good.append(for_copy(fields, delimiter, file_id, line))
        at, line = following, line + 1
    return b"".join(good), len(good), rejects, at, line


def values(record: Record) -> list[str]:
    """Return the fields of a header as text.

    Raises:
        UnicodeDecodeError: it is no UTF-8.
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
    """Write a record for COPY, with the file id and the line behind it."""
    written = [b"" if field is None else b'"' + field.replace(b'"', b'""') + b'"' for field in fields]
    return delimiter.join([*written, b"%d" % file_id, b"%d" % line]) + b"\n"
