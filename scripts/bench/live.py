"""Measure builds of new days in a process that keeps dbt loaded (`make live`)."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from scripts.bench.measure import Row
from scripts.bench.warehouse import Warehouse

# A day in all, from the settled file to the published release.
GOAL_SECONDS = 1.5
BUILT = re.compile(r"^built in ([0-9.]+) s")


def measure(warehouse: Warehouse, new_day: Callable[[], Path], rounds: int) -> Row:
    """Deliver one day after the other to `make live`, and take the seconds that it reports for each.

    Args:
        warehouse: a built warehouse.
        new_day: writes the file of the next day.
        rounds: how many days to deliver.

    Raises:
        RuntimeError: a build failed.
    """
    arrivals = warehouse.folder / "arrivals"
    arrivals.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "scripts.live", str(arrivals)]
    command += ["--vars", json.dumps(warehouse.variables)] if warehouse.variables else []
    ours = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    seconds: list[float] = []
    cpu = warehouse.server_cpu()
    ours |= warehouse.places
    with subprocess.Popen(command, env=ours, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            assert process.stderr
            for line in process.stderr:
                if line.startswith("failed"):
                    raise RuntimeError(f"a build of make live {line.strip()}")
                if found := BUILT.match(line):
                    seconds.append(float(found[1]))
                if len(seconds) == rounds:
                    break
                if found or line.startswith("watching"):
                    # Under its name once it is complete, as a careful sender does.
                    draft = shutil.copy(new_day(), warehouse.folder)
                    Path(draft).rename(arrivals / Path(draft).name)
        finally:
            process.terminate()
    note = f"{(warehouse.server_cpu() - cpu) / rounds:.1f} s of CPU in the server for each"
    return Row("new day, make live", seconds, ceiling=GOAL_SECONDS, note=note)
