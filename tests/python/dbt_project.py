"""dbt, run in this process as a scheduler would run it, but against the working database of the tests."""

import shutil
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest

from scripts import connection
from scripts.paths import PROJECT_ROOT

# One name for whatever database is under test: dbt parses the whole project anew (5 s, else 0.3 s) when a variable
# changes that profiles.yml reads.
WORKING_DATABASE = "retail_test"


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


def copy_of_project(folder: Path) -> Path:
    """Copy all of the project that dbt reads into a new folder, to try a change; return the folder."""
    apart = shutil.ignore_patterns(".*", "target", "logs", "data", "docs", "scripts", "python")
    return Path(shutil.copytree(PROJECT_ROOT, folder, ignore=apart))


class Dbt:
    """dbt with a target folder and a log of its own, which leaves those of the project alone.

    Attributes:
        warnings: what the project's own macros warned of, in the last command.
        told: what they told besides.
        errors: what went wrong in a run-operation.
    """

    def __init__(self, work: Path):
        self.target_path = work / "target"
        self.log_path = work / "logs"
        self.warnings: list[str] = []
        self.told: list[str] = []
        self.errors: list[str] = []

    def __call__(self, *arguments: str, project: Path = PROJECT_ROOT) -> dict[str, Outcome]:
        """Run a command of dbt; return what became of each node by its name, which is empty of `parse` and the like.

        Args:
            arguments: as on the command line, such as `"test", "--select", "fct_sales"`.
            project: the folder of the project; give a copy of it to try a change.

        Raises:
            AssertionError: dbt could not begin, because the project does not compile or the server does not answer.
        """
        from dbt.cli.main import dbtRunner  # noqa: PLC0415  # three seconds, which no other test should bear

        # Parsed apart, that the project itself is not parsed anew after each change that was tried.
        own = self.target_path if project == PROJECT_ROOT else project / "target"
        folders = {"project-dir": project, "profiles-dir": project, "target-path": own, "log-path": self.log_path}
        options = [f"--{name}={folder}" for name, folder in folders.items()]
        self.warnings, self.told, self.errors = [], [], []

        def listen(event) -> None:
            if event.info.name == "JinjaLogWarning":
                self.warnings.append(event.data.msg)
            elif event.info.name == "JinjaLogInfo":
                self.told.append(event.data.msg)
            elif event.info.name == "RunningOperationCaughtError":
                self.errors.append(" ".join(event.data.exc.split()))

        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment().items():
                patch.setenv(name, value)
            outcome = dbtRunner(callbacks=[listen]).invoke(["--log-level=none", *arguments, *options])
        assert outcome.exception is None, f"dbt {' '.join(arguments)}: {outcome.exception}"
        # those of a run-operation are of no node
        results = [result for result in getattr(outcome.result, "results", []) if hasattr(result, "node")]
        return {result.node.name: _outcome(result) for result in results if result.node.resource_type != "operation"}


def build_without_checks(dbt: Dbt, url: str, *options: str) -> None:
    """Build everything, which must succeed, and publish it as if checks had passed: they have tests of their own."""
    kinds = [option for kind in ("test", "unit_test") for option in ("--exclude-resource-type", kind)]
    results = dbt("build", *kinds, *options)
    assert {result.status for result in results.values()} <= {"success", "no-op"}
    candidate = "audit.candidate where exists (select from audit.candidate_steps)"
    with psycopg.connect(url, autocommit=True) as session:
        if session.execute(f"select 1 from {candidate}").fetchone():
            session.execute("update audit.candidate set audited_at = clock_timestamp()")
            dbt("run-operation", "publish")
            assert not session.execute(f"select 1 from {candidate}").fetchone()


def _outcome(result) -> Outcome:
    return Outcome(
        str(result.status),
        getattr(result, "failures", None) or 0,
        " ".join((result.message or "").split()),
        getattr(result.node, "relation_name", None),
        getattr(result.node, "compiled_code", None),
    )
