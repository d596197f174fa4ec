"""Restore a backup into a new warehouse folder, to its own end or to a later time."""

import shutil
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path

import psycopg

from scripts.backup import copying, stock
from scripts.backup.stock import Backup
from scripts.errors import Refusal
from scripts.paths import warehouse_home
from scripts.warehouse import keeping, server

LATEST = "latest"
# For the segment of the log that is being written; its copy takes a moment.
PATIENCE_SECONDS = 60.0


def restore(
    folder: Path, name: str, target: Path, until: str | None, *, say: Callable[[str], None]
) -> tuple[Backup, str | None]:
    """Restore a backup into a new folder; the server there is stopped, and starts with the next command on it.

    Args:
        folder: of all backups.
        name: of the backup, or `latest`: the last one before `until`.
        target: the new warehouse folder, which must not exist, or must be empty.
        until: a time (UTC unless it has an offset), or `latest` for all that the log holds; by default, the end of the
            backup.
        say: takes one line about what happens.

    Returns:
        The backup, and the time of the last transaction that was restored from the log.

    Raises:
        Refusal: something is not there, or the log does not reach so far; the target is untouched then.
    """
    copying.refuse_other_servers()
    moment = _moment(until)
    _refuse_target(target)
    backups = stock.read(folder) if folder.is_dir() else []
    if not backups:
        raise Refusal(f"there are no backups in {folder}: run `make backup`, or give BACKUPS=folder.")
    with stock.alone(folder):
        backup = _choose(backups, name, moment, folder)
        parts = stock.chain(backups, backup)
        _refuse_version(backup)
        archive = stock.archive_of(folder, backup.system)
        if until is not None:
            _archive_the_rest(archive, say)
        return backup, _restore(folder, parts, target, _recovery(archive, moment, until))


def _moment(until: str | None) -> datetime | None:
    if until is None or until == LATEST:
        return None
    try:
        moment = datetime.fromisoformat(until.strip())
    except ValueError:
        raise Refusal(
            f"TO={until} is no time: give one such as '2026-11-30 10:45:00' in UTC, with an offset, or latest."
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)


def _refuse_target(target: Path) -> None:
    try:
        if target.is_dir() and any(target.iterdir()):
            with server.at_home(target):
                found = server.find()
            if found is not None:
                raise Refusal(
                    f"a server runs on {target} (pid {found.pid}): restore into another folder, INTO=folder, look at "
                    "it, and stop that server before you put this one in its place."
                )
            raise Refusal(f"the folder {target} is not empty: give INTO=a new folder.")
        if target.exists() and not target.is_dir():
            raise Refusal(f"{target} is no folder: give INTO=a new folder.")
    except OSError as error:
        raise Refusal(f"cannot use {target}: {error.strerror}; give INTO=another folder.") from error


def _choose(backups: list[Backup], name: str, moment: datetime | None, folder: Path) -> Backup:
    if moment is not None and moment > stock.now():
        raise Refusal(f"TO={moment:%Y-%m-%d %H:%M:%S%z} has not come yet: give an earlier time, or latest.")
    if name == LATEST:
        early = [backup for backup in backups if moment is None or backup.end_time <= moment]
        if not early:
            first = backups[0]
            raise Refusal(
                f"no backup ended before TO={moment}: the first one, {first.name}, ended at {first.end_time}."
            )
        return early[-1]
    found = [backup for backup in backups if backup.name == name]
    if not found:
        last = ", ".join(backup.name for backup in backups[-3:])
        raise Refusal(f"backup {name} is not in {folder}: the last ones are {last} (`make backups` lists all).")
    if moment is not None and moment < found[0].end_time:
        raise Refusal(
            f"TO={moment} is before the end of backup {name}, {found[0].end_time}: give a later time or an older "
            "backup, or BACKUP=latest, which chooses by the time."
        )
    return found[0]


def _refuse_version(backup: Backup) -> None:
    theirs, ours = backup.version.split(".")[0], server.version().split(".")[0]
    if theirs != ours:
        raise Refusal(
            f"backup {backup.name} is of PostgreSQL {backup.version}, and this is {server.version()}: restore it with "
            "the version of this project that took it, then upgrade (docs/backup.md, Upgrades)."
        )


