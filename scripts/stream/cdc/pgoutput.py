"""Decode the messages of the output plugin `pgoutput`, protocol version 1 (PostgreSQL manual, 54.9).

The server sends a transaction when it commits, whole and in the order of commits: `Begin`, the changes, `Commit`.
Values are text, as the output functions of their types write them.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from scripts.stream.cdc.lsn import Lsn

# Times are whole microseconds since 1970: a float of seconds is not exact to the microsecond.
Microseconds = int
# From the epoch of Unix to that of PostgreSQL, 2000-01-01.
POSTGRESQL_EPOCH: Microseconds = 946_684_800_000_000

_BEGIN = struct.Struct(">qqi")
_COMMIT = struct.Struct(">Bqqq")
_UNSIGNED = struct.Struct(">I")
_SIGNED = struct.Struct(">i")
_SHORT = struct.Struct(">h")
_TRUNCATE = struct.Struct(">iB")
_KEY_FLAG = 1
# How a value of a row is sent.
_TEXT, _NULL, _UNTOUCHED = b"tnu"


class Unchanged(Enum):
    """A large value, stored apart (TOAST), that an update did not touch: the server does not send it."""

    UNCHANGED = "unchanged"


UNCHANGED = Unchanged.UNCHANGED
Value = bytes | None | Unchanged
Values = list[Value]


@dataclass(frozen=True)
class Begin:
    """A transaction begins. `commit_lsn` is where it commits, `committed_at` when."""

    commit_lsn: Lsn
    committed_at: Microseconds
    xid: int


@dataclass(frozen=True)
class Commit:
    """A transaction ends. Everything before `end_lsn` that belongs to committed transactions has been sent."""

    end_lsn: Lsn
    committed_at: Microseconds


@dataclass(frozen=True)
class Column:
    """A column of a relation, and whether it is part of its replica identity."""

    name: str
    is_key: bool


@dataclass(frozen=True)
class Relation:
    """A table as the following changes see it. The server sends it before its first change, and after DDL."""

    oid: int
    schema: str
    table: str
    columns: tuple[Column, ...]

    @property
    def name(self) -> str:
        """Return the name with its schema."""
        return f"{self.schema}.{self.table}"


@dataclass(frozen=True)
class Change:
    """A changed row.

    Attributes:
        oid: of the relation.
        op: `I`, `U` or `D`.
        before: the old row, or its key only; None if the server does not send it.
        key_only: whether `before` holds nothing but the key.
        after: the new row; None for a deleted one.
    """

    oid: int
    op: str
    before: Values | None
    key_only: bool
    after: Values | None


@dataclass(frozen=True)
class Truncate:
    """Tables were emptied."""

    oids: tuple[int, ...]


Message = Begin | Commit | Relation | Change | Truncate


def decode(data: bytes) -> Message | None:
    """Return what a message says; None for one that is about no row, such as a type or an origin.

    Args:
        data: the message, without the header of the replication protocol.

    Raises:
        ValueError: the message is of a kind that this protocol version does not have.
    """
    decoder = _DECODERS.get(data[:1])
    if decoder is None:
        if data[:1] in _IGNORED:
            return None
        raise ValueError(f"unknown kind of message of pgoutput: {data[:1]!r}")
    return decoder(data)


def _begin(data: bytes) -> Begin:
    lsn, time, xid = _BEGIN.unpack_from(data, 1)
    return Begin(lsn, time + POSTGRESQL_EPOCH, xid)


def _commit(data: bytes) -> Commit:
    _, _, end, time = _COMMIT.unpack_from(data, 1)
    return Commit(end, time + POSTGRESQL_EPOCH)


def _string(data: bytes, place: int) -> tuple[str, int]:
    end = data.index(b"\0", place)
    return data[place:end].decode(), end + 1


def _relation(data: bytes) -> Relation:
    (oid,) = _UNSIGNED.unpack_from(data, 1)
    schema, place = _string(data, 5)
    table, place = _string(data, place)
    # The replica identity comes first; the columns say what is part of it.
    (number,) = _SHORT.unpack_from(data, place + 1)
    place += 3
    columns = []
    for _ in range(number):
        flags = data[place]
        name, place = _string(data, place + 1)
        # The type and its modifier.
        place += 8
        columns.append(Column(name, bool(flags & _KEY_FLAG)))
    # An empty name of a schema stands for pg_catalog.
    return Relation(oid, schema or "pg_catalog", table, tuple(columns))


def _tuple(data: bytes, place: int) -> tuple[Values, int]:
    (number,) = _SHORT.unpack_from(data, place)
    place += 2
    values: Values = []
    for _ in range(number):
        kind = data[place]
        place += 1
        if kind == _TEXT:
            (length,) = _SIGNED.unpack_from(data, place)
            place += 4
            values.append(data[place : place + length])
            place += length
        elif kind == _NULL:
            values.append(None)
        elif kind == _UNTOUCHED:
            values.append(UNCHANGED)
        else:
            raise ValueError(f"unknown kind of value of pgoutput: {chr(kind)!r}")
    return values, place


def _insert(data: bytes) -> Change:
    (oid,) = _UNSIGNED.unpack_from(data, 1)
    after, _ = _tuple(data, 6)
    return Change(oid, "I", None, False, after)


def _update(data: bytes) -> Change:
    (oid,) = _UNSIGNED.unpack_from(data, 1)
    kind, place, before = data[5:6], 6, None
    if kind in (b"K", b"O"):
        before, place = _tuple(data, 6)
        place += 1
    after, _ = _tuple(data, place)
    return Change(oid, "U", before, kind == b"K", after)


def _delete(data: bytes) -> Change:
    (oid,) = _UNSIGNED.unpack_from(data, 1)
    before, _ = _tuple(data, 6)
    return Change(oid, "D", before, data[5:6] == b"K", None)


def _truncate(data: bytes) -> Truncate:
    number, _ = _TRUNCATE.unpack_from(data, 1)
    return Truncate(tuple(_UNSIGNED.unpack_from(data, 6 + 4 * place)[0] for place in range(number)))


_DECODERS: dict[bytes, Callable[[bytes], Message]] = {
    b"B": _begin,
    b"C": _commit,
    b"R": _relation,
    b"I": _insert,
    b"U": _update,
    b"D": _delete,
    b"T": _truncate,
}
# A type, an origin, a message of the application.
_IGNORED = (b"Y", b"O", b"M")
