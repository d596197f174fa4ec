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
    """The files to land in their order, and how many others were passed over."""

    deliveries: tuple[Delivery, ...]
    passed_over: int


def discover(paths: Sequence[Path]) -> Discovery:
    """Find the files to land.

    The order is the order of the given paths, and within a folder that of the relative path as plain text, on
    every machine: a later file may correct an earlier one, so the order is information.

    Args:
        paths: files and folders; folders are searched to the bottom. Hidden files, files of other formats, and
            links that lead out of the folder are passed over.

    Raises:
        Refusal: a path does not exist, a folder holds nothing to land, or a given file is of no known format.
    """
    deliveries: list[Delivery] = []
    passed_over = 0
    for path in paths:
        if path.is_dir():
            found, others = _in_folder(path)
            deliveries += found
            passed_over += others
        elif path.exists():
            deliveries.append(_given(path))
        else:
            raise Refusal(f"{path}: no such file or folder.")
    return Discovery(tuple(deliveries), passed_over)


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


def _in_folder(folder: Path) -> tuple[list[Delivery], int]:
    candidates = sorted(_walk(folder), key=lambda path: path.relative_to(folder).as_posix())
    found = [
        Delivery(path, path.relative_to(folder).as_posix(), file_format)
        for path in candidates
        if (file_format := format_of(path.name)) and _is_inside(path, folder)
    ]
    if not found:
        raise Refusal(f"{folder}: nothing to land: no file of a known format ({KNOWN}) in this folder.")
    return found, len(candidates) - len(found)


def format_of(name: str) -> str | None:
    """Return the format that a name tells: a format of the contract, `zip`, or None."""
    name = name.lower()
    if name.endswith(ARCHIVE):
        return "zip"
    bare = next((name.removesuffix(packing) for packing in PACKINGS if name.endswith(packing)), name)
    found = next((file_format for ending, file_format in FORMATS.items() if bare.endswith(ending)), None)
    return found if bare == name or found in TEXT else None


def _walk(folder: Path) -> Iterator[Path]:
    def unreadable(error: OSError) -> None:
        raise Refusal(f"{error.filename}: cannot be read: {error.strerror}.") from error

    for parent, folders, files in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith((".", "~$")))


def _is_inside(path: Path, folder: Path) -> bool:
    return not path.is_symlink() or path.resolve().is_relative_to(folder.resolve())
