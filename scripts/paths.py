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
    return Path(_home())


def socket_dir() -> Path:
    """Return the folder of the server's Unix socket: inside the home, or under /tmp when libpq cannot use that path.

    It cannot when the path is too long for the operating system, or has a comma, which separates hosts.
    """
    home = _home()
    inside = f"{home}/socket"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_DIR and "," not in inside:
        return Path(inside)
    return Path("/tmp") / f"retail-warehouse-{hashlib.md5(os.fsencode(home)).hexdigest()[:16]}"


def _home() -> str:
    # Text, not a Path, which would tidy it up: Jinja cannot do that, and the hash has to be the same.
    home = os.environ.get("WAREHOUSE_HOME") or f"{PROJECT_ROOT}/.warehouse"
    return (home if home.startswith("/") else f"{_current_directory()}/{home}").rstrip("/")


def _current_directory() -> str:
    """Return the current directory as the shell names it (`pwd -L`), which is the name that Jinja can see."""
    logical, physical = os.environ.get("PWD", ""), str(Path.cwd())
    try:
        return logical if Path(logical).is_absolute() and Path(logical).samefile(physical) else physical
    except OSError:
        return physical
