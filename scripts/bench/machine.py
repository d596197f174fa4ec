"""Describe the machine of a measurement: figures are comparable only with these facts."""

import os
import platform
from datetime import datetime, timezone

from scripts.warehouse import server
from scripts.warehouse.settings import machine_cores, machine_memory


def facts() -> dict[str, object]:
    """Return the machine's facts and the server's, for the head of a report."""
    return {
        "measured_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "cores": machine_cores(),
        "memory_gb": round(machine_memory() / 1024**3, 1),
        "load_average": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "postgresql": server.version(),
    }
