"""Take a backup: copy, verify, and only then give it its name."""

import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

from scripts.backup import copying, stock
from scripts.backup.stock import Backup
from scripts.errors import Refusal
from scripts.paths import warehouse_home
from scripts.warehouse import keeping, server

# A restore copies the full backup and merges each incremental one into it.
LONGEST_CHAIN = timedelta(days=7)
# Incremental backups came with this version.
FIRST_INCREMENTAL = 17

LAST_RELEASE = "select max(release_id) from audit.releases"


def take(folder: Path, *, full: bool, say: Callable[[str], None]) -> Backup:
    """Take a backup of the embedded server, and verify it.

    The first backup lets the server write all to its log, for which the server restarts once.

    Args:
        folder: of all backups; made if need be.
        full: whether to copy all files, even if an incremental backup is possible.
        say: takes one line about what happens.

    Raises:
        Refusal: there is no room, another backup works in the folder, or the copy fails; nothing is left then.
    """
    copying.refuse_other_servers()
    home = warehouse_home()
    server.ensure_running()
    if keeping.read(home).primary:
        raise Refusal(f"{home} is a standby: back up the server that it follows, {keeping.read(home).primary}.")
    system = copying.system_identifier()
    archive = stock.archive_of(folder, system)
    try:
        for path in (folder, archive.parent, archive):
            server.give(path, home)
    except OSError as error:
        raise Refusal(f"cannot use the folder of backups: {error.filename or folder}: {error.strerror}.") from error
    with stock.alone(folder):
        backups = stock.read(folder)
        strangers = {backup.home for backup in backups} - {str(home.resolve())}
        if strangers:
            raise Refusal(f"{folder} holds backups of {min(strangers)}: give BACKUPS=another folder.")
        if copying.switch(home, archive=str(archive)):
            say(f"the server was restarted once: from now on it writes its full log, and keeps it in {archive}")
        parent = None if full else _parent(backups, system)
        try:
            return _take(home, folder, system, parent)
        except Refusal as error:
            # The summaries of the log reach back ten days, and not across a time without backups.
            if parent is None or "summar" not in str(error):
                raise
            say("the server no longer knows what changed since the last backup: this one is full")
            return _take(home, folder, system, None)


def _parent(backups: list[Backup], system: str) -> Backup | None:
    """Return the backup that a new one can build upon."""
    ours = [backup for backup in backups if backup.system == system and backup.version == server.version()]
    if not ours or int(server.version().split(".")[0]) < FIRST_INCREMENTAL:
        return None
    with suppress(Refusal):
        full = stock.chain(ours, ours[-1])[0]
        if stock.now() - full.end_time < LONGEST_CHAIN:
            return ours[-1]
    return None


def _take(home: Path, folder: Path, system: str, parent: Backup | None) -> Backup:
    if parent is None:
        _refuse_without_room(folder)
    began = stock.now()
    while (folder / (name := f"{began:%Y-%m-%dT%H%M%S}Z")).exists():
        # A small warehouse takes less than a second, which is what names tell apart.
        time.sleep(0.1)
        began = stock.now()
    unfinished = folder / f"{name}{stock.UNFINISHED}"
    data = unfinished / "data"
    try:
        server.give(unfinished, home)
        server.give(data, home)
        since = [f"--incremental={folder.resolve() / parent.name / 'data' / 'backup_manifest'}"] if parent else []
        copying.copy_files(home, data.resolve(), f"--label={name}", *since)
        # What has committed before this moment is in the backup or in the log after it.
        ended = copying.ask("select clock_timestamp()")
        release_id = _last_release()
        answer = server.run("pg_verifybackup", "--quiet", str(data.resolve()), home=unfinished)
        if answer.returncode != 0:
            raise Refusal(f"the backup is not what the server sent: {copying.reason(answer.stderr)}.")
        with suppress(FileNotFoundError):
            shutil.copyfile(home / "override.conf", unfinished / "override.conf")
        timeline, start = copying.manifest_range(data)
        backup = Backup(
            name=name,
            parent=parent.name if parent else None,
            began=began.isoformat(),
            ended=ended.isoformat(),
            home=str(home.resolve()),
            system=system,
            version=server.version(),
            timeline=timeline,
            start=start,
            bytes=copying.size_of(data),
            release_id=release_id,
        )
        stock.write(unfinished, backup)
        unfinished.rename(folder / name)
    except OSError as error:
        free = server.human_size(shutil.disk_usage(folder).free)
        raise Refusal(
            f"cannot write the backup: {error.filename or unfinished}: {error.strerror} ({free} free in {folder})."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return backup


def _refuse_without_room(folder: Path) -> None:
    need, free = server.data_size(), shutil.disk_usage(folder).free
    if free < need:
        raise Refusal(
            f"a full backup takes up to {server.human_size(need)}, and {server.human_size(free)} are free in {folder}: "
            "make room, or give BACKUPS=another folder."
        )


def _last_release() -> int | None:
    if copying.ask("select to_regclass('audit.releases')") is None:
        return None
    release_id = copying.ask(LAST_RELEASE)
    return None if release_id is None else int(release_id)


def clear(folder: Path, *, keep: int, days: float) -> list[Backup]:
    """Delete outdated backups, and the part of the log that only they needed; return them.

    Args:
        folder: of all backups.
        keep: how many stay, whatever their age.
        days: younger ones stay, however many.
    """
    home = warehouse_home()
    with stock.alone(folder):
        backups = stock.read(folder)
        gone = stock.outdated(backups, keep, days, stock.now())
        for backup in gone:
            stock.delete(folder, backup)
        for system in {backup.system for backup in gone}:
            rest = [backup for backup in backups if backup.system == system and backup not in gone]
            archive = stock.archive_of(folder, system)
            if rest and archive.is_dir():
                oldest = min(backup.first_segment for backup in rest)
                server.run("pg_archivecleanup", str(archive), oldest, home=home)
            elif not rest and archive != Path(keeping.read(home).archive or ""):
                shutil.rmtree(archive, ignore_errors=True)
        return gone
