"""The output of every reader: rows ready for `copy`, and rejected rows."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The columns that the loader adds to every row.
FILE_ID, LINE = "_file_id", "_line"

ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


class NeedsCare(Exception):
    """The fast reading failed; the careful reading may succeed."""


@dataclass(frozen=True)
class Reject:
    """A row that could not be read, and the reason."""

    line: int
    raw: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        data: complete CSV records in UTF-8: the columns in the order of the file, then the file id and the line.
        loaded: the number of records in `data`.
        rejects: the rejected rows between them.
        consumed: the bytes of the file that the batch took, for a progress bar.
    """

    data: bytes | bytearray
    loaded: int
    rejects: Sequence[Reject] = ()
    consumed: int = 0


def legible(raw: bytes) -> str:
    r"""Return bytes as text that PostgreSQL can store: NUL and bytes that are not UTF-8 become `\xNN`.

    A literal `\x` becomes `\x5cx`, so that `as_delivered` can restore the bytes.
    """
    return raw.replace(b"\\x", b"\\x5cx").decode("utf-8", errors="backslashreplace").replace("\0", r"\x00")


def as_delivered(text: str) -> bytes:
    """Return the bytes that `legible` turned into text."""
    return ESCAPED.sub(lambda escaped: bytes([int(escaped[1], 16)]), text.encode())
