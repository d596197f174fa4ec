"""Open a connection for landing, and prepare the database."""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

import psycopg
from psycopg.rows import TupleRow

from scripts.connection import set_search_path
from scripts.errors import Refusal
from scripts.land.bronze.role import refuse_without_record, step_down
from scripts.land.bronze.schema import ensure, summarize
from scripts.land.contract import Contract


@contextmanager
def prepared(connection: psycopg.Connection[TupleRow], contract: Contract, *, dry_run: bool) -> Iterator[None]:
    """Create what is missing in the database, then drop all rights that landing does not need.

    Args:
        connection: a connection from `connect`.
        contract: the tables that must exist.
        dry_run: whether to roll everything back at the end, including the work in the `with` block.
    """
    with connection.transaction(force_rollback=True) if dry_run else nullcontext():
        ensure(connection, contract)
        summarize(connection, contract)
        step_down(connection, contract)
        refuse_without_record(connection)
        yield


def connect(connection_url: str) -> psycopg.Connection[TupleRow]:
    """Open a connection in autocommit mode.

    Raises:
        Refusal: the database is not encoded in UTF-8.
        psycopg.Error: the connection fails.
    """
    connection = psycopg.connect(
        connection_url,
        autocommit=True,
        client_encoding="utf8",
        connect_timeout=10,
        fallback_application_name="scripts.land",
    )
    set_search_path(connection)
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise Refusal(f"the database is encoded in {encoding}: create it with encoding UTF8.")
    # The commits of files do not wait for the disk. `make_durable` waits once for all of them.
    connection.execute("set synchronous_commit to off")
    # Each statement must see what other loaders committed while the previous statement waited for the lock.
    connection.execute("set default_transaction_isolation to 'read committed'")
    return connection
