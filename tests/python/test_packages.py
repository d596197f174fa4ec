"""`make deps`: it decides at once whether the Hub is there, and never leaves half a package behind."""

import http.server
import io
import json
import re
import shutil
import socket
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from scripts import packages
from scripts.errors import Refusal
from scripts.packages import Installer, unreachable
from scripts.paths import PROJECT_ROOT

REGISTRY = "dbt.clients.registry.DEFAULT_REGISTRY_BASE_URL"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Talk to the loopback address directly, whatever this machine does for others."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("DBT_PACKAGES", raising=False)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A dbt project that is nothing but this project's packages."""
    (tmp_path / "dbt_project.yml").write_text("name: anything\nflags: {send_anonymous_usage_stats: false}\n")
    shutil.copy(PROJECT_ROOT / "packages.yml", tmp_path)
    shutil.copytree(PROJECT_ROOT / "offline_packages", tmp_path / "offline_packages")
    return tmp_path


@pytest.fixture
def black_hole() -> Iterator[str]:
    """The URL of a host that takes every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.fixture
def closed_port() -> str:
    """A URL at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"


class Hub(http.server.ThreadingHTTPServer):
    """A dbt Hub and its tarball host, with the offline packages for wares."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), HubHandler)
        self.url = f"http://127.0.0.1:{self.server_port}/"
        self.tarballs = self.url


class HubHandler(http.server.BaseHTTPRequestHandler):
    """What a Hub says of `<owner>/<name>`, of its index, and of a tarball."""

    server: Hub

    def do_GET(self) -> None:
        """Answer a request."""
        content = self.content(self.path.strip("/"))
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def content(self, path: str) -> bytes:
        """Return what lies at a path."""
        named = [entry["package"] for entry in yaml.safe_load((PROJECT_ROOT / "packages.yml").read_text())["packages"]]
        if path == "api/v1/index.json":
            return json.dumps(named).encode()
        folder = PROJECT_ROOT / "offline_packages" / Path(path).name.removesuffix(".json").removesuffix(".tar.gz")
        if path.endswith(".tar.gz"):
            written = io.BytesIO()
            with tarfile.open(fileobj=written, mode="w:gz") as archive:
                archive.add(folder, arcname=f"{folder.name}-of-the-hub")
            return written.getvalue()
        version = yaml.safe_load((folder / "dbt_project.yml").read_text())["version"]
        entry = {
            "name": folder.name,
            "version": version,
            "packages": [],
            "downloads": {"tarball": f"{self.server.tarballs}{folder.name}.tar.gz", "format": "tgz"},
        }
        return json.dumps({"name": folder.name, "namespace": "any", "versions": {version: entry}}).encode()

    def log_message(self, *args: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A Hub that answers."""
    with Hub() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def installed(root: Path) -> set[str]:
    """Return the folders that dbt would take for packages."""
    return {path.name for path in (root / "dbt_packages").iterdir() if path.is_dir() and path.name[:2] != "__"}


def tree(folder: Path) -> dict[str, bytes]:
    """Return the content of every file below the folders of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.glob("*/**/*") if path.is_file()}


def whole(root: Path) -> bool:
    """Tell whether `dbt_packages/` is what `offline_packages/` is."""
    return tree(root / "dbt_packages") == tree(root / "offline_packages")


# -- is the Hub there? --


def test_black_hole(monkeypatch: pytest.MonkeyPatch, project: Path, black_hole: str) -> None:
    """A firewall that drops packets must not hold up a build: five seconds is what we promise."""
    monkeypatch.setattr(REGISTRY, black_hole)
    started = time.monotonic()
    assert unreachable(project / "packages.yml") == "ReadTimeout"
    assert time.monotonic() - started < 5


def test_name_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """No timeout of a socket covers the name look-up, which can take half a minute."""
    monkeypatch.setattr(REGISTRY, "http://a.hub.invalid/")
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: over.wait(60) or [])
    started = time.monotonic()
    assert unreachable(project / "packages.yml", seconds=0.5) == "no answer within 0.5 s"
    assert time.monotonic() - started < 2
    over.set()


def test_name_that_is_not_known(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """A machine without DNS is the plainest kind of offline."""
    monkeypatch.setattr(REGISTRY, "http://a.hub.invalid/")

    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert unreachable(project / "packages.yml") == "ConnectionError"


def test_drops(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """A host that sends a byte now and then resets every timeout of a socket, and still must not hold us up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                for byte in b"HTTP/1.1 200 OK":
                    connection.send(bytes([byte]))
                    time.sleep(0.1)

        dripper = threading.Thread(target=drip)
        dripper.start()
        monkeypatch.setattr(REGISTRY, f"http://127.0.0.1:{listener.getsockname()[1]}/")
        assert unreachable(project / "packages.yml", seconds=0.5) == "no answer within 0.5 s"
        dripper.join()


