"""Read a workbook as text: each sheet, in batches stamped with the file id and the row.

This module runs in the process of `child` only, because the library trusts the file.
"""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import fastexcel
import polars as pl

from scripts.errors import Refusal
from scripts.land.files import unpack
from scripts.land.readers import cell_errors, frames
from scripts.land.rows import LINE, Batch

# The first bytes of Microsoft's older formats and of encrypted workbooks.
COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
# The header is one of the first rows that are not blank.
HEADER_WITHIN = 20


class XlsxReader:
    """A workbook, plain or alone in a zip file.

    One sheet at a time is in memory: about 1 GB for a million rows, because the library reads a sheet whole.

    Attributes:
        remarks: `zip`, if the workbook is in a zip file.
    """

    def __init__(self, path: Path) -> None:
        """Open a workbook.

        Raises:
            Refusal: the file is not a workbook, needs a password, or unpacks to too much.
            OSError: the file cannot be read.
        """
        self._size = path.stat().st_size
        self.remarks = ("zip",) if path.suffix.lower() == ".zip" else ()
        content = _content(path)
        with ThreadPoolExecutor(1) as beside:
            # The library drops the errors of cells, so they are looked for while it reads the first sheet.
            self._has_errors = beside.submit(cell_errors.are_in, content)
            self._book = _book(content)
            self._first = _load(self._book, self._book.sheet_names[0]) if self._book.sheet_names else None
        if self._has_errors.result():
            self._first = None
            self._book = _book(cell_errors.as_text(content))

    def tables(self) -> "Iterator[Sheet]":
        """Read the sheets that are not blank, one after the other.

        Line numbers count all rows of all sheets, in the order of the sheets.

        Raises:
            Refusal: a sheet is damaged.
        """
        above = 0
        share = self._size // max(len(self._book.sheet_names), 1)
        growth = frames.Growth(self._size)
        for name in self._book.sheet_names:
            loaded, self._first = self._first or _load(self._book, name), None
            sheet = _sheet(loaded, above, share, growth)
            del loaded
            above = max(above, sheet.last_line)
            if sheet.candidates:
                yield sheet


@dataclass
class Sheet:
    """A sheet. Its rows can be read once.

    Attributes:
        name: its name in the workbook.
        hidden: whether a user does not see it.
        rows: the rows that are not blank as text, with their lines.
        last_line: the line of its last row.
        bytes: its share of the file, for a progress bar.
        growth: the size of the text of the workbook so far.
        place: the row that is the header.
        notes: remarks about the rows, once they are read.
    """

    name: str
    hidden: bool
    rows: pl.DataFrame
    last_line: int
    bytes: int
    growth: frames.Growth
    place: int = 0
    notes: tuple[str, ...] = ()

    @property
    def candidates(self) -> list[list[str]]:
        """Return the first rows, each without the columns that would be empty if it were the header."""
        return [
            [self.rows[column][place] or "" for column in self._filled(place)]
            for place in range(min(HEADER_WITHIN, self.rows.height))
        ]

    def begin_at(self, place: int) -> None:
        """Take a candidate for the header. The rows begin below it."""
        self.place = place

    def batches(self, file_id: int, *, careful: bool, time_zone: str | None = None) -> Iterator[Batch]:
        """Read the rows.

        Args:
            file_id: the number to stamp on every row.
            careful: whether to reject the rows that the server would refuse.
            time_zone: ignored, because a workbook stores no time zones.

        Raises:
            Refusal: the sheet unpacks to too much.
        """
        filled = self._filled(self.place)
        header = [self.rows[column][self.place] or "" for column in filled]
        # Free the rows, because the next sheet needs the memory.
        rows, self.rows = self.rows[self.place + 1 :].select(*filled, LINE), self.rows.clear()
        again = pl.all_horizontal(
            pl.col(column).eq_missing(pl.lit(title)) for column, title in zip(filled, header, strict=True)
        )
        repeated = 0
        for frame in rows.iter_slices(frames.ROWS):
            consumed = self.bytes * frame.height // rows.height
            kept = frame.filter(~again) if (frame[filled[0]] == header[0]).any() else frame
            repeated += frame.height - kept.height
            batch = frames.batch(kept, header, file_id, careful=careful, consumed=consumed)
            self.growth.add(len(batch.data))
            yield batch
        if repeated:
            self.notes = (f"{repeated:,} repeated header{'' if repeated == 1 else 's'} passed over",)

    def _filled(self, place: int) -> list[str]:
        below = self.rows[place + 1 :]
        return [name for name in self.rows.columns[:-1] if self.rows[name][place] or below[name].count()]


def _sheet(loaded: "fastexcel.ExcelSheet", above: int, size: int, growth: frames.Growth) -> Sheet:
    frame = loaded.to_polars() if loaded.width else pl.DataFrame()
    frame = frame.with_columns(pl.int_range(above + 1, above + 1 + frame.height, dtype=pl.Int64).alias(LINE))
    last_line = int(frame[LINE][-1]) if frame.height else 0
    filled_rows = frame.select(_is_not_blank(frame)).to_series()
    # Most sheets have no blank rows and need no copy.
    rows = frame if filled_rows.all() else frame.filter(filled_rows)
    return Sheet(loaded.name, loaded.visible != "visible", rows, last_line, size, growth)


def _content(path: Path) -> bytes | str:
    """Check a workbook. Return its path, or its content if it is in a zip file."""
    if path.suffix.lower() == ".zip":
        stream = unpack.unpacked(path)
        try:
            content = b"".join(iter(lambda: stream.read(unpack.CHUNK), b""))
        finally:
            stream.close()
        _check(io.BytesIO(content), len(content))
        return content
    with path.open("rb") as file:
        _check(file, path.stat().st_size)
    return str(path)


def _check(file: BinaryIO, size: int) -> None:
    if not size:
        raise Refusal("the file is empty")
    if file.read(len(COMPOUND)) == COMPOUND:
        raise Refusal("the workbook is protected by a password, or older than .xlsx: save it as .xlsx without one")
    unpack.check_growth(unpack.zip_growth(file), size)


def _book(content: bytes | str) -> "fastexcel.ExcelReader":
    try:
        return fastexcel.read_excel(content)
    except fastexcel.FastExcelError as error:
        raise Refusal(f"not a readable workbook: {_first_line(error)}") from error


def _load(book: "fastexcel.ExcelReader", name: str) -> "fastexcel.ExcelSheet":
    """Read all rows of a sheet."""
    try:
        return book.load_sheet(name, header_row=None, skip_rows=0, dtypes="string")
    except fastexcel.FastExcelError as error:
        raise Refusal(f"sheet {name!r} cannot be read: {_first_line(error)}") from error


def _is_not_blank(frame: pl.DataFrame) -> pl.Expr:
    names = [name for name in frame.columns if name != LINE]
    return pl.any_horizontal(pl.col(name).is_not_null() for name in names) if names else pl.lit(value=False)


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:200]
