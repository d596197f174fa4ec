"""Read a text file as UTF-8: unpack and decode it on the way, and hash the file on disk."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from scripts.land.files.unpack import unpacked

UTF_8, WINDOWS_1252 = "utf-8", "windows-1252"
# UTF-32 comes first: its mark begins with the mark of UTF-16.
MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: UTF_8,
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}

CHUNK = 1 << 20

# Bytes that cannot be decoded become bytes that are not UTF-8 either, so the careful reading rejects the row.
UNDECODABLE = "scripts.land.undecodable"
codecs.register_error(UNDECODABLE, lambda error: ("\udcff", error.end if isinstance(error, UnicodeDecodeError) else 0))

HIGH = re.compile(rb"[\x80-\xff]")
UTF_8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
UNDEFINED_IN_WINDOWS_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


class TextSource:
    """A text file, read once from beginning to end.

    Attributes:
        encoding: the encoding of the file.
        packing: `gzip`, `zstd`, `zip`, or empty.
    """

    def __init__(self, path: Path, *, encoding: str | None = None) -> None:
        """Open a file, and detect its encoding by the byte order mark.

        Args:
            path: the file.
            encoding: the encoding, if it is known.

        Raises:
            Refusal: the file is damaged.
            OSError: the file cannot be read.
        """
        self._bytes = unpacked(path)
        self.packing = self._bytes.packing
        try:
            self._start, self.encoding = self._open(encoding)
        except BaseException:
            self.close()
            raise
        self._decoder = None if self.encoding == UTF_8 else codecs.getincrementaldecoder(self.encoding)(UNDECODABLE)

    @property
    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""
        return self._bytes.position

    def read(self, size: int) -> bytes:
        """Return about `size` more bytes as UTF-8; none at the end.

        Raises:
            Refusal: the file is damaged, or grows beyond reason when it is unpacked.
        """
        raw, self._start = self._start, b""
        raw += self._bytes.read(size)
        if self._decoder is None:
            return raw
        text = self._decoder.decode(raw, final=not raw)
        return text.encode(errors="surrogatepass") if text or not raw else self.read(size)

    def digest(self) -> str:
        """Return the SHA-256, in hexadecimal, of the file on disk."""
        return self._bytes.digest()

    def close(self) -> None:
        """Close the file."""
        self._bytes.close()

    def _open(self, encoding: str | None) -> tuple[bytes, str]:
        if encoding is not None and codecs.lookup(encoding).name == UTF_8:
            encoding = UTF_8
        start = self._bytes.read(4)
        for mark, marked in MARKS.items():
            if start.startswith(mark) and encoding in (None, marked):
                # The decoder of UTF-16 needs the mark to detect the byte order.
                return (start.removeprefix(mark) if marked == UTF_8 else start), marked
        return start, encoding or _without_mark(start)


def _without_mark(start: bytes) -> str:
    """Detect UTF-16 without a mark: every other byte of plain letters is zero."""
    match [bool(byte) for byte in start]:
        case [True, False, True, False]:
            return "utf-16-le"
        case [False, True, False, True]:
            return "utf-16-be"
        case _:
            return UTF_8


def guess_encoding(path: Path) -> str:
    """Return the encoding of a file that is not valid UTF-8: Windows-1252, or UTF-8 with broken places.

    A file is Windows-1252 if each of its bytes is defined there, and if it has more bytes that cannot be UTF-8
    than valid multi-byte sequences of UTF-8. Text in another encoding hardly ever forms such a sequence by accident.

    Raises:
        Refusal: the file is damaged.
        OSError: the file cannot be read.
    """
    broken = sequences = 0
    source = TextSource(path)
    try:
        if source.encoding != UTF_8:
            return source.encoding
        for piece in _pieces(source):
            rest, found = UTF_8_SEQUENCE.subn(b"", piece)
            sequences += found
            broken += len(HIGH.findall(rest))
            if UNDEFINED_IN_WINDOWS_1252.search(rest):
                return UTF_8
    finally:
        source.close()
    return WINDOWS_1252 if broken > sequences else UTF_8


def _pieces(source: TextSource) -> Iterator[bytes]:
    """Yield pieces that do not end within a multi-byte sequence."""
    kept = b""
    while chunk := source.read(CHUNK):
        kept += chunk
        cut = kept.rfind(b"\n") + 1
        yield kept[:cut]
        kept = kept[cut:]
    yield kept
