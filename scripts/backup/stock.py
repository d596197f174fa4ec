"""The folder of backups: which there are, which build upon which, and which are old enough to go.

<backups>/2026-11-30T104500Z/    one backup; while it is taken, its name ends with .part
    data/                        what pg_basebackup wrote
    backup.json                  the attributes of `Backup`
    override.conf                settings of your own, if there were any
<backups>/wal/<system>/          the write-ahead log of one server, for restores to a point in time
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psutil

from scripts.errors import Refusal
from scripts.warehouse import keeping

UNFINISHED = ".part"
SEGMENT_BYTES = 16 * 1024**2


@dataclass(frozen=True)
class Backup:
    """A finished and verified backup.

    Attributes:
        name: of its folder.
        parent: the backup that this one holds the changes since; None of a full backup.
        began: before the first file was read.
        ended: a restore to this time or a later one is possible.
        home: the warehouse folder.
        system: the identifier of the server, which is the same in all its copies.
        version: of PostgreSQL.
        timeline: of the write-ahead log.
        start: the position in the log from which a restore reads.
        bytes: of all its files.
        release_id: the last release that it holds, if there was one.
    """

    name: str
    parent: str | None
    began: str
    ended: str
    home: str
    system: str
    version: str
    timeline: int
    start: str
    bytes: int
    release_id: int | None

    @property
    def kind(self) -> str:
        """`full` or `incremental`."""
        return "incremental" if self.parent else "full"

    @property
    def end_time(self) -> datetime:
        """The earliest time that a restore can stop at."""
        return datetime.fromisoformat(self.ended)

    @property
    def first_segment(self) -> str:
        """The file of the write-ahead log from which a restore reads."""
        high, low = (int(part, 16) for part in self.start.split("/"))
        return f"{self.timeline:08X}{high:08X}{low // SEGMENT_BYTES:08X}"


def default_folder(home: Path) -> Path:
    """Return the folder of backups of a warehouse: the one in use, else one beside the warehouse."""
    archive = keeping.read(home).archive
    if archive:
        return Path(archive).parent.parent
    home = home.resolve()
    return home.with_name(f"{home.name}-backups")


def archive_of(folder: Path, system: str) -> Path:
    """Return where one server's write-ahead log is kept."""
    return folder.resolve() / "wal" / system


def read(folder: Path) -> list[Backup]:
    """Return all finished backups of a folder, the oldest first.

    Raises:
        Refusal: a description is damaged.
    """
    backups = []
    for path in sorted(folder.glob("*/backup.json")):
        if path.parent.name.endswith(UNFINISHED):
            continue
        try:
            backups.append(Backup(**json.loads(path.read_text())))
        except (OSError, ValueError, TypeError) as error:
            raise Refusal(
                f"{path} cannot be read: {' '.join(str(error).split())}; move that backup out of the folder."
            ) from error
    return sorted(backups, key=lambda backup: backup.ended)


def write(folder: Path, backup: Backup) -> None:
    """Write the description of a backup into its folder."""
    with (folder / "backup.json").open("w") as file:
        json.dump(asdict(backup), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def chain(backups: list[Backup], last: Backup) -> list[Backup]:
    """Return a backup and all that it builds upon, the full one first.

    Raises:
        Refusal: one of them is missing.
    """
    by_name = {backup.name: backup for backup in backups}
    found = [last]
    while found[0].parent:
        if found[0].parent not in by_name:
            raise Refusal(f"backup {last.name} builds upon {found[0].parent}, which is missing: restore an older one.")
        found.insert(0, by_name[found[0].parent])
    return found


def outdated(backups: list[Backup], keep: int, days: float, now: datetime) -> list[Backup]:
    """Return the backups that may be deleted: beyond the newest ones, old, and needed by none that stays.

    Args:
        backups: of one folder, the oldest first.
        keep: how many stay, whatever their age.
        days: younger ones stay, however many.
        now: the present time.
    """
    needed: set[str] = set()
    staying = [
        backup
        for place, backup in enumerate(backups)
        if place >= len(backups) - keep or now - backup.end_time < timedelta(days=days)
    ]
    for backup in staying:
        needed.add(backup.name)
        # One that builds upon a missing backup needs none of the others.
        with suppress(Refusal):
            needed |= {part.name for part in chain(backups, backup)}
    return [backup for backup in backups if backup.name not in needed]


def delete(folder: Path, backup: Backup) -> None:
    """Delete a backup. It stops looking complete before the first of its files goes."""
    unfinished = folder / f"{backup.name}{UNFINISHED}"
    (folder / backup.name).rename(unfinished)
    shutil.rmtree(unfinished)


def clear(unfinished: Path) -> None:
    """Delete what an aborted command left, and end its programs, which may still write.

    Raises:
        Refusal: it cannot be deleted.
    """
    marks = {str(unfinished.resolve()), str(unfinished)}
    writers = [
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if str(process.info["name"]).startswith("pg_")
        and any(mark in argument for argument in process.info["cmdline"] or [] for mark in marks)
    ]
    for process in writers:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(writers, timeout=10)
    try:
        shutil.rmtree(unfinished)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise Refusal(f"cannot delete {error.filename or unfinished}: {error.strerror}; delete it yourself.") from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold a folder of backups alone, and clear what an aborted backup left.

    Raises:
        Refusal: another backup or restore uses the folder.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refusal(f"another backup or restore works in {folder}: run this again when it has ended.") from None
        for unfinished in folder.glob(f"*{UNFINISHED}"):
            clear(unfinished)
        yield
    finally:
        os.close(descriptor)


def now() -> datetime:
    """Return the present time in UTC."""
    return datetime.now(timezone.utc)
