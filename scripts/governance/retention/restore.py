"""Bring archived rows back, if their files hold what left."""

import hashlib
import json
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import psycopg

from scripts.errors import Refusal, printable
from scripts.governance.retention import content, records, store
from scripts.governance.retention.records import Archive

EVENT = "select audit.record_event('archive restored', 'bronze', %s)"
RESTORED = "update bronze.archives set restored_at = clock_timestamp() where archive_id = %s"
# What makes an archive, as its manifest and the ledger say it.
SAME = ("relation", "file_id", "rows", "columns", "content_sha256", "file_sha256")


def chosen(session: psycopg.Connection[Any], name: str, *, everything: bool) -> list[tuple[Archive, Path]]:
    """Return the archives to restore, with their Parquet files.

    A file comes back with its rejected rows, and with the files that corrected its rows: without them, rows that were
    replaced would count again.

    Args:
        session: a session whose time zone is UTC.
        name: a manifest, or the name of a landed file.
        everything: whether to restore all archives.

    Raises:
        Refusal: no archive has this name, or the manifest is not what the ledger says.
    """
    out = [each for each in records.archives(session) if each.restored_at is None and each.path]
    if everything:
        return [(each, each.file) for each in out]
    manifest = Path(name)
    if name.endswith(".json") and manifest.is_file():
        first = _by_manifest(out, manifest)
        wanted, beside = [first], {first.archive_id: manifest.with_suffix(store.SUFFIX)}
    else:
        wanted = [each for each in out if name in (each.file_name, each.relation if each.file_id is None else None)]
        beside = {}
    if not wanted:
        known = f"{len(out):,} archives can be restored" if out else "no archive can be restored"
        raise Refusal(
            f"{printable(name)!r} is neither a manifest of the archive nor the name of an archived file; {known}: see "
            "bronze.archives. Nothing changed."
        )
    found = {each.archive_id: each for each in wanted}
    while more := [each for each in out if each.archive_id not in found and _belongs(each, list(found.values()))]:
        found |= {each.archive_id: each for each in more}
    return [(each, beside.get(number, each.file)) for number, each in sorted(found.items())]


def restore(session: psycopg.Connection[Any], wanted: Sequence[tuple[Archive, Path]]) -> int:
    """Put archived rows back in one transaction, and return their number.

    Args:
        session: a session in autocommit mode, beside which nothing is built and nothing lands.
        wanted: the archives with their Parquet files.

    Raises:
        Refusal: a file is missing or was changed. Nothing changed.
    """
    with session.transaction():
        for each, path in wanted:
            _restore(session, each, path)
        # The ledger has changed, so its trigger erases the people who were erased while the rows were in the archive
        # (`bronze.erase_again`).
        hashes = " ".join(each.content_sha256 for each, _ in wanted)
        details = {
            "archives": [each.archive_id for each, _ in wanted],
            "rows": sum(each.rows for each, _ in wanted),
            "sha256": hashlib.sha256(hashes.encode()).hexdigest(),
        }
        session.execute(EVENT, [json.dumps(details)])
    return sum(each.rows for each, _ in wanted)


def verify(each: Archive, path: Path) -> None:
    """Compare the bytes of a Parquet file with the ledger, before anything reads it.

    Args:
        each: the archive.
        path: its Parquet file.

    Raises:
        Refusal: it is missing or was changed.
    """
    try:
        found = store.sha256(path)
    except OSError as error:
        raise Refusal(
            f"{path}, the archive of {printable(each.label)}, cannot be read: {error.strerror}: bring it back, or "
            "name its manifest in another folder (FILE=...). Nothing changed."
        ) from error
    if found != each.file_sha256:
        raise Refusal(
            f"{path}, the archive of {printable(each.label)}, was changed: its SHA-256 is {found[:12]}..., and the "
            f"ledger says {str(each.file_sha256)[:12]}...: bring the file back from a backup. Nothing changed."
        )


def _restore(session: psycopg.Connection[Any], each: Archive, path: Path) -> None:
    verify(each, path)
    present = {column.name for column in content.relation(session, each.relation).columns}
    if missing := [column.name for column in each.table.columns if column.name not in present]:
        raise Refusal(
            f"{path} has the column {missing[0]!r}, which bronze.{each.relation} lacks: add it to the contract, and "
            "land or build once. Nothing changed."
        )
    found = content.read_back(session, each.table, store.read(path))
    if found != each.content or content.put_back(session, each.table) != each.rows:
        raise Refusal(
            f"{path} does not hold the {each.rows:,} rows that left bronze.{each.relation}: it holds "
            f"{found.rows:,}, or other values. Bring the file back from a backup. Nothing changed."
        )
    records.move(session, each.relation, each.file_id, -each.rows)
    session.execute(RESTORED, [each.archive_id])


def _by_manifest(out: Sequence[Archive], manifest: Path) -> Archive:
    """Return the archive of a manifest.

    Raises:
        Refusal: it is not what the ledger says.
    """
    try:
        said = json.loads(manifest.read_text(encoding="utf-8"))
        number = said["archive_id"]
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise Refusal(f"{manifest} is no manifest of the archive: give the .json beside a Parquet file.") from error
    of = [each for each in out if each.archive_id == number]
    if not of:
        raise Refusal(f"{manifest}: archive {number} was restored before, or is of another warehouse. Nothing changed.")
    known = of[0].manifest()
    if changed := [key for key in SAME if said.get(key) != known[key]]:
        raise Refusal(
            f"{manifest} was changed: its {changed[0]} is not that of the ledger. Bring the manifest back from a "
            "backup. Nothing changed."
        )
    return of[0]


def _belongs(each: Archive, found: Sequence[Archive]) -> bool:
    """Return whether an archive must come back with others."""
    return each.file_id is not None and any(
        each.file_id == other.file_id or each.file_id in other.corrected_by or _may_correct(each, other)
        for other in found
    )


def _may_correct(each: Archive, other: Archive) -> bool:
    """Return whether a file landed after another had left, with rows of the same time: the two were never compared."""
    return (
        each.relation == other.relation
        and each.landed_at is not None
        and each.landed_at > other.archived_at
        and (each.oldest or date.max) <= (other.newest or date.min)
    )
