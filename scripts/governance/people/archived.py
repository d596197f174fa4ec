"""Find every row of a customer in the files of the archive, by the rules of `held`."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import psycopg

from scripts.errors import Refusal
from scripts.governance.people.held import ADDRESS, DELIVERED, EXTRA, FIELD, NUMBER, RAW, WORD, Held, Person, Table
from scripts.governance.retention import records, store
from scripts.governance.retention.records import Archive

LAYER = "archive"
IS_THERE = "select to_regclass('bronze.archives') is not null"
DIGITS = re.compile(DELIVERED.format("[0-9]+"))


def with_archived_addresses(session: psycopg.Connection[Any], who: Person) -> Person:
    """Add the addresses that only the archive knows.

    Args:
        session: a session that may read bronze.
        who: by what the rows are found.

    Raises:
        Refusal: a file of the archive is missing.
    """
    number = re.compile(DELIVERED.format(who.number))
    found = set(who.addresses)
    for archive in _archives(session):
        names = [name for name, _ in archive.columns]
        if NUMBER in names and ADDRESS in names:
            found |= {
                str(row[ADDRESS]).strip().lower()
                for row in _rows(archive)
                if row[ADDRESS] and number.search(str(row[NUMBER] or ""))
            }
    return who._replace(addresses=sorted(found))


def archived(session: psycopg.Connection[Any], who: Person) -> list[Held]:
    """Return the rows of a customer, file by file. Rows that came back from the archive are in bronze again.

    Args:
        session: a session that may read bronze.
        who: by what the rows are found.

    Raises:
        Refusal: a file of the archive is missing.
    """
    found = []
    for archive in _archives(session):
        rows = [json.dumps(row) for row in _rows(archive) if _is_of(row, who)]
        if rows:
            table = Table(LAYER, archive.relation, dict(archive.columns))
            found.append(Held(table, f"what is in {archive.path}", rows))
    return found


def _archives(session: psycopg.Connection[Any]) -> Iterator[Archive]:
    if session.execute(IS_THERE).fetchone() != (True,):
        return
    for archive in records.archives(session):
        if archive.path and archive.restored_at is None:
            if not archive.file.is_file():
                raise Refusal(
                    f"{archive.path} is missing, and may hold the customer: bring it back. Nothing was written."
                )
            yield archive


def _rows(archive: Archive) -> Iterator[dict[str, Any]]:
    names = [name for name, _ in archive.columns]
    for row in store.read(archive.file):
        yield dict(zip(names, row, strict=True))


def _is_of(row: Mapping[str, Any], who: Person) -> bool:
    words = "|".join(WORD.format(re.escape(address)) for address in who.addresses)
    if NUMBER in row:
        number = str(row[NUMBER] or "")
        if re.search(DELIVERED.format(who.number), number):
            return True
        address = str(row.get(ADDRESS) or "").strip().lower()
        if address in who.addresses and not DIGITS.search(number):
            return True
        return bool(words and re.search(words, str(row.get(EXTRA) or ""), re.IGNORECASE))
    texts = [str(row[name]) for name in RAW if row.get(name)]
    pattern = "|".join([FIELD.format(who.number), *([words] if words else [])])
    return any(re.search(pattern, text, re.IGNORECASE) for text in texts)
