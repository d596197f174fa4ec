"""Where things are on disk. `profiles.yml` repeats the socket rule in Jinja; a test holds the two together."""

import hashlib
import os
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent

# sockaddr_un.sun_path holds 103 bytes on macOS and 107 on Linux (PostgreSQL manual, 20.3.1);
# "/.s.PGSQL.5432" takes 14 of them.
LONGEST_SOCKET_DIR = 85


def warehouse_home() -> Path:
    """Return the folder of the embedded server: `WAREHOUSE_HOME`, else `.warehouse` in the project."""
    return Path(os.environ.get("WAREHOUSE_HOME") or PROJECT_ROOT / ".warehouse").absolute()


def socket_dir() -> Path:
    """Return the folder of the server's Unix socket: inside the home, or under /tmp when that path is too long."""
    home = warehouse_home()
    inside = home / "socket"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_DIR:
        return inside
    return Path("/tmp") / f"retail-warehouse-{hashlib.md5(str(home).encode()).hexdigest()[:16]}"
