"""Which PostgreSQL to talk to: the same targets, and the same environment variables, as `profiles.yml`."""

import logging
import os
import re
from urllib.parse import quote

import psycopg
from psycopg.rows import TupleRow

from scripts.errors import Refusal
from scripts.paths import socket_dir

# What psycopg warns of when a server goes away, we say ourselves, in one line.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

LOCAL_DATABASE = "retail"
# Builds, landing and reports work as this role, which owns the warehouse and is no superuser.
LOCAL_USER = "retail_builder"
# The superuser of the embedded server, for what only a superuser may do: roles, logins, other databases.
LOCAL_OPERATOR = "postgres"
PORT = "5432"
REMOTE_TARGETS = ("ci", "dev", "prod")
PREFIXED_TARGETS = ("ci", "dev")
REQUIRED_VARIABLES = ("PGHOST", "PGUSER", "PGPASSWORD", "PGDATABASE")
# `pg_input_is_valid`, on which the typing of lines rests, is of version 16.
OLDEST_VERSION = 16
# Our sessions have many rights, so they resolve names in the catalog only. A function that another role has put into
# `public` would otherwise win wherever its arguments fit better, and would run with these rights.
SEARCH_PATH = "pg_catalog,pg_temp"
# The same for a session that libpq or another program opens.
OPTIONS = f"-c search_path={SEARCH_PATH}"
# `macros/generate_schema_name.sql` has the same pattern. PostgreSQL cuts names at 63 bytes, and the layers add to this.
PREFIX = re.compile(r"[a-z_][a-z0-9_]{0,39}")


def target_name() -> str:
    """Return the target in use: `DBT_TARGET`, else `local`."""
    return os.environ.get("DBT_TARGET") or "local"


def libpq_environment(target: str | None = None, *, operator: bool = False) -> dict[str, str]:
    """Return the environment variables that make libpq connect to a target (PostgreSQL manual, 32.15).

    All five are always there, so that one set for another server cannot slip in.

    Args:
        target: a target of `profiles.yml`; the one in use when omitted.
        operator: whether to connect to the embedded server as its superuser. Other targets know one user only.

    Raises:
        Refusal: the target is unknown, or an environment variable that it needs is not set.
    """
    target = target or target_name()
    if target == "local":
        return {
            "PGHOST": str(socket_dir()),
            "PGPORT": PORT,
            "PGUSER": LOCAL_OPERATOR if operator else LOCAL_USER,
            "PGPASSWORD": "",
            "PGDATABASE": LOCAL_DATABASE,
        }
    if target not in REMOTE_TARGETS:
        known = ", ".join(("local", *REMOTE_TARGETS))
        raise Refusal(f"target {target!r} is not in profiles.yml: set DBT_TARGET to one of {known}.")
    required = (*REQUIRED_VARIABLES, "DBT_SCHEMA") if target == "dev" else REQUIRED_VARIABLES
    missing = [name for name in required if not os.environ.get(name)]
    if missing:
        raise Refusal(f"target {target!r} needs {', '.join(missing)}: export it, or leave DBT_TARGET unset for local.")
    prefix = os.environ.get("DBT_SCHEMA", target)
    if target in PREFIXED_TARGETS and not PREFIX.fullmatch(prefix):
        raise Refusal(
            f"DBT_SCHEMA={prefix!r} is no prefix for schemas: give 1 to 40 lower case letters, digits and underscores, "
            "with no digit first."
        )
    given = {name: os.environ[name] for name in REQUIRED_VARIABLES}
    return given | {"PGPORT": os.environ.get("PGPORT") or PORT}


def url(target: str | None = None, *, operator: bool = False) -> str:
    """Return the libpq URI of a target.

    Args:
        target: a target of `profiles.yml`; the one in use when omitted.
        operator: whether to connect to the embedded server as its superuser.

    Raises:
        Refusal: the target is unknown, or an environment variable that it needs is not set.
    """
    given = {name: quote(value, safe="") for name, value in libpq_environment(target, operator=operator).items()}
    login = f"{given['PGUSER']}:{given['PGPASSWORD']}".rstrip(":")
    return f"postgresql://{login}@/{given['PGDATABASE']}?host={given['PGHOST']}&port={given['PGPORT']}"


def schema_of(layer: str) -> str:
    """Return the name that macros/generate_schema_name.sql gives the schema of a layer in the target in use.

    Args:
        layer: such as `gold`, which is the name itself in targets that everyone shares.
    """
    target = target_name()
    return f"{os.environ.get('DBT_SCHEMA', target)}_{layer}" if target in PREFIXED_TARGETS else layer


def audit_schema() -> str:
    """Return the name of the schema `audit` in the target in use."""
    return schema_of("audit")


def refuse_to_land_for_developers() -> None:
    """Keep developers' files out of bronze, which they share with production.

    Raises:
        Refusal: the target in use is `dev`.
    """
    if target_name() == "dev":
        raise Refusal("target 'dev' builds from what `prod` has landed, and lands nothing: run `make build` alone.")


def connect(
    target: str | None = None, *, autocommit: bool = False, name: str = "scripts", operator: bool = False
) -> psycopg.Connection:
    """Open a connection to a target. It resolves names in the catalog of PostgreSQL only, see `SEARCH_PATH`.

    Args:
        target: a target of `profiles.yml`; the one in use when omitted.
        autocommit: whether each statement is its own transaction.
        name: the name that others see in `pg_stat_activity`, unless PGAPPNAME is set.
        operator: whether to connect to the embedded server as its superuser.

    Raises:
        Refusal: the server does not answer, does not let us in or is too old; the message says what to do.
    """
    target = target or target_name()
    try:
        session = psycopg.connect(
            url(target, operator=operator), autocommit=True, connect_timeout=10, fallback_application_name=name
        )
        set_search_path(session)
    except psycopg.OperationalError as error:
        reason = " ".join(str(error).split())
        remedy = "start it with `python -m scripts.warehouse start`" if target == "local" else "check the PG* variables"
        raise Refusal(f"cannot connect to target {target!r}: {reason}; {remedy}.") from error
    version = session.info.server_version
    if version < OLDEST_VERSION * 10_000:
        session.close()
        raise Refusal(
            f"target {target!r} is PostgreSQL {version // 10_000}: version {OLDEST_VERSION} or newer is needed."
        )
    session.autocommit = autocommit
    return session


def set_search_path(session: psycopg.Connection[TupleRow]) -> None:
    """Let a session resolve names in the catalog only. A pooler may refuse it as an option of the connection.

    Args:
        session: a connection in autocommit mode, so that no rollback takes it back.
    """
    session.execute(f"set search_path to {SEARCH_PATH}")
