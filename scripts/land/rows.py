"""What a reader hands on: rows ready for COPY, and rows that it set aside."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

ESCAPED = re.compile(rb"\\x([0-9a-f]{2})")


class NeedsCare(Exception):
    """The file cannot be read in the fast way, but perhaps in the careful one."""


@dataclass(frozen=True)
class Reject:
    """A row that could not be read, and why."""

    line: int
    raw: str
    reason: str


@dataclass(frozen=True)
class Batch:
    """Some rows of a file.

    Attributes:
        data: complete CSV records in UTF-8: the file's columns in their order, then the file id and the line.
        loaded: how many records that is.
        rejects: the rows between them that were set aside.
        consumed: how many bytes of the file this took, for a progress bar.
    """

    data: bytes | bytearray
    loaded: int
    rejects: Sequence[Reject] = ()
    consumed: int = 0


def legible(raw: bytes) -> str:
    r"""Return bytes as text that PostgreSQL can hold: what is no UTF-8, and NUL, is written as `\xNN`.

    A `\x` that is really there is written as `\x5cx`, so that `as_delivered` can take it back.
    """
    return raw.replace(b"\\x", b"\\x5cx").decode("utf-8", errors="backslashreplace").replace("\0", r"\x00")


def as_delivered(text: str) -> bytes:
    """Return the bytes of which `legible` made a text."""
    return ESCAPED.sub(lambda escaped: bytes([int(escaped[1], 16)]), text.encode())