def test_proxy_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, project: Path, black_hole: str) -> None:
    """Where a proxy stands before the Hub, it is the proxy that must answer: dbt goes through it as well."""
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTP_PROXY", black_hole)
    monkeypatch.setattr(REGISTRY, "http://a.hub.invalid/")
    assert unreachable(project / "packages.yml", seconds=0.5) == "no answer within 0.5 s"


def test_refused_connection(monkeypatch: pytest.MonkeyPatch, project: Path, closed_port: str) -> None:
    """A closed port is known at once, and must not cost the five seconds."""
    monkeypatch.setattr(REGISTRY, closed_port)
    started = time.monotonic()
    assert unreachable(project / "packages.yml") == "ConnectionError"
    assert time.monotonic() - started < 2


def test_hub_that_answers(monkeypatch: pytest.MonkeyPatch, project: Path, hub: Hub) -> None:
    """A project that may use the real packages should."""
    monkeypatch.setattr(REGISTRY, hub.url)
    assert unreachable(project / "packages.yml") is None


def test_tarballs_out_of_reach(monkeypatch: pytest.MonkeyPatch, project: Path, hub: Hub, closed_port: str) -> None:
    """The Hub only names the host of the packages: a machine that reaches the one may not reach the other."""
    monkeypatch.setattr(REGISTRY, hub.url)
    hub.tarballs = closed_port
    assert unreachable(project / "packages.yml") == "ConnectionError"


# -- what is installed --


def test_from_the_hub(monkeypatch: pytest.MonkeyPatch, project: Path, hub: Hub) -> None:
    """Where the Hub answers, dbt's own installer does the work, once, and nothing of ours is mixed in."""
    monkeypatch.setattr(REGISTRY, hub.url)
    monkeypatch.setenv("DBT_PACKAGE_HUB_URL", hub.url)
    assert Installer(project).run("auto") == "dbt packages: from the dbt Hub, installed."
    assert (project / "package-lock.yml").is_file()
    assert installed(project) == {"dbt_utils", "dbt_expectations"}
    hub.shutdown()
    assert Installer(project).run("auto") == "dbt packages: from the dbt Hub, unchanged."


def test_offline_when_unreachable(monkeypatch: pytest.MonkeyPatch, project: Path, closed_port: str) -> None:
    """Without a network the build goes on, and its user is told with what."""
    monkeypatch.setattr(REGISTRY, closed_port)
    said = Installer(project).run("auto")
    assert said.startswith("dbt packages: from offline_packages/ (only the macros that this project calls), installed")
    assert "the dbt Hub cannot be used (ConnectionError)" in said
    assert "\n" not in said
    assert whole(project)


