"""`make deps` installs with or without the dbt Hub, in bounded time, and a failure keeps the installed packages."""

import functools
import http.server
import json
import shutil
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from subprocess import CompletedProcess

import pytest
import yaml
from click.testing import CliRunner

from scripts import packages
from scripts.errors import Refusal
from scripts.packages import install
from scripts.paths import PROJECT_ROOT

HUB = "dbt packages: from the dbt Hub, "
OFFLINE = "dbt packages: from offline_packages/ (only the macros that this project calls), "
REQUIREMENTS = yaml.safe_load((PROJECT_ROOT / "packages.yml").read_text())["packages"]
NEEDED = [entry["package"] for entry in REQUIREMENTS if "package" in entry]
MACRO = "packages/in_a_folder/macros/answer.sql"
LOGIN = dict.fromkeys(("host", "user", "password", "dbname", "schema"), "any")
FILES = {
    "packages.yml": {
        "packages": [*({"package": name, "version": "1.0.0"} for name in NEEDED), {"local": "packages/in_a_folder"}]
    },
    "packages/in_a_folder/dbt_project.yml": {"name": "of_its_own"},
    "dbt_project.yml": {"name": "any", "profile": "p", "flags": {"send_anonymous_usage_stats": False}},
    "profiles.yml": {"p": {"target": "t", "outputs": {"t": {"type": "postgres", "port": 1, **LOGIN}}}},
}

pytestmark = pytest.mark.dbt


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Create a dbt project with this project's Hub packages and a local one; `dbt deps` exceeds its time limit."""
    root = tmp_path / "project"
    shutil.copytree(PROJECT_ROOT / "offline_packages", root / "offline_packages")
    (root / MACRO).parent.mkdir(parents=True)
    for name, content in FILES.items():
        (root / name).write_text(yaml.safe_dump(content))
    (root / MACRO).write_text("{% macro answer() %}41{% endmacro %}")
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setitem(packages.SECONDS, "auto", 0.1)
    return root


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Run a dbt Hub that holds the offline packages; yield the folder of its answers."""
    folder, answers = tmp_path / "hub", tmp_path / "hub" / "api" / "v1"
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        for owner, name in (package.split("/") for package in NEEDED):
            (answers / owner).mkdir(parents=True)
            with tarfile.open(folder / f"{name}.tar.gz", "w:gz") as archive:
                archive.add(PROJECT_ROOT / "offline_packages" / name, arcname="any")
            only = {"name": name, "packages": [], "downloads": {"tarball": f"{url}{name}.tar.gz", "format": "tgz"}}
            answer = {"name": name, "namespace": owner, "versions": {"1.0.0": {**only, "version": "1.0.0"}}}
            (answers / owner / f"{name}.json").write_text(json.dumps(answer))
        (answers / "index.json").write_text(json.dumps(NEEDED))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DBT_PACKAGE_HUB_URL", url)
        monkeypatch.setitem(packages.SECONDS, "auto", 300)
        yield answers
        server.shutdown()


def seen(root: Path) -> str:
    """Return the text of the macro `answer` that dbt reads. A missing package fails the assertion."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # takes three seconds

    done = dbtRunner().invoke(["--quiet", "parse", f"--project-dir={root}", f"--profiles-dir={root}", "--target=t"])
    assert done.exception is None
    return done.result.macros["macro.of_its_own.answer"].macro_sql


def state(root: Path) -> dict[Path, int]:
    """Return each path in `dbt_packages/`, with the time of its last change."""
    return {path: path.lstat().st_mtime_ns for path in (root / "dbt_packages").rglob("*")}


def test_with_the_hub(project: Path, hub: Path) -> None:
    """A project that can use the real packages must use them, and download them only once."""
    assert install(project, "auto") == f"{HUB}installed."
    assert not (project / "dbt_packages" / "dbt_utils").is_symlink()
    assert len(yaml.safe_load((project / "package-lock.yml").read_text())["packages"]) == len(NEEDED) + 1
    before = state(project)
    shutil.rmtree(hub)
    assert install(project, "auto") == f"{HUB}unchanged."
    assert state(project) == before
    assert "41" in seen(project)
    assert install(project, "offline") == f"{OFFLINE}installed."
    assert not (project / "package-lock.yml").exists()


def test_without_the_hub(project: Path) -> None:
    """A firewall that drops packets must not hold up a build, and the next build must use an edited macro."""
    assert install(project, "auto") == f"{OFFLINE}installed, as the dbt Hub does not answer."
    before = state(project)
    assert install(project, "auto") == install(project, "offline") == f"{OFFLINE}unchanged."
    assert state(project) == before
    assert "41" in seen(project)
    (project / MACRO).write_text("{% macro answer() %}42{% endmacro %}")
    assert "42" in seen(project)
    (project / "offline_packages" / "dbt_utils" / "macros" / "added.sql").touch()
    assert (project / "dbt_packages" / "dbt_utils" / "macros" / "added.sql").exists()


def test_no_connection_is_one_calm_line(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without a network is no fault, so nobody should read of connection pools and retries."""
    # As dbt 1.11 says it after five attempts, which take seconds.
    said = (
        "Encountered an error:\nExternal connection exception occurred: HTTPConnectionPool(host='127.0.0.1', port=9): "
        "Max retries exceeded with url: /api/v1/index.json (Caused by NewConnectionError('Connection refused'))"
    )
    monkeypatch.setattr(packages.subprocess, "run", lambda *_, **__: CompletedProcess([], 2, said, ""))
    assert install(project, "auto") == f"{OFFLINE}installed, as the dbt Hub does not answer."


@pytest.mark.parametrize("change", ["packages.yml", "dbt_packages/.installed", "dbt_packages/of_its_own"])
def test_changes_are_noticed(project: Path, change: str) -> None:
    """A new version or a damaged installation must lead to an installation without `make clean`."""
    install(project, "offline")
    if change == "packages.yml":
        (project / change).write_text((project / change).read_text() + "# changed\n")
    else:
        (project / change).unlink()
    assert install(project, "offline") == f"{OFFLINE}installed."
    assert {path.name for path in state(project)} == {"dbt_utils", "dbt_expectations", "of_its_own", ".installed"}


def test_failure_leaves_what_is_installed(project: Path, hub: Path) -> None:
    """`dbt deps` alone empties the folder of packages first, so a lost network would break a working project."""
    install(project, "offline")
    before = state(project)
    (hub / "index.json").write_text("[]")
    with pytest.raises(Refusal, match=r"^dbt deps failed: .* was not found in the package index.*DBT_PACKAGES=offline"):
        install(project, "hub")
    shutil.rmtree(project / "offline_packages" / "dbt_utils")
    (project / "packages.yml").write_text((project / "packages.yml").read_text() + "# changed\n")
    with pytest.raises(FileNotFoundError, match="dbt_utils"):
        install(project, "offline")
    assert state(project) == before


def test_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The user needs one line without a traceback for an error that they can fix."""
    monkeypatch.setattr(packages, "PROJECT_ROOT", tmp_path)
    refused = CliRunner().invoke(packages.main)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert "cannot install the dbt packages" in refused.output
