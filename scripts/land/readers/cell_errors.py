"""Keep the errors of a workbook's cells, such as `#N/A`: the library that reads workbooks makes them null.

An error becomes the text that the cell shows. Only a workbook that has errors is written again, in memory.
"""

import io
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from scripts.errors import Refusal

# The attributes of a cell with an error. A quote never stands between `<` and the name of an element.
MARKS = (b't="e"', b"t='e'")
CELL = re.compile(rb"""(<(?:\w+:)?c\s[^<>]*?\bt=)(["'])e\2""")
SHEETS = "xl/worksheets/"
# Small pieces stay in the cache of the processor: three times as fast as a piece of a MB.
PIECE = 1 << 15
# The part of a zip member before its name: 26 bytes, then the lengths of the name and of the extra field.
LOCAL_HEADER = struct.Struct("<26xHH")


def are_in(content: bytes | str) -> bool:
    """Return whether a workbook may hold cells with errors.

    Args:
        content: the path of the workbook, or its bytes.
    """
    with closing(_opened(content)) as file, zipfile.ZipFile(file) as archive:
        return any(_has_mark(file, member) for member in archive.infolist() if member.filename.startswith(SHEETS))


def as_text(content: bytes | str) -> bytes:
    """Return a workbook whose cells hold errors as text.

    Args:
        content: the path of the workbook, or its bytes.

    Raises:
        Refusal: the workbook is damaged.
    """
    written = io.BytesIO()
    try:
        with (
            closing(_opened(content)) as file,
            zipfile.ZipFile(file) as archive,
            zipfile.ZipFile(written, "w") as copy,
        ):
            for member in archive.infolist():
                data = archive.read(member)
                is_sheet = member.filename.startswith(SHEETS)
                copy.writestr(member.filename, CELL.sub(rb"\1\2str\2", data) if is_sheet else data)
    # What the standard library raises for a damaged, cut off or encrypted archive.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise Refusal(f"not a readable workbook: {error}") from error
    return written.getvalue()


def _opened(content: bytes | str) -> BinaryIO:
    return io.BytesIO(content) if isinstance(content, bytes) else Path(content).open("rb")


def _has_mark(file: BinaryIO, member: zipfile.ZipInfo) -> bool:
    """Search a member of a zip file. The module `zipfile` would take twice as long, because it checks as well."""
    file.seek(member.header_offset)
    name, extra = LOCAL_HEADER.unpack(file.read(LOCAL_HEADER.size))
    file.seek(name + extra, io.SEEK_CUR)
    is_packed = member.compress_type == zipfile.ZIP_DEFLATED
    unpack: Callable[[bytes], bytes] = zlib.decompressobj(-zlib.MAX_WBITS).decompress if is_packed else bytes
    left, kept = member.compress_size, b""
    try:
        while left > 0 and (piece := file.read(min(left, PIECE))):
            left -= len(piece)
            kept = kept[-len(MARKS[0]) :] + unpack(piece)
            if any(mark in kept for mark in MARKS):
                return True
    except zlib.error:
        # The library reports what is damaged.
        return False
    return False
