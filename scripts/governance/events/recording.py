"""Add events to `audit.events`, if the warehouse has the log already."""

import json
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import TupleRow

IS_THERE = "select to_regprocedure('audit.record_event(text, text, jsonb)') is not null"


def lock_log(connection: psycopg.Connection[TupleRow]) -> bool:
    """Wait until no other transaction adds an event. Call it before other locks, as a release does.

    Args:
        connection: in a transaction, of a user who may record events.

    Returns:
        Whether the warehouse has a log.
    """
    if connection.execute(IS_THERE).fetchone() != (True,):
        return False
    connection.execute("select audit.lock_events()")
    return True


def record_event(connection: psycopg.Connection[TupleRow], kind: str, subject: str, details: Mapping[str, Any]) -> None:
    """Add an event in the transaction of the connection. A warehouse that was not migrated yet goes without.

    Args:
        connection: of a user who may record events.
        kind: what happened.
        subject: to what it happened.
        details: what else is known, by name; no personal data and no password.
    """
    if connection.execute(IS_THERE).fetchone() == (True,):
        statement = "select audit.record_event(%s, %s, %s::jsonb)"
        connection.execute(statement, [kind, subject, json.dumps(details)])
