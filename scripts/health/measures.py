"""What `make health` measures, and when a measure fails."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Literal

import psycopg
import yaml
from psycopg import sql
from psycopg.rows import TupleRow

from scripts import connection
from scripts.backup import stock
from scripts.errors import Refusal
from scripts.paths import warehouse_home
from scripts.warehouse import keeping, server

LIMITS = Path(__file__).with_name("limits.yml")
Status = Literal["ok", "fail", "off", "unknown"]
Session = psycopg.Connection[TupleRow]

FILE = (
    "select extract(epoch from now() - max(landed_at)) / 3600, count(*), max(landed_at)::text from bronze.landed_files"
)
RELEASE = """
    select extract(epoch from now() - published_at) / 3600, release_id, published_at::text
    from {}.releases
    order by release_id desc
    limit 1
"""
CHECKS = """
    select
        count(*) filter (where last_status in ('fail', 'error')),
        min(check_name) filter (where last_status in ('fail', 'error')),
        count(*) filter (where last_status = 'warn')
    from {}.ops_checks
    where last_ran_at > now() - interval '30 days'
"""
# The first one waits for a lock that another session holds; who waits behind it has waited for less time.
LOCKS = """
    select extract(epoch from clock_timestamp() - l.waitstart), l.pid, (pg_blocking_pids(l.pid))[1]
    from pg_locks as l
    where not l.granted and l.waitstart is not null
    order by l.waitstart
    limit 1
"""
TRANSACTION = """
    select
        extract(epoch from clock_timestamp() - xact_start) / 60,
        pid,
        coalesce(nullif(application_name, ''), 'no name')
    from pg_stat_activity
    where backend_type = 'client backend' and xact_start is not null and pid <> pg_backend_pid()
    order by xact_start
    limit 1
"""
BLOAT = """
    select 100.0 * n_dead_tup / (n_live_tup + n_dead_tup), schemaname || '.' || relname
    from pg_stat_user_tables
    where n_dead_tup > 0 and pg_relation_size(relid) >= 8 * 1024 * 1024
    order by 1 desc
    limit 1
"""
# A capture stores its position twice a minute. An initial copy stores it at its end.
STREAM = """
    select extract(epoch from now() - max(coalesce(landed_at, started_at))) / 60, slot, max(position)::text
    from bronze.streams
    group by slot
    order by 1 desc
    limit 1
"""
STANDBY = """
    select coalesce(extract(epoch from replay_lag), 0), pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint
    from pg_stat_replication
    where application_name = 'standby' and state = 'streaming'
"""
# If all is replayed, the age of the last transaction says only that nobody has written since.
FOLLOWING = """
    select
        case
            when pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() then 0
            else extract(epoch from now() - pg_last_xact_replay_timestamp())
        end,
        (pg_last_wal_receive_lsn() - pg_last_wal_replay_lsn())::bigint
    from pg_stat_wal_receiver
    where status = 'streaming'
"""
ARCHIVE = """
    select last_archived_time::text, last_failed_time > coalesce(last_archived_time, '-infinity') from pg_stat_archiver
"""


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes:
        name: as in limits.yml.
        unit: of value and limit, as Prometheus spells units.
        value: None if there is none.
        limit: the highest value that is well; of `server`, the lowest.
        status: `off` if there is nothing to measure, `unknown` if it could not be measured.
        text: what a person wants to know beside the value.
    """

    name: str
    unit: str
    value: float | None
    limit: float
    status: Status
    text: str


@dataclass(frozen=True)
class Found:
    """What a function below has found: a value with its text, or why there is none."""

    value: float | None
    text: str
    otherwise: Status = "fail"


def limits(overrides: Mapping[str, float]) -> dict[str, float]:
    """Return the limit of each measure.

    Args:
        overrides: other limits, by the names of the measures.

    Raises:
        Refusal: a name is unknown.
    """
    known = {name: float(value) for name, value in yaml.safe_load(LIMITS.read_text()).items()}
    unknown = sorted(overrides.keys() - known.keys())
    if unknown:
        raise Refusal(f"{unknown[0]} is no measure with a limit: give one of {', '.join(known)}.")
    return known | dict(overrides)


def measure(limit_of: Mapping[str, float]) -> Iterator[Measure]:
    """Measure everything. Nothing is started, and nothing is changed.

    Args:
        limit_of: the limit of each measure.
    """
    is_local = connection.target_name() == "local"
    session = None
    try:
        if is_local and not server.is_running():
            raise Refusal(f"the server in {warehouse_home()} is not running")
        session = connection.connect(autocommit=True, name="scripts.health")
        # A table that a release locks must not hold the report up.
        session.execute("set lock_timeout to '5s'")
        session.execute("set statement_timeout to '30s'")
    except Refusal as error:
        yield Measure("server", "up", 0, 1, "fail", error.message)
    else:
        yield Measure("server", "up", 1, 1, "ok", f"PostgreSQL {_version(session)}, up since {_started(session)}")
    for name, unit, find in FINDERS:
        yield _judged(name, unit, limit_of[name], _found(find, session))
    if session is not None:
        session.close()


def _found(find: Callable[[Session | None], Found], session: Session | None) -> Found:
    try:
        return find(session)
    except psycopg.Error as error:
        return Found(None, " ".join(str(error).split()), "unknown")
    except (OSError, Refusal) as error:
        return Found(None, " ".join(str(error).split()), "unknown")


