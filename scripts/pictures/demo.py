"""Records docs/demo.svg from a real run: a build, a late file, a failing check, a rollback.

The run takes place in a throwaway clone of the last commit with a server of its own, so that no warehouse of the
project is touched. Nothing here depends on what the commands print; only whether they succeed is checked.
"""

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from scripts import connection
from scripts.build.log import WORKING
from scripts.demo.story import Places, Step, chapters, environment, set_aside
from scripts.errors import Refusal
from scripts.generate import sample
from scripts.generate.__main__ import generate
from scripts.paths import PROJECT_ROOT
from scripts.pictures.terminal import Command, Line, Scene, draw
from scripts.warehouse import server

PICTURE = PROJECT_ROOT / "docs" / "demo.svg"
TITLE = (
    "Recording of a terminal: a build publishes release 1; a late file makes release 2; a broken file fails a check, "
    "so readers keep release 2; a rollback brings release 1 back."
)
LANDING = Path("data/sample/daily")
PLACES = Places(str(LANDING), "aside", "make build")


class Recorder:
    """Runs commands in a clone of the project and records what they print, and when.

    Attributes:
        folder: the clone.
        environment: the variables that its commands see.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = environment() | {"PYTHONUNBUFFERED": "1", "NO_COLOR": "1"}

    def record(self, step: Step) -> Command:
        """Run a command and return the recording.

        Args:
            step: the command, and how it has to end.

        Raises:
            Refusal: the command ended otherwise; the message has its output.
        """
        typed = step.typed
        click.echo(f"$ {typed}")
        began = time.monotonic()
        process = subprocess.Popen(
            ["bash", "-c", typed],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert process.stdout is not None
        # A terminal would show a bar in the place of these lines.
        said = (line for line in process.stdout if not line.startswith(WORKING))
        lines = [Line(time.monotonic() - began, line.rstrip()) for line in said]
        if (process.wait() == 0) is not step.succeeds:
            output = "\n".join(line.text for line in lines)
            raise Refusal(f"`{typed}` ended with exit code {process.returncode}:\n{output}")
        return Command(typed, lines, time.monotonic() - began, step.succeeds, step.most_lines)

    def run(self, *command: str) -> str:
        """Run a command that is not part of the recording, and return what it prints."""
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Refusal(f"`{' '.join(command)}` failed:\n{done.stdout}{done.stderr}")
        return done.stdout


@contextmanager
def _clone() -> Iterator[Recorder]:
    """Make a clone of the last commit, installed and with its sample files; delete it and its server afterwards."""
    with tempfile.TemporaryDirectory(prefix="demo-") as folder:
        # PostgreSQL runs as a user of its own where it is started by root.
        Path(folder).chmod(0o755)
        subprocess.run(["git", "clone", "--quiet", PROJECT_ROOT, f"{folder}/warehouse"], check=True)
        # Of this process as well, which tells psql where the server is.
        os.environ["WAREHOUSE_HOME"] = f"{folder}/server"
        recorder = Recorder(Path(folder) / "warehouse")
        recorder.run("make", "deps")
        out = recorder.folder / LANDING.parent
        out.parent.mkdir()
        generate([f"--rows={sample.ROWS}", f"--seed={sample.SEED}", f"--out={out}"], standalone_mode=False)
        # psql is not on everybody's path; the one of the embedded server is beside it.
        recorder.environment["PATH"] = f"{Path(server.binary('psql')).parent}:{os.environ['PATH']}"
        recorder.environment |= connection.libpq_environment("local")
        try:
            yield recorder
        finally:
            recorder.run(".venv/bin/python", "-m", "scripts.warehouse", "destroy", "--yes")


def scenes(recorder: Recorder) -> list[Scene]:
    """Run the demo and return its recording.

    Args:
        recorder: a clone of the project that has not built yet.
    """
    set_aside(recorder.folder / LANDING, recorder.folder / PLACES.aside)
    return [
        Scene(chapter.title, [recorder.record(step) for step in chapter.steps])
        for chapter in chapters(PLACES, with_correction=False)
    ]


@click.command()
def main() -> None:
    """Record docs/demo.svg from a real run of the last commit; takes about two minutes."""
    with _clone() as recorder:
        PICTURE.write_text(draw(scenes(recorder), TITLE))
    click.echo(f"{PICTURE.relative_to(PROJECT_ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(prog_name="python -m scripts.pictures.demo")
