"""The sample: generated deliveries that the first build lands, so that there is something to look at.

A database that holds the sample says so in its comment. The sample and real files never meet in one database, because
generated sales in a total would be taken for real.
"""

import os
import subprocess
import sys
from pathlib import Path

import click
import psycopg
from psycopg import sql

from scripts.paths import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "data" / "sample"
ROWS, SEED = 100_000, 1
# The text stays as it is: databases of earlier versions hold it.
MARK = "holds the made-up sample"
SCHEMAS = ("bronze", "silver", "history", "profiles", "gold", "audit")


def make() -> Path:
    """Return the folder of the sample. The first call generates it."""
    folder = FOLDER.relative_to(Path.cwd()) if FOLDER.is_relative_to(Path.cwd()) else FOLDER
    if not FOLDER.exists():
        FOLDER.parent.mkdir(exist_ok=True)
        options = [f"--rows={ROWS}", f"--seed={SEED}", f"--out={folder}"]
        # In a process of its own, because this one parses the dbt project at the same time: 4 s instead of 14 s.
        done = subprocess.run(
            [sys.executable, "-m", "scripts.generate", *options],
            env=os.environ | {"PYTHONPATH": str(PROJECT_ROOT)},
            check=False,
        )
        if done.returncode:
            # It has said why.
            raise click.exceptions.Exit(done.returncode)
    return folder


def is_held(session: psycopg.Connection) -> bool:
    """Return whether the database holds the sample."""
    comment = session.execute(
        "select shobj_description(oid, 'pg_database') from pg_database where datname = current_database()"
    ).fetchone()
    return comment == (MARK,)


def mark(session: psycopg.Connection, held: bool) -> None:
    """Record on the database whether it holds the sample."""
    database, text = sql.Identifier(session.info.dbname), sql.Literal(MARK if held else None)
    session.execute(sql.SQL("comment on database {} is {}").format(database, text))


def give_way(session: psycopg.Connection) -> None:
    """Delete the sample and everything built from it, in one transaction. Other schemas stay.

    Args:
        session: a connection to a database that holds the sample.
    """
    with session.transaction():
        for schema in SCHEMAS:
            session.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(schema)))
        mark(session, held=False)
