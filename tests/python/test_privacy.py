"""Other users of the machine cannot read what the commands and dbt write."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import privacy
from scripts.errors import Refusal


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give `keep_private` another project, and restore the mask of this process."""
    monkeypatch.setattr(privacy, "PROJECT_ROOT", tmp_path)
    before = os.umask(0o022)
    yield tmp_path
    os.umask(before)


def mode(path: Path) -> int:
    """Return the permissions of a file or folder."""
    return stat.S_IMODE(path.stat().st_mode)


def test_folders_of_dbt_are_closed_and_new_files_are_private(project: Path) -> None:
    """Logs and artifacts hold rows of customers, and a project from before has them open to every user."""
    (project / "logs").mkdir()
    (project / "logs" / "dbt.log").touch()
    privacy.keep_private()
    (project / "times.json").touch()
    assert {name: mode(project / name) for name in ("logs", "target", "times.json")} == {
        "logs": 0o700,
        "target": 0o700,
        "times.json": 0o600,
    }


@pytest.mark.parametrize("name", privacy.FOLDERS)
def test_a_link_is_refused(project: Path, name: str) -> None:
    """The folder behind a link may be one that others use."""
    (project / "behind").mkdir()
    (project / name).symlink_to("behind")
    with pytest.raises(Refusal, match=f"{name} is a symbolic link"):
        privacy.keep_private()
    assert mode(project / "behind") == 0o755


@pytest.mark.parametrize("command", ["build", "check_catalogue", "docs", "land", "packages", "release"])
def test_each_command_that_writes_rows_is_private(command: str) -> None:
    """A command that forgets it would write its files for everybody."""
    folder = Path(privacy.__file__).parent
    files = [folder / f"{command}.py", folder / command / "__main__.py", folder / command / "run.py"]
    assert any("    keep_private()\n" in file.read_text() for file in files if file.exists())
