"""Take rows out of bronze: write them to Parquet, read the file back, compare, and only then delete the rows."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from scripts.errors import Refusal, printable
from scripts.governance.retention import content, records, store
from scripts.governance.retention.content import Content, Relation
from scripts.governance.retention.due import Leaving

EVENT = "select audit.record_event('archive', 'bronze', %s)"


def archive(session: psycopg.Connection[Any], leaving: Sequence[Leaving], folder: Path, as_of: date) -> list[int]:
    """Archive rows in one transaction, and return the numbers of the archives.

    Args:
        session: a session in autocommit mode, beside which nothing is built and nothing lands.
        leaving: the rows.
        folder: the folder of the archive.
        as_of: the day from which ages count.

    Raises:
        Refusal: a file cannot be written, or does not hold the rows. Nothing changed.
    """
    files: list[Path] = []
    # A file is named by its content, so it may be here: from a command that was killed, or of another warehouse.
    present = {*folder.rglob(f"*{store.SUFFIX}")}
    try:
        with session.transaction():
            archived = [_archive(session, each, folder, files) for each in leaving]
            session.execute(EVENT, [json.dumps(_summary(session, archived, leaving, as_of))])
            manifests = {each.archive_id: each for each in records.archives(session)}
            for number in archived:
                if manifests[number].path:
                    store.write_manifest(manifests[number].file, manifests[number].manifest())
    except BaseException as error:
        store.remove({*files} - present)
        if isinstance(error, OSError):
            raise Refusal(
                f"the archive {folder} cannot be written: {error.strerror or error}: free the space or "
                "give another folder (TO=...). Nothing changed."
            ) from error
        raise
    for name in sorted({each.relation for each in leaving}):
        # Deleted rows stay on disk until a vacuum. A user who does not own the table leaves it to autovacuum.
        with suppress(psycopg.Error):
            session.execute(sql.SQL("vacuum {}").format(sql.Identifier(content.SCHEMA, name)))
    return archived


def _archive(session: psycopg.Connection[Any], leaving: Leaving, folder: Path, files: list[Path]) -> int:
    of = content.relation(session, leaving.relation)
    before = content.measure(session, of, leaving.where)
    if before.rows != leaving.rows:
        raise Refusal(
            f"{printable(leaving.name)}: the ledger counts {leaving.rows:,} rows and bronze.{of.name} holds "
            f"{before.rows:,}: run `make build`, whose checks say more. Nothing changed."
        )
    file = None
    if leaving.is_exported:
        label = of.name if leaving.file_id is None else f"{leaving.file_id:06}-{leaving.name}"
        file = export(session, of, leaving.where, before, folder / of.name / store.plain(label))
        files.append(file)
    number = records.add(session, of, leaving, before, file)
    deleted = content.delete(session, of, leaving.where)
    if deleted != before:
        raise Refusal(f"{printable(leaving.name)}: its rows changed while they were archived. Run this again.")
    return number


def export(
    session: psycopg.Connection[Any], of: Relation, where: sql.Composable, expected: Content, target: Path
) -> Path:
    """Write rows of bronze to a Parquet file, read it back, and return the file.

    Args:
        session: in a transaction, with the time zone UTC.
        of: the table of the rows.
        where: their condition.
        expected: the number and the checksum of the rows.
        target: the folder of the file, and the beginning of its name.

    Raises:
        Refusal: the file does not hold the rows that were written.
        OSError: the file cannot be written.
    """
    file = store.write(target, of, _batches(session, of, where))
    found = content.read_back(session, of, store.read(file))
    if found != expected:
        store.remove([file])
        raise Refusal(
            f"{file} was read back and does not hold the rows of bronze.{of.name}: {found.rows:,} rows instead of "
            f"{expected.rows:,}, or other values. Check the disk. Nothing changed."
        )
    return file


def _batches(
    session: psycopg.Connection[Any], of: Relation, where: sql.Composable
) -> Iterator[Sequence[Sequence[Any]]]:
    """Yield the rows in the order of their lines, without holding all of them in memory."""
    query = sql.SQL("select {} from {} where {} order by {}").format(
        of.exported(), of.identifier, where, sql.SQL(", ").join(sql.Identifier(name) for name in of.order)
    )
    with session.cursor(name="archived") as cursor:
        cursor.execute(query)
        while rows := cursor.fetchmany(store.BATCH):
            yield rows


def _summary(
    session: psycopg.Connection[Any], archived: Sequence[int], leaving: Sequence[Leaving], as_of: date
) -> dict[str, Any]:
    numbers = set(archived)
    hashes = [each.content_sha256 for each in records.archives(session) if each.archive_id in numbers]
    return {
        "as_of": as_of.isoformat(),
        "archives": len(archived),
        "rows": sum(each.rows for each in leaving),
        "first_archive_id": min(archived),
        "last_archive_id": max(archived),
        # of the checksums of the archives, in the order of their numbers
        "sha256": hashlib.sha256(" ".join(hashes).encode()).hexdigest(),
    }
