"""`python -m scripts.demo`: tell the story in a warehouse of its own, and delete that afterwards."""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import click
import psutil

from scripts import connection
from scripts.demo.story import Chapter, Places, chapters, environment, set_aside
from scripts.errors import Refusal
from scripts.generate.__main__ import generate
from scripts.generate.writing import termination_as_exit
from scripts.paths import PROJECT_ROOT
from scripts.warehouse import server

# Fewer than the sample: the builds of the demo are to be watched.
ROWS = 40_000
# After an interrupt, until what still runs is killed.
PATIENCE_SECONDS = 20
PLACES = Places("$DEMO/files/daily", "$DEMO/aside", "make build LANDING=$DEMO/files")


def tell(story: list[Chapter], variables: Mapping[str, str]) -> None:
    """Run the commands of the story, each with a line before it.

    Args:
        story: the chapters.
        variables: the environment of the commands.

    Raises:
        Refusal: a command ended otherwise than the story says.
    """
    for number, chapter in enumerate(story, 1):
        click.secho(f"\n{number} of {len(story)}: {chapter.title}", bold=True)
        for step in chapter.steps:
            click.secho(f"\n# Look at: {step.look}", dim=True)
            click.secho(f"$ {step.typed}", fg="cyan")
            code = run(step.typed, variables)
            if (code == 0) is not step.succeeds:
                raise Refusal(f"`{step.typed}` ended with exit code {code}, which is not part of the demo; see above.")


def run(typed: str, variables: Mapping[str, str]) -> int:
    """Run a command; if this process is interrupted, stop the command with all that it started.

    Args:
        typed: the command, for bash.
        variables: its environment.

    Returns:
        The exit code.
    """
    try:
        # In a session of its own, so that only this process gets the interrupt of the terminal, and stops the others.
        process = subprocess.Popen(["bash", "-c", typed], cwd=PROJECT_ROOT, env=dict(variables), start_new_session=True)
        return process.wait()
    except BaseException:
        # `make` passes a signal on that this process got already: a second one must not interrupt the cleanup.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        # Also of a command that was being started when the interrupt came.
        started = psutil.Process().children(recursive=True)
        for each in started:
            with suppress(psutil.NoSuchProcess):
                each.terminate()
        for each in psutil.wait_procs(started, PATIENCE_SECONDS)[1]:
            each.kill()
        raise


@click.command()
def main() -> None:
    """Show a late file, a correction, a failed check, a release and a rollback."""
    began = time.monotonic()
    with termination_as_exit(), tempfile.TemporaryDirectory(prefix="retail-demo-") as name:
        folder = Path(name)
        # PostgreSQL runs as a user of its own where it is started by root.
        folder.chmod(0o755)
        os.environ["WAREHOUSE_HOME"] = f"{folder}/server"
        click.echo(
            f"The demo has a warehouse of its own in $DEMO = {folder}, and deletes it at the end.\n"
            "It builds four times, about two minutes on two idle cores."
        )
        try:
            generate([f"--rows={ROWS}", f"--out={folder / 'files'}"], standalone_mode=False)
            set_aside(folder / "files" / "daily", folder / "aside")
            variables = environment() | connection.libpq_environment("local")
            variables |= {
                "DEMO": str(folder),
                "DBT_TARGET_PATH": f"{folder}/target",
                "DBT_LOG_PATH": f"{folder}/logs",
                # psql is not on everybody's path; the one of the embedded server is beside it.
                "PATH": f"{Path(server.binary('psql')).parent}:{os.environ['PATH']}",
            }
            tell(chapters(PLACES, with_correction=True), variables)
        except KeyboardInterrupt:
            click.echo("\nStopped.")
            raise click.exceptions.Exit(130) from None
        finally:
            server.destroy()
            click.echo(f"\nDeleted     the warehouse of the demo, after {time.monotonic() - began:.0f} s")
    click.echo("Next        make build          build your own warehouse; README.md has the rest")


if __name__ == "__main__":
    main(prog_name="python -m scripts.demo")
