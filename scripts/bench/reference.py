"""The reference to beat: an SQL script builds a star schema on the same server as the warehouse."""

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from scripts import connection
from scripts.warehouse import server

SCRIPT = Path(__file__).with_name("reference.sql")
DATABASE = "bench_reference"


class Outcome(NamedTuple):
    """The totals that the script produced, and its duration."""

    seconds: float
    lines: int
    net_amount: Decimal


def run(csv: Path) -> Outcome:
    """Run the script in a temporary database.

    Args:
        csv: clean lines, as `deliveries.write_clean` writes them.

    Raises:
        subprocess.CalledProcessError: the script failed; psql printed the reason to standard error.
    """
    with _database() as environment:
        command = [server.binary("psql"), "-X", "-q", "-v", f"csv={csv}", "-f", str(SCRIPT)]
        began = time.perf_counter()
        subprocess.run(command, env=os.environ | environment, check=True)
        seconds = time.perf_counter() - began
        with psycopg.connect(connection.url(operator=True), dbname=DATABASE, options=connection.OPTIONS) as session:
            lines, net_amount = totals(session, "public.fct_sales")
    return Outcome(seconds, lines, net_amount)


def totals(session: psycopg.Connection, fact: str) -> tuple[int, Decimal]:
    """Return the number of lines and the net amount of a fact table."""
    query = sql.SQL("select count(*), sum(net_amount) from {}").format(sql.Identifier(*fact.split(".")))
    found: tuple[int, Decimal] | None = session.execute(query).fetchone()
    assert found
    return found


@contextmanager
def _database() -> Iterator[dict[str, str]]:
    """Create an empty database on the server in use; a checkpoint first writes all earlier changes to disk."""
    with psycopg.connect(connection.url(operator=True), autocommit=True, options=connection.OPTIONS) as session:
        session.execute(f"drop database if exists {DATABASE} with (force)")
        session.execute(f"create database {DATABASE}")
        session.execute("checkpoint")
        try:
            yield connection.libpq_environment(operator=True) | {"PGDATABASE": DATABASE}
        finally:
            session.execute(f"drop database {DATABASE} with (force)")
