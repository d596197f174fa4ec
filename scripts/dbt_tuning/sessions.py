"""Keeps dbt's sessions open from one node to the next. Needs dbt, whose import takes seconds."""

import psycopg2  # type: ignore[import-untyped]
from dbt.adapters.contracts.connection import ConnectionState
from dbt.adapters.postgres.connections import PostgresConnectionManager


def keep_sessions() -> None:
    """Have each thread of dbt go on with its session, where dbt closes it after each node.

    A new session knows nothing of the catalog and looks all up again, of partitions and their statistics as well. 104
    of them took the server 0.5 s of CPU of a build of one day. What a node leaves behind is discarded, as poolers do
    it: temporary tables, settings, locks.
    """
    close = PostgresConnectionManager.release

    def release(self: PostgresConnectionManager) -> None:
        connection = self.get_if_exists()
        # Discarding all would also take the role back that a profile can name.
        if connection is None or connection.state != ConnectionState.OPEN or connection.credentials.role:
            close(self)
            return
        try:
            handle = connection.handle
            handle.rollback()
            connection.transaction_open = False
            in_transactions = not handle.autocommit
            handle.autocommit = True
            with handle.cursor() as cursor:
                cursor.execute("discard all")
            handle.autocommit = not in_transactions
        except psycopg2.Error:
            close(self)

    PostgresConnectionManager.release = release  # type: ignore[method-assign, assignment]
