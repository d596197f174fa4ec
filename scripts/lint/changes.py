"""Which files to check: those that differ from a base, those that are named, or all."""

import subprocess
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import NamedTuple

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT


class Files(NamedTuple):
    """Files of the project.

    Attributes:
        present: the files to check.
        deleted: files that are gone. What referred to them may be broken.
        of: what the files are, for a person.
    """

    present: list[str]
    deleted: list[str]
    of: str


def changed_since(base: str) -> Files:
    """Return the files that differ from the common ancestor of a base, and new files.

    Args:
        base: a branch, tag or commit.

    Raises:
        Refusal: git does not know the base, or this is no working copy of git.
    """
    if not _git("rev-parse", "--verify", "--quiet", "--end-of-options", f"{base}^{{commit}}", check=False):
        _git("rev-parse", "--git-dir")
        raise Refusal(
            f"BASE={base}: git knows no such branch or commit; name another, as BASE=origin/main, or check all: ALL=1."
        )
    ancestor = _git("merge-base", "HEAD", base, check=False) or [base]
    # Without --no-renames, git would hide that the old name is gone.
    difference = ("diff", "--name-only", "--no-renames", "--relative")
    present = _git(*difference, "--diff-filter=d", ancestor[0])
    new = _git("ls-files", "--others", "--exclude-standard")
    deleted = _git(*difference, "--diff-filter=D", ancestor[0])
    return Files(list(dict.fromkeys([*present, *new])), deleted, f"differ from {base}")


def named(files: Iterable[str]) -> Files:
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
        name = str(PurePosixPath(path.relative_to(PROJECT_ROOT)))
        found += _git("ls-files", "--cached", "--others", "--exclude-standard", name) if path.is_dir() else [name]
    return Files(found, [], "are named")


def _git(*arguments: str, check: bool = True) -> list[str]:
    try:
        done = subprocess.run(["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Refusal("git is not installed, so the changed files are unknown; check all: ALL=1.") from None
    if done.returncode and check:
        raise Refusal(
            f"git {arguments[0]} failed: {' '.join(done.stderr.split())}; name files as FILES=..., or check all: ALL=1."
        )
    return done.stdout.splitlines() if done.returncode == 0 else []
