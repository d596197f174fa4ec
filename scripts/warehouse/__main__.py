"""`python -m scripts.warehouse`: the embedded server from the command line."""

import os
import sys
import time
from datetime import timedelta

import click

from scripts import connection
from scripts.errors import Refusal
from scripts.paths import warehouse_home
from scripts.warehouse import server

# As `pg_ctl status` answers.
EXIT_NOT_RUNNING = 3


@click.group()
def main() -> None:
    """Run the embedded PostgreSQL server of this project."""


@main.command()
def start() -> None:
    """Start the server, and make it first if need be."""
    began = time.monotonic()
    if server.ensure_running():
        click.echo(f"started in {time.monotonic() - began:.1f} s: {_description()}")
    else:
        click.echo(f"already running: {_description()}")


@main.command()
def stop() -> None:
    """Stop the server; sessions are ended, data stays."""
    click.echo("stopped" if server.stop() else "not running")


@main.command()
@click.pass_context
def status(context: click.Context) -> None:
    """Tell whether the server runs; exit code 3 when it does not."""
    if server.is_running():
        click.echo(f"running: {_description()}")
        return
    home = warehouse_home()
    state = "stopped" if server.find() is None else "starting or stopping"
    click.echo(f"{state}: PostgreSQL {server.version()}, {server.human_size(server.data_size())} in {home}")
    context.exit(EXIT_NOT_RUNNING)


@main.command()
def url() -> None:
    """Print the libpq URI of the target in use, of the embedded server as its superuser."""
    click.echo(connection.url(operator=True))


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def psql(arguments: tuple[str, ...]) -> None:
    """Open psql on the target in use, on the embedded server as its superuser; what follows `--` goes to psql."""
    if connection.target_name() == "local" and not server.is_running():
        raise Refusal("the server is not running: start it with `python -m scripts.warehouse start`.")
    program = server.binary("psql")
    # The catalog first: a function that another role has put into `public` would run with the rights of this session.
    options = {"PGOPTIONS": os.environ.get("PGOPTIONS", "-c search_path=pg_catalog,gold")}
    # By the environment, as anybody on the machine can read a command line, password and all.
    os.execve(program, [program, *arguments], os.environ | options | connection.libpq_environment(operator=True))


@main.command()
@click.option("--yes", is_flag=True, help="Do not ask.")
def destroy(yes: bool) -> None:
    """Stop the server and delete all its data."""
    home = warehouse_home()
    if not yes:
        if not sys.stdin.isatty():
            raise Refusal("this deletes all data, and there is no terminal to ask at: add --yes.")
        click.confirm(f"Delete all data of the server in {home}?", abort=True)
    server.destroy()
    click.echo(f"deleted the server in {home}")


def _description() -> str:
    found = server.find()
    if found is None:
        return "ended a moment ago"
    uptime = timedelta(seconds=max(0, int(time.time() - found.started)))
    size = server.human_size(server.data_size())
    return f"PostgreSQL {server.version()}, pid {found.pid}, up {uptime}, {size} in {warehouse_home()}"


if __name__ == "__main__":
    main(prog_name="python -m scripts.warehouse")
