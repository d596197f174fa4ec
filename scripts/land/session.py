"""A connection that is fit for landing, and a database that is."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import psycopg
from psycopg.rows import TupleRow

from scripts.errors import Refusal
from scripts.land.contract import Contract
from scripts.land.layout import ensure, summarize
from scripts.land.role import step_down


@contextmanager
def readied(connection: psycopg.Connection[TupleRow], contract: Contract, *, dry_run: bool) -> Iterator[None]:
    """Make what is missing in the database, and go on with no more rights than it takes.

    Args:
        connection: as `connect` returns it.
        contract: what there must be.
        dry_run: whether to take everything back at the end, that too which is done meanwhile.
    """
    with connection.transaction(force_rollback=True) if dry_run else nullcontext():
        ensure(connection, contract)
        summarize(connection, contract)
        step_down(connection, contract)
        yield


def connect(connection_url: str) -> psycopg.Connection[TupleRow]:
    """Open a connection in autocommit mode.

    Raises:
        Refusal: the database is not encoded in UTF-8.
        psycopg.Error: there is no way in.
    """
    connection = psycopg.connect(
        connection_url,
        autocommit=True,
        client_encoding="utf8",
        connect_timeout=10,
        fallback_application_name="scripts.land",
    )
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise Refusal(f"the database is encoded in {encoding}: create it with encoding UTF8.")
    # A commit for each file waits for no disk; `make_durable` waits once for all of them.
    connection.execute("set synchronous_commit to off")
    # Each statement must see what was committed while the one before it waited for its turn.
    connection.execute("set default_transaction_isolation to 'read committed'")
    return connection
