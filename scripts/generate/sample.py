"""The sample: generated deliveries that the first build lands, so that there is something to look at.

A database that holds the sample says so in its comment. The sample and real files never meet in one database, because
generated sales in a total would be taken for real.
"""

from pathlib import Path

import psycopg
from psycopg import sql

from scripts.paths import PROJECT_ROOT

FOLDER = PROJECT_ROOT / "data" / "sample"
ROWS, SEED = 100_000, 1
# The text stays as it is: databases of earlier versions hold it.
MARK = "holds the made-up sample"
SCHEMAS = ("bronze", "silver", "history", "gold", "audit")


def make() -> Path:
    """Return the folder of the sample. The first call generates it."""
    folder = FOLDER.relative_to(Path.cwd()) if FOLDER.is_relative_to(Path.cwd()) else FOLDER
    if not FOLDER.exists():
        from scripts.generate.__main__ import generate  # noqa: PLC0415  # imports numpy and polars, needed once

        FOLDER.parent.mkdir(exist_ok=True)
        options = {"rows": ROWS, "seed": SEED, "out": folder}
        generate([f"--{name}={value}" for name, value in options.items()], standalone_mode=False)
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
