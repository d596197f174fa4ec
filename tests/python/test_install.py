"""The installation reports what it does, and a failure in one line; it never harms another folder."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

import pytest

from scripts import install as installation
from scripts.install import install as install_into
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


def environment_with_a_file(folder: Path) -> Path:
    """Make a folder that looks like a virtual environment, with a file in it."""
    folder.mkdir()
    (folder / "pyvenv.cfg").touch()
    (folder / "kept.txt").write_text("kept")
    return folder


def test_the_folder_behind_a_link_is_not_touched(tmp_path: Path) -> None:
    """`venv --clear` empties the folder behind a link, which may be the environment of another project."""
    behind = environment_with_a_file(tmp_path / "behind")
    (tmp_path / ".venv").symlink_to(behind)
    for options in ([], ["--fresh"]):
        done = subprocess.run(
            [sys.executable, "-m", "scripts.install", tmp_path / ".venv", tmp_path / "any.lock", *options],
            cwd=PROJECT_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
        assert f"{tmp_path / '.venv'} is a symbolic link" in done.stderr
    assert (behind / "kept.txt").read_text() == "kept"


def test_a_folder_that_is_no_environment_is_not_replaced(tmp_path: Path) -> None:
    """A folder of this name may hold the files of a user."""
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(SystemExit, match="is no virtual environment"):
        install_into(tmp_path, [], fresh=True)
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.parametrize("killed", [False, True], ids=["failed", "killed once, then failed"])
def test_a_failed_installation_brings_the_environment_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed: bool
) -> None:
    """Without a network, the environment from before is all that the user has."""
    folder, stamp = environment_with_a_file(tmp_path / ".venv"), tmp_path / ".venv" / "installed"
    if killed:
        folder.rename(tmp_path / ".venv.old")
        folder.mkdir()
        (folder / "pyvenv.cfg").touch()

    def fail(environment: Path, locks: list[Path], *, fresh: bool) -> None:
        environment.mkdir()
        raise SystemExit("Error: pip could not install")

    monkeypatch.setattr(installation, "_install_all", fail)
    with pytest.raises(SystemExit, match="pip could not install"):
        install_into(folder, [], fresh=True, stamp=stamp)
    assert sorted(path.name for path in folder.iterdir()) == ["kept.txt", "pyvenv.cfg"]
    assert [path.name for path in tmp_path.iterdir()] == [".venv"]


def test_two_installations_at_once_install_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two builds would replace the environment that the first works in."""
    folder, stamp = tmp_path / ".venv", tmp_path / ".venv" / "installed"
    begun: list[Path] = []

    def install_slowly(environment: Path, locks: list[Path], *, fresh: bool) -> None:
        begun.append(environment)
        environment.mkdir()
        time.sleep(0.5)

    monkeypatch.setattr(installation, "_install_all", install_slowly)
    with ThreadPoolExecutor() as pool:
        both = [pool.submit(install_into, folder, [], fresh=True, stamp=stamp) for _ in range(2)]
        assert [done.result() for done in both] == [None, None]
    assert begun == [folder]
    assert stamp.exists()


@pytest.mark.parametrize("link", [".venv", ".warehouse", "data", "target", "logs"])
def test_clean_deletes_nothing_behind_a_link(tmp_path: Path, link: str) -> None:
    """Users put large folders on another disk by a link, and `make clean` may be run by habit."""
    shutil.copy(PROJECT_ROOT / "Makefile", tmp_path)
    (tmp_path / "behind" / "sample").mkdir(parents=True)
    (tmp_path / "behind" / "sample" / "kept.txt").touch()
    (tmp_path / link).symlink_to("behind")
    done = subprocess.run(["make", "clean"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert f"Error: {link} is a symbolic link" in done.stderr
    assert done.returncode != 0
    assert (tmp_path / link / "sample" / "kept.txt").exists()
