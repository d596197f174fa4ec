"""A small dbt project in a folder of its own, of some of this project's macros and made-up models."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from conftest import Database
from dbt_project import environment

from scripts.paths import PROJECT_ROOT


class SmallProject:
    """A small dbt project, and the database it builds in, which each test gives.

    Attributes:
        folder: where the project is.
        said: what macros told the user, in the last command.
        errors: what run-operations failed of, in the last command.
    """

    def __init__(self, folder: Path, configuration: dict[str, Any]):
        """Write the project, as yet without models.

        Args:
            folder: a new one.
            configuration: what `dbt_project.yml` says besides what is the same of all.
        """
        self.folder = folder
        self.said: list[str] = []
        self.errors: list[str] = []
        self.database: Database
        for name in ("models", "macros", "tests"):
            (folder / name).mkdir(parents=True)
        shutil.copy(PROJECT_ROOT / "profiles.yml", folder)
        same = {
            "profile": "retail_warehouse",
            "version": "1.0.0",
            "config-version": 2,
            "flags": {"send_anonymous_usage_stats": False},
        }
        (folder / "dbt_project.yml").write_text(yaml.safe_dump(same | configuration))

    def model(self, name: str, sql: str, **properties: Any) -> None:
        """Write a model, and its properties where it has any."""
        (self.folder / "models" / f"{name}.sql").write_text(sql)
        contract = self.folder / "models" / f"{name}.yml"
        contract.unlink(missing_ok=True)
        if properties:
            contract.write_text(yaml.safe_dump({"models": [{"name": name} | properties]}))

    def arguments(self, *arguments: str) -> list[str]:
        """Return a command of dbt with the folders of the project."""
        folders = {"project-dir": self.folder, "profiles-dir": self.folder, "log-path": self.folder / "logs"}
        return ["--log-level=none", *arguments, *(f"--{name}={folder}" for name, folder in folders.items())]

    def invoke(self, *arguments: str) -> Any:
        """Run a command of dbt; return its `dbtRunnerResult`."""
        from dbt.cli.main import dbtRunner  # noqa: PLC0415  # three seconds, which no other test should bear

        self.said, self.errors = [], []

        def listen(event: Any) -> None:
            if event.info.name == "JinjaLogInfo":
                self.said.append(event.data.msg)
            elif event.info.name == "RunningOperationCaughtError":
                self.errors.append(" ".join(event.data.exc.split()))

        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment().items():
                patch.setenv(name, value)
            # dbt walks the stack once for each of its behavior flags, and pytest's is deep: a second of each command.
            with ThreadPoolExecutor(max_workers=1) as shallow:
                return shallow.submit(dbtRunner(callbacks=[listen]).invoke, self.arguments(*arguments)).result()

    @contextmanager
    def dbt_apart(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run dbt in a process of its own, to be killed."""
        command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", *self.arguments(*arguments)]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, env=os.environ | environment(), **quiet) as process:
            try:
                yield process
            finally:
                process.kill()

    def ask(self, statement: str) -> list[tuple]:
        """Run SQL; return its rows."""
        with psycopg.connect(self.database.url, autocommit=True) as session:
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []
