"""The peer's warehouse: a database on the server of one of ours, so both have the same settings."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import psycopg

from scripts import connection
from scripts.bench import reference
from scripts.bench.measure import cpu_of_children
from scripts.bench.peer import project
from scripts.bench.warehouse import Warehouse
from scripts.warehouse.settings import machine_cores

DATABASE = "bench_peer"
# dbt as it is installed; as a module it would warn that it is one.
DBT = [sys.executable, "-W", "ignore::RuntimeWarning", "-m", "dbt.cli.main"]
# The end of the output of a command that failed, which names the reason.
SHOWN = 3_000


@dataclass(frozen=True)
class Cost:
    """What a command took: the seconds from its start to its end, and the CPU seconds of all processes."""

    seconds: float
    cpu: float


@dataclass(frozen=True)
class Peer:
    """What a careful dbt user would have without the engine, on the server of a warehouse.

    Args:
        warehouse: the warehouse to compare with.
        folder: where to write the project and to keep the state of dlt.
    """

    warehouse: Warehouse
    folder: Path

    def prepare(self) -> None:
        """Write the project and let dbt parse it, so that a build finds it parsed, as ours does."""
        shutil.rmtree(self.folder, ignore_errors=True)
        with self.warehouse.started():
            # As many threads as `make build` has.
            threads = int(os.environ.get("DBT_THREADS", 2 * machine_cores()))
            project.write(self._project, connection.libpq_environment(), DATABASE, threads)
        self._run([*DBT, "parse"])

    def empty(self) -> None:
        """Make an empty database and forget what has landed. A checkpoint writes all earlier changes to disk."""
        shutil.rmtree(self.folder / "dlt", ignore_errors=True)
        url = self._url(operator=True)
        with psycopg.connect(url, dbname="postgres", autocommit=True, options=connection.OPTIONS) as session:
            session.execute(f"drop database if exists {DATABASE} with (force)")
            session.execute(f"create database {DATABASE} owner {connection.LOCAL_USER}")
            session.execute("checkpoint")

    def build(self, files: Path) -> tuple[Cost, Cost]:
        """Land files with dlt and build all tables with dbt; return the cost of each.

        Raises:
            RuntimeError: one of the two failed.
        """
        land = [sys.executable, "-m", "scripts.bench.peer", str(files), DATABASE, str(self.folder / "dlt")]
        # Unit tests are not part of our build, either.
        return self._run(land), self._run([*DBT, "build", "--exclude-resource-type", "unit_test"])

    def totals(self) -> tuple[int, Decimal]:
        """Return the number of lines and the net amount of the peer's fact table."""
        with psycopg.connect(self._url(), dbname=DATABASE, options=connection.OPTIONS) as session:
            return reference.totals(session, "gold.fct_sales")

    @property
    def _project(self) -> Path:
        return self.folder / "project"

    def _url(self, *, operator: bool = False) -> str:
        with self.warehouse.chosen():
            return connection.url(operator=operator)

    def _run(self, command: list[str]) -> Cost:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_"))}
        folders = {"DBT_PROJECT_DIR": self._project, "DBT_PROFILES_DIR": self._project}
        folders |= {"DBT_LOG_PATH": self._project / "logs", "WAREHOUSE_HOME": self.warehouse.home}
        environment = ours | {name: str(path) for name, path in folders.items()}
        began, cpu = time.perf_counter(), self.warehouse.server_cpu() + cpu_of_children()
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        seconds = time.perf_counter() - began
        if done.returncode:
            raise RuntimeError(f"the peer failed: {' '.join(command)}\n{(done.stdout + done.stderr)[-SHOWN:]}")
        return Cost(seconds, self.warehouse.server_cpu() + cpu_of_children() - cpu)
