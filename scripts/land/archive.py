"""What is in a zip file: one file of a known format, or it is not for us."""

import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from scripts.errors import Refusal

PROTECTED = 0x1
PEOPLE_ADD = ("__MACOSX",)


def only_name(path: Path) -> str:
    """Return the name of the one file that a zip file holds.

    Raises:
        Refusal: it is no zip file, holds another number of files, or is protected by a password.
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        return _only(_open(file)).filename


def only_member(file: BinaryIO) -> IO[bytes]:
    """Open the one file that a zip file holds, as `only_name` does."""
    archive = _open(file)
    try:
        return archive.open(_only(archive))
    except (NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
        raise Refusal(f"not a readable zip file: {error}") from error


def grown(file: BinaryIO) -> int:
    """Return how many bytes all members of a zip file say that they unpack to.

    Raises:
        Refusal: it is no zip file.
    """
    return sum(member.file_size for member in _open(file).infolist())


def _open(file: BinaryIO) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(file)
    except (zipfile.BadZipFile, ValueError) as error:
        raise Refusal(f"not a whole zip file: {error}") from error


def _only(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    members = [member for member in archive.infolist() if not _is_aside(member)]
    if len(members) != 1:
        raise Refusal(f"holds {len(members)} files where one is taken: zip each by itself, or unpack them")
    if members[0].flag_bits & PROTECTED:
        raise Refusal("protected by a password")
    return members[0]


def _is_aside(member: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(member.filename)
    return member.is_dir() or path.name.startswith(".") or path.parts[0] in PEOPLE_ADD
