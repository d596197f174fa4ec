"""A dbt project in a temporary folder that installs the package, and dbt in this process to run it."""

import hashlib
import multiprocessing
import os
import pickle
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

import psycopg
import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT.parent

# The name of the database is part of what dbt parses, so every test builds in a database of this name.
DATABASE = "pg_wap_test"

# Schemas of the store: dbt's own rule puts the target's schema before each.
PUBLISHED = "store_published"
TABLES = "store_published_tables"
PARTITIONS = "store_published_partitions"
CANDIDATE = "store_published_candidate"
AUDIT = "store_audit"

# A test whose build does not need the views on the history of runs leaves them out, which saves half of its time.
WITHOUT_VIEWS_ON_RUNS = {"models": {"pg_wap": {"+enabled": False}}}

Rows = list[tuple[Any, ...]]


class Outcome(NamedTuple):
    """The result of one node.

    Attributes:
        status: `success`, `pass`, `warn`, `fail`, `error` or `skipped`.
        message: dbt's message, in one line.
    """

    status: str
    message: str


class Project:
    """A dbt project, and the database in which it builds.

    Attributes:
        folder: where the project is.
        url: the database, which a fixture makes.
        schema: the schema of the models, where a test needs it.
        said: messages of macros, in the last command.
        warnings: warnings of macros, in the last command.
        errors: what failed, in the last command, each in one line.
        outcomes: the result of each node of the last command.
    """

    def __init__(self, parts: tuple[str, ...], configuration: dict[str, Any] | None = None) -> None:
        """Copy some parts of the store, and install the package as `dbt deps` does.

        Args:
            parts: folders of the store, such as `macros`.
            configuration: keys of `dbt_project.yml` that differ from the store's, merged level by level.
        """
        self.folder = Path(mkdtemp(prefix="pg_wap-"))
        self.url = ""
        self.schema = ""
        self.said: list[str] = []
        self.warnings: list[str] = []
        self.errors: list[str] = []
        self.outcomes: dict[str, Outcome] = {}
        self._configuration = configuration or {}
        self._files: dict[str, str] = {}
        self._kept: dict[str, str] = {}
        self._manifests: dict[str, bytes] = {}
        (self.folder / "dbt_packages").mkdir()
        (self.folder / "dbt_packages" / "pg_wap").symlink_to(PACKAGE)
        for name in ("packages.yml", "profiles.yml"):
            self.write(name, (ROOT / name).read_text())
        for part in parts:
            for path in sorted((ROOT / part).rglob("*")):
                if path.is_file():
                    self.write(str(path.relative_to(ROOT)), path.read_text())
        self.configure({})

    def configure(self, changes: dict[str, Any]) -> None:
        """Write `dbt_project.yml`: that of the store, with the changes of this project, and these."""
        given = _merged(yaml.safe_load((ROOT / "dbt_project.yml").read_text()), self._configuration)
        self.write("dbt_project.yml", yaml.safe_dump(_merged(given, changes), sort_keys=False))

    def write(self, path: str, text: str) -> None:
        """Write a file."""
        if self._files.get(path) != text:
            (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / path).write_text(text)
            self._files[path] = text

    def read(self, path: str) -> str:
        """Return the text of a file."""
        return self._files[path]

    def remove(self, path: str) -> None:
        """Remove a file."""
        (self.folder / path).unlink()
        del self._files[path]

    def model(self, name: str, sql: str, **properties: Any) -> None:
        """Write a model, and its properties where it has any."""
        self.write(f"models/{name}.sql", sql)
        if properties:
            self.write(f"models/{name}.yml", yaml.safe_dump({"models": [{"name": name} | properties]}))
        elif f"models/{name}.yml" in self._files:
            self.remove(f"models/{name}.yml")

    def keep(self) -> None:
        """Remember the files as they are, for `reset`."""
        self._kept = dict(self._files)

    def reset(self) -> None:
        """Restore the files that `keep` remembers; forget the last command."""
        for path in self._files.keys() - self._kept.keys():
            self.remove(path)
        for path, text in self._kept.items():
            self.write(path, text)
        self.said, self.warnings, self.errors, self.outcomes = [], [], [], {}

    def dbt(self, *arguments: str) -> bool:
        """Run a command of dbt; return whether it succeeded. Files are parsed only if no test had the same files."""
        self.said, self.warnings, self.errors, self.outcomes = [], [], [], {}
        manifest = None if arguments[0] == "parse" else self._parsed()
        if manifest is None and arguments[0] != "parse":
            return False
        return self._read(self._invoke(arguments, manifest))

    def dbt_with_files_as_they_are(self, *arguments: str) -> bool:
        """Run a command of dbt that parses by itself, with whatever its partial parsing remembers."""
        self.said, self.warnings, self.errors, self.outcomes = [], [], [], {}
        return self._read(self._invoke(arguments, None))

    def compiled(self, template: str, *options: str) -> str:
        """Return what dbt makes of a template, such as the SQL of a macro."""
        outcome = self._invoke(("compile", "--inline", template, *options), self._parsed())
        assert outcome.success, outcome.exception
        return str(outcome.result.results[0].node.compiled_code)

    def build(self, *options: str) -> None:
        """Build everything, which must succeed."""
        assert self.dbt("build", *options), self.errors

    @contextmanager
    def dbt_apart(self, *arguments: str) -> Iterator[Any]:
        """Run a command of dbt in another process, to be killed or overtaken; it has no output."""
        manifest = self._parsed()
        assert manifest is not None, self.errors

        def run() -> None:
            # None of the parent's sessions may be closed from here, so nothing is cleaned up.
            os._exit(0 if self._invoke(arguments, manifest).success else 1)

        process = multiprocessing.get_context("fork").Process(target=run)
        process.start()
        try:
            yield process
        finally:
            process.kill()
            process.join()

    def ask(self, statement: str) -> Rows:
        """Run SQL; return its rows."""
        with psycopg.connect(self.url, autocommit=True) as session:
            cursor = session.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def destroy(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder)

    def _parsed(self) -> Any:
        """Return a new copy of the manifest, as a command writes its results into it; none if parsing failed."""
        key = hashlib.sha256(repr(sorted(self._files.items())).encode()).hexdigest()
        if key not in self._manifests:
            outcome = self._invoke(("parse",), None)
            if not outcome.success:
                self._read(outcome)
                return None
            if self._has_lost_yaml(outcome.result.nodes.values()):
                outcome = self._invoke(("parse", "--no-partial-parse"), None)
            # The manifest itself cannot be pickled: it leaves fields out, and the lookups land in the wrong places.
            names = [field.name for field in fields(outcome.result) if not field.name.startswith("_")]
            self._manifests[key] = pickle.dumps({name: getattr(outcome.result, name) for name in names})
        from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415  # takes seconds

        manifest = Manifest(**pickle.loads(self._manifests[key]))
        manifest.build_flat_graph()
        return manifest

    def _has_lost_yaml(self, nodes: Iterable[Any]) -> bool:
        """Return whether dbt's partial parsing lost the YAML of a singular test, as it does where its SQL changed.

        A test that has no YAML looks the same in the manifest, and a full parse takes seconds.
        """
        yaml_files = [text for path, text in self._files.items() if path.endswith(".yml")]
        return any(
            type(node).__name__ == "SingularTestNode"
            and not node.patch_path
            and any(f"name: {node.name}" in text for text in yaml_files)
            for node in nodes
        )

    def _invoke(self, arguments: tuple[str, ...], manifest: Any) -> Any:
        from dbt.cli.main import dbtRunner  # noqa: PLC0415  # takes seconds

        _tune()
        folders = {"project-dir": self.folder, "profiles-dir": self.folder, "log-path": self.folder / "logs"}
        options = ["--log-level=none", "--log-level-file=none", *arguments]
        options += [f"--{name}={folder}" for name, folder in folders.items()]
        if arguments[0] not in ("parse", "docs", "compile") and "--write-json" not in arguments:
            options.append("--no-write-json")

        def listen(event: Any) -> None:
            if event.info.name == "JinjaLogInfo":
                self.said.append(event.data.msg)
            elif event.info.name == "JinjaLogWarning":
                self.warnings.append(event.data.msg)
            elif event.info.name == "RunningOperationCaughtError":
                self.errors.append(" ".join(event.data.exc.split()))

        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment(self.url).items():
                patch.setenv(name, value)
            return on_a_short_stack(lambda: dbtRunner(manifest=manifest, callbacks=[listen]).invoke(options))

    def _read(self, outcome: Any) -> bool:
        if outcome.exception:
            self.errors.append(" ".join(str(outcome.exception).split()))
        for result in getattr(outcome.result, "results", []):
            # The error of a run-operation came as an event; dbt 1.12 puts it into the result as well.
            if not hasattr(result, "node"):
                continue
            message = " ".join((result.message or "").split())
            if message and str(result.status) in ("error", "fail"):
                self.errors.append(message)
            if result.node.resource_type != "operation":
                self.outcomes[result.node.name] = Outcome(str(result.status), message)
        return bool(outcome.success)


def environment(url: str) -> dict[str, str]:
    """Return the variables of `profiles.yml` for a database."""
    given = psycopg.conninfo.conninfo_to_dict(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    # dbt reads the target as well, which other tests of the same process may have set.
    return {variable: str(given.get(name) or "") for name, variable in names.items()} | {"DBT_TARGET": "test"}


def on_a_short_stack(call: Callable[[], Any]) -> Any:
    """Call a function in another thread.

    dbt walks the stack once for each of its behavior flags, and the stack of pytest is deep: a second of each command.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(call).result()


def _tune() -> None:
    """Run the dbt that this repository's builds run; without `scripts`, the tests take longer and do the same."""
    try:
        from scripts.build.dbt import tune  # noqa: PLC0415  # imports dbt, which takes two seconds
    except ModuleNotFoundError:
        return
    tune()


def _merged(given: Any, changes: Any) -> Any:
    if not (isinstance(given, dict) and isinstance(changes, dict)):
        return changes
    return {
        key: _merged(given.get(key), changes[key]) if key in changes else given[key] for key in {**given, **changes}
    }
