"""Warehouses to measure, each on a separate server. Each build runs in a new process, as a user's build does."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from scripts import connection
from scripts.bench.measure import cpu_of_children, peak_memory
from scripts.bench.timeline import Bar, inside, join, read_nodes, read_steps
from scripts.warehouse import server

GROWN = ("silver", "history", "gold_tables", "gold_partitions", "audit")


@dataclass(frozen=True)
class Build:
    """A measured build.

    Attributes:
        seconds: the duration of the process, from start to end.
        inside: the part of these seconds in the loader and between the first and the last node of dbt.
        megabytes: the peak memory of Python.
        cpu: the CPU seconds of Python and the server. Other programs delay a build but add no CPU seconds to it, so
            this figure is comparable on a busy machine.
        bars: the timeline of the build.
    """

    seconds: float
    inside: float
    megabytes: float
    cpu: float
    bars: list[Bar] = field(repr=False)


@dataclass(frozen=True)
class Warehouse:
    """A warehouse of the benchmark.

    Args:
        folder: the folder for the server and for dbt's files. If it is used again, dbt finds the project parsed.
        variables: variables of dbt_project.yml that this warehouse overrides.
    """

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def build(self, files: Path) -> Build:
        """Land files and build, in a new process.

        Raises:
            subprocess.CalledProcessError: the build failed; it printed the reason to standard error.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        target, times = self.folder / "target", self.folder / "times.json"
        command = [sys.executable, "-m", "scripts.build", str(files), "--json", str(times)]
        command += ["--vars", json.dumps(self.variables)] if self.variables else []
        ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
        began, cpu = time.time(), self.server_cpu() + cpu_of_children()
        seconds, megabytes = peak_memory(command, ours | self.places)
        cpu = self.server_cpu() + cpu_of_children() - cpu
        bars = join(read_steps(times), read_nodes(target), began, began + seconds)
        return Build(seconds, inside(bars), megabytes, cpu, bars)

    def rollback(self) -> float:
        """Roll back to the release before the last build; return the seconds that the command took.

        Raises:
            subprocess.CalledProcessError: the command failed; it printed the reason to standard error.
        """
        environment = os.environ | self.places
        began = time.perf_counter()
        command = [sys.executable, "-m", "scripts.release", "rollback"]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL)
        return time.perf_counter() - began

    def releases(self) -> list[tuple[str, float, float]]:
        """Return the kind of each release and the milliseconds that it took and held locks, the last release first."""
        query = "select kind, took_ms::float, locked_ms::float from audit.releases order by release_id desc"
        with self.chosen(), connection.connect() as session:
            return session.execute(query).fetchall()

    @property
    def places(self) -> dict[str, str]:
        """Return the variables that point a process at this warehouse and its folders."""
        places = {"WAREHOUSE_HOME": self.home, "DBT_TARGET_PATH": self.folder / "target"}
        places["DBT_LOG_PATH"] = self.folder / "logs"
        return {name: str(path) for name, path in places.items()}

    @property
    def home(self) -> Path:
        """Return the folder of the server."""
        return self.folder / "home"

    @contextmanager
    def chosen(self) -> Iterator[None]:
        """Make the project's scripts work on this warehouse until the `with` block ends."""
        before = os.environ.get("WAREHOUSE_HOME")
        os.environ["WAREHOUSE_HOME"] = str(self.home)
        try:
            yield
        finally:
            if before is None:
                del os.environ["WAREHOUSE_HOME"]
            else:
                os.environ["WAREHOUSE_HOME"] = before

    @property
    def url(self) -> str:
        """Return the URI of the database."""
        with self.chosen():
            return connection.url()

    @contextmanager
    def started(self) -> Iterator[None]:
        """Choose this warehouse and start its server; its contents do not change."""
        with self.chosen():
            server.ensure_running()
            yield

    def server_cpu(self) -> float:
        """Return the CPU seconds of the running server so far, 0 if no server runs."""
        with self.chosen():
            running = server.find()
        if running is None:
            return 0.0
        postmaster = psutil.Process(running.pid)
        ended = postmaster.cpu_times()
        total = ended.user + ended.system + ended.children_user + ended.children_system
        for process in postmaster.children():
            with suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system
        return float(total)

    def destroy(self) -> None:
        """Delete the server and all its data; the project that dbt parsed stays."""
        with self.chosen():
            server.destroy()

    def sizes(self) -> dict[str, float]:
        """Return the megabytes on disk of each schema that a build writes: tables, indexes and TOAST."""
        query = """
            select nspname, sum(pg_total_relation_size(pg_class.oid))::bigint
            from pg_class
            inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
            where nspname = any(%s) and relkind in ('r', 'm')
            group by nspname
            order by nspname
        """
        with self.chosen(), connection.connect() as session:
            return {name: size / 1e6 for name, size in session.execute(query, [list(GROWN)]).fetchall()}
