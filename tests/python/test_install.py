"""The installation reports what it does, and a failure of pip in one line."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from scripts.install import packages_of
from scripts.paths import PROJECT_ROOT

HASH = "--hash=sha256:" + 64 * "0"


def install(lock: Path) -> subprocess.CompletedProcess[str]:
    """Install a lock file into the environment of the tests, without any index."""
    return subprocess.run(
        [sys.executable, "-m", "scripts.install", sys.prefix, str(lock)],
        cwd=PROJECT_ROOT,
        env=os.environ | {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": ""},
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_installation_says_how_much_it_does(tmp_path: Path) -> None:
    """A minute without a word looks like a minute that hangs."""
    lock = tmp_path / "some.lock"
    lock.write_text(f"click=={version('click')} \\\n    {HASH}\n")
    done = install(lock)
    assert done.returncode == 0, done.stderr
    assert "1 packages" not in done.stdout
    assert f"1 package of {lock}" in done.stdout
    assert "1 package installed" in done.stdout


def test_a_failed_installation_names_its_lock_file(tmp_path: Path) -> None:
    """The last line has to say what to do, without a traceback."""
    lock = tmp_path / "some.lock"
    lock.write_text(f"no-such-package-at-all==1.0 \\\n    {HASH}\n")
    done = install(lock)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"Error: pip could not install {lock}: mend the cause and run this again."
    assert "Traceback" not in done.stderr


def test_packages_of_other_systems_are_not_counted(tmp_path: Path) -> None:
    """A count that never reaches its total would look like a failure."""
    lock = tmp_path / "some.lock"
    lock.write_text("a[b]==1 \\\n  --hash=x\ntz==2 ; sys_platform == 'win32' \\\nb==1 ; python_version < '3'\nb==2\n")
    assert packages_of(lock) == {"a", "b"}
