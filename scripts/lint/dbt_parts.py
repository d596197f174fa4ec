"""`python -m scripts.lint.dbt_parts`: the parts of `make lint` that need dbt, in one process.

To import dbt and to parse the project takes most of the time of these parts, so they share both: the project is parsed
once, and sqlfluff compiles models from the parsed project. Prints one line of JSON for each part as soon as it is done.
"""

import io
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict
from functools import partial
from typing import Any, NamedTuple

import click

from scripts.dbt_tuning.interpreter import tune_interpreter
from scripts.lint.part import Part, explained, reasons
from scripts.paths import PROJECT_ROOT

PARSE, DECLARED, SQL = "dbt parse", "declared checks", "sqlfluff"
UNPARSED = "skipped: the project does not parse"
# Models that are off by default are checked as well.
EVERYTHING = ["--vars", "{vault: true, network: true, streams: true}"]


class Found(NamedTuple):
    """What a tool returns.

    Attributes:
        failed: whether it found a fault.
        output: its faults and warnings.
        result: what later tools need of it.
    """

    failed: bool
    output: str
    result: Any = None


@click.command()
@click.argument("files", nargs=-1)
@click.option("--anew", is_flag=True, help="Parse without what dbt remembers of the last parse.")
@click.option("--declared", is_flag=True, help="List checks without an owner, a severity or a reason.")
@click.option("--workers", type=click.IntRange(min=1), default=1, help="Processes of sqlfluff.")
def main(files: tuple[str, ...], anew: bool, declared: bool, workers: int) -> None:
    """Parse the project, look at its checks, and lint the SQL of FILES, which may be folders.

    Whoever starts this process closes its standard input once the server of the warehouse runs.
    """
    tune_interpreter()
    # A partial parse is quicker, but can lose the YAML of a singular test.
    options = ["--no-partial-parse"] if anew else []
    manifest = _report(PARSE, partial(_dbt, None, "parse", "--warn-error", "--show-all-deprecations", *options))
    sys.stdin.read()
    later = {}
    if declared:
        later[DECLARED] = partial(_dbt, manifest, "run-operation", "pg_wap.assert_checks_are_declared")
    if files:
        later[SQL] = partial(_sqlfluff, manifest, files, workers)
    for name, tool in later.items():
        if manifest is None:
            _print(Part(name, UNPARSED))
        else:
            _report(name, tool)
    # Without the time that Python takes to free what dbt parsed.
    sys.stdout.flush()
    os._exit(0)


def _dbt(manifest: Any, *arguments: str) -> Found:  # noqa: ANN401  # a class of dbt, which is imported here only
    """Run a command of dbt, with a parsed project if there is one; return its messages and its result."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # takes two seconds, and is part of what is measured

    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        done = dbtRunner(manifest=manifest).invoke(["--quiet", "--no-use-colors", *arguments, *EVERYTHING])
    if done.success:
        return Found(False, said.getvalue(), done.result)
    return Found(True, said.getvalue() or str(done.exception or "dbt failed without a message"))


def _sqlfluff(manifest: Any, paths: Sequence[str], workers: int) -> Found:  # noqa: ANN401  # as above
    """Lint SQL that the parsed project renders; return a line for each fault, and the reasons for the rules."""
    from sqlfluff.core import FluffConfig, Linter  # noqa: PLC0415  # as above

    linter = Linter(config=FluffConfig.from_path(str(PROJECT_ROOT)))
    # A cached property, which would parse the project again for the same result.
    linter.templater.dbt_manifest = manifest  # type: ignore[attr-defined]  # of the templater `dbt`
    unheard = io.StringIO()
    try:
        with redirect_stdout(unheard), redirect_stderr(unheard):
            found = linter.lint_paths(tuple(paths), processes=workers, retain_files=False).as_records()
    # The base of sqlfluff's errors.
    except ValueError as error:
        return Found(True, str(error))
    faults: list[tuple[str, dict[str, Any]]] = [
        (file["filepath"], dict(fault)) for file in found for fault in file["violations"]
    ]
    lines = [
        f"{path}:{fault['start_line_no']}:{fault['start_line_pos']}: "
        f"{'warning: ' if fault['warning'] else ''}{fault['code']} {fault['description']}"
        for path, fault in faults
    ]
    failed = {fault["code"] for _, fault in faults if not fault["warning"]}
    why = reasons((PROJECT_ROOT / ".sqlfluff").read_text())
    return Found(bool(failed), "\n".join([*lines, *explained(failed, why)]))


def _report(name: str, tool: Callable[[], Found]) -> Any:  # noqa: ANN401  # what the tool returns
    """Run a tool, print its part, and return what later tools need."""
    began = time.monotonic()
    found = tool()
    _print(Part(name, "failed" if found.failed else "passed", found.output, time.monotonic() - began))
    return found.result


def _print(part: Part) -> None:
    print(json.dumps(asdict(part)), flush=True)


if __name__ == "__main__":
    main(prog_name="python -m scripts.lint.dbt_parts")
