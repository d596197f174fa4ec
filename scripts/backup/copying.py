"""What backups and standbys share: a server that writes all to its log, and a copy of its files."""

import json
import re
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import TupleRow

from scripts import connection
from scripts.errors import Refusal
from scripts.warehouse import keeping, server
from scripts.warehouse.settings import durability

# Lines that we add to postgresql.auto.conf, which the server reads last.
MARK = "# By scripts/backup; removed when recovery has ended."
# A build or a landing, whose work a restart would lose.
BUSY = """
    select application_name
    from pg_stat_activity
    where
        backend_type = 'client backend'
        and pid <> pg_backend_pid()
        and (state <> 'idle' or application_name in ('scripts.build', 'scripts.land') or application_name ~ '^dbt')
    limit 1
"""


def refuse_other_servers() -> None:
    """Refuse all targets but the embedded server.

    Raises:
        Refusal: another target is in use.
    """
    if connection.target_name() != "local":
        raise Refusal(
            f"target {connection.target_name()!r} is your own server: back it up with its own tools, or leave "
            "DBT_TARGET unset for the embedded one."
        )


def session() -> psycopg.Connection[TupleRow]:
    """Open a session of the superuser on the embedded server in use."""
    return connection.connect("local", autocommit=True, name="scripts.backup", operator=True)


def ask(query: str) -> Any:  # noqa: ANN401 - whatever type the query has
    """Return the first value of a query on the embedded server in use."""
    with session() as opened:
        row = opened.execute(query).fetchone()
    return row[0] if row else None


def system_identifier() -> str:
    """Return the number that a server and all its copies share."""
    return str(ask("select system_identifier from pg_control_system()"))


def switch(home: Path, **changes: str | None) -> bool:
    """Change what a server keeps safe, with one restart if that changes its settings.

    Args:
        home: the folder in use, whose server runs.
        changes: attributes of `Keeping`.

    Returns:
        Whether it had to be restarted.

    Raises:
        Refusal: a restart is needed, and somebody works on the server.
    """
    before = keeping.read(home)
    after = replace(before, **changes)
    if durability(before) == durability(after):
        keeping.write(home, after)
        return False
    busy = ask(BUSY)
    if busy is not None:
        raise Refusal(
            f"the server must restart once to write its full log, and a session ({busy or 'without a name'}) is at "
            "work: run this again when it has ended."
        )
    keeping.write(home, after)
    server.stop()
    try:
        server.ensure_running()
    except Refusal:
        keeping.write(home, before)
        raise
    return True


def copy_files(home: Path, target: Path, *options: str) -> None:
    """Copy the running server's files, with the log that makes the copy consistent.

    Args:
        home: the folder in use.
        target: an empty folder of the server's user.
        options: of pg_basebackup.

    Raises:
        Refusal: the copy failed.
    """
    # A fast checkpoint: the server would otherwise take its time, up to 15 minutes.
    answer = server.run(
        "pg_basebackup", f"--pgdata={target}", "--checkpoint=fast", "--wal-method=stream", *options, home=home
    )
    if answer.returncode != 0:
        free = server.human_size(shutil.disk_usage(target).free)
        raise Refusal(f"the files of the server cannot be copied: {reason(answer.stderr)} ({free} free in {target}).")


def reason(text: str) -> str:
    """Return the cause that a program of PostgreSQL gives, in one line."""
    causes = re.findall(r"(?:error|FATAL|PANIC): +(.*)", text)
    lines = [line for line in text.strip().splitlines() if line]
    return str(causes[0] if causes else lines[-1] if lines else "it gave no reason").strip()


def add_settings(data: Path, settings: dict[str, str]) -> None:
    """Add settings that win over all others to a data directory, until `remove_settings`."""
    remove_settings(data)
    quoted = (f"{name} = '" + value.replace("\\", "\\\\").replace("'", "''") + "'" for name, value in settings.items())
    path = data / "postgresql.auto.conf"
    path.write_text("\n".join([path.read_text().rstrip("\n"), MARK, *quoted, ""]))


def remove_settings(data: Path) -> None:
    """Take away what `add_settings` added."""
    path = data / "postgresql.auto.conf"
    kept = path.read_text().partition(MARK)[0]
    path.write_text(kept.rstrip("\n") + "\n")


def signal_file(data: Path, name: str) -> None:
    """Write the empty file by which a server starts as a standby or in recovery, for the server's user."""
    path = data / name
    path.touch(mode=0o600)
    owner = data.stat()
    with suppress(PermissionError):
        shutil.chown(path, owner.st_uid, owner.st_gid)


def size_of(folder: Path) -> int:
    """Return the bytes of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def manifest_range(data: Path) -> tuple[int, str]:
    """Return the timeline and the position in the log from which a copied data directory recovers."""
    (part, *_) = json.loads((data / "backup_manifest").read_text())["WAL-Ranges"]
    return int(part["Timeline"]), str(part["Start-LSN"])
