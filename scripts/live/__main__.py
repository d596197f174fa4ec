"""`python -m scripts.live FOLDER`: build whenever files arrive."""

import os
import sys
import time
from pathlib import Path

import click

from scripts.build.run import Order
from scripts.errors import Refusal
from scripts.land.files.discovery import Discovery, shown
from scripts.land.watch import LOOK_EVERY_SECONDS, TRY_AGAIN_SECONDS, Watch, stopped_by_signals
from scripts.live.resident import Resident
from scripts.privacy import keep_private


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--on-refused",
    type=click.Choice(["stop", "skip"]),
    default="skip",
    show_default=True,
    help="What to do if a file is refused: do not build, or build from the other files.",
)
@click.option("--vars", "variables", help="Other values of variables of dbt_project.yml, in YAML.")
def main(*, folder: Path, on_refused: str, variables: str | None) -> None:
    """Land the files of FOLDER and build, and again whenever files arrive, until Ctrl-C or SIGTERM.

    Each build is that of `make build`, and reports like it, but without its start. A build that fails leaves the last
    release as it is; the next file starts the next build, which looks at all files of the folder again. After an edit
    of the project, the command starts anew. DBT_TARGET names the warehouse, by default the
    embedded server.
    """
    keep_private()
    resident = Resident(variables)
    watching = Watch([folder])
    # After a build that failed, files may be left that did not land.
    is_complete = False
    with stopped_by_signals() as stop:
        click.echo(f"watching {shown(folder)}; stop with Ctrl-C", err=True)
        while not stop.wait(LOOK_EVERY_SECONDS):
            try:
                ready = watching.ready()
            except Refusal as refusal:
                # The folder is out of reach for a while, as a network drive may be.
                click.echo(f"Error: {refusal.message} Trying again.", err=True)
                stop.wait(TRY_AGAIN_SECONDS)
                continue
            if not ready:
                continue
            if resident.is_outdated():
                click.echo("the project has changed: starting anew", err=True)
                sys.stdout.flush()
                os.execv(sys.executable, [sys.executable, "-m", "scripts.live", *sys.argv[1:]])
            began = time.monotonic()
            arrived = Discovery(tuple(ready)) if is_complete else None
            code = resident.build(Order(folder, arrived, on_refused=on_refused))
            watching.done(ready)
            is_complete = code == 0
            verdict = "built" if code == 0 else f"failed with exit code {code}"
            click.echo(f"{verdict} in {time.monotonic() - began:.1f} s; watching {shown(folder)}", err=True)
    click.echo("stopped", err=True)


if __name__ == "__main__":
    main(prog_name="python -m scripts.live")