def test_offline_when_dbt_deps_fails(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """The network may go away after it was asked, with the folder of packages already emptied."""
    monkeypatch.setattr(packages, "unreachable", lambda _: None)
    monkeypatch.setattr(Installer, "_dbt_deps", lambda _: "it broke")
    assert Installer(project).run("auto").endswith("installed because the dbt Hub cannot be used (it broke).")
    assert whole(project)


def test_hub_or_nothing(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """Who asks for the Hub must not get something else in silence."""
    monkeypatch.setattr(Installer, "_dbt_deps", lambda _: "it broke")
    with pytest.raises(Refusal, match=r"^dbt deps failed: it broke\. .*DBT_PACKAGES=offline"):
        Installer(project).run("hub")
    assert not (project / "dbt_packages").exists()


def test_dbt_deps_says_why(project: Path) -> None:
    """The reason is in dbt's own words, or nobody could act on it."""
    (project / "packages.yml").write_text("packages:\n  - local: not/there\n")
    with pytest.raises(Refusal, match="not/there"):
        Installer(project).run("hub")


def test_unchanged_is_left_alone(project: Path) -> None:
    """What was written anew is parsed anew, so an idle `make deps` must write nothing."""
    Installer(project).run("offline")
    before = {path: path.stat().st_mtime_ns for path in (project / "dbt_packages").rglob("*")}
    assert Installer(project).run("auto").endswith(", unchanged.")
    assert Installer(project).run("offline").endswith(", unchanged.")
    assert {path: path.stat().st_mtime_ns for path in (project / "dbt_packages").rglob("*")} == before


@pytest.mark.parametrize("change", ["edited", "added", "removed"])
def test_changed_source_is_copied_anew(project: Path, change: str) -> None:
    """A macro that was mended here must not go on failing there."""
    Installer(project).run("offline")
    macro = project / "offline_packages" / "dbt_utils" / "macros" / "sequential_values.sql"
    if change == "edited":
        macro.write_text(macro.read_text() + "\n")
    elif change == "added":
        shutil.copy(macro, macro.with_name("another.sql"))
    else:
        macro.unlink()
    assert Installer(project).run("offline").endswith(", installed.")
    assert whole(project)


def test_changed_requirement_is_installed_anew(project: Path) -> None:
    """A new version in `packages.yml` must reach the Hub, or whoever raised it tests the old one."""
    Installer(project).run("offline")
    (project / "packages.yml").write_text((project / "packages.yml").read_text() + "# changed\n")
    assert Installer(project).run("offline").endswith(", installed.")


@pytest.mark.parametrize("damage", ["stamp lost", "stamp torn", "file lost", "file torn", "leftover", "stray package"])
def test_half_done_copy_is_repaired(project: Path, damage: str) -> None:
    """A copy that was killed midway looks like an installation to dbt, which would miss a macro or find one twice."""
    Installer(project).run("offline")
    folder = project / "dbt_packages"
    macro = folder / "dbt_utils" / "macros" / "sequential_values.sql"
    if damage == "stamp lost":
        (folder / ".installed.json").unlink()
    elif damage == "stamp torn":
        (folder / ".installed.json").write_text("{")
    elif damage == "file lost":
        macro.unlink()
    elif damage == "file torn":
        macro.write_text("")
    elif damage == "leftover":
        shutil.copytree(folder / "dbt_utils", folder / "__new_dbt_utils")
    else:
        shutil.copytree(folder / "dbt_utils", folder / "dbt_date")
    assert Installer(project).run("offline").endswith(", installed.")
    assert installed(project) == {"dbt_utils", "dbt_expectations"}
    assert not list(folder.glob("__*"))
    assert whole(project)


def test_killed_while_copying(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """At no moment may dbt find a package of which a part is missing."""
    Installer(project).run("offline")
    macro = project / "offline_packages" / "dbt_utils" / "macros" / "sequential_values.sql"
    macro.write_text(macro.read_text() + "\n")
    before = tree(project / "dbt_packages")
    original = shutil.copytree

    def interrupted(source: Path, target: Path) -> None:
        original(source, target, ignore=shutil.ignore_patterns("macros"))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copytree", interrupted)
        with pytest.raises(KeyboardInterrupt):
            Installer(project).run("offline")
    after = tree(project / "dbt_packages")
    assert {name: content for name, content in after.items() if not name.startswith("__")} == before
    Installer(project).run("offline")
    assert whole(project)


def test_two_at_once(project: Path) -> None:
    """Two builds may start together on one machine; neither may pull the packages from under the other."""
    said: list[str] = []
    threads = [threading.Thread(target=lambda: said.append(Installer(project).run("offline"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(line.endswith(", installed.") for line in said) == 1
    assert sum(line.endswith(", unchanged.") for line in said) == 3
    assert whole(project)


# -- the command, and what is in the project --


def test_unknown_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A typing error must not decide in silence where packages come from."""
    monkeypatch.setenv("DBT_PACKAGES", "ofline")
    result = CliRunner().invoke(packages.main)
    assert result.exit_code == 1
    assert result.output == (
        "Error: DBT_PACKAGES='ofline' is none of auto, hub, offline; unset it to let the network decide.\n"
    )


def test_unwritable(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    """A full disk or a wrong owner is the user's to mend, so the message names the file and is no traceback."""
    (project / "dbt_packages").write_text("in the way")
    monkeypatch.setenv("DBT_PACKAGES", "offline")
    monkeypatch.setattr(packages, "Installer", lambda: Installer(project))
    result = CliRunner().invoke(packages.main)
    assert result.exit_code == 1
    assert re.fullmatch(r"Error: cannot install the dbt packages: .*dbt_packages.*; mend that .*\n", result.output)


def test_stand_ins_fit_what_they_stand_in_for() -> None:
    """A package of another name, or of another version line, would answer to the same calls in another way."""
    from dbt_common.semver import versions_compatible  # noqa: PLC0415  # dbt is slow to import

    named = yaml.safe_load((PROJECT_ROOT / "packages.yml").read_text())["packages"]
    offline = PROJECT_ROOT / "offline_packages"
    assert {entry["package"].split("/")[1] for entry in named} == {path.parent.name for path in offline.glob("*/*.yml")}
    for entry in named:
        name = entry["package"].split("/")[1]
        project = yaml.safe_load((offline / name / "dbt_project.yml").read_text())
        assert project["name"] == name
        assert versions_compatible(project["version"], *entry["version"])
