"""`make deps`: it installs with or without the dbt Hub, in bounded time, and a failure leaves what is installed."""

import functools
import http.server
import json
import shutil
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from packaging.specifiers import SpecifierSet

from scripts import packages
from scripts.errors import Refusal
from scripts.packages import install
from scripts.paths import PROJECT_ROOT

HUB = "dbt packages: from the dbt Hub, "
OFFLINE = "dbt packages: from offline_packages/ (only the macros that this project calls), "
PROFILE = "{p: {target: t, outputs: {t: {type: postgres, host: h, port: 1, user: u, pass: p, dbname: d, schema: s}}}}"
REQUIREMENTS = yaml.safe_load((PROJECT_ROOT / "packages.yml").read_text())["packages"]
HUB_ENTRIES = [entry for entry in REQUIREMENTS if "package" in entry]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a dbt project with this project's packages of the Hub and a local one; `dbt deps` takes too long."""
    root = tmp_path / "project"
    shutil.copytree(PROJECT_ROOT / "offline_packages", root / "offline_packages")
    macro = root / "packages" / "in_a_folder" / "macros" / "answer.sql"
    macro.parent.mkdir(parents=True)
    macro.write_text("{% macro answer() %}41{% endmacro %}")
    (root / "packages" / "in_a_folder" / "dbt_project.yml").write_text("name: of_its_own\n")
    (root / "packages.yml").write_text(yaml.safe_dump({"packages": [*HUB_ENTRIES, {"local": "packages/in_a_folder"}]}))
    flags = "flags: {send_anonymous_usage_stats: false}"
    (root / "dbt_project.yml").write_text(f"name: any\nprofile: p\n{flags}\n")
    (root / "profiles.yml").write_text(PROFILE)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.setitem(packages.SECONDS, "auto", 0.1)
    return root


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Serve a dbt Hub that holds the offline packages; yield its folder."""
    folder = tmp_path / "hub"
    serve = functools.partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), serve) as server:
        url = f"http://127.0.0.1:{server.server_port}/"
        names = [entry["package"] for entry in HUB_ENTRIES]
        (folder / "api" / "v1").mkdir(parents=True)
        (folder / "api" / "v1" / "index.json").write_text(json.dumps(names))
        for name in names:
            source = PROJECT_ROOT / "offline_packages" / Path(name).name
            with tarfile.open(folder / f"{source.name}.tar.gz", "w:gz") as archive:
                archive.add(source, arcname=f"{source.name}-of-the-hub")
            version = yaml.safe_load((source / "dbt_project.yml").read_text())["version"]
            downloads = {"tarball": f"{url}{source.name}.tar.gz", "format": "tgz"}
            entry = {"name": source.name, "version": version, "packages": [], "downloads": downloads}
            answer = {"name": source.name, "namespace": "any", "versions": {version: entry}}
            (folder / "api" / "v1" / f"{name}.json").parent.mkdir(exist_ok=True)
            (folder / "api" / "v1" / f"{name}.json").write_text(json.dumps(answer))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("DBT_PACKAGE_HUB_URL", url)
        monkeypatch.setitem(packages.SECONDS, "auto", 300)
        yield folder
        server.shutdown()


def answer(root: Path) -> str:
    """Return what dbt reads as the macro of the local package; it raises where a package is missing."""
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # takes three seconds

    done = dbtRunner().invoke(["--quiet", "parse", "--project-dir", str(root), "--profiles-dir", str(root)])
    if done.exception:
        raise done.exception
    return done.result.macros["macro.of_its_own.answer"].macro_sql


def state(root: Path) -> dict[Path, int]:
    """Return each path in `dbt_packages/`, with the time of its last change."""
    return {path: path.lstat().st_mtime_ns for path in (root / "dbt_packages").rglob("*")}


def test_with_the_hub(project: Path, hub: Path) -> None:
    """A project that can use the real packages must use them, all of them and nothing else."""
    assert install(project, "auto") == f"{HUB}installed."
    assert not (project / "dbt_packages" / "dbt_utils").is_symlink()
    before = state(project)
    shutil.rmtree(hub)
    assert install(project, "auto") == f"{HUB}unchanged."
    assert state(project) == before
    assert "41" in answer(project)


def test_without_the_hub(project: Path) -> None:
    """A firewall that drops packets must not hold up a build, and its user must see which packages it has."""
    started = time.monotonic()
    assert install(project, "auto") == f"{OFFLINE}installed because dbt deps failed: it took more than 0.1 s."
    assert time.monotonic() - started < 5
    before = state(project)
    assert install(project, "auto") == install(project, "offline") == f"{OFFLINE}unchanged."
    assert state(project) == before
    assert "41" in answer(project)
    assert not list((project / "target").glob("packages-*"))


def test_edits_are_seen(project: Path) -> None:
    """A macro that was mended in its package must not go on failing here."""
    install(project, "offline")
    assert "41" in answer(project)
    (project / "packages" / "in_a_folder" / "macros" / "answer.sql").write_text("{% macro answer() %}42{% endmacro %}")
    assert "42" in answer(project)
    held = project / "offline_packages" / "dbt_utils" / "macros" / "sequential_values.sql"
    held.write_text("{# mended #}")
    assert (project / "dbt_packages" / "dbt_utils" / "macros" / held.name).read_text() == "{# mended #}"


@pytest.mark.parametrize("change", ["packages.yml", "stamp", "package", "link"])
def test_changes_are_noticed(project: Path, change: str) -> None:
    """A new version, or an installation that was damaged, must not wait for `make clean`."""
    install(project, "offline")
    if change == "packages.yml":
        with (project / "packages.yml").open("a") as requirements:
            requirements.write("# changed\n")
    elif change == "stamp":
        (project / "dbt_packages" / ".installed").unlink()
    elif change == "package":
        (project / "dbt_packages" / "of_its_own").unlink()
    else:
        (project / "packages" / "in_a_folder").rename(project / "packages" / "elsewhere")
        requirements = (project / "packages.yml").read_text()
        (project / "packages.yml").write_text(requirements.replace("in_a_folder", "elsewhere"))
    assert install(project, "offline") == f"{OFFLINE}installed."
    assert "41" in answer(project)


def test_failure_leaves_what_is_installed(project: Path, hub: Path) -> None:
    """`dbt deps` on its own empties the folder of packages first, so a lost network would break a working project."""
    install(project, "offline")
    before = state(project)
    (hub / "api" / "v1" / "index.json").write_text("[]")
    with pytest.raises(Refusal, match=r"^dbt deps failed: .* was not found in the package index.*DBT_PACKAGES=offline"):
        install(project, "hub")
    shutil.rmtree(project / "offline_packages" / "dbt_utils")
    (project / "packages.yml").write_text((project / "packages.yml").read_text() + "# changed\n")
    with pytest.raises(FileNotFoundError, match="dbt_utils"):
        install(project, "offline")
    assert state(project) == before


def test_command(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error must not decide where packages come from, and what the user can mend is told in one line."""
    monkeypatch.setattr(packages, "PROJECT_ROOT", project)
    refused = CliRunner().invoke(packages.main, env={"DBT_PACKAGES": "ofline"})
    assert (refused.exit_code, "'ofline' is not one of 'auto', 'hub', 'offline'" in refused.output) == (2, True)
    (project / "packages.yml").unlink()
    refused = CliRunner().invoke(packages.main)
    assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert refused.output.startswith("Error: cannot install the dbt packages: ")
    assert "packages.yml" in refused.output


@pytest.mark.parametrize("entry", HUB_ENTRIES, ids=lambda entry: entry["package"])
def test_offline_packages_stand_in_for_those_of_the_hub(entry: dict[str, str]) -> None:
    """A package of another name, or of another version, would answer the same calls in another way."""
    name = entry["package"].rpartition("/")[-1]
    project = yaml.safe_load((PROJECT_ROOT / "offline_packages" / name / "dbt_project.yml").read_text())
    assert project["name"] == name
    assert SpecifierSet(",".join(entry["version"])).contains(project["version"])
