"""A change as a row of `bronze.shop_changes`, in the text format of `copy`."""

from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from json.encoder import encode_basestring

from scripts.stream.cdc import lsn
from scripts.stream.cdc.lsn import Lsn
from scripts.stream.cdc.pgoutput import UNCHANGED, Change, Microseconds, Value

COLUMNS = (
    "slot",
    "copy_number",
    "commit_lsn",
    "seq",
    "relation",
    "op",
    "committed_at",
    "before",
    "after",
    "unchanged",
)
READ, EMPTY = "R", "T"
NULL = "\\N"

_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Shape:
    """How rows of a relation are written: its name, and its columns as beginnings of JSON members.

    Args:
        name: the name under which its rows land.
        columns: the names of its columns, in the order of its values.
        key: those that are sent as the key of an old row.
    """

    def __init__(self, name: str, columns: Sequence[str], key: Sequence[str]) -> None:
        self.name = name
        self.columns = tuple(columns)
        self._escaped = _escaped(name)
        self._members = [f"{encode_basestring(column)}: " for column in columns]
        self._is_key = [column in key for column in columns]

    def row(self, op: str, before: str = NULL, after: str = NULL, unchanged: str = NULL) -> tuple[str, str]:
        """Return what stands before and after the time of commit in a row."""
        return f"{self._escaped}\t{op}", f"{before}\t{after}\t{unchanged}\n"

    def read(self, values: Sequence[str | None]) -> tuple[str, str]:
        """Return a row of the initial copy."""
        members = [
            member + ("null" if value is None else encode_basestring(value))
            for member, value in zip(self._members, values, strict=True)
        ]
        return self.row(READ, after=_object(members))

    def change(self, change: Change) -> tuple[str, str]:
        """Return a changed row.

        A large value that an update did not touch comes from the old row, if the server sends it (replica identity
        full). Otherwise `after` lacks it, and `unchanged` names its column.
        """
        before = after = unchanged = NULL
        if change.before is not None:
            kept = self._is_key if change.key_only else [True] * len(self.columns)
            before = _object(self._written(change.before, kept))
        if change.after is not None:
            values = change.after
            if UNCHANGED in values:
                values = [
                    change.before[place] if value is UNCHANGED and change.before and not change.key_only else value
                    for place, value in enumerate(values)
                ]
                names = [name for name, value in zip(self.columns, values, strict=True) if value is UNCHANGED]
                if names:
                    unchanged = _doubled(f"[{', '.join(map(encode_basestring, names))}]")
            after = _object(self._written(values, [value is not UNCHANGED for value in values]))
        return self.row(change.op, before, after, unchanged)

    def _written(self, values: Sequence[Value], wanted: Sequence[bool]) -> list[str]:
        return [
            member + (encode_basestring(value.decode()) if isinstance(value, bytes) else "null")
            for member, value, is_wanted in zip(self._members, values, wanted, strict=True)
            if is_wanted
        ]


class Transaction:
    """The rows of one transaction of the source, numbered in their order.

    Args:
        slot: the slot from which they come.
        copy_number: the number of the initial copy.
        commit_lsn: where the transaction commits.
        committed_at: when.
        step: from one number to the next; the rows of an initial copy count downwards, so they come before all changes.
    """

    def __init__(
        self, slot: str, copy_number: int, commit_lsn: Lsn, committed_at: Microseconds, *, step: int = 1
    ) -> None:
        self.commit_lsn = commit_lsn
        self.committed_at = committed_at
        self.seq = 0
        self._step = step
        self._begin = f"{slot}\t{copy_number}\t{lsn.text(commit_lsn)}\t"
        self._time = f"\t{moment(committed_at).isoformat()}\t"

    def line(self, parts: tuple[str, str]) -> bytes:
        """Return the next row."""
        self.seq += self._step
        return f"{self._begin}{self.seq}\t{parts[0]}{self._time}{parts[1]}".encode()


def moment(time: Microseconds) -> datetime:
    """Return a time of the source as Python has it."""
    return _UNIX_EPOCH + timedelta(microseconds=time)


def _object(members: Sequence[str]) -> str:
    return _doubled(f"{{{', '.join(members)}}}")


def _doubled(written: str) -> str:
    # JSON has no raw control characters, so the backslash is all that `copy` would take for something else.
    return written.replace("\\", "\\\\") if "\\" in written else written


def _escaped(name: str) -> str:
    return _doubled(name).replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
