"""The files of the archive: a Parquet file for the rows, and a manifest beside it."""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from scripts.governance.retention.content import Relation
from scripts.paths import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "archive"
# Rows in memory at once.
BATCH = 100_000
SUFFIX = ".parquet"


def plain(label: str) -> str:
    """Return a label without what a file name cannot hold.

    Args:
        label: such as the name of a landed file.
    """
    return re.sub(r"[^A-Za-z0-9._-]+", "_", label)[:80]


def write(target: Path, of: Relation, batches: Iterable[Sequence[Sequence[Any]]]) -> Path:
    """Write rows to a new Parquet file that is named by its content, and wait until it is on disk.

    Args:
        target: the folder of the file, which is created, and the beginning of its name.
        of: the table of the rows.
        batches: the rows, some at a time.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    folder = target.parent
    folder.mkdir(parents=True, exist_ok=True)
    types = {column.name: pl.Int64 if column.is_integer else pl.String for column in of.columns}
    with TemporaryDirectory(prefix=".new-", dir=folder) as name:
        parts = Path(name, "parts")
        parts.mkdir()
        # So that there is a part if there are no rows.
        pl.DataFrame(schema=types).write_parquet(parts / f"{0:06}{SUFFIX}")
        for place, rows in enumerate(batches, 1):
            pl.DataFrame(rows, schema=types, orient="row").write_parquet(parts / f"{place:06}{SUFFIX}")
        aside = Path(name, f"all{SUFFIX}")
        pl.scan_parquet(sorted(parts.iterdir())).sink_parquet(aside, compression="zstd")
        _flush(aside)
        named = folder / f"{target.name}-{sha256(aside)[:12]}{SUFFIX}"
        # A file of this name holds the same bytes: an earlier command wrote it and was killed before it could use it.
        aside.replace(named)
    _flush(folder)
    return named


def read(path: Path) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a Parquet file.

    Args:
        path: the file.
    """
    scanned = pl.scan_parquet(path)
    rows = scanned.select(pl.len()).collect().item()
    for start in range(0, rows, BATCH):
        yield from scanned.slice(start, BATCH).collect().iter_rows()


def sha256(path: Path) -> str:
    """Return the SHA-256 of the bytes of a file.

    Args:
        path: the file.
    """
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def manifest_of(path: Path) -> Path:
    """Return where the manifest of a Parquet file is.

    Args:
        path: the Parquet file.
    """
    return path.with_suffix(".json")


def write_manifest(path: Path, content: Mapping[str, Any]) -> None:
    """Write the manifest of a Parquet file, and wait until it is on disk.

    Args:
        path: the Parquet file.
        content: what the manifest says.
    """
    target = manifest_of(path)
    aside = target.with_name(f".new-{target.name}")
    aside.write_text(json.dumps(content, indent=2, default=str) + "\n", encoding="utf-8")
    _flush(aside)
    aside.replace(target)
    _flush(target.parent)


def remove(paths: Iterable[Path]) -> None:
    """Remove Parquet files with their manifests.

    Args:
        paths: the Parquet files.
    """
    for path in paths:
        path.unlink(missing_ok=True)
        manifest_of(path).unlink(missing_ok=True)


def recorded(path: Path) -> str:
    """Return how the ledger names a file: relative to the project if it is inside.

    Args:
        path: the file.
    """
    absolute = path.absolute()
    return str(absolute.relative_to(PROJECT_ROOT) if absolute.is_relative_to(PROJECT_ROOT) else absolute)


def located(text: str) -> Path:
    """Return the file that the ledger names.

    Args:
        text: what `recorded` returned.
    """
    return PROJECT_ROOT / text


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
