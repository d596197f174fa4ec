"""dbt as production runs it: in this process, tuned, and parsed once; but on the working database of the tests."""

import gc
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import patch

import click
import psycopg
import pytest
from click.testing import CliRunner, Result

from scripts import connection
from scripts.paths import PROJECT_ROOT

# Every test builds in a database of this name: the name is part of what dbt parses, and a full parse takes 5 s.
WORKING_DATABASE = "retail_test"
# Options that change what the parser returns.
PARSED_ANEW = ("--vars", "--target", "--profile")
# Folders of models that are off by default; their own tests have the faults of their checks.
OPTIONAL = ("network", "shop", "vault")
# These folders of a project hold nothing that dbt parses.
NOT_PARSED = (".*", "target", "logs", "data", "docs", "scripts", "python")


class Outcome(NamedTuple):
    """What became of one node.

    Attributes:
        status: `success` of what was built, `pass`, `warn` or `fail` of tests, `error` and `skipped` of either.
        failures: how many rows a test found.
        message: what dbt has to say, in one line.
        relation: where it is in the database, quoted; of a test, where its failing rows are.
        sql: the query that dbt made of it; of a test, the one that finds failing rows.
    """

    status: str
    failures: int
    message: str
    relation: str | None
    sql: str | None


def environment(database: str = WORKING_DATABASE) -> dict[str, str]:
    """Return the variables that point the target `prod` at a database of the embedded server."""
    # The socket trusts everybody who can reach it, but the target wants a password.
    return connection.libpq_environment("local") | {
        "PGDATABASE": database,
        "PGPASSWORD": "not looked at",
        "DBT_TARGET": "prod",
    }


