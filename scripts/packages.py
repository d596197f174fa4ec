"""Install the dbt packages that `packages.yml` names: `make deps`.

`dbt deps` installs them from the dbt Hub. If it fails or takes too long, each package of the Hub becomes a link to its
folder in `offline_packages/`, which holds the macros that this project calls. Local packages are links in both cases.
"""

import fcntl
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import yaml

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT
from scripts.privacy import keep_private

ORIGINS = {
    "hub": "from the dbt Hub",
    "offline": "from offline_packages/ (only the macros that this project calls)",
}
# Where there is no network, this is as it should be, and a stack of errors would alarm the user.
UNREACHABLE = "the dbt Hub does not answer"
NO_CONNECTION = ("External connection exception", "ConnectionError", "Max retries exceeded", "Connection refused")
SECONDS = {"auto": 30, "hub": 300}  # if a network drops packets, `dbt deps` waits for minutes


def install(root: Path, wanted: str) -> str:
    """Install the packages from the origin that is wanted, unless they are there; return one line that names it."""
    requirements, installed, reason = (root / "packages.yml").read_text(), root / "dbt_packages", None
    entries = yaml.safe_load(requirements)["packages"]
    folders = dict(_folder(root, entry) for entry in entries)
    stamp = installed / ".installed"
    if stamp.is_file() and all((installed / name / "dbt_project.yml").is_file() for name in folders):
        origin, _, installed_for = stamp.read_text().partition("\n")
        if wanted in ("auto", origin) and installed_for == requirements:
            return f"dbt packages: {ORIGINS[origin]}, unchanged."
    # The packages are prepared elsewhere, so a failure or a kill does not change the installed ones.
    (root / "target").mkdir(exist_ok=True)
    with TemporaryDirectory(dir=root / "target", prefix="packages-") as folder:
        scratch, lock = Path(folder), root / "package-lock.yml"
        if wanted != "offline":
            reason = _dbt_deps(root, entries, scratch, SECONDS[wanted])
        if reason and wanted == "hub":
            raise Refusal(f"dbt deps failed: {reason}. Without the dbt Hub, use DBT_PACKAGES=offline.")
        origin = "offline" if reason or wanted == "offline" else "hub"
        for name, source in folders.items() if origin == "offline" else ():
            (scratch / origin).mkdir(exist_ok=True)
            (scratch / origin / name).symlink_to(source.resolve(strict=True), target_is_directory=True)
        (scratch / origin / stamp.name).write_text(f"{origin}\n{requirements}")
        if installed.exists():
            installed.rename(scratch / "old")
        # dbt 1.12 compares the number of installed packages with this file, which also names what packages depend on.
        lock.unlink(missing_ok=True)
        if origin == "hub":
            (scratch / lock.name).rename(lock)
        (scratch / origin).rename(installed)
    because = {None: "", UNREACHABLE: f", as {UNREACHABLE}"}.get(reason, f" because dbt deps failed: {reason}")
    return f"dbt packages: {ORIGINS[origin]}, installed{because}."


def _folder(root: Path, entry: dict[str, str]) -> tuple[str, Path]:
    """Return the name of a package, and the folder that holds it without the Hub."""
    if "local" in entry:
        folder = root / entry["local"]
        return yaml.safe_load((folder / "dbt_project.yml").read_text())["name"], folder
    name = entry["package"].rpartition("/")[-1]
    return name, root / "offline_packages" / name


def _dbt_deps(root: Path, entries: list[dict[str, str]], scratch: Path, seconds: float) -> str | None:
    """Have dbt install the packages in a project of their own; return why it could not."""
    absolute = [{**entry, "local": str(root / entry["local"])} if "local" in entry else entry for entry in entries]
    (scratch / "packages.yml").write_text(yaml.safe_dump({"packages": absolute}))
    (scratch / "dbt_project.yml").write_text(
        "{name: any, packages-install-path: hub, flags: {send_anonymous_usage_stats: false}}"
    )
    command = [str(Path(sys.executable).with_name("dbt")), "--no-use-colors", "deps", "--project-dir", str(scratch)]
    try:
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return UNREACHABLE
    said = (done.stdout or done.stderr).partition("Encountered an error:")[2].partition("Traceback")[0]
    if any(words in said for words in NO_CONNECTION):
        return UNREACHABLE
    return textwrap.shorten(said or f"exit code {done.returncode}", 200) if done.returncode else None


@click.command()
@click.option("--from", "wanted", envvar="DBT_PACKAGES", type=click.Choice(["auto", *ORIGINS]), default="auto")
def main(wanted: str) -> None:
    """Install the dbt packages, from the dbt Hub if it can be reached."""
    keep_private()
    try:
        fcntl.flock(os.open(PROJECT_ROOT, os.O_RDONLY), fcntl.LOCK_EX)  # one installation at a time
        click.echo(install(PROJECT_ROOT, wanted))
    except OSError as error:
        raise Refusal(f"cannot install the dbt packages: {error}; mend that and run it again.") from error


if __name__ == "__main__":
    main()
