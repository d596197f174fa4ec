"""Every setting of the embedded server, derived from the machine, each with its reason."""

import os
from contextlib import suppress
from pathlib import Path

from scripts.warehouse.keeping import Keeping

MB = 1024**2
GB = 1024**3

CGROUPS = Path("/sys/fs/cgroup")
CGROUP_MEMBERSHIP = Path("/proc/self/cgroup")


def settings(memory: int, cores: int) -> dict[str, str]:
    """Return the server settings for bulk work by few sessions on a machine of this size.

    The manual describes each in chapter 19 (Server Configuration) and the choice for bulk
    loads in 14.4 (Populating a Database). Where and for whom the server listens is not
    here: it follows from the folder, see `server.configuration`.

    Args:
        memory: bytes that this machine or container may use.
        cores: processors that it may use.
    """
    # A build runs about four sessions, each of which may sort or hash in several places and in
    # several workers at once: a 64th of the memory for each keeps the worst case inside it.
    work_mem = _between(16 * MB, memory // 64, 1 * GB)
    # One process per core, the leader being one of them.
    helpers = _between(0, cores - 1, 4)
    return {
        # Memory. A quarter is the manual's advice (19.4.1); bulk reads and writes pass by the buffers and rely on the
        # cache of the system, so beyond 4 GB it only makes starting and checkpoints longer.
        "shared_buffers": _mb(_between(64 * MB, memory // 4, 4 * GB)),
        "work_mem": _mb(work_mem),
        # Index builds, of which few run at a time.
        "maintenance_work_mem": _mb(_between(64 * MB, memory // 16, 2 * GB)),
        # No memory is taken: it tells the planner that index pages will be found in a cache.
        "effective_cache_size": _mb(max(128 * MB, memory * 3 // 4)),
        # Parallel hash joins share memory through /dev/shm, which is 64 MB in a default container;
        # what is set aside here is used first, and costs nothing until it is.
        "min_dynamic_shared_memory": _mb(2 * work_mem),
        # Large pages where the system has any set aside; it starts without them too.
        "huge_pages": "try",
        # A build needs few sessions, and each slot costs memory.
        "max_connections": "50",
        # A release locks each partition that it puts in place, with its indexes: all months of a calendar of 22
        # years. A lock takes 0.3 kB.
        "max_locks_per_transaction": "256",
        # Write-ahead log. With `minimal`, a table that is created and filled in one transaction skips it
        # (14.4.7). It rules out replication and point-in-time recovery; `durability` replaces both settings.
        "wal_level": "minimal",
        "max_wal_senders": "0",
        # The last moments of work may be lost in a crash, nothing can be corrupted (28.4); a build is run again.
        "synchronous_commit": "off",
        # These two can corrupt when off, so they stay on whatever the gain.
        "fsync": "on",
        "full_page_writes": "on",
        "wal_buffers": "64MB",
        # Few, evenly spread checkpoints: each makes the pages that follow be logged in full once more.
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "max_wal_size": "4GB",
        # Segments that are used again need not be filled with zeros first.
        "min_wal_size": "256MB",
        # Planner. The data is on an SSD or in the cache: a random page costs about what the next one does.
        "random_page_cost": "1.1",
        # A table is created from rows that workers hand over, which is cheaper than the planner thinks: a million lines
        # took 1.4 s instead of 2.6 s to type, and 1.2 s instead of 1.9 s to join to their dimensions, on two cores.
        "parallel_tuple_cost": "0.01",
        # Compiling costs more than it saves in statements of a second or less.
        "jit": "off",
        # Processes.
        "max_worker_processes": str(cores + 8),
        "max_parallel_workers": str(cores),
        "max_parallel_workers_per_gather": str(helpers),
        "max_parallel_maintenance_workers": str(helpers),
        # Statistics and visibility maps between builds; off, plans decay in silence.
        "autovacuum": "on",
        # Counts what is asked, for `make advise`, with `$1` in place of each constant. Statements of other kinds would
        # keep their constants, which may be personal.
        "shared_preload_libraries": "pg_stat_statements",
        "pg_stat_statements.track_utility": "off",
        # The same answers on every machine, whatever its locale and time zone.
        "timezone": "UTC",
        "log_timezone": "UTC",
        "datestyle": "ISO, YMD",
        "lc_messages": "C",
        # The log says what failed, not with which rows: their values are in details, contexts and statements.
        "log_error_verbosity": "terse",
        "log_min_error_statement": "panic",
        "log_parameter_max_length_on_error": "0",
        "default_text_search_config": "pg_catalog.english",
    }


def durability(keeping: Keeping) -> dict[str, str]:
    """Return the settings that backups or a standby need in place of those above; none, if there are neither.

    Args:
        keeping: what the warehouse folder keeps safe.
    """
    if not keeping.is_durable:
        return {}
    chosen = {
        # Each write goes to the log, also of tables that are created and filled in one transaction.
        "wal_level": "replica",
        # Two for a backup, one for a standby, and as many in reserve.
        "max_wal_senders": "6",
        "max_replication_slots": "6",
        # A release that readers have seen must survive a killed server. The flush takes with it all that was committed
        # before, so the many small commits of a build cost little more.
        "synchronous_commit": "on",
        # A standby that is gone for good must not fill the disk; health reports its lag long before.
        "max_slot_wal_keep_size": "8GB",
    }
    if keeping.archive:
        chosen |= {
            # Lets a backup hold only the blocks that changed since the backup before.
            "summarize_wal": "on",
            # The module copies a segment under another name, flushes it, and renames it.
            "archive_mode": "on",
            "archive_library": "basic_archive",
            "basic_archive.archive_directory": keeping.archive,
            # If the whole disk is lost, so are the writes since the last archived segment.
            "archive_timeout": "5min",
        }
    return chosen


def machine_memory() -> int:
    """Return the bytes of memory that we may use: the physical memory, or less where a control group says so."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limits = [
        *_cgroup_values("", "memory.max"),
        *_cgroup_values("memory", "memory.limit_in_bytes"),
    ]
    return min([physical, *(int(limit) for limit in limits if limit.isdigit())])


def machine_cores() -> int:
    """Return the processors that we may use: those we may run on, or fewer where a control group sets a quota."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [
        *(tuple(value.split()) for value in _cgroup_values("", "cpu.max")),
        *zip(_cgroup_values("cpu", "cpu.cfs_quota_us"), _cgroup_values("cpu", "cpu.cfs_period_us"), strict=False),
    ]
    # "max" (version 2) and -1 (version 1) stand for no quota.
    return max(1, min([cores, *(int(quota) // int(period) for quota, period in quotas if quota.isdigit())]))


def _cgroup_values(controller: str, name: str) -> list[str]:
    """Return what our control group and those above it say; the tightest limit is the one that holds.

    Args:
        controller: of version 1, each with a hierarchy of its own; empty for version 2, which has one.
        name: the file to read.
    """
    values = []
    with suppress(OSError):
        for line in CGROUP_MEMBERSHIP.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controller not in controllers.split(","):
                continue
            # Inside a container the path is often the host's and does not exist here; the root does.
            group = CGROUPS / controller / path.lstrip("/")
            while group.is_relative_to(CGROUPS / controller):
                with suppress(OSError):
                    values.append((group / name).read_text().strip())
                group = group.parent
    return values


def _between(least: int, value: int, most: int) -> int:
    return max(least, min(value, most))


def _mb(size: int) -> str:
    return f"{size // MB}MB"
