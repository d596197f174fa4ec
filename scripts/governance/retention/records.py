"""What the warehouse knows of the archive: `bronze.archives`."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click
import psycopg
from psycopg.rows import class_row

from scripts import connection, locks, revisions
from scripts.errors import Refusal
from scripts.governance.retention import store
from scripts.governance.retention.content import REJECTED, Column, Content, Relation
from scripts.governance.retention.due import Leaving
from scripts.land.bronze.ledger import LANDING_LOCK

PATIENCE_SECONDS = 10.0

ALL = """
    select
        archives.archive_id,
        archives.relation,
        archives.file_id,
        landed_files.name as file_name,
        landed_files.landed_at,
        archives.rows,
        archives.columns,
        archives.content_sha256,
        archives.path,
        archives.file_sha256,
        archives.oldest,
        archives.newest,
        archives.corrected_by,
        archives.archived_at,
        archives.restored_at
    from bronze.archives
    left join bronze.landed_files on archives.file_id = landed_files.file_id
    order by archives.archive_id
"""
ADD = """
    insert into bronze.archives (
        relation, file_id, rows, columns, content_sha256, path, file_sha256, oldest, newest, corrected_by
    )
    values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    returning archive_id
"""
# Of a file, delivered rows and rejected rows leave and come back each on their own.
MOVE = """
    update bronze.landed_files
    set
        rows_archived = rows_archived + %(archived)s,
        rows_loaded = rows_loaded - %(loaded)s,
        rows_rejected = rows_rejected - %(rejected)s
    where file_id = %(file_id)s
"""


@dataclass(frozen=True)
class Archive:
    """Rows that left bronze together.

    Attributes:
        archive_id: the number of the archive.
        relation: the table of bronze that they left.
        file_id: their landed file, or None of `refused_files`.
        file_name: the name of the landed file.
        landed_at: when the file landed.
        rows: their number.
        columns: their columns, as `[name, type]`.
        content_sha256: their checksum.
        path: the Parquet file, or None if they were dropped.
        file_sha256: the hash of its bytes.
        oldest: the date of the oldest row.
        newest: the date of the newest row.
        corrected_by: files that corrected rows of this file when it left.
        archived_at: when they left.
        restored_at: when they came back, if they have.
    """

    archive_id: int
    relation: str
    file_id: int | None
    file_name: str | None
    landed_at: datetime | None
    rows: int
    columns: list[list[str]]
    content_sha256: str
    path: str | None
    file_sha256: str | None
    oldest: date | None
    newest: date | None
    corrected_by: list[int]
    archived_at: datetime
    restored_at: datetime | None

    @property
    def label(self) -> str:
        """What messages call it."""
        of = self.file_name or "refused files"
        return f"rejected rows of {of}" if self.relation == REJECTED else of

    @property
    def content(self) -> Content:
        """What its file must hold."""
        return Content(self.rows, self.content_sha256)

    @property
    def table(self) -> Relation:
        """Its table, with the columns of the file."""
        return Relation(self.relation, tuple(Column(*column) for column in self.columns))

    @property
    def file(self) -> Path:
        """Its Parquet file."""
        assert self.path is not None
        return store.located(self.path)

    def manifest(self) -> dict[str, Any]:
        """Return what the manifest beside its file says."""
        return {
            "archive_id": self.archive_id,
            "relation": self.relation,
            "file_id": self.file_id,
            "file_name": self.file_name,
            "rows": self.rows,
            "columns": self.columns,
            "content_sha256": self.content_sha256,
            "file_sha256": self.file_sha256,
            "oldest": self.oldest and self.oldest.isoformat(),
            "newest": self.newest and self.newest.isoformat(),
            "corrected_by": self.corrected_by,
            "archived_at": self.archived_at.isoformat(timespec="seconds"),
        }


def archives(session: psycopg.Connection[Any]) -> list[Archive]:
    """Return all archives, the oldest first.

    Args:
        session: a session whose time zone is UTC.
    """
    return session.cursor(row_factory=class_row(Archive)).execute(ALL).fetchall()


def add(session: psycopg.Connection[Any], of: Relation, leaving: Leaving, content: Content, file: Path | None) -> int:
    """Record rows that leave bronze, and return the number of the archive.

    Args:
        session: in the transaction that deletes the rows.
        of: their table.
        leaving: the rows.
        content: their number and checksum.
        file: their Parquet file.
    """
    path, sha256 = (store.recorded(file), store.sha256(file)) if file else (None, None)
    columns, later = json.dumps(of.columns), json.dumps(leaving.corrected_by)
    values = [of.name, leaving.file_id, content.rows, columns, content.sha256, path, sha256, *leaving.span, later]
    (archive_id,) = session.execute(ADD, values).fetchall()[0]
    move(session, of.name, leaving.file_id, content.rows)
    return int(archive_id)


def move(session: psycopg.Connection[Any], relation: str, file_id: int | None, rows: int) -> None:
    """Let the ledger count rows as archived.

    Args:
        session: in the transaction that deletes the rows.
        relation: their table.
        file_id: their landed file.
        rows: their number; negative if they come back.
    """
    rejected = rows if relation == REJECTED else 0
    session.execute(MOVE, {"archived": rows, "loaded": rows - rejected, "rejected": rejected, "file_id": file_id})


@contextmanager
def alone() -> Iterator[psycopg.Connection[Any]]:
    """Open a session beside which nothing is built and nothing lands.

    Raises:
        Refusal: a build or a landing is running, or the warehouse is of another revision than this code.
    """
    if connection.target_name() == "dev":
        raise Refusal("target 'dev' shares bronze with production: archive with DBT_TARGET=prod. Nothing changed.")
    with connection.connect(autocommit=True, name="scripts.governance.retention") as session:
        if revisions.is_missing(session):
            raise Refusal("nothing has landed, so there is nothing to archive or restore: run `make build` first.")
        for lock, what in ((locks.BUILD_LOCK, "the build lock"), (LANDING_LOCK, "the landing lock")):
            try:
                locks.take(
                    session,
                    lock,
                    what=what,
                    patience=PATIENCE_SECONDS,
                    say=lambda line: click.echo(line, err=True),
                    statement=locks.TRY_SESSION,
                )
            except psycopg.errors.LockNotAvailable as error:
                raise Refusal(f"{error}, and run this again. Nothing changed.") from error
        session.execute("set timezone to 'UTC'")
        yield session
