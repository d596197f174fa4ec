"""A second server that follows the first one, for readers, and to take over when the first one is gone."""

import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from scripts.backup import copying, stock
from scripts.errors import Refusal
from scripts.paths import socket_dir, warehouse_home
from scripts.warehouse import keeping, server
from scripts.warehouse.keeping import Keeping

SLOT = "standby"
PATIENCE_SECONDS = 120.0

LAG = """
    select
        pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint as bytes,
        coalesce(extract(epoch from replay_lag), 0)::float as seconds
    from pg_stat_replication
    where application_name = 'standby'
"""


class Lag(NamedTuple):
    """How far a standby is behind."""

    bytes: int
    seconds: float


def default_folder(home: Path) -> Path:
    """Return the folder of the standby of a warehouse: the one in use, else one beside the warehouse."""
    known = keeping.read(home).standby
    home = home.resolve()
    return Path(known) if known else home.with_name(f"{home.name}-standby")


def follow(folder: Path, *, say: Callable[[str], None]) -> Lag | None:
    """Start the standby, and make it first if there is none; return its lag, or None if it does not stream.

    Args:
        folder: the warehouse folder of the standby.
        say: takes one line about what happens.

    Raises:
        Refusal: the folder is in use, or the copy fails; nothing is left then.
    """
    copying.refuse_other_servers()
    home = warehouse_home()
    server.ensure_running()
    mine = keeping.read(home)
    if mine.primary:
        raise Refusal(f"{home} is a standby itself: run this with WAREHOUSE_HOME={mine.primary}.")
    folder = folder.absolute()
    theirs = keeping.read(folder) if folder.is_dir() else Keeping()
    if theirs.primary != str(home.resolve()):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Refusal(f"the folder {folder} is not empty: give STANDBY=a new folder.")
        if mine.standby and mine.standby != str(folder) and Path(mine.standby, "data").exists():
            raise Refusal(f"there is a standby in {mine.standby}: remove it first, `make standby REMOVE=1`.")
    if copying.switch(home, standby=str(folder)):
        say("the server was restarted once: from now on it writes its full log")
    if theirs.primary != str(home.resolve()):
        _make(home, folder)
    with server.at_home(folder):
        if server.ensure_running():
            say(f"the standby runs: WAREHOUSE_HOME={folder} make psql")
    return _caught_up()


def remove(*, say: Callable[[str], None]) -> None:
    """Stop the standby, delete it, and let the server write its full log only if backups need it.

    Raises:
        Refusal: there is none, or somebody works on the server.
    """
    home = warehouse_home()
    folder = keeping.read(home).standby
    if folder is None:
        raise Refusal(f"the server in {home} has no standby.")
    server.ensure_running()
    # Told before anything is deleted, if the restart has to wait.
    if copying.switch(home, standby=None):
        say("the server was restarted once: it no longer writes its full log")
    with server.at_home(Path(folder)):
        if keeping.read(Path(folder)).primary == str(home.resolve()):
            server.destroy()
            with suppress(OSError):
                Path(folder).rmdir()
    with suppress(Refusal):
        copying.ask(_drop_slot())


def lag() -> Lag | None:
    """Return how far the standby of the server in use is behind; None if none streams."""
    with copying.session() as session:
        row = session.execute(LAG).fetchone()
    return Lag(int(row[0] or 0), float(row[1])) if row else None


def promote(home: Path, *, say: Callable[[str], None]) -> Path:
    """Let the standby take over from a server that is down, with all that this server has committed.

    The server's folder is marked, so that it does not start again and accept writes beside its successor.

    Args:
        home: the folder of the server that is down, or of its standby.
        say: takes one line about what happens.

    Returns:
        The folder of the standby, which is now a server like any other.

    Raises:
        Refusal: the server still runs, there is no standby, or the standby cannot read to the end of the log.
    """
    copying.refuse_other_servers()
    mine = keeping.read(home)
    primary = Path(mine.primary) if mine.primary else home.resolve()
    folder = home.resolve() if mine.primary else Path(mine.standby or "")
    if not mine.primary and not mine.standby:
        raise Refusal(f"the server in {home} has no standby: run `make standby` while it runs.")
    if mine.replaced_by and not keeping.read(folder).primary:
        raise Refusal(f"the standby took over already: set WAREHOUSE_HOME={mine.replaced_by}.")
    if keeping.read(folder).primary != str(primary):
        raise Refusal(f"{folder} does not follow the server in {primary}: nothing to promote.")
    is_there = (primary / "data" / "pg_wal").is_dir()
    if is_there:
        _fence(primary, folder)
    else:
        say(f"the log of {primary} cannot be read: what it had not sent to the standby is lost")
    with server.at_home(folder):
        server.ensure_running()
        # If an earlier call was killed, the promotion may be done.
        if copying.ask("select pg_is_in_recovery()"):
            if is_there:
                _read_to_the_end(folder, primary)
            if not copying.ask(f"select pg_promote(wait => true, wait_seconds => {PATIENCE_SECONDS:.0f})"):
                raise Refusal(f"the promotion has not ended: see {folder / 'server.log'}, and run this again.")
        copying.remove_settings(folder / "data")
        copying.ask("select pg_reload_conf()")
        keeping.write(folder, Keeping())
    return folder


