"""`make roles` and `make user`: who may see what."""

import getpass
import sys

import click
import psycopg

from scripts import connection
from scripts.errors import Refusal
from scripts.governance.roles import apply as applying
from scripts.governance.roles import users
from scripts.governance.roles.declaration import read_roles

EXIT_DRIFT = 1
SHARED_TARGETS = ("local", "prod")


@click.group()
def main() -> None:
    """Create and compare the roles that roles.yml declares."""
    target = connection.target_name()
    if target not in SHARED_TARGETS:
        raise Refusal(f"target {target!r} has no roles: they belong to the schemas of {' and '.join(SHARED_TARGETS)}.")


@main.command("apply")
@click.option("--check", is_flag=True, help="Compare only, and change nothing.")
@click.pass_context
def apply(context: click.Context, check: bool) -> None:
    """Create missing roles, grant missing rights, and report every other difference, one line each."""
    roles = read_roles()
    with _connected() as session:
        if check:
            drift = applying.compare(session, roles)
        else:
            created, granted, drift = applying.apply(session, roles)
            told = f"created {', '.join(created)}" if created else "all exist"
            click.echo(f"{len(roles)} roles: {told}; {granted} rights granted.")
    for role, difference, statement in drift:
        click.echo(f"drift: {role} {difference}: {statement}", err=True)
    if drift:
        context.exit(EXIT_DRIFT)
    click.echo("The roles are as roles.yml declares.")


@main.command("user")
@click.option("--name", default="", help="The login.")
@click.option("--role", default="", help="The role whose rights the login gets.")
def user(name: str, role: str) -> None:
    """Make a login with the rights of a role. The password comes from the terminal or from standard input."""
    roles = read_roles()
    users.refuse_bad_name(name)
    users.refuse_bad_role(role, roles)
    password = _password(name)
    users.refuse_weak_password(password, name)
    with _connected() as session:
        is_new = users.make_user(session, name, role, password)
        listening = _loopback(session)
    click.echo(f"{name} {'may log in' if is_new else 'has a new password'}, with the rights of {role}.")
    click.echo(listening.format(name=name))


def _connected() -> psycopg.Connection:
    return connection.connect(autocommit=True, name="scripts.roles", operator=True)


def _password(name: str) -> str:
    """Return the password that was typed twice, or the first line of standard input. It is never an argument."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    password = getpass.getpass(f"Password of {name}: ")
    if password and getpass.getpass("Again: ") != password:
        raise Refusal("the two passwords differ, so no login was made.")
    return password


def _loopback(session: psycopg.Connection) -> str:
    """Return how a login reaches the server. The socket of the embedded server is for the operator only."""
    ((addresses, port),) = session.execute(
        "select current_setting('listen_addresses'), current_setting('port')"
    ).fetchall()
    if connection.target_name() != "local":
        return f"Connect with: psql 'host={session.info.host} dbname={session.info.dbname} user={{name}}'"
    if not addresses:
        return (
            "The server does not listen on the network yet: write listen_addresses = '127.0.0.1' to "
            ".warehouse/override.conf, then stop and start it (docs/postgresql.md)."
        )
    return f"Connect with: psql 'host={addresses.split(',')[0]} port={port} dbname={session.info.dbname} user={{name}}'"


if __name__ == "__main__":
    main(prog_name="python -m scripts.governance.roles")
