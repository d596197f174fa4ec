"""`make pool`: run PgBouncer before the embedded server."""

import shutil
import signal
import subprocess
import time
from pathlib import Path
from string import Formatter

import click
import psutil

from scripts import connection
from scripts.errors import Refusal
from scripts.paths import socket_dir, warehouse_home
from scripts.warehouse import server

TEMPLATE = Path(__file__).with_name("pgbouncer.ini")
PATIENCE_SECONDS = 10.0


@click.group()
def main() -> None:
    """Run PgBouncer before the embedded server, on 127.0.0.1."""


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), default=6432, show_default=True)
def start(port: int) -> None:
    """Write the configuration, and start PgBouncer with it."""
    if connection.target_name() != "local":
        raise Refusal("PgBouncer is set up for the embedded server only: leave DBT_TARGET unset.")
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin:/usr/local/bin:/usr/bin:/opt/homebrew/bin")
    if program is None:
        raise Refusal("pgbouncer is not installed: install your system's package, such as `apt-get install pgbouncer`.")
    server.ensure_running()
    home = warehouse_home()
    running = _find(home)
    if running is not None:
        raise Refusal(f"PgBouncer runs already (pid {running.pid}): `make pool STOP=1` ends it.")
    folder = write(home, port)
    try:
        subprocess.run(
            [program, "-d", str(folder / "pgbouncer.ini")], check=True, capture_output=True, **server.identity(home)
        )
    except subprocess.CalledProcessError as error:
        raise Refusal(f"PgBouncer does not start: {_last_line(error.stderr.decode())}.") from error
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _find(home) is None:
        if time.monotonic() > deadline:
            log = folder / "pgbouncer.log"
            raise Refusal(f"PgBouncer does not start: {_last_line(log.read_text())}; its log is {log}.")
        time.sleep(0.05)
    click.echo(f"PgBouncer runs: psql -h 127.0.0.1 -p {port} -U ROLE {connection.LOCAL_DATABASE}")


@main.command()
def stop() -> None:
    """End PgBouncer; clients lose their connections."""
    running = _find(warehouse_home())
    if running is None:
        click.echo("not running")
        return
    running.send_signal(signal.SIGTERM)
    running.wait(PATIENCE_SECONDS)
    click.echo("stopped")


def write(home: Path, port: int) -> Path:
    """Write the configuration for a warehouse folder, and return the folder that it is in.

    Args:
        home: the folder in use.
        port: of 127.0.0.1.
    """
    folder = home.resolve() / "pgbouncer"
    server.give(folder, home)
    values = {"socket": socket_dir(), "port": port, "folder": folder}
    for name, text in (
        ("pgbouncer.ini", Formatter().vformat(TEMPLATE.read_text(), (), values)),
        # The server's socket asks for no password, so there is none to keep here.
        ("userlist.txt", '"postgres" ""\n'),
    ):
        path = folder / name
        path.write_text(text)
        path.chmod(0o600)
        owner = folder.stat()
        shutil.chown(path, owner.st_uid, owner.st_gid)
    return folder


def _find(home: Path) -> psutil.Process | None:
    """Return the running PgBouncer of a warehouse folder, by its command line."""
    configuration = str(home.resolve() / "pgbouncer" / "pgbouncer.ini")
    for process in psutil.process_iter(["cmdline"]):
        if (process.info["cmdline"] or [])[-2:] == ["-d", configuration]:
            return process
    return None


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it gave no reason"])[-1]


if __name__ == "__main__":
    main(prog_name="python -m scripts.pool")
