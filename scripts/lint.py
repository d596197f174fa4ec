"""`make lint` and `make fix`: run every tool, then report each part in one line.

All parts run, also after a failure. With files, only the tools that check those files run.
"""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from scripts import connection
from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT
from scripts.warehouse import server

BIN = Path(sys.executable).parent
# What the templater of sqlfluff can render: .sqlfluffignore has the reasons.
SQL = re.compile(r"^(analyses|models|snapshots|tests)/(?!generic/).*\.sql$")
DBT = re.compile(r"^(analyses|functions|macros|models|packages|seeds|snapshots|tests)/.*\.(sql|yml|md|csv)$|^\w+\.yml$")
PYTHON = re.compile(r"\.py$")
TYPED = re.compile(r"^scripts/.*\.py$")
# The statements of revisions, which only squawk reads: what they lock, and whether a table is rewritten.
REVISION = re.compile(r"^migrations/versions/.*\.sql$")
# A comment of .sqlfluff that gives the reason for a rule, and its further lines.
REASON = re.compile(r"^# (?P<code>[A-Z]{2}\d\d): (?P<reason>.+(?:\n# {2}.+)*)", re.MULTILINE)
NOISE = ("=== [dbt templater]", "All Finished")
BOUNCERS = {"dbt-bouncer": "dbt-bouncer.yml", "dbt-bouncer, pg_wap": "dbt-bouncer-pg_wap.yml"}


@dataclass
class Part:
    """One tool of `make lint`.

    Attributes:
        name: its name in the summary.
        status: `passed`, `failed`, or `skipped` and why.
        output: what the tool found.
        seconds: how long the tool took.
    """

    name: str
    status: str = "skipped: no file for it"
    output: str = ""
    seconds: float = 0.0