def _archive_the_rest(archive: Path, say: Callable[[str], None]) -> None:
    """Let the server that still runs copy the segment that it writes, so that a restore can reach this moment."""
    home = warehouse_home()
    if keeping.read(home).archive != str(archive) or not server.is_running():
        say("the server of these backups does not run: a restore reaches only to its last archived segment")
        return
    with copying.session() as session:
        try:
            # A transaction of this moment: a recovery knows that it has passed a time by the end of a later one.
            session.execute("select pg_current_xact_id()")
            (segment,) = session.execute("select pg_walfile_name(pg_switch_wal())").fetchone() or ("",)
        except psycopg.Error as error:
            raise Refusal(f"the server cannot switch its log: {' '.join(str(error).split())}.") from error
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (archive / segment).exists():
        if time.monotonic() > deadline:
            raise Refusal(
                f"the server has not copied {segment} to {archive} within {PATIENCE_SECONDS:.0f} s: see its log, "
                f"{home / 'server.log'}."
            )
        time.sleep(0.05)


def _restore(folder: Path, parts: list[Backup], target: Path, recovery: dict[str, str]) -> str | None:
    backup = parts[-1]
    unfinished = target.with_name(f"{target.name}{stock.UNFINISHED}")
    source = folder.resolve() / backup.name
    try:
        _clear(unfinished)
        _refuse_without_room(unfinished.parent, parts)
        unfinished.mkdir(mode=0o700, parents=True)
        server.give(unfinished / "data", source)
        _merge([folder.resolve() / part.name / "data" for part in parts], unfinished.resolve() / "data", source)
        copying.add_settings(unfinished / "data", recovery)
        copying.signal_file(unfinished / "data", "recovery.signal")
        with server.at_home(unfinished):
            try:
                server.ensure_running()
                restored_to = copying.ask("select pg_last_xact_replay_timestamp()::text")
            except Refusal as error:
                raise Refusal(_explained(error.message, backup)) from error
            finally:
                server.stop()
        copying.remove_settings(unfinished / "data")
        if (source / "override.conf").exists():
            shutil.copyfile(source / "override.conf", unfinished / "override.conf.of-backup")
        if target.exists():
            target.rmdir()
        unfinished.rename(target)
    except OSError as error:
        raise Refusal(f"cannot restore into {target}: {error.filename or unfinished}: {error.strerror}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return None if restored_to is None else str(restored_to)


def _clear(unfinished: Path) -> None:
    """Delete what an aborted restore left, with its server."""
    if unfinished.is_dir():
        with server.at_home(unfinished):
            server.stop()
        stock.clear(unfinished)


def _refuse_without_room(folder: Path, parts: list[Backup]) -> None:
    while not folder.exists():
        folder = folder.parent
    # An incremental backup holds whole blocks, each of which replaces one or is added.
    need, free = sum(part.bytes for part in parts), shutil.disk_usage(folder).free
    if free < need:
        raise Refusal(
            f"the restore takes up to {server.human_size(need)}, and {server.human_size(free)} are free in {folder}: "
            "make room, or give INTO=another folder."
        )


def _merge(sources: list[Path], data: Path, owner: Path) -> None:
    # Unsynced: the server syncs all files before it recovers.
    answer = server.run(
        "pg_combinebackup", *map(str, sources), f"--output={data}", "--no-sync", "--sync-method=syncfs", home=owner
    )
    if answer.returncode != 0:
        raise Refusal(f"the backup cannot be put together: {copying.reason(answer.stderr)}.")


def _recovery(archive: Path, moment: datetime | None, until: str | None) -> dict[str, str]:
    """Return the settings with which a restored server reads its log."""
    settings = {
        # Readers would come too early, and the settings of this server need not suffice for them.
        "hot_standby": "off",
        "restore_command": f'test -f "{archive}/%f" && cp "{archive}/%f" "%p"',
        "recovery_target_action": "promote",
    }
    if moment is not None:
        settings["recovery_target_time"] = moment.isoformat(sep=" ")
    elif until is None:
        settings["recovery_target"] = "immediate"
    return settings


def _explained(message: str, backup: Backup) -> str:
    """Return why the recovery failed, with what to do."""
    if "before configured recovery target" in message:
        return (
            f"the log after backup {backup.name} does not reach the time TO: give an earlier one, or TO=latest for all "
            f"that there is ({message.rstrip('.')})."
        )
    if "wal_level=minimal" in message:
        return (
            f"backups were switched off for a time after backup {backup.name}, so the log has a gap: give an earlier "
            "TO, or a later backup."
        )
    return message
