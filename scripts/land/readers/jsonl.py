"""Read JSON Lines: one object per line, each value as text."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.errors import Refusal
from scripts.land.files.text import UTF_8, TextSource
from scripts.land.readers.csv_fields import LONGEST_RECORD, for_copy
from scripts.land.readers.numbers import canonical
from scripts.land.rows import Batch, Reject, legible

BLOCK = 1 << 17


class JsonLinesReader:
    """A file of JSON Lines, read twice, because all columns are known only at its end.

    Attributes:
        format: `jsonl`.
        name: empty, because the file is one table.
        hidden: whether it is a hidden sheet: never.
        header: all keys, in the order of their first occurrence.
        candidates: the same, as the one header that the file can have.
        notes: remarks about its rows, once they are read: none.
        delimiter: the delimiter of the batches.
        remarks: the packing and encoding, where they are not the usual ones.
    """

    format = "jsonl"
    name = ""
    hidden = False
    notes: tuple[str, ...] = ()
    delimiter = b","

    def __init__(self, path: Path, *, encoding: str | None = None) -> None:
        """Open a file and collect its keys.

        Raises:
            Refusal: no line is an object, or the file is damaged.
            OSError: the file cannot be read.
        """
        self._path, self._encoding = path, encoding
        self.header = self._keys()
        self.candidates = [self.header]
        self._source = TextSource(path, encoding=encoding)
        odd_encoding = "" if self._source.encoding == UTF_8 else self._source.encoding
        self.remarks = tuple(filter(None, (self._source.packing, odd_encoding)))

    def tables(self) -> "Iterator[JsonLinesReader]":
        """Return the file as its one table."""
        yield self

    def begin_at(self, place: int) -> None:
        """Take a candidate for the header."""

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
            careful: ignored, because the reader checks every row anyway.
            fewest: ignored, because a missing key is an empty field.
            time_zone: ignored, because text stays as delivered.

        Raises:
            Refusal: a line is longer than any real line.
        """
        counted = 0
        for number, lines in _blocks(self._source):
            good: list[bytes] = []
            rejects: list[Reject] = []
            for line, raw in enumerate(lines, number):
                if not raw.strip():
                    continue
                try:
                    row = fields(raw)
                except ValueError as error:
                    rejects.append(Reject(line, legible(raw), str(error)))
                else:
                    good.append(for_copy([row.get(key) for key in self.header], b",", file_id, line))
            yield Batch(b"".join(good), len(good), rejects, self._source.position - counted)
            counted = self._source.position

    def _keys(self) -> list[str]:
        keys: dict[str, None] = {}
        first: ValueError | None = None
        source = TextSource(self._path, encoding=self._encoding)
        try:
            for _, lines in _blocks(source):
                for raw in filter(bytes.strip, lines):
                    try:
                        keys.update(dict.fromkeys(fields(raw)))
                    except ValueError as error:
                        first = first or error
        finally:
            source.close()
        if not keys:
            raise Refusal(f"no line is a JSON object with a value: {first}" if first else "the file is empty")
        return list(keys)


def fields(line: bytes) -> dict[str, bytes | None]:
    """Return the values of an object as text, in UTF-8.

    A number becomes its canonical text, with all its digits. NaN becomes null. Lists and objects within the object
    stay JSON.

    Raises:
        ValueError: the line is not an object, a key occurs twice, or PostgreSQL cannot store a value.
    """
    try:
        found = json.loads(
            line.decode("utf-8"),
            parse_float=canonical,
            parse_int=canonical,
            parse_constant=canonical,
            object_pairs_hook=_once,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"byte 0x{line[error.start]:02x} is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise ValueError("not JSON: nested too deep") from None
    if not isinstance(found, dict):
        raise ValueError("not an object")
    if any(isinstance(value, (dict, list)) for value in found.values()):
        # Numbers within are JSON numbers again, not text.
        found = {**found, **{key: value for key, value in json.loads(line).items() if isinstance(value, (dict, list))}}
    return {_sound(key).decode(): _text(value) for key, value in found.items()}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key occurs twice")
    return found


def _text(value: Any) -> bytes | None:  # noqa: ANN401 - JSON is anything
    if value is None:
        return None
    return _sound(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _sound(text: str) -> bytes:
    if "\0" in text:
        raise ValueError("a NUL character, which text in PostgreSQL cannot hold")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ValueError("half a surrogate pair, which is no text") from None


def _blocks(source: TextSource) -> Iterator[tuple[int, list[bytes]]]:
    """Yield some lines at a time, with the number of the first."""
    kept, number = b"", 1
    while block := source.read(BLOCK):
        *lines, kept = (kept + block).split(b"\n")
        if len(kept) > LONGEST_RECORD:
            raise Refusal(f"line {number + len(lines)} is longer than {LONGEST_RECORD >> 20} MiB")
        yield number, lines
        number += len(lines)
    yield number, [kept]
