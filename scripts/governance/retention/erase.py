"""Erase people from the files of the archive."""

from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from scripts.errors import Refusal
from scripts.governance.retention import content, records, store
from scripts.governance.retention.archive import export
from scripts.governance.retention.content import REFUSED, REJECTED
from scripts.governance.retention.records import Archive
from scripts.governance.retention.restore import verify

REWRITTEN = """
    update bronze.archives
    set rows = %s, content_sha256 = %s, path = %s, file_sha256 = %s
    where archive_id = %s
"""
# As if the rows had been erased while they were in bronze: a row that was erased is loaded and not archived.
LEDGER = """
    update bronze.landed_files
    set rows_archived = rows_archived - %(n)s, rows_loaded = rows_loaded + %(n)s
    where file_id = %(file_id)s and %(n)s <> 0
"""


def erase_from_archives(session: psycopg.Connection[Any]) -> tuple[int, list[Path]]:
    """Erase all people who have a tombstone from the files of the archive.

    The rows of each file come back to bronze, the functions of the erasure work on them there, and what is left goes
    to a new file: so the archive follows the same rules as bronze. No other session sees the rows in between.

    Args:
        session: in the transaction of the erasure, which holds the landing lock, with the time zone UTC.

    Returns:
        The number of files that held such people, and the old files: `store.remove` deletes them after the commit.

    Raises:
        Refusal: a file is missing or was changed.
    """
    touched, old = 0, []
    for each in records.archives(session):
        if not each.path:
            continue
        if each.restored_at is not None:
            # The rows are in bronze again, where they are erased: the file is one copy too many.
            old.append(each.file)
        elif _erase(session, each):
            touched += 1
            old.append(each.file)
    # Rows that came back and left again unchanged are in the file of the same name.
    in_use = {each.file for each in records.archives(session) if each.path and each.restored_at is None}
    return touched, [file for file in old if file not in in_use and file.exists()]


def _erase(session: psycopg.Connection[Any], each: Archive) -> bool:
    """Write the file again without the people, and return whether it held any."""
    verify(each, each.file)
    of = each.table
    if content.read_back(session, of, store.read(each.file)) != each.content:
        raise Refusal(f"{each.file} does not hold the rows that left bronze.{of.name}. Nothing changed.")
    where = content.of_file(of, each.file_id) if each.file_id is not None else sql.SQL("true")
    with session.transaction() as aside:
        content.put_back(session, of)
        if of.name in (REJECTED, REFUSED):
            session.execute("select bronze.erase_texts(%s)", [each.file_id])
        else:
            session.execute("select bronze.erase_rows(%s, %s)", [of.name, each.file_id])
        left = content.measure(session, of, where)
        if left == each.content:
            raise psycopg.Rollback(aside)
        file = export(session, of, where, left, each.file.with_name(each.file.stem.rpartition("-")[0]))
        content.delete(session, of, where)
        values = [left.rows, left.sha256, store.recorded(file), store.sha256(file), each.archive_id]
        session.execute(REWRITTEN, values)
        if each.file_id is not None:
            session.execute(LEDGER, {"n": each.rows - left.rows, "file_id": each.file_id})
        (changed,) = (one for one in records.archives(session) if one.archive_id == each.archive_id)
        store.write_manifest(file, changed.manifest())
        return True
    return False