def _judged(name: str, unit: str, limit: float, found: Found) -> Measure:
    if found.value is None:
        return Measure(name, unit, None, limit, found.otherwise, found.text)
    return Measure(name, unit, round(found.value, 2), limit, "ok" if found.value <= limit else "fail", found.text)


def _row(session: Session | None, query: str, *names: str) -> tuple[Any, ...] | None:
    """Return the first row of a query; of a missing relation, none."""
    if session is None:
        raise Refusal("the server does not answer")
    with suppress(psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        return session.execute(sql.SQL(query).format(*map(sql.Identifier, names))).fetchone()
    return None


def _version(session: Session) -> str:
    return str((_row(session, "select current_setting('server_version')") or ("",))[0]).split()[0]


def _started(session: Session) -> str:
    return str((_row(session, "select date_trunc('second', pg_postmaster_start_time())::text") or ("",))[0])


def _disk(_: Session | None) -> Found:
    if connection.target_name() != "local":
        return Found(None, "the disk of another server", "off")
    home = warehouse_home()
    if not home.exists():
        return Found(None, f"there is no folder {home}")
    usage = shutil.disk_usage(home)
    # As df counts: blocks that are reserved for the system are neither used nor free.
    used = 100 * usage.used / (usage.used + usage.free)
    return Found(
        used, f"{server.human_size(usage.free)} free, the warehouse takes {server.human_size(server.data_size())}"
    )


def _file(session: Session | None) -> Found:
    row = _row(session, FILE)
    if row is None or row[0] is None:
        return Found(None, "no file has landed")
    return Found(float(row[0]), f"since {_second(row[2])}, {row[1]} files have landed")


def _release(session: Session | None) -> Found:
    row = _row(session, RELEASE, connection.audit_schema())
    if row is None:
        return Found(None, "nothing has been released")
    return Found(float(row[0]), f"release {row[1]}, published {_second(row[2])}")


def _checks(session: Session | None) -> Found:
    row = _row(session, CHECKS, connection.audit_schema())
    if row is None:
        return Found(None, "no check has run")
    failing, first, warnings = row
    others = f" and {failing - 1} more" if failing > 1 else ""
    return Found(float(failing), f"{first}{others}" if failing else f"{warnings} warn")


def _locks(session: Session | None) -> Found:
    row = _row(session, LOCKS)
    if row is None:
        return Found(0, "no session waits for a lock")
    return Found(float(row[0]), f"process {row[1]} waits for process {row[2]}")


def _transaction(session: Session | None) -> Found:
    row = _row(session, TRANSACTION)
    return Found(float(row[0]), f"process {row[1]} ({row[2]})") if row else Found(0, "no transaction is open")


def _bloat(session: Session | None) -> Found:
    row = _row(session, BLOAT)
    return Found(float(row[0]), str(row[1])) if row else Found(0, "no large table has dead rows")


def _stream(session: Session | None) -> Found:
    row = _row(session, STREAM)
    if row is None:
        return Found(None, "no changes are captured", "off")
    return Found(float(row[0]), f"slot {row[1]}, landed up to {row[2] or 'nothing yet'}")


def _standby(session: Session | None) -> Found:
    mine = _keeping()
    if not mine.standby and not mine.primary:
        return Found(None, "there is no standby", "off")
    row = _row(session, FOLLOWING if mine.primary else STANDBY)
    if row is None:
        other = f"the server in {mine.primary}" if mine.primary else f"the standby in {mine.standby}"
        return Found(None, f"{other} does not stream")
    return Found(float(row[0] or 0), f"{server.human_size(float(row[1] or 0))} behind")


def _archive(session: Session | None) -> Found:
    archive = _keeping().archive
    if archive is None:
        return Found(None, "the log is not archived", "off")
    row = _row(session, ARCHIVE)
    last, is_failing = row or (None, False)
    # The server's own list of these files is for members of pg_monitor only.
    waiting = len(list((warehouse_home() / "data" / "pg_wal" / "archive_status").glob("*.ready")))
    text = f"the last one was archived {_second(last)}" if last else "none has been archived"
    return Found(float(waiting), f"{text}, and archiving in {archive} fails now" if is_failing else text)


def _backup(_: Session | None) -> Found:
    archive = _keeping().archive
    if archive is None:
        return Found(None, "there are no backups: run `make backup`", "off")
    # The archive is <backups>/wal/<system>.
    folder, system = Path(archive).parent.parent, Path(archive).name
    found = [backup for backup in stock.read(folder) if backup.system == system]
    if not found:
        return Found(None, f"there is no backup in {folder}")
    age = datetime.now(timezone.utc) - found[-1].end_time
    return Found(age.total_seconds() / 3600, f"{found[-1].name}, {found[-1].kind}, one of {len(found)}")


def _keeping() -> keeping.Keeping:
    return keeping.read(warehouse_home()) if connection.target_name() == "local" else keeping.Keeping()


def _second(moment: str) -> str:
    """Return a time without the fraction of its seconds and its zone, which is UTC."""
    return moment[:19]


FINDERS: tuple[tuple[str, str, Callable[[Session | None], Found]], ...] = (
    ("disk", "percent", _disk),
    ("file", "hours", _file),
    ("release", "hours", _release),
    ("checks", "failing", _checks),
    ("locks", "seconds", _locks),
    ("transaction", "minutes", _transaction),
    ("bloat", "percent", _bloat),
    ("stream", "minutes", _stream),
    ("standby", "seconds", _standby),
    ("archive", "files", _archive),
    ("backup", "hours", _backup),
)
