"""`make lint` and `make fix`: run every tool that the change can fail, then report each part in one line.

All parts run, also after a failure.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import click

from scripts.errors import Refusal
from scripts.lint.changes import Files, changed_since, named
from scripts.lint.dbt_parts import DECLARED, PARSE, SQL, UNPARSED
from scripts.lint.part import Part
from scripts.paths import PROJECT_ROOT

BIN = Path(sys.executable).parent
ENVIRONMENT = {"NO_COLOR": "1"}


@dataclass(frozen=True)
class Kind:
    """Files that a tool checks, or that decide what it finds.

    Attributes:
        checked: the files that it checks one by one.
        settings: the files that change what it finds in all others.
    """

    checked: re.Pattern[str]
    settings: re.Pattern[str] = re.compile("$^")


PYTHON = Kind(re.compile(r"\.py$"), re.compile(r"^pyproject\.toml$"))
# A type that changed may break a file that did not, so mypy checks the package as a whole.
TYPED = Kind(re.compile(r"^(scripts|orchestration)/.*\.py$"), re.compile(r"^pyproject\.toml$"))
# The statements of revisions, which only squawk reads: what they lock, and whether a table is rewritten.
REVISION = Kind(re.compile(r"^migrations/versions/.*\.sql$"), re.compile(r"^\.squawk\.toml$"))
# What the templater of sqlfluff can render: .sqlfluffignore has the reasons.
RENDERED = Kind(
    re.compile(r"^(analyses|models|snapshots|tests)/(?!generic/).*\.sql$"), re.compile(r"(^|/)\.sqlfluff(ignore)?$")
)
DBT = Kind(
    re.compile(
        r"^(packages/\w+/)?(analyses|functions|macros|models|seeds|snapshots|tests)/.*\.(sql|yml|md|csv)$"
        r"|^(\w+|packages/\w+/\w+)\.yml$"
    )
)
# What declares checks and marks columns: the SQL of a model does neither.
DECLARED_IN = Kind(re.compile(DBT.checked.pattern.replace("models", "models(?!.*\\.sql$)")))
LINEAGE = Kind(re.compile(r"^docs/lineage\.json$"))
CONVENTIONS = Kind(re.compile(r"^tests/conventions/.*\.py$|^scripts/build/promises\.py$|^dbt-bouncer\.yml$"))
CONVENTIONS_OF_PACKAGE = Kind(re.compile(r"^packages/.*\.(sql|yml)$|^dbt-bouncer-pg_wap\.yml$"))
# What reads the manifest of the parse, as scripts/lint/reading.py knows it.
READERS = {
    "personal data": (DECLARED_IN, LINEAGE),
    "dbt-bouncer": (DBT, CONVENTIONS),
    "dbt-bouncer, pg_wap": (CONVENTIONS_OF_PACKAGE,),
}


class Lint:
    """The tools, and the files to check.

    Args:
        files: the files; None for the whole project.
        workers: the number of processes of sqlfluff for the whole project.
    """

    def __init__(self, files: Files | None, workers: int = 2) -> None:
        self._files = files
        self._workers = workers

    def run(self) -> list[Part]:
        """Run all parts, those that need the parsed dbt project beside the others."""
        with ThreadPoolExecutor(1) as pool:
            alone = pool.submit(self._files_alone)
            project = self._project()
            return [*alone.result(), *project]

    def checked(self, kind: Kind) -> list[str] | None:
        """Return the files that a tool has to check one by one; None for all."""
        if self._files is None or any(map(kind.settings.search, self._files.present + self._files.deleted)):
            return None
        return [file for file in self._files.present if kind.checked.search(file)]

    def touches(self, *kinds: Kind) -> bool:
        """Return whether the change can break what a tool checks as a whole; a deleted file can."""
        files = None if self._files is None else self._files.present + self._files.deleted
        return files is None or any(
            kind.checked.search(file) or kind.settings.search(file) for kind in kinds for file in files
        )

    def _files_alone(self) -> list[Part]:
        python, revisions = self.checked(PYTHON), self.checked(REVISION)
        if revisions is None:
            revisions = [str(path.relative_to(PROJECT_ROOT)) for path in PROJECT_ROOT.glob("migrations/versions/*.sql")]
        commands = {
            "ruff check": (python != [], ["ruff", "check", "--quiet", "--force-exclude", *(python or ())]),
            "ruff format": (python != [], ["ruff", "format", "--check", "--quiet", "--force-exclude", *(python or ())]),
            "mypy": (self.touches(TYPED), ["mypy", "--no-error-summary"]),
            "squawk": (revisions != [], ["squawk", *sorted(revisions)]),
        }
        return [_ran(name, command) if needed else Part(name) for name, (needed, command) in commands.items()]

    def _project(self) -> list[Part]:
        """Run the parts that dbt does in one process, and in this one the parts that read the manifest of its parse."""
        sql = self.checked(RENDERED)
        needed = [name for name, kinds in READERS.items() if self.touches(*kinds)]
        done = {name: Part(name) for name in (PARSE, DECLARED, SQL, *READERS)}
        if sql == [] and not needed:
            return list(done.values())
        options = ["--workers", str(self._workers)]
        options += ["--anew"] if self._files is None else []
        options += ["--declared"] if self.touches(DECLARED_IN) else []
        # A pipe for errors would stop the process when it is full.
        with TemporaryFile("w+") as errors, _started([*options, "--", *(["."] if sql is None else sql)], errors) as dbt:
            assert dbt.stdin is not None and dbt.stdout is not None
            # Imported now, while dbt loads: nobody waits for it.
            reading = import_module("scripts.lint.reading")
            # dbt parses without a server, and asks it afterwards which relations exist.
            reading.start_server()
            dbt.stdin.close()
            reading.prepare()
            for line in dbt.stdout:
                part = Part(**json.loads(line))
                done[part.name] = part
                if part.name != PARSE:
                    continue
                for name in needed:
                    done[name] = reading.run(name) if part.status == "passed" else Part(name, UNPARSED)
            if dbt.wait():
                errors.seek(0)
                done["dbt"] = Part("dbt", "failed", errors.read() or "dbt ended without a word")
        return list(done.values())


def _started(options: Sequence[str], errors: IO[str]) -> "subprocess.Popen[str]":
    """Start the process that loads dbt."""
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.lint.dbt_parts", *options],
        cwd=PROJECT_ROOT,
        env=os.environ | ENVIRONMENT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    )


def _ran(name: str, command: Sequence[str]) -> Part:
    """Run a tool."""
    began = time.monotonic()
    done = subprocess.run(
        [BIN / command[0], *command[1:]],
        cwd=PROJECT_ROOT,
        env=os.environ | ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    status = "failed" if done.returncode else "passed"
    return Part(name, status, done.stdout if done.returncode else "", time.monotonic() - began)


def lint(files: Files | None, workers: int) -> None:
    """Run all tools, and report.

    Args:
        files: the files; None for the whole project.
        workers: the number of processes of sqlfluff for the whole project.

    Raises:
        Refusal: a part failed.
    """
    parts = Lint(files, workers).run()
    for part in parts:
        if part.output:
            click.echo(f"== {part.name}\n{part.output.rstrip()}\n")
    for part in parts:
        took = f"{part.seconds:6.1f} s" if part.seconds else ""
        click.echo(f"{part.name:<20} {part.status:<10} {took}".rstrip())
    failed = [part.name for part in parts if part.status == "failed"]
    if failed:
        raise Refusal(
            f"{len(failed)} of {len(parts)} parts failed: {'; '.join(failed)}. Try `make fix`, then mend the rest."
        )


def fix(files: Files | None) -> None:
    """Let ruff and sqlfluff mend what they can.

    Args:
        files: the files; None for the whole project.
    """
    tools = Lint(files)
    python, sql = tools.checked(PYTHON), tools.checked(RENDERED)
    commands = [
        ["ruff", "check", "--fix", "--quiet", "--force-exclude"],
        ["ruff", "format", "--quiet", "--force-exclude"],
    ]
    for command in commands if python != [] else ():
        subprocess.run([BIN / command[0], *command[1:], *(python or ())], cwd=PROJECT_ROOT, check=False)
    if sql != []:
        import_module("scripts.lint.reading").start_server()
        subprocess.run([BIN / "sqlfluff", "fix", "--disable-progress-bar", *(sql or ())], cwd=PROJECT_ROOT, check=False)
    click.echo("`make lint` reports what is left.")


@click.command()
@click.argument("files", nargs=-1)
@click.option("--base", default="main", show_default=True, help="Check what differs from this branch or commit.")
@click.option("--all", "whole", is_flag=True, help="Check the whole project.")
@click.option("--fix", "mend", is_flag=True, help="Mend what ruff and sqlfluff can mend.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes of sqlfluff.")
def main(files: tuple[str, ...], base: str, whole: bool, mend: bool, workers: int) -> None:
    """Check style, types and conventions of FILES, or of what differs from a base, without changing anything."""
    if files and whole:
        raise Refusal("FILES and ALL=1 exclude each other: give one of them.")
    chosen = None if whole else named(files) if files else changed_since(base)
    if chosen is not None:
        if not (chosen.present or chosen.deleted):
            click.echo(f"No file differs from {base}, so there is nothing to do. ALL=1 takes the whole project.")
            return
        deleted = f", {len(chosen.deleted)} deleted" if chosen.deleted else ""
        click.echo(f"{len(chosen.present)} file{'s' if len(chosen.present) != 1 else ''}{deleted}: {chosen.of}")
    if mend:
        fix(chosen)
    else:
        lint(chosen, workers)


if __name__ == "__main__":
    main(prog_name="python -m scripts.lint")
