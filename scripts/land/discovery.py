"""Which files there are to land, and in which order."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import Refusal

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
}
TEXT = ("csv", "jsonl")
# Text may be packed. What is in a zip file is told by the name that it has in there.
PACKINGS = (".gz", ".zst")
ARCHIVE = ".zip"
KNOWN = f"{', '.join(FORMATS)}, {ARCHIVE}; text also with {' or '.join(PACKINGS)}"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Delivery:
    """A file to land. Its name is its path relative to the folder that was given."""

    path: Path
    name: str
    format: str


@dataclass(frozen=True)
class Discovery:
    """What has been found.

    Attributes:
        deliveries: the files to land, in their order.
        passed_over: how many others there are.
        unreadable: folders that nobody could look into, and why.
    """

    deliveries: tuple[Delivery, ...]
    passed_over: int = 0
    unreadable: tuple[tuple[str, str], ...] = ()


def discover(paths: Sequence[Path], *, may_be_empty: bool = False) -> Discovery:
    """Find the files to land.

    The order is the order of the given paths, and within a folder that of the relative path as plain text, on
    every machine: a later file may correct an earlier one, so the order is information.

    Args:
        paths: files and folders; folders are searched to the bottom. Hidden files, files of other formats, and
            links that lead out of the folder are passed over.
        may_be_empty: whether a folder may hold nothing to land.

    Raises:
        Refusal: a path does not exist, a folder holds nothing to land, or a given file is of no known format.
    """
    deliveries: list[Delivery] = []
    unreadable: list[tuple[str, str]] = []
    passed_over = 0
    for path in paths:
        if path.is_dir():
            found = _in_folder(path, may_be_empty=may_be_empty)
            deliveries += found.deliveries
            unreadable += found.unreadable
            passed_over += found.passed_over
        elif path.exists():
            deliveries.append(_given(path))
        else:
            raise Refusal(f"{path}: no such file or folder.")
    return Discovery(tuple(deliveries), passed_over, tuple(unreadable))


def fingerprint(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb", buffering=0) as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _given(path: Path) -> Delivery:
    file_format = format_of(path.name)
    if file_format is None or not path.is_file():
        raise Refusal(f"{path}: not a file of a known format ({KNOWN}).")
    return Delivery(path, path.name, file_format)


def _in_folder(folder: Path, *, may_be_empty: bool) -> Discovery:
    unreadable: list[OSError] = []
    candidates = sorted(_walk(folder, unreadable), key=lambda path: path.relative_to(folder).as_posix())
    found = [
        Delivery(path, path.relative_to(folder).as_posix(), file_format)
        for path in candidates
        if (file_format := format_of(path.name)) and _is_inside(path, folder)
    ]
    if not found and not unreadable and not may_be_empty:
        raise Refusal(f"{folder}: nothing to land: no file of a known format ({KNOWN}) in this folder.")
    told = [(str(error.filename), f"the folder cannot be read: {error.strerror}") for error in unreadable]
    return Discovery(tuple(found), len(candidates) - len(found), tuple(told))


def format_of(name: str) -> str | None:
    """Return the format that a name tells: a format of the contract, `zip`, or None."""
    name = name.lower()
    if name.endswith(ARCHIVE):
        return "zip"
    bare = next((name.removesuffix(packing) for packing in PACKINGS if name.endswith(packing)), name)
    found = next((file_format for ending, file_format in FORMATS.items() if bare.endswith(ending)), None)
    return found if bare == name or found in TEXT else None


def _walk(folder: Path, unreadable: list[OSError]) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=unreadable.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith((".", "~$")))


def _is_inside(path: Path, folder: Path) -> bool:
    return not path.is_symlink() or path.resolve().is_relative_to(folder.resolve())
