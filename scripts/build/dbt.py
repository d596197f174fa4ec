"""Run dbt in this process. Importing this module imports dbt, which takes two seconds."""

import functools
import hashlib
import json
import os
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast

from dbt.artifacts.schemas.run import RunExecutionResult, RunResult
from dbt.cli.main import dbtRunner
from dbt.contracts.graph.nodes import GenericTestNode, SingularTestNode
from dbt_common.invocation import get_invocation_id
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from scripts import release
from scripts.build.log import Log
from scripts.build.promises import broken_promise
from scripts.build.report import Outcome, Step, reports_of
from scripts.dbt_tuning.events import tell_only
from scripts.dbt_tuning.interpreter import tune_interpreter
from scripts.dbt_tuning.sessions import keep_sessions
from scripts.dbt_tuning.templates import TemplateCache, cache_file, keep_templates
from scripts.dbt_tuning.untouched import ASKED_BY, LEFT_OUT, leave_out_untouched
from scripts.errors import Refusal, said_in_one_line
from scripts.governance.pii import read_marks, unmarked
from scripts.lineage import read_edges
from scripts.paths import PROJECT_ROOT
from scripts.warehouse.settings import machine_cores

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

# Options of every command. Without a level of its own, the log file would get no events either.
LOG_LEVELS = ["--log-level", "none", "--log-level-file", "info"]
OPTIONS = [*LOG_LEVELS, "--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)]
# In dbt's target folder: its artifacts, and which project the manifest describes.
MANIFEST, RESULTS, WRITTEN = "manifest.json", "run_results.json", "manifest.of"
# The progress bar needs this event, although it is below the level of the log.
FOLLOWED = {"NodeFinished"}


@functools.cache
def tune() -> TemplateCache:
    """Tune dbt in this process. Further calls change nothing.

    Returns:
        The cache of templates. Call its `write` to keep them for the next process.
    """
    tune_interpreter()
    templates = TemplateCache(cache_file())
    keep_templates(templates)
    tell_only(FOLLOWED)
    keep_sessions()
    leave_out_untouched()
    return templates


class Project:
    """The dbt project, parsed by a tuned dbt.

    Args:
        variables: values of variables of dbt_project.yml, in YAML.
        options: the folders of the project and other options of dbt's command line.

    Raises:
        Refusal: a model declares a report that is not valid, a source lacks a check or its freshness, or a column that
            derives from personal data is not marked.
    """

    def __init__(self, variables: str | None = None, options: Sequence[str] = OPTIONS) -> None:
        self._templates = tune()
        self._options = [*options, *(["--vars", variables] if variables else [])]
        self._manifest = parse(self._options)
        for node in self._manifest.nodes.values() if self._manifest else ():
            reports_of(node.name, node.config.meta)
        if self._manifest:
            _refuse_broken_promises(self._manifest)
            _refuse_unmarked_columns(self._manifest)

    @property
    def relations(self) -> set[str]:
        """The names of the relations that a build makes, with their schemas."""
        nodes = self._manifest.nodes.values() if self._manifest else ()
        return {f"{node.schema}.{getattr(node, 'alias', node.name)}" for node in nodes}

    def build(self, *, full_refresh: bool, log: Log) -> Outcome:
        """Run `dbt build`.

        Args:
            full_refresh: whether to build every model from scratch.
            log: where to report how far the build is.

        Raises:
            Refusal: dbt could not begin, or was interrupted.
        """
        # Unit tests prove the models, not the data, so they belong to `make test`.
        arguments = ["build", *self._options, "--exclude-resource-type", "unit_test"]
        arguments += ["--full-refresh"] if full_refresh else []
        os.environ.setdefault("DBT_GIT_COMMIT", _git_commit())
        os.environ.setdefault(ASKED_BY, "true")
        if "DBT_THREADS" not in os.environ:
            # About half of the threads wait for the server, which works on the same processors.
            arguments += ["--threads", str(2 * machine_cores())]
        # Another process may have written templates since this one read them.
        self._templates.read()
        state = _state_of(self._manifest) if self._manifest else ""
        if not full_refresh and _is_written(state):
            outcome = _build(self._manifest, [*arguments, "--no-write-json"], log, results=_target() / RESULTS)
        else:
            outcome = _build(self._manifest, arguments, log)
            _remember_written(state)
        self._templates.write()
        return outcome

    def operate(self, operation: str, *options: str) -> None:
        """Run a run-operation of the engine, and say what it says.

        Args:
            operation: one of `scripts.release.OPERATIONS`.
            options: options of dbt's command line.

        Raises:
            Refusal: it failed; the message is its own.
        """
        release.operate(operation, *options, manifest=self._manifest)


def parse(options: list[str]) -> "Manifest | None":
    """Parse the project.

    Args:
        options: the folders of the project and other options of dbt's command line.

    Returns:
        The manifest; None if the project does not parse. Then the build fails as well, and reports why.
    """
    # The build writes the manifest.
    arguments = ["parse", "--no-write-json", *options]
    manifest = cast("Manifest | None", dbtRunner().invoke(arguments).result)
    if manifest and _has_forgotten_checks(manifest):
        manifest = cast("Manifest | None", dbtRunner().invoke([*arguments, "--no-partial-parse"]).result)
    return manifest


def _refuse_broken_promises(manifest: "Manifest") -> None:
    tests = [node for node in manifest.nodes.values() if isinstance(node, GenericTestNode)]
    promises = (broken_promise(source, tests) for source in manifest.sources.values())
    if broken := [promise for promise in promises if promise]:
        raise Refusal("\n".join(broken))


def _refuse_unmarked_columns(manifest: "Manifest") -> None:
    """Refuse before anything is built, because rows that were written are hard to find again. Takes 0.1 s."""
    if lines := unmarked(read_marks(manifest.sources, manifest.nodes), read_edges()):
        raise Refusal("\n".join([*lines, "Nothing was built."]))


def _has_forgotten_checks(manifest: "Manifest") -> bool:
    """Return whether a singular test lacks its YAML. Partial parsing loses the YAML when a model of the test changes.

    The YAML holds the severity: a check that only warns would fail the build, or the reverse. A test without any YAML
    looks the same, and the macro `check_of` refuses it.
    """
    return any(isinstance(node, SingularTestNode) and not node.patch_path for node in manifest.nodes.values())


def _target() -> Path:
    """Return dbt's target folder."""
    return PROJECT_ROOT / (os.environ.get("DBT_TARGET_PATH") or "target")


def _state_of(manifest: "Manifest") -> str:
    """Return a text that differs if the manifest describes another project, or is of other settings."""
    files = sorted(f"{key} {file.checksum.checksum}" for key, file in manifest.files.items())
    settings = manifest.state_check.to_dict() if manifest.state_check else {}
    return hashlib.sha256("\n".join([*files, json.dumps(settings, sort_keys=True, default=str)]).encode()).hexdigest()


def _is_written(state: str) -> bool:
    """Return whether manifest.json is of a project of this state. dbt takes 0.7 s to write it again."""
    with suppress(OSError):
        return (_target() / WRITTEN).read_text() == f"{state} {(_target() / MANIFEST).stat().st_mtime_ns}"
    return False


def _remember_written(state: str) -> None:
    """Remember which project manifest.json describes. Other commands of dbt write it, too, so its time counts."""
    with suppress(OSError):
        (_target() / WRITTEN).write_text(f"{state} {(_target() / MANIFEST).stat().st_mtime_ns}")


def _build(manifest: "Manifest | None", arguments: list[str], log: Log, results: Path | None = None) -> Outcome:
    console = Console(stderr=True)
    warnings: list[str] = []
    total = 0
    # Several threads count, and no step of this counter can be lost.
    done = count(1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("build and test", total=None)

        def follow(event: "EventMsg") -> None:
            nonlocal total
            if event.info.name == "LogStartLine":
                total = event.data.total
                progress.update(task, total=total, description=event.data.description[:60])
            elif event.info.name == "NodeFinished" and event.data.node_info.materialized != "ephemeral":
                # dbt finishes ephemeral models, too, but does not count them in its total.
                progress.advance(task)
                log.sometimes(f"build and test, {next(done)} of {total} models and checks are done")
            elif event.info.name == "JinjaLogWarning":
                warnings.append(event.data.msg)

        outcome = dbtRunner(manifest=manifest, callbacks=[follow]).invoke(arguments)
    if not isinstance(outcome.result, RunExecutionResult):
        reason = said_in_one_line(str(outcome.exception or ""))
        if not reason:
            raise Refusal("the build was interrupted: run it again, it begins where that makes sense.")
        raise Refusal(f"dbt could not build: {reason}. Mend the cause, if there is one to mend, and run this again.")
    if results:
        outcome.result.write(str(results))
    steps = [_step(result) for result in outcome.result.results]
    return Outcome(steps, warnings, get_invocation_id())


def _step(result: RunResult) -> Step:
    node = result.node
    alias = getattr(node, "alias", None)
    # pg_wap stores the failing rows of a check in a table of its name.
    is_stored = bool(getattr(node, "relation_name", None)) or str(result.status) in ("fail", "warn")
    return Step(
        kind=str(node.resource_type),
        name=node.name,
        status=str(result.status),
        message=" ".join((result.message or "").split()),
        failures=result.failures or 0,
        relation=(str(node.schema), alias) if alias and is_stored else None,
        reports=reports_of(node.name, node.config.meta),
        example=node.config.meta.get("example_query"),
        is_left_out=result.message == LEFT_OUT,
    )


def _git_commit() -> str:
    """Return the commit that is checked out, marked if files differ from it; empty if git does not know."""
    command = ["git", "-C", str(PROJECT_ROOT), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
