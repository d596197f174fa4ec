"""dbt's artifacts of the present project: manifest, semantic manifest and compiled SQL, each in a folder of its own.

Every dbt command overwrites `target/manifest.json`, most of them without compiled SQL, so nothing here reads it. A full
parse takes seconds, so dbt begins with what the last command has parsed, and an artifact is kept beside a fingerprint
of the files and settings that dbt reads.
"""

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scripts import connection
from scripts.errors import Refusal, said_in_one_line
from scripts.paths import PROJECT_ROOT

# What dbt reads of the project.
READ = ("analyses", "functions", "macros", "models", "packages", "seeds", "snapshots", "tests", "dbt_packages")
# Folders in these that hold no file which dbt reads, and change with every run of the tests.
NOT_READ = {"__pycache__", "python", "corpus", "integration_tests", "docs"}
# Settings that change what dbt writes: of every artifact, and of SQL that is compiled on a warehouse.
SETTINGS = ("DBT_", "PGDATABASE")
SERVER_SETTINGS = (*SETTINGS, "PGHOST", "PGPORT", "PGUSER", "WAREHOUSE_HOME")
NO_SETTINGS = {"DBT_TARGET_PATH", "DBT_LOG_PATH"}
# All that becomes a relation; checks are not compiled.
RELATIONS = ("resource_type:model", "resource_type:snapshot", "resource_type:function")

Manifest = dict[str, Any]


def parsed() -> Manifest:
    """Return the manifest of a parse. Needs no warehouse.

    Raises:
        Refusal: dbt cannot parse the project.
    """
    return _read(_present("parsed", ("parse",), SETTINGS) / "manifest.json")


def semantic() -> Manifest:
    """Return the semantic manifest: semantic models, metrics and saved queries. Needs no warehouse.

    Raises:
        Refusal: dbt cannot parse the project.
    """
    return _read(_present("parsed", ("parse",), SETTINGS) / "semantic_manifest.json")


def compiled() -> Manifest:
    """Return the manifest with the SQL of models, snapshots and functions, compiled as for a full refresh.

    Raises:
        Refusal: dbt cannot compile the project, or the warehouse does not answer.
    """
    command = ("compile", "--full-refresh", "--select", *RELATIONS)
    return _read(_present("compiled", command, SERVER_SETTINGS) / "manifest.json")


def fingerprint(settings: Sequence[str] = SETTINGS) -> str:
    """Return a text that differs if an artifact would.

    Args:
        settings: how the names of the environment variables begin that the artifact depends on.
    """
    digest = hashlib.sha256()
    for path in sorted(files()):
        digest.update(f"{path.relative_to(PROJECT_ROOT)} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    values = {
        name: value
        for name, value in os.environ.items()
        if name.startswith(tuple(settings)) and name not in NO_SETTINGS
    }
    digest.update(f"{sorted(values.items())} {connection.target_name()}".encode())
    return digest.hexdigest()


def files() -> Iterator[Path]:
    """Yield the files of the project that dbt reads."""
    yield from PROJECT_ROOT.glob("*.yml")
    for name in READ:
        for parent, folders, names in os.walk(PROJECT_ROOT / name):
            folders[:] = [each for each in folders if each not in NOT_READ]
            yield from (Path(parent, each) for each in names)


def folder() -> Path:
    """Return the folder of all artifacts, apart from what other dbt commands write."""
    return PROJECT_ROOT / os.environ.get("DBT_TARGET_PATH", "target") / "artifacts"


def _present(name: str, command: Sequence[str], settings: Sequence[str]) -> Path:
    """Return the folder of an artifact, after dbt has written it if the project has changed since the last time."""
    kept = folder() / name
    kept.mkdir(parents=True, exist_ok=True)
    stamp = kept / "of"
    with (kept / "lock").open("w") as lock:
        # Two commands at once would write into one folder.
        fcntl.flock(lock, fcntl.LOCK_EX)
        present = fingerprint(settings)
        if not stamp.exists() or stamp.read_text() != present:
            # The stamp last: an interrupted run of dbt is repeated.
            stamp.unlink(missing_ok=True)
            _begin_with_last_parse(kept)
            _run(command, kept)
            if _has_forgotten_checks(_read(kept / "manifest.json")):
                _run((*command, "--no-partial-parse"), kept)
            stamp.write_text(present)
    return kept


def _begin_with_last_parse(target: Path) -> None:
    """Copy what the last dbt command has parsed. dbt parses again what has changed since, or all where it must."""
    last = folder().parent / "partial_parse.msgpack"
    if last.exists():
        shutil.copyfile(last, target / last.name)


def _has_forgotten_checks(manifest: Manifest) -> bool:
    """Return whether a singular test lacks its YAML: partial parsing loses it when a model of the test changes."""
    tests = (node for node in manifest["nodes"].values() if node["resource_type"] == "test")
    return any("test_metadata" not in test and not test["patch_path"] for test in tests)


def _run(command: Sequence[str], target: Path) -> None:
    options = [
        f"--{name}={path}"
        for name, path in (
            ("project-dir", PROJECT_ROOT),
            ("profiles-dir", PROJECT_ROOT),
            ("target-path", target),
            ("log-path", target / "logs"),
        )
    ]
    dbt = str(Path(sys.executable).with_name("dbt"))
    done = subprocess.run(
        [dbt, "--log-level", "error", command[0], *options, *command[1:]],
        cwd=PROJECT_ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Refusal(f"dbt cannot {command[0]} the project: {said_in_one_line(done.stdout + done.stderr)}")


def _read(path: Path) -> Manifest:
    content: Manifest = json.loads(path.read_text())
    return content
