"""The embedded server starts and stays private. Each failure prints one clear line or repairs itself."""

import hashlib
import multiprocessing
import os
import pwd
import re
import resource
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

import jinja2
import psutil
import psycopg
import pytest
import yaml
from click.testing import CliRunner, Result
from harness import SERVER_SETTINGS

from scripts import connection
from scripts.paths import PROJECT_ROOT, socket_dir
from scripts.warehouse import server as embedded
from scripts.warehouse import settings as machine
from scripts.warehouse.__main__ import main

MB = 1024**2
GB = 1024**3
AS_ROOT = os.geteuid() == 0


def run(*arguments: str) -> Result:
    """Run a command of the program in this process."""
    return CliRunner().invoke(main, arguments, prog_name="warehouse")


def command(*arguments: str, limit: Callable[[], None] | None = None) -> "subprocess.Popen[str]":
    """Run a command of the program in a separate process."""
    return subprocess.Popen(
        [sys.executable, "-m", "scripts.warehouse", *arguments],
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=limit,  # noqa: PLW1509 - no threads here
    )


def files_of_at_most(size: int) -> Callable[[], None]:
    """Limit the size of each file that a process writes, so that a write fails as on a full disk."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def assert_refused(result: Result, *words: str) -> None:
    """Check that the output is one line with these words, without a traceback."""
    assert result.exit_code == 1, result.output
    assert len(result.output.splitlines()) == 1, result.output
    for word in words:
        assert word in result.output


def pid() -> int:
    """Return the process id of the running server."""
    found = embedded.find()
    assert found is not None
    return found.pid


@pytest.fixture
def private() -> Iterator[Path]:
    """Provide a folder that only the current user can enter; the next pytest run locks pytest's own folder again."""
    with TemporaryDirectory(prefix="retail-") as folder:
        yield Path(folder)


