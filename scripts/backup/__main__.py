"""`python -m scripts.backup`: backups, restores and the standby from the command line."""

import json
import time
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

import click

from scripts.backup import copying, erased, restore, standby, stock, take
from scripts.backup.stock import Backup
from scripts.errors import Refusal
from scripts.paths import warehouse_home
from scripts.warehouse import keeping, server

backups_option = click.option(
    "--backups",
    type=click.Path(path_type=Path),
    help="The folder of backups; by default the one in use, or <warehouse folder>-backups.",
)


@click.group()
def main() -> None:
    """Back up the embedded server, restore it, and let a standby follow it."""


@main.command(name="take")
@backups_option
@click.option("--full", is_flag=True, help="Copy all files, also if the changes since the last backup suffice.")
@click.option("--keep", type=click.IntRange(1), default=7, show_default=True, help="So many backups stay at least.")
@click.option(
    "--days", type=click.FloatRange(0), default=30, show_default=True, help="Backups younger than this all stay."
)
def take_command(backups: Path | None, *, full: bool, keep: int, days: float) -> None:
    """Take a backup, verify it, and delete outdated ones."""
    folder = _folder(backups)
    began = time.monotonic()
    backup = take.take(folder, full=full, say=click.echo)
    click.echo(f"backup {_line(backup)}, verified, {time.monotonic() - began:.1f} s: {folder / backup.name}")
    for gone in take.clear(folder, keep=keep, days=days):
        click.echo(f"deleted {gone.name}, which was outdated")


@main.command(name="list")
@backups_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(backups: Path | None, *, as_json: bool) -> None:
    """List the backups, the oldest first."""
    folder = _folder(backups)
    found = stock.read(folder)
    if as_json:
        click.echo(json.dumps([asdict(backup) for backup in found], indent=2))
    elif not found:
        click.echo(f"there are no backups in {folder}")
    for backup in found if not as_json else []:
        click.echo(_line(backup))


@main.command(name="restore")
@backups_option
@click.option("--backup", "name", default=restore.LATEST, show_default=True, help="Which backup, by its name.")
@click.option("--to", "until", help="Also the writes up to this time (UTC), or `latest`: all that the log holds.")
@click.option("--into", type=click.Path(path_type=Path), help="A new folder [default: <warehouse folder>-restored].")
def restore_command(backups: Path | None, name: str, until: str | None, into: Path | None) -> None:
    """Restore a backup into a new warehouse folder."""
    home = warehouse_home().resolve()
    target = (into or home.with_name(f"{home.name}-restored")).absolute()
    began = time.monotonic()
    backup, last = restore.restore(_folder(backups), name, target, until, say=click.echo)
    reached = f", with the log up to the transaction of {last}" if until and last else ""
    click.echo(
        f"restored {_line(backup)}{reached}, {time.monotonic() - began:.1f} s: WAREHOUSE_HOME={target} make psql"
    )
    # A restore to the time of an erasure or a later one has repeated it.
    reached_at = datetime.fromisoformat(last) if until and last else backup.end_time
    for customer in erased.erased_since(_folder(backups), reached_at):
        click.echo(
            f"customer {customer} was erased after this: run `WAREHOUSE_HOME={target} make forget CUSTOMER={customer}`"
        )
    if (target / "override.conf.of-backup").exists():
        click.echo(f"your settings are in {target}/override.conf.of-backup: rename it to override.conf to use them")


@main.command(name="standby")
@click.option("--folder", type=click.Path(path_type=Path), help="Its folder [default: <warehouse folder>-standby].")
@click.option("--remove", is_flag=True, help="Stop and delete it.")
def standby_command(folder: Path | None, *, remove: bool) -> None:
    """Start the standby, make it first if there is none, and tell how far it is behind."""
    if remove:
        standby.remove(say=click.echo)
        click.echo("the standby is removed")
        return
    lag = standby.follow(folder or standby.default_folder(warehouse_home()), say=click.echo)
    if lag is None:
        raise Refusal("the standby runs and does not stream: see server.log in its folder.")
    click.echo(f"the standby streams, {server.human_size(lag.bytes)} and {lag.seconds:.1f} s behind")


@main.command(name="promote")
def promote_command() -> None:
    """Let the standby take over from a server that is down."""
    folder = standby.promote(warehouse_home(), say=click.echo)
    click.echo(f"the standby took over: export WAREHOUSE_HOME={folder}")
    click.echo("it has neither backups nor a standby of its own yet: run `make backup` and `make standby` with it")


@main.command(name="off")
def off_command() -> None:
    """Stop archiving the log: no more backups, until the next one. Backups stay."""
    home = warehouse_home()
    server.ensure_running()
    if keeping.read(home).archive is None:
        click.echo("backups are off already")
    elif copying.switch(home, archive=None):
        click.echo("backups are off, and the server was restarted once; those that are there stay")


def _folder(backups: Path | None) -> Path:
    return (backups or stock.default_folder(warehouse_home())).absolute()


def _line(backup: Backup) -> str:
    release = f"release {backup.release_id}" if backup.release_id else "no release"
    since = f" since {backup.parent}" if backup.parent else ""
    return f"{backup.name} {backup.kind}{since}, {release}, {server.human_size(backup.bytes)}"


if __name__ == "__main__":
    main(prog_name="python -m scripts.backup")
