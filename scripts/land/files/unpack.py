"""Read the bytes of a file: plain, or unpacked from gzip, zstd or zip. Reading hashes, counts, and limits growth."""

import gzip
import hashlib
import io
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO, Protocol

from scripts.errors import Refusal

# Text shrinks to about a tenth. A file that grows 200 times is made to fill the disk.
MOST_GROWTH = 200
GROWTH_ALLOWED = 64 << 20

CHUNK = 1 << 20
# A few bytes of zstd may expand to 128 KiB each.
ZSTD_CHUNK = 1 << 10
ZSTD_LARGEST_WINDOW = 1 << 27

# The flag of a zip member that needs a password.
PROTECTED = 0x1
# macOS adds this folder to each zip file.
ADDED_BY_MACOS = "__MACOSX"


class Bytes(Protocol):
    """The unpacked content of a file, read once from beginning to end.

    Attributes:
        packing: `gzip`, `zstd`, `zip`, or empty.
    """

    packing: str

    @property
    def position(self) -> int:
        """Return how many bytes of the file on disk have been read."""

    def read(self, size: int) -> bytes:
        """Return about `size` more bytes at most; none at the end."""

    def digest(self) -> str:
        """Return the SHA-256 of the whole file on disk, in hexadecimal."""

    def close(self) -> None:
        """Close the file."""


def unpacked(path: Path) -> Bytes:
    """Open a file. The ending of its name says how it is packed.

    Raises:
        Refusal: the file is not an archive of the kind that its ending says.
        OSError: the file cannot be read.
    """
    match path.suffix.lower():
        case ".gz":
            return _Gzip(_Disk(path.open("rb", buffering=0)))
        case ".zst":
            return _Zstd(_Disk(path.open("rb", buffering=0)))
        case ".zip":
            return _Zip(path)
        case _:
            # Unbuffered: the buffer alone would cost as much as reading a small file.
            return _Disk(path.open("rb", buffering=0))


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of the file on disk, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check_growth(grown: int, packed: int) -> None:
    """Refuse a file that grows beyond reason when it is unpacked.

    Args:
        grown: bytes after unpacking.
        packed: bytes on disk.

    Raises:
        Refusal: the file grows too much.
    """
    if grown > GROWTH_ALLOWED + MOST_GROWTH * packed:
        raise Refusal(f"unpacks to more than {MOST_GROWTH} times its size")


def name_in_zip(path: Path) -> str:
    """Return the name of the one file in a zip file.

    Raises:
        Refusal: the file is not a zip file, holds another number of files, or needs a password.
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return _only_member(_open_zip(file)).filename


def zip_growth(file: BinaryIO) -> int:
    """Return the declared unpacked size of all members of a zip file, in bytes.

    Raises:
        Refusal: the file is not a zip file.
    """
    return sum(member.file_size for member in _open_zip(file).infolist())


class _Disk(io.RawIOBase):
    """A file that hashes every byte read from it."""

    packing = ""

    def __init__(self, file: io.FileIO) -> None:
        self.file = file
        self.sha256 = hashlib.sha256()
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]  # readers pass these two only
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
    """A packed file. Subclasses implement `_next`."""

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
        # The library's own stream reader accepts a truncated file as complete.
        import zstandard  # noqa: PLC0415  # most files do not need it

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
        # The table of contents is at the end, so the file is read out of order and hashed separately.
        self._file = path.open("rb")
        try:
            self._stream = _open_member(self._file)
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


def _open_zip(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError) as error:
        raise Refusal(f"not a whole zip file: {error}") from error


def _open_member(file: BinaryIO) -> IO[bytes]:
    archive = _open_zip(file)
    try:
        return archive.open(_only_member(archive))
    except (NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise Refusal(f"not a readable zip file: {error}") from error


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not _is_hidden(member)]
    if len(members) != 1:
        raise Refusal(f"holds {len(members)} files where one is taken: zip each by itself, or unpack them")
    if members[0].flag_bits & PROTECTED:
        raise Refusal("protected by a password")
    return members[0]


def _is_hidden(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    return member.is_dir() or path.name.startswith(".") or path.parts[0] == ADDED_BY_MACOS