@pytest.fixture
def home(private: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Provide an empty home, and stop any server that the test starts there."""
    folder = private / "home"
    monkeypatch.setenv("WAREHOUSE_HOME", str(folder))
    monkeypatch.setenv("DBT_TARGET", "local")
    yield folder
    monkeypatch.setenv("WAREHOUSE_HOME", str(folder))
    if folder.is_dir():
        embedded.stop()


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """Create one home with a data directory for all tests that break and repair something in it."""
    with TemporaryDirectory(prefix="retail-") as folder:
        home = Path(folder) / "home"
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WAREHOUSE_HOME", str(home))
            embedded.ensure_running()
            embedded.stop()
        yield home


@pytest.fixture
def spare(made: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Provide the shared home with a data directory and a stopped server."""
    monkeypatch.setenv("WAREHOUSE_HOME", str(made))
    monkeypatch.setenv("DBT_TARGET", "local")
    yield made
    (made / "override.conf").unlink(missing_ok=True)
    embedded.stop()


# Running server


def test_start_makes_the_database(server: str) -> None:
    """Every other command connects to `retail` and expects that the database exists."""
    with psycopg.connect(server) as session:
        row = session.execute("select current_database(), current_user, getdatabaseencoding()").fetchone()
    assert row == ("retail", "postgres", "UTF8")


def test_second_start_is_harmless(server: str) -> None:
    """Every build calls start, so start must not change a running server."""
    before = pid()
    result = run("start")
    assert (result.exit_code, result.output.split(":")[0], pid()) == (0, "already running", before)


def test_only_our_user_connects(server: str) -> None:
    """The socket accepts connections without a password, so its permissions are the only protection."""
    mode = (socket_dir() / ".s.PGSQL.5432").stat().st_mode
    assert (stat.S_IMODE(mode), stat.S_IMODE(socket_dir().stat().st_mode)) == (0o700, 0o700)


def test_nothing_listens_on_the_network(server: str) -> None:
    """A port without a password would be open to every user and container on the machine."""
    listening = [link for link in psutil.Process(pid()).net_connections("inet") if link.status == psutil.CONN_LISTEN]
    assert listening == []


def test_interrupt_does_not_reach_the_server(server: str) -> None:
    """Ctrl-C in a build's terminal reaches its whole session, so the server needs another session."""
    assert os.getsid(pid()) == pid()


def test_every_setting_is_accepted(server: str) -> None:
    """PostgreSQL may ignore a misspelt or removed setting and only write a warning to the log."""
    with psycopg.connect(server) as session:
        wrong = session.execute(
            "select name, setting, error from pg_file_settings where not applied and (error <> '' or name <> all(%s))",
            # The override.conf of this server sets these again, and the last entry wins.
            [re.findall(r"^(\w+) =", SERVER_SETTINGS, re.MULTILINE)],
        ).fetchall()
    assert wrong == []


def test_status_of_a_running_server(server: str) -> None:
    """Scripts branch on the exit code, people read the line."""
    result = run("status")
    assert (result.exit_code, len(result.output.splitlines())) == (0, 1)
    assert result.output.startswith(f"running: PostgreSQL {embedded.version()}, pid {pid()}, up ")


def test_url_stands_against_the_environment(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PG* variables exported for another server must not redirect the local target."""
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGDATABASE", "elsewhere")
    with psycopg.connect(run("url").output.strip()) as session:
        assert session.info.dbname == "retail"


def test_psql_passes_arguments_on(server: str) -> None:
    """On a machine without PostgreSQL, the bundled psql is the user's client."""
    process = command("psql", "--", "-X", "-At", "-c", "select 40 + 2")
    assert process.communicate()[0].strip() == "42"


def test_psql_looks_no_name_up_in_public(server: str) -> None:
    """It works as a superuser, and any role may have put a function there that fits better than PostgreSQL's own."""
    process = command("psql", "--", "-X", "-At", "-c", "show search_path")
    assert process.communicate()[0].strip() == "pg_catalog,gold"


def test_psql_keeps_the_password_off_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every user of a machine can list the command lines of all other users."""
    for name, value in {"HOST": "db", "USER": "me", "PASSWORD": "s3cret", "DATABASE": "retail"}.items():
        monkeypatch.setenv(f"PG{name}", value)
    monkeypatch.setenv("DBT_TARGET", "prod")
    seen: list[tuple[list[str], dict[str, str]]] = []
    monkeypatch.setattr(os, "execve", lambda program, arguments, environment: seen.append((arguments, environment)))
    run("psql", "--", "-c", "select 1")
    ((arguments, environment),) = seen
    assert arguments[1:] == ["-c", "select 1"]
    assert environment["PGPASSWORD"] == "s3cret"


# Stopped server


def test_status_of_no_server(home: Path) -> None:
    """Scripts expect exit code 3, as from `pg_ctl status`, and a status query must not create anything."""
    result = run("status")
    assert (result.exit_code, result.output.split(":")[0], home.exists()) == (3, "stopped", False)


def test_stop_of_no_server(home: Path) -> None:
    """The user wants a stopped server, so a server that is already stopped is not an error."""
    result = run("stop")
    assert (result.exit_code, result.output, home.exists()) == (0, "not running\n", False)


def test_psql_without_a_server_says_what_to_do(home: Path) -> None:
    """The message of libpq names a socket file, but the user needs the command that starts the server."""
    assert_refused(run("psql"), "python -m scripts.warehouse start")


# Starting


def test_two_starts_at_once(home: Path) -> None:
    """Two builds may begin at the same moment; one starts the server, the other finds it."""
    processes = [command("start") for _ in range(2)]
    outputs = sorted(process.communicate()[0] for process in processes)
    assert [output.split()[0] for output in outputs] == ["already", "started"]
    assert [process.returncode for process in processes] == [0, 0]


def test_long_and_strange_home(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Users put the project anywhere: in deep folders, with spaces, quotes and accents in the path."""
    monkeypatch.setenv("WAREHOUSE_HOME", str(private / ("Größe, 'a' \"b\" $c \\d" + "x" * 90) / "home"))
    monkeypatch.setenv("DBT_TARGET", "local")
    try:
        embedded.ensure_running()
        assert socket_dir().parent == Path("/tmp")
        with connection.connect() as session:
            assert session.info.dbname == "retail"
    finally:
        embedded.stop()
    assert not socket_dir().exists()


def test_half_made_data_directory(home: Path) -> None:
    """A start must not use the incomplete data directory that a killed start left behind."""
    half = home / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    embedded.ensure_running()
    assert (embedded.is_running(), half.exists()) == (True, False)


def test_full_disk_while_making_the_data_directory(home: Path) -> None:
    """The user must learn which disk is full, and leftovers must not break the next start."""
    process = command("start", limit=files_of_at_most(MB))
    output = process.communicate()[0]
    assert (process.returncode, len(output.splitlines())) == (1, 1), output
    assert str(home) in output
    assert " free in " in output
    assert list(home.iterdir()) == []


def test_full_disk_while_starting(spare: Path) -> None:
    """A disk that fills up later must not destroy the data."""
    process = command("start", limit=files_of_at_most(64))
    output = process.communicate()[0]
    assert (process.returncode, len(output.splitlines())) == (1, 1), output
    assert " free in " in output
    embedded.ensure_running()
    assert embedded.is_running()


def test_killed_server_comes_back(spare: Path) -> None:
    """A kill leaves lock files and busy sessions; the next start must end them and recover all committed data."""
    embedded.ensure_running()
    with connection.connect(autocommit=True) as session:
        session.execute("set synchronous_commit = on")
        session.execute("create table if not exists public.kept as select 1 as one")
    # This query never checks whether its server still runs.
    busy = subprocess.Popen(
        [embedded.binary("psql"), "-Xc", "select count(*) from generate_series(1, 1e10)"],
        env=os.environ | connection.libpq_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(0.3)
    killed = psutil.Process(pid())
    killed.kill()
    embedded._wait_until_ended(spare, killed)
    assert not embedded.is_running()
    assert run("start").output.startswith("started")
    busy.wait()
    with connection.connect() as session:
        assert session.execute("select one from public.kept").fetchone() == (1,)


def test_stale_pid_of_another_process(spare: Path) -> None:
    """The system reuses process ids, so an id in an old lock file may belong to another live process."""
    identity = embedded._identity(spare)
    other = subprocess.Popen(["sleep", "60"], **identity)
    try:
        stale = f"{other.pid}\n{spare / 'data'}\n1700000000\n5432\n{socket_dir()}\n\n  1  1\nready   \n"
        embedded._prepare_socket_dir(identity)
        (spare / "data" / "postmaster.pid").write_text(stale)
        (socket_dir() / ".s.PGSQL.5432.lock").write_text(stale)
        assert run("status").exit_code == 3
        assert run("start").output.startswith("started")
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


def test_data_of_another_version(spare: Path) -> None:
    """After a package upgrade, the server itself would report the other version only in its log."""
    version = spare / "data" / "PG_VERSION"
    ours = version.read_text()
    version.write_text("12\n")
    try:
        assert_refused(run("start"), "PostgreSQL 12", embedded.version(), "keep the folder", "pg_dump")
    finally:
        version.write_text(ours)


def test_foreign_data_directory(home: Path) -> None:
    """A server must never overwrite files that belong to the user."""
    (home / "data").mkdir(parents=True)
    (home / "data" / "thesis.txt").write_text("years of work")
    assert_refused(run("start"), str(home / "data"), "is no PostgreSQL data directory")
    assert (home / "data" / "thesis.txt").read_text() == "years of work"


def test_own_settings_win(spare: Path) -> None:
    """The documentation promises that `override.conf` changes any setting."""
    (spare / "override.conf").write_text("work_mem = '33MB'\n")
    # As written under a strict umask; as root, the server has another user.
    (spare / "override.conf").chmod(0o600)
    embedded.ensure_running()
    with connection.connect() as session:
        assert session.execute("show work_mem").fetchone() == ("33MB",)


def test_corrupt_settings_are_named(spare: Path) -> None:
    """The user finds a mistake in `override.conf` only by its file and line."""
    (spare / "override.conf").write_text("work_mem = '33MB'\nwork mem: 4\n")
    assert_refused(run("start"), "override.conf", "line 2")


def test_home_is_a_file(home: Path) -> None:
    """The message must name a wrong WAREHOUSE_HOME as the cause."""
    home.write_text("")
    for subcommand in ("start", "stop", "status"):
        result = run(subcommand)
        assert result.exit_code in (1, 3), result.output
        assert "Traceback" not in result.output
    assert_refused(run("start"), str(home), "WAREHOUSE_HOME")


def test_home_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message must name a wrong WAREHOUSE_HOME as the cause, also for the errors that root gets."""
    monkeypatch.setenv("WAREHOUSE_HOME", "/proc/warehouse")
    assert_refused(run("start"), "/proc/warehouse", "WAREHOUSE_HOME")


def test_socket_folder_of_somebody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every user can write to /tmp, and a folder planted there must not come between client and server."""
    monkeypatch.setenv("WAREHOUSE_HOME", str(tmp_path / ("x" * 100)))
    socket_dir().symlink_to(tmp_path)
    try:
        assert_refused(run("start"), str(socket_dir()), "belongs to somebody else")
    finally:
        socket_dir().unlink()


# What others may read and reach


@pytest.fixture
def loopback(spare: Path) -> Iterator[str]:
    """Start the server so that it also listens on an address of this machine that no other test uses."""
    address = f"127.{os.getpid() >> 16 & 255}.{os.getpid() >> 8 & 255}.{os.getpid() & 255 or 1}"
    (spare / "override.conf").write_text(f"listen_addresses = '{address}'\n")
    # As a data directory of an earlier version has it.
    (spare / "data" / "pg_hba.conf").write_text("local all all trust\nhost all all all trust\n")
    embedded.ensure_running()
    yield f"postgresql://postgres@{address}:5432/retail"
    with connection.connect(autocommit=True, operator=True) as session:
        session.execute("alter role postgres password null")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems have one loopback address only")
def test_the_network_needs_a_password(loopback: str) -> None:
    """One line in override.conf must not let every user of the machine in as superuser."""
    for password in ("", "guessed"):
        with pytest.raises(psycopg.OperationalError, match=r"no password supplied|password authentication failed"):
            psycopg.connect(loopback, password=password)
    with connection.connect(autocommit=True, operator=True) as session:
        session.execute("alter role postgres password 'right'")
    with psycopg.connect(loopback, password="right") as remote:
        assert remote.execute("select current_user").fetchone() == ("postgres",)


def test_logs_are_private_and_hold_no_rows(spare: Path) -> None:
    """Raw rows name customers, and messages of the server quote the rows that it refuses."""
    (spare / "server.log").write_text("of an earlier version")
    (spare / "server.log").chmod(0o644)
    embedded.ensure_running()
    with connection.connect(autocommit=True) as session:
        session.execute("create temporary table few (number integer check (number > 0))")
        with pytest.raises(psycopg.errors.CheckViolation), session.cursor() as cursor:
            cursor.execute("insert into few values (-4242)")
        with pytest.raises(psycopg.DataError), session.cursor().copy("copy few from stdin") as copy:
            copy.write(b"1\tMISS SECRET\n")
    log = spare / "server.log"
    assert "violates check constraint" in log.read_text()
    assert not re.search("4242|SECRET", log.read_text())
    assert [stat.S_IMODE(path.stat().st_mode) for path in sorted(spare.glob("*.log"))] == [0o600, 0o600]


def test_a_new_home_is_private(home: Path) -> None:
    """The folder holds the data and the logs."""
    embedded.stop()
    with embedded._home():
        pass
    assert stat.S_IMODE(home.stat().st_mode) == 0o700


# User of the server


@pytest.mark.skipif(not AS_ROOT, reason="only root runs the server as another user")
def test_root_opens_no_folder_to_everybody(spare: Path) -> None:
    """The server's user must pass through the folders above, but all other users must stay out."""
    spare.chmod(0o700)
    spare.parent.chmod(0o700)
    embedded.ensure_running()
    assert psutil.Process(pid()).uids().real != 0
    assert [folder.stat().st_mode & 0o007 for folder in (spare, spare.parent)] == [0, 0]


@pytest.mark.skipif(not AS_ROOT, reason="every other test shows it")
def test_ordinary_user(home: Path) -> None:
    """Most users are not root, and their server must run as themselves, without a second user."""
    embedded._identity(home.parent)
    user = pwd.getpwnam(embedded.SYSTEM_USER)
    home.mkdir()
    os.chown(home, user.pw_uid, user.pw_gid)

    def start_and_stop() -> None:
        os.setgroups([])
        os.setgid(user.pw_gid)
        os.setuid(user.pw_uid)
        embedded.ensure_running()
        owner = psutil.Process(pid()).uids().real
        assert (owner, embedded.stop()) == (user.pw_uid, True)

    child = multiprocessing.get_context("fork").Process(target=start_and_stop)
    child.start()
    child.join()
    assert child.exitcode == 0


# Destroying


def test_destroy_asks_first(spare: Path) -> None:
    """A script that forgets --yes must not delete a warehouse."""
    assert_refused(run("destroy"), "--yes")
    assert (spare / "data" / "PG_VERSION").exists()


def test_destroy_deletes_what_is_ours_only(home: Path) -> None:
    """WAREHOUSE_HOME may contain other files, such as the user's own settings."""
    home.mkdir()
    for name in ("override.conf", "notes.txt"):
        (home / name).touch()
    embedded.ensure_running()
    result = run("destroy", "--yes")
    assert result.exit_code == 0, result.output
    assert sorted(path.name for path in home.iterdir()) == ["notes.txt", "override.conf"]


# Socket folder in Python and in profiles.yml


@pytest.mark.parametrize(
    "home",
    [
        pytest.param(None, id="default"),
        pytest.param("", id="empty is unset"),
        pytest.param("/srv/warehouse", id="short"),
        pytest.param("/srv/warehouse/", id="slash at the end"),
        pytest.param("here", id="relative"),
        pytest.param("/srv/a,b", id="a comma separates hosts"),
        pytest.param("/srv/" + "x" * 73, id="just short enough"),
        pytest.param("/srv/" + "x" * 74, id="just too long"),
        pytest.param("/srv/" + "ü" * 40, id="few characters, many bytes"),
        pytest.param("/srv/" + "é" * 90, id="long, not ASCII"),
    ],
)
def test_python_and_profile_agree(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scripts and dbt compute the socket folder separately; if they disagree, one misses the server."""
    if home is None:
        monkeypatch.delenv("WAREHOUSE_HOME", raising=False)
    else:
        monkeypatch.setenv("WAREHOUSE_HOME", home)
    monkeypatch.setenv("PWD", str(Path.cwd()))
    profile = yaml.safe_load((PROJECT_ROOT / "profiles.yml").read_text())
    rendered = jinja2.Template(profile["retail_warehouse"]["outputs"]["local"]["host"]).render(
        env_var=lambda name, default=None: os.environ.get(name, default),
        flags=SimpleNamespace(PROFILES_DIR=str(PROJECT_ROOT)),
        local_md5=lambda text: hashlib.md5(text.encode()).hexdigest(),
    )
    assert rendered == str(socket_dir())


# The machine


def test_container_limits_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server sized for the host is killed in a container; the tightest parent cgroup is the limit."""
    groups = tmp_path / "cgroup"
    (groups / "pod" / "job").mkdir(parents=True)
    (groups / "pod" / "memory.max").write_text(f"{GB}\n")
    (groups / "pod" / "cpu.max").write_text("100000 100000\n")
    (groups / "pod" / "job" / "memory.max").write_text("max\n")
    (groups / "pod" / "job" / "cpu.max").write_text("max 100000\n")
    (tmp_path / "self").write_text("0::/pod/job\n")
    monkeypatch.setattr(machine, "CGROUPS", groups)
    monkeypatch.setattr(machine, "CGROUP_MEMBERSHIP", tmp_path / "self")
    assert (machine.machine_memory(), machine.machine_cores()) == (GB, 1)


def test_old_container_limits_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hosts still use cgroup version 1, which shows the host's path inside the container."""
    groups = tmp_path / "cgroup"
    for controller, name, value in [
        ("memory", "memory.limit_in_bytes", GB),
        ("cpu", "cpu.cfs_quota_us", 150000),
        ("cpu", "cpu.cfs_period_us", 100000),
    ]:
        (groups / controller).mkdir(parents=True, exist_ok=True)
        (groups / controller / name).write_text(f"{value}\n")
    (tmp_path / "self").write_text("4:memory:/docker/abc\n1:cpu,cpuacct:/docker/abc\n0::/\n")
    monkeypatch.setattr(machine, "CGROUPS", groups)
    monkeypatch.setattr(machine, "CGROUP_MEMBERSHIP", tmp_path / "self")
    assert (machine.machine_memory(), machine.machine_cores()) == (GB, 1)


@pytest.mark.parametrize("memory", [GB, 4 * GB, 64 * GB, 1024 * GB])
def test_settings_fit_the_memory(memory: int) -> None:
    """Four sessions that sort at once, plus the shared buffers, must not exhaust the machine's memory."""
    chosen = machine.settings(memory, 4)
    shared, sort = (int(chosen[name].removesuffix("MB")) * MB for name in ("shared_buffers", "work_mem"))
    assert shared + 4 * 4 * sort <= memory * 3 // 4
