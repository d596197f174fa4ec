"""Find the files to land, and their order."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scripts.errors import Refusal, printable

FORMATS = {
    ".csv": "csv",
    ".tsv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
}
TEXT = ("csv", "jsonl")
# Text may be packed. The format of a zip file is the format of its one member.
PACKINGS = (".gz", ".zst")
ARCHIVE = ".zip"
KNOWN = f"{', '.join(FORMATS)}, {ARCHIVE}; text also with {' or '.join(PACKINGS)}"


@dataclass(frozen=True)
class Delivery:
    """A file that may land, with its state at discovery.

    Attributes:
        path: the file.
        name: its name in the ledger: the path relative to the given folder, with control characters and bytes that
            are not UTF-8 escaped.
        format: a format of the contract, or `zip`.
        size: its size in bytes.
        changed_ns: its modification time in nanoseconds since the epoch.
        problem: why the file cannot be read; empty for most files.
    """

    path: Path
    name: str
    format: str
    size: int = 0
    changed_ns: int = 0
    problem: str = ""

    @property
    def state(self) -> tuple[int, int]:
        """Return the size and the modification time."""
        return self.size, self.changed_ns

    def is_unchanged(self) -> bool:
        """Return whether the file is the same as at discovery.

        Raises:
            OSError: the file cannot be read any more.
        """
        now = self.path.stat()
        return (now.st_size, now.st_mtime_ns) == self.state


@dataclass(frozen=True)
class Discovery:
    """The result of a search.

    Attributes:
        deliveries: the files to land, in their order.
        passed_over: the number of other files.
        unreadable: folders that could not be searched, each with the reason.
    """

    deliveries: tuple[Delivery, ...]
    passed_over: int = 0
    unreadable: tuple[tuple[str, str], ...] = ()


def discover(paths: Sequence[Path], *, may_be_empty: bool = False) -> Discovery:
    """Find the files to land.

    Files come in the order of the given paths, and within a folder in the order of their relative path as plain
    text. The order is the same on every machine, because a later file may correct an earlier one.

    Args:
        paths: files and folders. Folders are searched to the bottom. Hidden files, files of other formats, and
            links that lead out of the folder are passed over.
        may_be_empty: whether a folder may hold nothing to land.

    Raises:
        Refusal: a path does not exist, a folder holds nothing to land, or the format of a given file is unknown.
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
        elif path.exists() or path.is_symlink():
            deliveries.append(_given(path))
        else:
            raise Refusal(f"{shown(path)}: no such file or folder.")
    return Discovery(tuple(deliveries), passed_over, tuple(unreadable))


def shown(path: Path | str) -> str:
    """Return a path for messages and the ledger: one line of text, which bytes that are not UTF-8 are not."""
    return printable(os.fsencode(path).decode("utf-8", "backslashreplace"))


def format_of(name: str) -> str | None:
    """Return the format that a file name implies: a format of the contract, `zip`, or None."""
    name = name.lower()
    if name.endswith(ARCHIVE):
        return "zip"
    bare = next((name.removesuffix(packing) for packing in PACKINGS if name.endswith(packing)), name)
    found = next((file_format for ending, file_format in FORMATS.items() if bare.endswith(ending)), None)
    return found if bare == name or found in TEXT else None


def _given(path: Path) -> Delivery:
    file_format = format_of(path.name)
    if file_format is None:
        raise Refusal(f"{shown(path)}: not a file of a known format ({KNOWN}).")
    return _delivery(path, path.name, file_format)


def _in_folder(folder: Path, *, may_be_empty: bool) -> Discovery:
    errors: list[OSError] = []
    paths = sorted(_walk(folder, errors), key=lambda path: path.relative_to(folder).as_posix())
    found = [
        _delivery(path, path.relative_to(folder).as_posix(), file_format)
        for path in paths
        if (file_format := format_of(path.name)) and _is_inside(path, folder)
    ]
    if not found and not errors and not may_be_empty:
        raise Refusal(f"{shown(folder)}: nothing to land: no file of a known format ({KNOWN}) in this folder.")
    unreadable = [(shown(error.filename), f"the folder cannot be read: {error.strerror}") for error in errors]
    return Discovery(tuple(found), len(paths) - len(found), tuple(unreadable))


def _delivery(path: Path, name: str, file_format: str) -> Delivery:
    name = shown(name)
    try:
        state = path.stat()
    except OSError as error:
        return Delivery(path, name, file_format, problem=f"cannot be read: {error.strerror or error}")
    if not stat.S_ISREG(state.st_mode):
        # To open a pipe would wait for a writer.
        return Delivery(path, name, file_format, problem="no regular file, but a pipe, a socket or a device")
    return Delivery(path, name, file_format, state.st_size, state.st_mtime_ns)


def _walk(folder: Path, errors: list[OSError]) -> Iterator[Path]:
    for parent, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(parent, name) for name in files if not name.startswith((".", "~$")))


def _is_inside(path: Path, folder: Path) -> bool:
    if not path.is_symlink():
        return True
    try:
        return path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError):
        # A link to itself; its state says so.
        return True
