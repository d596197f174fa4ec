"""A process that has loaded dbt and parsed the project, and builds in forks of itself.

To import dbt and to parse the project takes five seconds, most of the time of a day's build. dbt keeps state in modules
and in the parsed project, so two builds in one process would differ from two processes. A fork starts from the same
state each time, and shares its memory.
"""

import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from scripts import artifacts
from scripts.build.clock import Clock
from scripts.build.run import Order, build, load_dbt
from scripts.dbt_tuning.interpreter import tune_interpreter
from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from scripts.build.dbt import Project

# What a build imports when it needs it.
NEEDED = ("dbt.task.build", "dbt.adapters.postgres.impl", "scripts.land.lander", "scripts.land.readers.open")
CODE = PROJECT_ROOT / "scripts"


class Resident:
    """dbt and the parsed project, for builds one after the other.

    Args:
        variables: values of variables of dbt_project.yml, in YAML.

    Raises:
        Refusal: the project does not parse, or dbt refuses it.
    """

    def __init__(self, variables: str | None = None) -> None:
        tune_interpreter()
        self._state = _state()
        self._project: Project = load_dbt(variables, Clock())
        for name in NEEDED:
            importlib.import_module(name)
        # Forks then leave the objects where they are, instead of copying the pages of those that they look at.
        gc.collect()
        gc.freeze()

    def is_outdated(self) -> bool:
        """Return whether a file of the project or of its scripts has changed since it was loaded."""
        return _state() != self._state

    def build(self, order: Order) -> int:
        """Land and build in a fork, which reports as `make build` does.

        Args:
            order: what to land and build.

        Returns:
            The exit code of the build.
        """
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if process:
            return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        # Never returns to the loop of the parent, whatever happens.
        code = 1
        try:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            # Ctrl-C reaches all processes of the terminal: the parent waits for the build and stops after it.
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            code = _exit_code(order, self._project)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)


def _exit_code(order: Order, project: "Project") -> int:
    try:
        build(order, lambda: project, Clock())
    except Refusal as refusal:
        click.echo(f"Error: {refusal.message}", err=True)
        return refusal.exit_code
    except BaseException:  # the last line of a process: its traceback is all that is left of it
        traceback.print_exc()
        return 1
    return 0


def _state() -> dict[Path, tuple[int, int]]:
    """Return the time and size of each file that a build reads, apart from the data."""
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in _files() if path.exists()}


def _files() -> Iterator[Path]:
    yield from artifacts.files()
    yield from (path for path in CODE.rglob("*.py"))