def _fence(primary: Path, folder: Path) -> None:
    """Mark the folder of a server that is down, so that it does not start while the standby takes over, nor later."""
    with server.at_home(primary):
        # Marked first: a server that starts meanwhile is found below.
        before = keeping.read(primary)
        keeping.change(primary, replaced_by=str(folder))
        found = server.find()
        if found is not None:
            keeping.write(primary, before)
            raise Refusal(
                f"the server in {primary} runs (pid {found.pid}): stop it first, "
                "`python -m scripts.warehouse stop`, as two servers must not accept writes."
            )
        # Sessions that outlive a killed server can still write to its log.
        server.clear_leftovers(primary)


def _drop_slot() -> str:
    return f"select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = '{SLOT}'"


def _make(home: Path, folder: Path) -> None:
    """Copy the server into a new folder, and let the copy follow."""
    unfinished = folder.with_name(f"{folder.name}{stock.UNFINISHED}")
    try:
        stock.clear(unfinished)
        unfinished.mkdir(mode=0o700, parents=True)
        data = unfinished / "data"
        server.give(data, home)
        copying.ask(_drop_slot())
        copying.copy_files(home, data.resolve(), "--create-slot", f"--slot={SLOT}")
        copying.add_settings(data, _settings(keeping.read(home)))
        copying.signal_file(data, "standby.signal")
        with suppress(FileNotFoundError):
            # A standby needs as many connections, processes and locks as the server that it follows.
            shutil.copyfile(home / "override.conf", unfinished / "override.conf")
        keeping.write(unfinished, Keeping(primary=str(home.resolve())))
        if folder.exists():
            folder.rmdir()
        unfinished.rename(folder)
    except OSError as error:
        raise Refusal(f"cannot make the standby: {error.filename or unfinished}: {error.strerror}.") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _settings(primary: Keeping) -> dict[str, str]:
    socket = str(socket_dir()).replace("\\", "\\\\").replace("'", "\\'")
    settings = {
        "primary_conninfo": f"host='{socket}' port=5432 user=postgres application_name=standby",
        "primary_slot_name": SLOT,
        # A line of override.conf may open the network for the first server, and two cannot share a port.
        "listen_addresses": "",
        # Rows that a reader of the standby still sees stay on the first server.
        "hot_standby_feedback": "on",
        # A release waits for readers here as well, but not for ever.
        "max_standby_streaming_delay": "15min",
        "max_standby_archive_delay": "15min",
        "idle_in_transaction_session_timeout": "10min",
    }
    if primary.archive:
        settings["restore_command"] = _copying_from(primary.archive)
    return settings


def _copying_from(*folders: str) -> str:
    return " || ".join(f'{{ test -f "{folder}/%f" && cp "{folder}/%f" "%p"; }}' for folder in folders)


def _read_to_the_end(folder: Path, primary: Path) -> None:
    """Let the standby replay all that the server wrote to its own disk."""
    # The server's folder first: its last segment is not archived, and an archived one is not complete before it is.
    sources = [str(primary / "data" / "pg_wal")]
    archive = keeping.read(primary).archive
    if archive:
        sources.append(archive)
    data = folder / "data"
    kept = _settings(Keeping()) | {"restore_command": _copying_from(*sources)}
    # The server is gone, and what it left is read from its files.
    kept["primary_conninfo"] = ""
    copying.add_settings(data, kept)
    copying.ask("select pg_reload_conf()")
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        position = copying.ask("select pg_last_wal_replay_lsn()::text")
        timeline = copying.ask("select timeline_id from pg_control_checkpoint()")
        if not _is_behind(folder, primary / "data" / "pg_wal", position, timeline):
            return
        if time.monotonic() > deadline:
            keeping.change(primary, replaced_by=None)
            raise Refusal(
                f"the standby stands at {position} and does not reach the end of the log in {primary}: see "
                f"{folder / 'server.log'}; to take over without the rest, move {primary} away and run this again."
            )
        time.sleep(0.2)


def _is_behind(folder: Path, log: Path, position: str, timeline: int) -> bool:
    """Return whether a log has a whole record after a position."""
    answer = server.run(
        "pg_waldump", f"--path={log}", f"--start={position}", f"--timeline={timeline}", "--limit=1", home=folder
    )
    return bool(re.search(r"\blsn: ", answer.stdout))


def _caught_up() -> Lag | None:
    """Wait a moment for the standby to connect, and return its lag."""
    deadline = time.monotonic() + 10
    while True:
        found = lag()
        if found is not None or time.monotonic() > deadline:
            return found
        time.sleep(0.1)