@dataclass
class Lint:
    """The tools, and the files to check.

    Attributes:
        files: paths in the project; None for the whole project.
        workers: the number of processes of sqlfluff.
        parts: the results so far.
    """

    files: list[str] | None
    workers: int = 2
    parts: list[Part] = field(default_factory=list)

    def run(self) -> list[Part]:
        """Run all parts, those that need a parsed dbt project beside the others."""
        with ThreadPoolExecutor(2) as pool:
            sides = [pool.submit(lambda: list(self._files_alone())), pool.submit(lambda: list(self._project()))]
            return [part for side in sides for part in side.result()]

    def _files_alone(self) -> Iterator[Part]:
        python = self.chosen(PYTHON)
        for name, command in (("ruff check", ["check"]), ("ruff format", ["format", "--check"])):
            yield self._part(name, python, ["ruff", *command, "--quiet", "--force-exclude", *(python or ())])
        # A type that changed may break a file that did not: always the whole package, and quick where nothing changed.
        yield self._part("mypy", self.chosen(TYPED), ["mypy", "--no-error-summary"])
        revisions = self.chosen(REVISION)
        every = [str(path.relative_to(PROJECT_ROOT)) for path in sorted(PROJECT_ROOT.glob("migrations/versions/*.sql"))]
        yield self._part("squawk", revisions, ["squawk", *(every if revisions is None else revisions)])
        sql = self.chosen(SQL)
        if sql != []:
            _start_server()
        processes = [] if sql else ["--processes", str(self.workers)]
        yield self._part(
            "sqlfluff", sql, ["sqlfluff", "lint", "--disable-progress-bar", "--nocolor", *processes, *(sql or ())]
        )

    def _project(self) -> Iterator[Part]:
        files = self.chosen(DBT)
        # A partial parse is quicker, but can lose the YAML of a singular test.
        anew = ["--no-partial-parse"] if files is None else []
        parse = ["dbt", "--quiet", "parse", "--warn-error", "--show-all-deprecations", *anew]
        parsed = self._part("dbt parse", files, parse)
        yield parsed
        yield self._declarations(files, parsed)
        yield self._personal_data(files, parsed)
        for name, config in BOUNCERS.items():
            if parsed.status == "failed":
                yield Part(name, "skipped: the project does not parse")
            elif files and name != "dbt-bouncer" and not any(file.startswith("packages/") for file in files):
                yield Part(name)
            elif not (BIN / "dbt-bouncer").exists():
                yield Part(name, "skipped: needs Python 3.11")
            else:
                yield self._bouncer(name, files, config)

    def _declarations(self, files: list[str] | None, parsed: Part) -> Part:
        """List all checks without an owner, a severity or a reason; a build takes them as they are."""
        if parsed.status == "failed":
            return Part("declared checks", "skipped: the project does not parse")
        if files != []:
            _start_server()
        return self._part(
            "declared checks", files, ["dbt", "--quiet", "run-operation", "pg_wap.assert_checks_are_declared"]
        )

    def _personal_data(self, files: list[str] | None, parsed: Part) -> Part:
        """List the columns that derive from personal data and do not say so, by the committed lineage."""
        if parsed.status == "failed":
            return Part("personal data", "skipped: the project does not parse")
        manifest = str(PROJECT_ROOT / "target" / "manifest.json")
        return self._part("personal data", files, ["python", "-m", "scripts.governance", "--manifest", manifest])

    def chosen(self, kind: re.Pattern[str]) -> list[str] | None:
        """Return the files of a kind; None for the whole project."""
        return None if self.files is None else [file for file in self.files if kind.search(file)]

    def _part(self, name: str, files: list[str] | None, command: Sequence[str]) -> Part:
        """Run a tool, unless there is no file for it."""
        if files == []:
            return Part(name)
        began = time.monotonic()
        done = subprocess.run(
            [BIN / command[0], *command[1:]],
            cwd=PROJECT_ROOT,
            env=os.environ | {"NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        status = "failed" if done.returncode else "passed"
        return Part(name, status, done.stdout if done.returncode else "", time.monotonic() - began)

    def _bouncer(self, name: str, files: list[str] | None, config: str) -> Part:
        """Run dbt-bouncer; its table cuts the messages, so print one line each from its JSON."""
        with TemporaryDirectory() as folder:
            found = Path(folder) / "found.json"
            options = ["--config-file", config, "--output-file", str(found), "--output-only-failures"]
            part = self._part(name, files, ["dbt-bouncer", "run", *options])
            if part.status == "failed" and found.exists():
                part.output = "\n".join(
                    f"{failure.get('file_path') or 'the project'}: {failure['failure_message']} "
                    f"({failure['check_run_id'].partition(':')[0]})"
                    for failure in json.loads(found.read_text())
                )
        return part


def reasons(config: str) -> dict[str, str]:
    """Return the reasons for rules that a configuration of sqlfluff gives in its comments.

    Args:
        config: the text of the configuration.
    """
    return {
        found["code"]: " ".join(found["reason"].replace("\n#", " ").split()).rstrip(".")
        for found in REASON.finditer(config)
    }


def codes(output: str) -> list[str]:
    """Return the codes of the rules that an output of sqlfluff names.

    Args:
        output: what `sqlfluff lint` printed.
    """
    return sorted(set(re.findall(r"\| ([A-Z]{2}\d\d) \|", output)))


def explained(output: str, why: dict[str, str]) -> Iterator[str]:
    """Yield the reason of each rule that an output of sqlfluff names, or where to read it.

    Args:
        output: what `sqlfluff lint` printed.
        why: the reasons by the codes of the rules.
    """
    named = codes(output)
    yield from (f"{code}: {why[code]}." for code in named if code in why)
    if others := [code for code in named if code not in why]:
        yield f"`.venv/bin/sqlfluff rules` explains {', '.join(others)}."


def changed_files() -> list[str]:
    """Return the files that differ from main, or from the last commit where there is no main; with new files."""
    base = _git("merge-base", "HEAD", "main", check=False) or ["HEAD"]
    return [
        *_git("diff", "--name-only", "--diff-filter=d", "--relative", base[0]),
        *_git("ls-files", "--others", "--exclude-standard"),
    ]


def named_files(files: Iterable[str]) -> list[str]:
    """Return named files as paths in the project. A folder stands for its files.

    Args:
        files: paths, relative to the project.

    Raises:
        Refusal: a file is not there.
    """
    found: list[str] = []
    for file in files:
        path = (PROJECT_ROOT / file).resolve()
        if not path.exists() or not path.is_relative_to(PROJECT_ROOT):
            raise Refusal(f"{file}: no such file in the project; name files as in FILES='models/a.sql scripts/b.py'.")
        name = str(path.relative_to(PROJECT_ROOT))
        found += _git("ls-files", "--cached", "--others", "--exclude-standard", name) if path.is_dir() else [name]
    return found


def _start_server() -> None:
    """Start the embedded server, where it is the one in use: the dbt templater asks which relations exist."""
    if connection.target_name() == "local":
        server.ensure_running()


def _git(*arguments: str, check: bool = True) -> list[str]:
    done = subprocess.run(["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode and check:
        raise Refusal(f"git {arguments[0]} failed: {' '.join(done.stderr.split())}; name the files with FILES=...")
    return done.stdout.splitlines() if done.returncode == 0 else []


def lint(files: list[str] | None, workers: int) -> None:
    """Run all tools, and report.

    Args:
        files: paths in the project; None for the whole project.
        workers: the number of processes of sqlfluff.

    Raises:
        Refusal: a part failed.
    """
    parts = Lint(files, workers).run()
    why = reasons((PROJECT_ROOT / ".sqlfluff").read_text())
    for part in parts:
        if part.output:
            lines = [line for line in part.output.rstrip().splitlines() if not line.startswith(NOISE)]
            click.echo("\n".join([f"== {part.name}", *lines]))
            for line in explained(part.output, why) if part.name == "sqlfluff" else ():
                click.echo(line)
            click.echo()
    for part in parts:
        took = f"{part.seconds:6.1f} s" if part.seconds else ""
        click.echo(f"{part.name:<20} {part.status:<10} {took}".rstrip())
    failed = [part.name for part in parts if part.status == "failed"]
    if failed:
        raise Refusal(
            f"{len(failed)} of {len(parts)} parts failed: {'; '.join(failed)}. Try `make fix`, then mend the rest."
        )


def fix(files: list[str] | None) -> None:
    """Let ruff and sqlfluff mend what they can.

    Args:
        files: paths in the project; None for the whole project.
    """
    tools = Lint(files)
    python, sql = tools.chosen(PYTHON), tools.chosen(SQL)
    commands = [
        ["ruff", "check", "--fix", "--quiet", "--force-exclude"],
        ["ruff", "format", "--quiet", "--force-exclude"],
    ]
    for command in commands if python != [] else ():
        subprocess.run([BIN / command[0], *command[1:], *(python or ())], cwd=PROJECT_ROOT, check=False)
    if sql != []:
        _start_server()
        subprocess.run([BIN / "sqlfluff", "fix", "--disable-progress-bar", *(sql or ())], cwd=PROJECT_ROOT, check=False)
    click.echo("`make lint` reports what is left.")


@click.command()
@click.argument("files", nargs=-1)
@click.option("--changed", is_flag=True, help="Check the files that differ from main, and new files.")
@click.option("--fix", "mend", is_flag=True, help="Mend what ruff and sqlfluff can mend.")
@click.option("--workers", type=click.IntRange(min=1), default=2, show_default=True, help="Processes of sqlfluff.")
def main(files: tuple[str, ...], changed: bool, mend: bool, workers: int) -> None:
    """Check style, types and conventions of FILES, or of the whole project, without changing anything."""
    chosen = named_files(files) if files else None
    if changed:
        chosen = [*(chosen or []), *changed_files()]
        if not chosen:
            click.echo("No file differs from main.")
            return
    if mend:
        fix(chosen)
    else:
        lint(chosen, workers)


if __name__ == "__main__":
    main(prog_name="python -m scripts.lint")
