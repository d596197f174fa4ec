"""`make migrate`: bring a warehouse with data to the revision of this code, or take revisions back."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
import psycopg

from scripts import connection, locks, revisions
from scripts.errors import Refusal, said_in_one_line
from scripts.land.bronze.ledger import LANDING_LOCK
from scripts.paths import PROJECT_ROOT
from scripts.privacy import keep_private

if TYPE_CHECKING:
    from alembic.config import Config

PATIENCE_SECONDS = 10.0


@click.command()
@click.option("--down", type=click.IntRange(min=1), help="Take back this number of revisions.")
@click.option("--sql", "as_sql", is_flag=True, help="Print the statements for a reviewer, and change nothing.")
@click.option("--status", is_flag=True, help="Show the revision of the warehouse and of this code.")
def main(down: int | None, as_sql: bool, status: bool) -> None:
    """Bring the warehouse to the last revision of this code.

    Each revision is one transaction, which waits two seconds for a lock. DBT_TARGET names the warehouse; on the
    embedded server, the superuser migrates. Only a superuser gives the log of events to a role of its own.
    """
    keep_private()
    if connection.target_name() == "dev":
        raise Refusal("target 'dev' shares bronze with production: migrate with DBT_TARGET=prod.")
    if as_sql:
        with connection.connect(autocommit=True) as session:
            found = revisions.current(session)
        _print_sql(None if found == revisions.UNSTAMPED else found, down)
        return
    with _alone() as session:
        found = revisions.current(session)
        if status:
            click.echo(f"The warehouse is at {_name(found)}; this code is at revision {revisions.head()}.")
            return
        target = _target(found, down)
        if found is None:
            # As the role that builds, which will own the ledger.
            with connection.connect() as builder:
                revisions.create(builder)
        elif target != found:
            _run(session, "downgrade" if down else "upgrade", target)
    with connection.connect(autocommit=True, operator=True) as session:
        revisions.protect(session)
    if target == found:
        click.echo(f"The warehouse is at revision {found}, the last one: nothing to do.")
    else:
        click.echo(f"Migrated from {_name(found)} to revision {target}.")


def _name(found: str | None) -> str:
    return f"revision {found}" if found else "no revision, as nothing has landed,"


def _target(found: str | None, down: int | None) -> str:
    """Return the revision to go to.

    Raises:
        Refusal: the warehouse is newer than this code, or there are not so many revisions to take back.
    """
    numbers = [revision.number for revision in revisions.revisions()]
    if found not in (None, revisions.UNSTAMPED, *numbers):
        raise Refusal(revisions.mismatch(str(found)))
    if not down:
        return revisions.head()
    place = numbers.index(found) if found in numbers else -1
    if place < down:
        raise Refusal(
            f"the warehouse is at {_name(found)}, so {down} cannot be taken back: revision {numbers[0]} is the shape "
            "of every warehouse. Nothing changed."
        )
    return numbers[place - down]


@contextmanager
def _alone() -> Iterator[psycopg.Connection]:
    """Open a session that no loader lands beside."""
    with connection.connect(autocommit=True, name="scripts.migrate", operator=True) as session:
        try:
            locks.take(
                session,
                LANDING_LOCK,
                what="the landing lock",
                patience=PATIENCE_SECONDS,
                say=lambda line: click.echo(line, err=True),
                statement=locks.TRY_SESSION,
            )
        except psycopg.errors.LockNotAvailable as error:
            raise Refusal(f"{error}, and run this again. Nothing changed.") from error
        yield session


def _run(session: psycopg.Connection, way: str, target: str) -> None:
    """Let Alembic run the revisions.

    Raises:
        Refusal: a revision failed. Those before it stay, and it left nothing behind.
    """
    from alembic import command  # noqa: PLC0415  # takes a second

    session.autocommit = False
    settings = _settings()
    settings.attributes["connect"] = lambda: session
    try:
        getattr(command, way)(settings, target)
    except psycopg.errors.LockNotAvailable as error:
        raise Refusal(
            f"{_said(error)}: another session holds a table that the revision needs. The revision left "
            "nothing behind: run `make migrate` again when the table is free."
        ) from error
    except psycopg.errors.InsufficientPrivilege as error:
        raise Refusal(
            f"{_said(error)}: migrate as the owner of the schema bronze, or as a superuser. The "
            "revision left nothing behind."
        ) from error
    except psycopg.Error as error:
        raise Refusal(f"{_said(error)}. The revision left nothing behind.") from error


def _said(error: psycopg.Error) -> str:
    """Return what the server says, without where in the statements it is."""
    return said_in_one_line(error.diag.message_primary or str(error))


def _print_sql(found: str | None, down: int | None) -> None:
    from alembic import command  # noqa: PLC0415  # takes a second

    numbers = [revision.number for revision in revisions.revisions()]
    target = _target(found, down)
    if down:
        command.downgrade(_settings(), f"{found}:{target}", sql=True)
    elif found == target:
        click.echo(f"-- The warehouse is at revision {found}, the last one: nothing to do.")
    else:
        start = found if found in numbers else "base"
        command.upgrade(_settings(), f"{start}:{target}", sql=True)


def _settings() -> "Config":
    from alembic.config import Config  # noqa: PLC0415  # of the extra `migrate`

    logging.getLogger("alembic").setLevel(logging.WARNING)
    return Config(toml_file=PROJECT_ROOT / "pyproject.toml")


if __name__ == "__main__":
    main(prog_name="python -m scripts.migrate")
