"""Install the dbt packages that `packages.yml` names: `make deps`, `python -m scripts.packages`.

They come from the dbt Hub where it can be reached, else from `offline_packages/`,
which holds the macros of the same packages that this project calls. The environment
variable `DBT_PACKAGES` (`hub`, `offline`, `auto`) forces one. What is installed and
unchanged is left alone.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import click
import yaml

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

CHOICES = ("auto", "hub", "offline")

ORIGINS = {
    "hub": "from the dbt Hub",
    "offline": "from offline_packages/ (only the macros that this project calls)",
}

# The whole decision takes five seconds at most, however slowly the network says no; a request gives up sooner.
DECIDE_SECONDS = 4.5
REQUEST_SECONDS = 3.0
DBT_DEPS_SECONDS = 300.0

# dbt takes every folder in dbt_packages/ for a package, except those whose names start so.
HIDDEN = "__"


def choice() -> str:
    """Return what `DBT_PACKAGES` asks for; refuse any other word."""
    value = os.environ.get("DBT_PACKAGES") or "auto"
    if value not in CHOICES:
        raise Refusal(f"DBT_PACKAGES={value!r} is none of {', '.join(CHOICES)}; unset it to let the network decide.")
    return value


def unreachable(packages_file: Path, seconds: float = DECIDE_SECONDS) -> str | None:
    """Return why the Hub, or the host that its packages lie on, cannot be reached; None where both can.

    The answer takes `seconds` at most. A name server that does not answer holds up
    Python beyond any socket's timeout, so the question is asked in a thread that is left behind.
    """
    reasons: list[str | None] = []
    prober = threading.Thread(target=lambda: reasons.append(_probe(packages_file)), daemon=True)
    prober.start()
    prober.join(seconds)
    return reasons[0] if reasons else f"no answer within {seconds:g} s"


def _probe(packages_file: Path) -> str | None:
    """Ask as `dbt deps` will: the same address, proxy settings and certificates."""
    try:
        import requests  # noqa: PLC0415  # only where the network is asked at all
        from dbt.clients.registry import DEFAULT_REGISTRY_BASE_URL as hub  # noqa: PLC0415  # dbt is slow to import

        name = yaml.safe_load(packages_file.read_text())["packages"][0]["package"]
        entry = requests.get(f"{hub}api/v1/{name}.json", timeout=REQUEST_SECONDS)
        entry.raise_for_status()
        *_, version = entry.json()["versions"].values()
        with requests.get(version["downloads"]["tarball"], timeout=REQUEST_SECONDS, stream=True) as tarball:
            tarball.raise_for_status()
    except Exception as error:  # whatever goes wrong here means: not reachable
        return type(error).__name__
    return None


class Installer:
    """Installs packages into `dbt_packages/` of one dbt project."""

    def __init__(self, root: Path = PROJECT_ROOT) -> None:
        self.root = root
        self.packages_file = root / "packages.yml"
        self.offline = root / "offline_packages"
        self.installed = root / "dbt_packages"
        self.stamp = self.installed / ".installed.json"

    def run(self, wanted: str) -> str:
        """Install what is missing or changed, and return one line that says what is there now."""
        with self._lock():
            current = self._current()
            if current is not None and wanted in ("auto", current):
                return f"dbt packages: {ORIGINS[current]}, unchanged."
            reason = None
            if wanted == "auto":
                reason = unreachable(self.packages_file)
            if wanted != "offline" and reason is None:
                reason = self._dbt_deps()
                if reason is None:
                    self._write_stamp("hub")
                    return f"dbt packages: {ORIGINS['hub']}, installed."
            if wanted == "hub":
                raise Refusal(f"dbt deps failed: {reason}. Without the dbt Hub, use DBT_PACKAGES=offline.")
            self._copy_offline()
            because = f" because the dbt Hub cannot be used ({reason})" if reason else ""
            return f"dbt packages: {ORIGINS['offline']}, installed{because}."

    @contextlib.contextmanager
    def _lock(self) -> Iterator[None]:
        """Let one process install at a time. The lock is on the folder itself, so no file is left behind."""
        handle = os.open(self.offline, os.O_RDONLY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _current(self) -> str | None:
        """Return the origin of what is installed, whole and up to date; None where nothing is."""
        try:
            record = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return None
        for origin in ORIGINS:
            if record == self._record(origin):
                return origin
        return None

    def _record(self, origin: str) -> dict[str, str]:
        """Describe an installation by all that it depends on, its own files included."""
        files = [self.packages_file, *_files(self.installed)]
        if origin == "offline":
            files += _files(self.offline)
        digest = hashlib.sha256()
        for file in files:
            content = file.read_bytes()
            digest.update(f"{file.relative_to(self.root)}\0{len(content)}\0".encode() + content)
        return {"origin": origin, "sha256": digest.hexdigest()}

    def _write_stamp(self, origin: str) -> None:
        """Say that the installation is whole: the last thing written."""
        temporary = self.stamp.with_name(f"{HIDDEN}stamp")
        temporary.write_text(json.dumps(self._record(origin)) + "\n")
        temporary.replace(self.stamp)

    def _dbt_deps(self) -> str | None:
        """Let dbt install from the Hub; return why it could not."""
        self.stamp.unlink(missing_ok=True)
        command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--no-use-colors"]
        command += ["deps", "--project-dir", str(self.root)]
        try:
            done = subprocess.run(
                command, cwd=self.root, capture_output=True, text=True, timeout=DBT_DEPS_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"dbt deps took more than {DBT_DEPS_SECONDS:g} s"
        if done.returncode == 0:
            return None
        before, _, after = (done.stdout or done.stderr).partition("Encountered an error:")
        return " ".join((after or before).split()) or f"exit code {done.returncode}"

    def _copy_offline(self) -> None:
        """Make `dbt_packages/` hold the offline packages and nothing else.

        Each is copied under a name that dbt passes over and then renamed, so no
        package is ever there in part. The stamp goes first and comes back last.
        """
        self.installed.mkdir(exist_ok=True)
        self.stamp.unlink(missing_ok=True)
        packages = [path for path in self.offline.iterdir() if (path / "dbt_project.yml").is_file()]
        for package in packages:
            fresh = self.installed / f"{HIDDEN}new_{package.name}"
            stale = self.installed / f"{HIDDEN}old_{package.name}"
            _remove(fresh)
            _remove(stale)
            shutil.copytree(package, fresh)
            with contextlib.suppress(FileNotFoundError):
                (self.installed / package.name).rename(stale)
            fresh.rename(self.installed / package.name)
        for path in self.installed.iterdir():
            if path.name not in {package.name for package in packages}:
                _remove(path)
        self._write_stamp("offline")


def _remove(path: Path) -> None:
    """Remove a file, a link or a folder that may or may not be there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _files(folder: Path) -> list[Path]:
    """Return all files below a folder in a fixed order, those at its top level left out."""
    return sorted(path for path in folder.glob("*/**/*") if path.is_file())


@click.command()
def main() -> None:
    """Install the dbt packages, from the dbt Hub where it can be reached."""
    try:
        click.echo(Installer().run(choice()))
    except OSError as error:
        raise Refusal(f"cannot install the dbt packages: {error}; mend that and run it again.") from error


if __name__ == "__main__":
    main()
