"""Run the commands of scripts/ in processes of their own, as `make` does."""

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.paths import PROJECT_ROOT

# How a command begins the line in which it says what is wrong (scripts/errors.py).
PROBLEM = "Error: "


@dataclass(frozen=True)
class Answer:
    """How a command ended.

    Attributes:
        code: its exit code.
        problems: what it said is wrong.
        invocation_id: dbt's id of the run, if a build came so far.
        may_retry: whether the same command may end better; not if files were refused.
    """

    code: int
    problems: tuple[str, ...] = ()
    invocation_id: str | None = None
    may_retry: bool = True


def build(
    say: Callable[[str], object], landing: Path | None = None, *, on_refused: str = "stop", full_refresh: bool = False
) -> Answer:
    """Land and build: `python -m scripts.build`, which `make build` runs.

    Args:
        say: takes each line that the build prints.
        landing: a file or folder to land; without it, the build works from the files that landed before.
        on_refused: what to do if a file is refused: `stop` or `skip`.
        full_refresh: whether to build every model from scratch.
    """
    with TemporaryDirectory(prefix="retail-") as folder:
        report = Path(folder) / "build.json"
        options = ["--json", str(report), "--on-refused", on_refused]
        options += ["--full-refresh"] if full_refresh else []
        answer = run(["scripts.build", *([str(landing)] if landing else []), *options], say)
        if not report.exists():
            return answer
        invocation_id = json.loads(report.read_text())["invocation_id"]
    return Answer(answer.code, answer.problems, invocation_id, may_retry=invocation_id is not None)


def run(arguments: Sequence[str], say: Callable[[str], object]) -> Answer:
    """Run a module of scripts/.

    Args:
        arguments: its name, and its arguments.
        say: takes each line that it prints.
    """
    problems: list[str] = []
    with subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=PROJECT_ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="backslashreplace",
    ) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                say(line.rstrip())
                if line.startswith(PROBLEM):
                    problems.append(line.removeprefix(PROBLEM).strip())
        except BaseException:
            # Dagster interrupts a run that the user ends; readers keep the last release.
            process.terminate()
            raise
    return Answer(process.returncode, tuple(problems))
