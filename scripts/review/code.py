"""The two states of the code that a review compares: the base, a commit, and the head, the files of this folder."""

import fcntl
import io
import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts import packages
from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

# What dbt reads. A release of a commit is a release of the base if none of these differ.
DBT_FILES = (
    *(
        "dbt_project.yml",
        "packages.yml",
        "profiles.yml",
        "analyses",
        "functions",
        "macros",
        "models",
        "offline_packages",
    ),
    *("packages", "seeds", "snapshots", "tests"),
)
# Tests of the project in Python are no tests of dbt.
NOT_READ = (":(exclude)tests/python", ":(exclude)packages/*/integration_tests", ":(exclude)*.md")
FOLDER = PROJECT_ROOT / "target" / "review"
# Bases that are kept, so that the next review need not parse them.
KEPT = 3


@dataclass(frozen=True)
class Code:
    """What is compared.

    Attributes:
        ref: what the user called the base.
        base: the commit of the base: the last one that the head and `ref` share.
        head: the commit of the head.
        is_dirty: whether files differ from the commit of the head.
        behind: how many commits `ref` has that the head lacks.
        files: the files that differ.
    """

    ref: str
    base: str
    head: str
    is_dirty: bool
    behind: int
    files: tuple[str, ...]


def compare(ref: str, *, with_uncommitted: bool) -> Code:
    """Find the base of a review.

    Args:
        ref: a branch, tag or commit.
        with_uncommitted: whether files that are not committed are reviewed as well.

    Raises:
        Refusal: git knows no such base, or there are uncommitted files and they were not asked for.
    """
    head = git("rev-parse", "HEAD")
    try:
        base = git("merge-base", "HEAD", f"{ref}^{{commit}}")
    except Refusal as error:
        raise Refusal(
            f"BASE={ref}: git finds no commit that it shares with this branch; name a branch, tag or commit, and fetch "
            f"it first (`git fetch origin {ref}`)."
        ) from error
    dirty = git("status", "--porcelain", "--", *DBT_FILES, *NOT_READ).splitlines()
    if dirty and not with_uncommitted:
        raise Refusal(
            f"files of the project are not committed, such as {dirty[0][3:]} ({len(dirty)} in all): commit or stash "
            "them, or review them as they are with DIRTY=1."
        )
    files = git("diff", "--name-only", base, "--", *DBT_FILES, "migrations", *NOT_READ).splitlines()
    new = [line[3:] for line in dirty if line.startswith("??")]
    behind = int(git("rev-list", "--count", f"{base}..{ref}"))
    return Code(ref, base, head, bool(dirty), behind, tuple(sorted({*files, *new})))


def differing_files(commit: str, base: str) -> list[str] | None:
    """Return the files of dbt that differ between two commits; None if git does not know the first.

    Args:
        commit: of a release.
        base: of a review.
    """
    try:
        return git("diff", "--name-only", commit, base, "--", *DBT_FILES, *NOT_READ).splitlines()
    except Refusal:
        return None


def checked_out(commit: str) -> Path:
    """Write the files of a commit that dbt needs to a folder of their own, once.

    Args:
        commit: the full name of a commit.

    Raises:
        Refusal: the commit has no dbt project.
    """
    folder = FOLDER / f"base-{commit[:12]}"
    if not (folder / "dbt_packages" / ".installed").exists():
        shutil.rmtree(folder, ignore_errors=True)
        there = git("ls-tree", "--name-only", commit).splitlines()
        if "dbt_project.yml" not in there:
            raise Refusal(f"commit {commit[:12]} has no dbt_project.yml: name a base of this project.")
        archive = subprocess.run(
            ["git", "archive", commit, *(name for name in DBT_FILES if name in there)],
            cwd=PROJECT_ROOT,
            capture_output=True,
            check=True,
        )
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as files:
            files.extractall(folder, filter="data")
        _install_packages(folder)
    os.utime(folder)
    for old in sorted(FOLDER.glob("base-*"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _install_packages(folder: Path) -> None:
    """Link the packages that are installed here, where the commit wants the same; else install its own."""
    installed = PROJECT_ROOT / "dbt_packages"
    same = (folder / "packages.yml").read_text() == (PROJECT_ROOT / "packages.yml").read_text()
    if not same or not (installed / ".installed").exists():
        packages.install(folder, "auto")
        return
    links = folder / "dbt_packages"
    links.mkdir()
    for package in installed.iterdir():
        source = package.resolve()
        inside = source.relative_to(PROJECT_ROOT) if source.is_relative_to(PROJECT_ROOT) else None
        own = folder / inside if inside and inside.parts[0] in ("packages", "offline_packages") else source
        if package.is_dir():
            (links / package.name).symlink_to(own, target_is_directory=True)
    shutil.copy(installed / ".installed", links)


@contextmanager
def alone() -> Iterator[None]:
    """Let one review at a time work in this folder.

    Raises:
        Refusal: another one does.
    """
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refusal("another review runs in this folder: wait for it, or review in another clone.") from error
        yield


def git(*arguments: str) -> str:
    """Return what git says, without the last line break.

    Args:
        arguments: of git's command line.

    Raises:
        Refusal: git failed; the message is its own.
    """
    try:
        done = subprocess.run(["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except OSError as error:
        raise Refusal(f"git cannot be started: {error.strerror}; install it.") from error
    if done.returncode:
        raise Refusal(f"git {arguments[0]} failed: {' '.join(done.stderr.split())}")
    return done.stdout.rstrip("\n")
