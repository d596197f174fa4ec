"""The bytes of a file as they are on disk, or unpacked: gzip, zstd, zip. Hashed, counted, and never without bound."""

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from scripts.errors import Refusal
from scripts.land.archive import only_member
from scripts.land.discovery import fingerprint

# Text shrinks to a tenth or so; what grows so much more than that was made to fill a disk.
MOST_GROWTH = 200
GROWTH_ALLOWED = 64 << 20

CHUNK = 1 << 20
# A few bytes of zstd may stand for 128 KiB each.
ZSTD_CHUNK = 1 << 10
ZSTD_LARGEST_WINDOW = 1 << 27


class Bytes(Protocol):
    """What a file says, read once from beginning to end.

    Attributes:
        packing: `gzip`, `zstd`, `zip`, or nothing.
    """

    packing: str

    @property
    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""

    def read(self, size: int) -> bytes:
        """Return the next bytes, no more than about so many; none at the end."""

    def digest(self) -> str:
        """Return the SHA-256, in hexadecimal, of the file on disk, once all has been read."""

    def close(self) -> None:
        """Close the file."""


def unpacked(path: Path) -> Bytes:
    """Open a file; its ending tells how it is packed.

    Raises:
        Refusal: it is no archive of the kind that its ending tells.
        OSError: it cannot be read.
    """
    match path.suffix.lower():
        case ".gz":
            return _Gzip(_Disk(path.open("rb", buffering=0)))
        case ".zst":
            return _Zstd(_Disk(path.open("rb", buffering=0)))
        case ".zip":
            return _Zip(path)
        case _:
            # Read in blocks as it is: a buffer alone would cost as much as reading a small file.
            return _Disk(path.open("rb", buffering=0))


def check_growth(grown: int, packed: int) -> None:
    """Refuse what grows beyond reason when it is unpacked.

    Raises:
        Refusal: it does.
    """
    if grown > GROWTH_ALLOWED + MOST_GROWTH * packed:
        raise Refusal(f"unpacks to more than {MOST_GROWTH} times its size")


class _Disk(io.RawIOBase):
    """A file that hashes all that is read from it."""

    packing = ""

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # io takes any buffer, readers give these
        view = memoryview(buffer)
        count = self.file.readinto(view)
        self.sha256.update(view[:count])
        self.position += count
        return count

    def digest(self) -> str:
        while self.read(CHUNK):
            pass
        return self.sha256.hexdigest()

    def close(self) -> None:
        self.file.close()
        super().close()


class _Packed:
    """A packed file; `_next` is what differs."""

    packing: str

    def __init__(self, disk: _Disk) -> None:
        self._disk = disk
        self._grown = 0

    @property
    def position(self) -> int:
        return self._disk.position

    def read(self, size: int) -> bytes:
        raw = self._next(size)
        self._grown += len(raw)
        check_growth(self._grown, self.position)
        return raw

    def digest(self) -> str:
        return self._disk.digest()

    def close(self) -> None:
        self._disk.close()

    def _next(self, size: int) -> bytes:
        raise NotImplementedError


class _Gzip(_Packed):
    packing = "gzip"

    def __init__(self, disk: _Disk) -> None:
        super().__init__(disk)
        self._stream = gzip.GzipFile(fileobj=io.BufferedReader(disk, CHUNK))

    def _next(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise Refusal(f"not a whole gzip file: {error}") from error


class _Zstd(_Packed):
    packing = "zstd"

    def __init__(self, disk: _Disk) -> None:
        super().__init__(disk)
        self._source = io.BufferedReader(disk, CHUNK)
        self._pieces = self._unpack()

    def _next(self, size: int) -> bytes:
        pieces, length = [], 0
        while length < size and (piece := next(self._pieces, b"")):
            pieces.append(piece)
            length += len(piece)
        return b"".join(pieces)

    def _unpack(self) -> Iterator[bytes]:
        # Not the library's own stream, which takes a file that is cut short for one that ends there.
        import zstandard  # noqa: PLC0415  # most files need it not

        factory = zstandard.ZstdDecompressor(max_window_size=ZSTD_LARGEST_WINDOW)
        frame = factory.decompressobj()
        begun = False
        try:
            while raw := self._source.read(ZSTD_CHUNK):
                while raw:
                    if frame.eof:
                        frame = factory.decompressobj()
                    begun = True
                    if piece := frame.decompress(raw):
                        yield piece
                    raw = frame.unused_data if frame.eof else b""
        except zstandard.ZstdError as error:
            raise Refusal(f"not a whole zstd file: {error}") from error
        if not begun or not frame.eof:
            raise Refusal("not a whole zstd file: it ends too early")


class _Zip(_Packed):
    packing = "zip"

    def __init__(self, path: Path) -> None:
        super().__init__(_Disk(path.open("rb", buffering=0)))
        self._path = path
        # The table of contents is at the end, so this is read out of order, and hashed apart.
        self._file = path.open("rb")
        try:
            self._stream = only_member(self._file)
        except BaseException:
            self.close()
            raise

    @property
    def position(self) -> int:
        return self._file.tell()

    def digest(self) -> str:
        return fingerprint(self._path)

    def close(self) -> None:
        super().close()
        self._file.close()

    def _next(self, size: int) -> bytes:
        try:
            return self._stream.read(size)
        except (EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise Refusal(f"not a whole zip file: {error}") from error