def without_settings() -> dict[str, str]:
    """Return the environment without what chooses a warehouse."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_"))}


def run_command_here(command: click.Command, arguments: Sequence[str], **variables: str) -> Result:
    """Run a command in this process, with an environment in which only what is given chooses a warehouse.

    A process of its own takes five seconds to import dbt and to read what it has parsed.

    Args:
        command: a command of `scripts`.
        arguments: as on the command line.
        variables: of the environment.
    """
    collect, switch = gc.get_threshold(), sys.getswitchinterval()
    with patch.dict(os.environ, without_settings() | variables, clear=True):
        try:
            done = on_a_short_stack(lambda: CliRunner().invoke(command, arguments))
        finally:
            gc.set_threshold(*collect)
            sys.setswitchinterval(switch)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def copy_of_project(folder: Path) -> Path:
    """Copy all of the project that dbt reads into a new folder, to try a change; return the folder."""
    return Path(shutil.copytree(PROJECT_ROOT, folder, ignore=shutil.ignore_patterns(*NOT_PARSED)))


def replace(file: Path, *changes: tuple[str, str]) -> None:
    """Replace texts in a file, each of which must be there once."""
    text = file.read_text()
    for old, new in changes:
        assert text.count(old) == 1, (file, old)
        text = text.replace(old, new)
    file.write_text(text)


class Dbt:
    """dbt with its own target folder and log; those of the developer stay as they are.

    Attributes:
        warnings: the warnings that the project's macros raised in the last command.
        told: the other messages that they logged.
        errors: the errors of a run-operation.
    """

    def __init__(self, work: Path):
        self.target_path = work / "target"
        self.log_path = work / "logs"
        self.warnings: list[str] = []
        self.told: list[str] = []
        self.errors: list[str] = []
        self._parsed: dict[tuple[Any, ...], bytes] = {}

    def __call__(self, *arguments: str, project: Path = PROJECT_ROOT) -> dict[str, Outcome]:
        """Run a command of dbt; return the outcome of each node by its name. `parse` and the like have no outcomes.

        The project itself is parsed in the first command of a session only. Its commands write no artifacts, apart
        from the manifest of that parse, unless `--write-json` is given.

        Args:
            arguments: as on the command line, such as `"test", "--select", "fct_sales"`.
            project: the folder of the project; give a copy of it to try a change.

        Raises:
            AssertionError: dbt could not begin, because the project does not compile or the server does not answer.
        """
        self.warnings, self.told, self.errors = [], [], []
        manifest = None if arguments[0] == "parse" else self._manifest(arguments, project)
        if project == PROJECT_ROOT and arguments[0] != "parse" and "--write-json" not in arguments:
            arguments = (*arguments, "--no-write-json")
        outcome = self._invoke(arguments, project, manifest)
        # The results of a run-operation have no node.
        results = [result for result in getattr(outcome.result, "results", []) if hasattr(result, "node")]
        return {result.node.name: _outcome(result) for result in results if result.node.resource_type != "operation"}

    def _invoke(self, arguments: tuple[str, ...], project: Path, manifest: Any = None) -> Any:
        from dbt.cli.main import dbtRunner  # noqa: PLC0415  # three seconds, which no other test should bear

        _tune_as_in_production()
        own = self.target_path if project == PROJECT_ROOT else project / "target"
        if "--vars" in arguments:
            # dbt remembers one parse in each folder.
            own = own / "vars"
        folders = {"project-dir": project, "profiles-dir": project, "target-path": own, "log-path": self.log_path}
        options = [f"--{name}={folder}" for name, folder in folders.items()]

        def listen(event: Any) -> None:
            if event.info.name == "JinjaLogWarning":
                self.warnings.append(event.data.msg)
            elif event.info.name == "JinjaLogInfo":
                self.told.append(event.data.msg)
            elif event.info.name == "RunningOperationCaughtError":
                self.errors.append(" ".join(event.data.exc.split()))

        command = ["--log-level=none", *arguments, *options]
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment().items():
                patch.setenv(name, value)
            outcome = on_a_short_stack(lambda: dbtRunner(manifest=manifest, callbacks=[listen]).invoke(command))
        assert outcome.exception is None, f"dbt {' '.join(arguments)}: {outcome.exception}"
        return outcome

    def _manifest(self, arguments: tuple[str, ...], project: Path) -> Any:
        """Return the project as dbt parses it: a new copy, as a command of dbt writes its results into the manifest.

        A node keeps its compiled SQL and a flag that says so, and macros keep things in `graph`. So each command gets
        a manifest that no other has used: a copy takes 0.06 s, where dbt's partial parse takes 0.3 s.

        The manifest itself cannot be pickled: its `__reduce_ex__` leaves fields out, and the lookups that follow land
        in the wrong places. dbt makes the lookups again when it needs them.
        """
        from dbt.contracts.graph.manifest import Manifest  # noqa: PLC0415  # needs dbt

        chosen = [
            part
            for name, value in zip(arguments, (*arguments[1:], ""), strict=True)
            if name in PARSED_ANEW
            for part in (name, value)
        ]
        key = (project, _state_of(project), *chosen)
        if key not in self._parsed:
            parsed = self._parse(tuple(chosen), project)
            names = [field.name for field in fields(Manifest) if not field.name.startswith("_")]
            self._parsed[key] = pickle.dumps({name: getattr(parsed, name) for name in names})
        manifest = Manifest(**pickle.loads(self._parsed[key]))
        manifest.build_flat_graph()
        return manifest

    def _parse(self, options: tuple[str, ...], project: Path) -> Any:
        if project != PROJECT_ROOT and _is_copy_of_project(project) and not (project / "target").exists():
            # dbt then parses only the files that differ.
            parsed = self.target_path / "partial_parse.msgpack"
            if parsed.exists():
                (project / "target").mkdir()
                shutil.copy(parsed, project / "target")
        manifest = self._invoke(("parse", *options), project).result
        if _has_lost_yaml(manifest, project):
            manifest = self._invoke(("parse", "--no-partial-parse", *options), project).result
        return manifest


def on_a_short_stack(call: Callable[[], Any]) -> Any:
    """Call a function in a thread of its own.

    dbt walks the stack once for each of its behavior flags, and the stack of pytest is deep: a second of each command.
    """
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(call).result()


def build_without_checks(dbt: Dbt, url: str, *options: str) -> None:
    """Build everything, which must succeed, and publish it as if checks had passed: they have tests of their own."""
    kinds = [option for kind in ("test", "unit_test") for option in ("--exclude-resource-type", kind)]
    # As `make build` does: a model that is left out by mistake shows in the rows.
    with patch.dict(os.environ, PG_WAP_SKIP_UNTOUCHED="true"):
        results = dbt("build", *kinds, *options)
    assert {result.status for result in results.values()} <= {"success", "no-op"}
    candidate = "audit.candidate where exists (select from audit.candidate_steps)"
    with psycopg.connect(url, autocommit=True) as session:
        if session.execute(f"select 1 from {candidate}").fetchone():
            session.execute("update audit.candidate set audited_at = clock_timestamp()")
            # a candidate is published by the code that built it, and vars are part of that
            chosen = options[options.index("--vars") :][:2] if "--vars" in options else ()
            dbt("run-operation", "pg_wap.publish", *chosen)
            assert not session.execute(f"select 1 from {candidate}").fetchone()


def _tune_as_in_production() -> None:
    """Tune dbt as `make build` does."""
    from scripts.build.dbt import tune  # noqa: PLC0415  # imports dbt, which takes two seconds

    tune()


def _state_of(project: Path) -> tuple[Any, ...]:
    """Return something that differs when a file of the project differs. No test changes the project itself."""
    if project == PROJECT_ROOT:
        return ()
    written_by_dbt = ("target", "logs", "dbt_packages")
    files = (path for path in project.rglob("*") if path.relative_to(project).parts[0] not in written_by_dbt)
    stats = ((str(path), path.stat()) for path in sorted(files))
    return tuple((path, stat.st_mtime_ns, stat.st_size) for path, stat in stats)


def _has_lost_yaml(manifest: Any, project: Path) -> bool:
    """Return whether the partial parse lost the YAML of a singular test, as scripts.build knows.

    A test that has no YAML looks the same in the manifest, and a full parse takes many seconds.
    """
    without = [
        node.name
        for node in manifest.nodes.values()
        if type(node).__name__ == "SingularTestNode" and not node.patch_path
    ]
    texts = [path.read_text() for path in project.glob("tests/**/*.yml")] if without else []
    return any(f"name: {name}" in text for name in without for text in texts)


def _is_copy_of_project(project: Path) -> bool:
    name = "dbt_project.yml"
    return (project / name).read_bytes() == (PROJECT_ROOT / name).read_bytes()


def _outcome(result: Any) -> Outcome:
    node = result.node
    relation = getattr(node, "relation_name", None)
    if node.resource_type == "test" and str(result.status) in ("fail", "warn"):
        # The package stores the failing rows of a check under its name.
        relation = f'"{node.database}"."audit"."{node.alias}"'
    return Outcome(
        str(result.status),
        getattr(result, "failures", None) or 0,
        " ".join((result.message or "").split()),
        relation,
        getattr(node, "compiled_code", None),
    )
