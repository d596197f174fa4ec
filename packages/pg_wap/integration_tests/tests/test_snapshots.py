"""A transaction sees one release at any isolation level, or is told to run again."""

import json
import random
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest

from .project import PARTITIONS, PUBLISHED, TABLES
from .versions import Versions

LEVELS = ["read committed", "repeatable read", "serializable"]
RELATIONS = ["customers", "shown", "orders", "totals", "orders_since('2011-01-01')"]
REFUSED = f"this transaction began before the present release of {PUBLISHED}: run the transaction again"

# Releases and rollbacks by the SQL of the engine, without dbt: what a build leaves for a release is made by hand.
WAITING = f"""
begin;
insert into store_audit.candidate (invocation_id, code) values ('by hand', '');
insert into store_audit.candidate_steps select * from kept.steps;
update store_audit.candidate_steps set staged_by = pg_current_xact_id();
create table {TABLES}.totals__new (like {TABLES}.totals including all);
insert into {TABLES}.totals__new select id, $version, $version from {TABLES}.totals;
create table {TABLES}.customers__gone as select * from {TABLES}.customers where id <> 2;
create table {TABLES}.customers__added (like {TABLES}.customers including all);
insert into {TABLES}.customers__added values (1, $version), (10 + $version, $version);
create table {PARTITIONS}.orders_201101__new (like {PARTITIONS}.orders_201101 including all);
insert into {PARTITIONS}.orders_201101__new values ('2011-01-02', $version);
create table {PARTITIONS}.orders_201103__new (like {PARTITIONS}.orders_201103 including all);
insert into {PARTITIONS}.orders_201103__new values ('2011-03-02', $version);
commit
"""

# Asks in one transaction which version each relation shows, in any order, and often after a pause or a first snapshot.
READER = f"""
import json, random, select, sys, time
import psycopg
level, answers, refused, errors = sys.argv[2], [], 0, []
relations = {RELATIONS!r}
with psycopg.connect(sys.argv[1], autocommit=True) as session:
    print("reading", flush=True)
    while not select.select([sys.stdin], [], [], random.random() / 30)[0]:
        try:
            session.execute("begin isolation level " + level)
            if random.random() < 0.3:
                session.execute("select 1")
                time.sleep(random.random() / 20)
            answer = []
            for name in random.sample(relations, 3):
                answer += session.execute("select max(version) from {PUBLISHED}." + name).fetchone()
                if random.random() < 0.2:
                    time.sleep(0.005)
            session.execute("commit")
        except psycopg.errors.SerializationFailure:
            refused += 1
            session.execute("rollback")
        except psycopg.Error as error:
            errors.append(str(error))
            session.execute("rollback")
        else:
            answers.append(answer)
print(json.dumps([answers, refused, errors]))
"""


class Releases:
    """Publishes version after version, and takes releases back."""

    def __init__(self, versions: Versions) -> None:
        """Let dbt build a candidate, and keep its steps and the SQL that publishes it."""
        versions.ask("update raw.state set version = 2")
        # a new table, changed rows, and partitions
        versions.model("totals", versions.read("models/totals.sql") + "-- built in full")
        assert versions.dbt("run"), versions.errors
        versions.ask("create schema kept; create table kept.steps as select * from store_audit.candidate_steps")
        changed = f'"{PUBLISHED}"."customers"', f'"{PUBLISHED}"."orders"', f'"{PUBLISHED}"."totals"'
        assert set(changed) <= {view for (view,) in versions.ask("select view from kept.steps")}
        versions.ask(f"delete from kept.steps where view not in {changed}")
        patiently = ("--vars", "pg_wap_lock_patience_seconds: 60")
        self.publish_sql = versions.compiled("{{ pg_wap.publish_sql(false) }}", *patiently)
        self.rollback_sql = versions.compiled("{{ pg_wap.rollback_sql('-1') }}", *patiently)
        self._session = psycopg.connect(versions.url, autocommit=True)
        self._session.execute(self.publish_sql.encode())

    def publish(self, version: int) -> None:
        """Publish a version."""
        self._session.execute(WAITING.replace("$version", str(version)).encode())
        self._session.execute(self.publish_sql.encode())

    def roll_back(self) -> None:
        """Take the last release back."""
        last = self._session.execute("select max(release_id)::text from store_audit.releases").fetchone()
        assert last
        self._session.execute(self.rollback_sql.replace("-1", last[0]).encode())

    def close(self) -> None:
        """End the session."""
        self._session.close()


@pytest.fixture
def releases(versions: Versions) -> Iterator[Releases]:
    """Give the means to publish without dbt; version 2 is published."""
    releases = Releases(versions)
    yield releases
    releases.close()


@contextmanager
def reading(url: str, level: str) -> Iterator[list[list]]:
    """Poll in another process; what it saw is in the list at the end."""
    command = [sys.executable, "-c", READER, url, level]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stdout.readline() == "reading\n"
    seen: list[list] = []
    try:
        yield seen
        seen.extend(json.loads(process.communicate("\n", timeout=60)[0]))
    finally:
        process.kill()


def test_no_reader_sees_parts_of_two_releases(versions: Versions, releases: Releases) -> None:
    """A new table, changed rows and partitions change together, through 50 releases and 5 rollbacks."""
    with (
        reading(versions.url, LEVELS[0]) as committed,
        reading(versions.url, LEVELS[1]) as repeatable,
        reading(versions.url, LEVELS[2]) as serializable,
    ):
        for version in range(3, 53):
            releases.publish(version)
            if version % 10 == 0:
                releases.roll_back()
    for answers, _, errors in (committed, repeatable, serializable):
        assert errors == []
        assert [answer for answer in answers if len(set(answer)) > 1] == []
        assert len({answer[0] for answer in answers}) > 10
    # who reads as PostgreSQL does by default is never refused
    assert committed[1] == 0
    assert repeatable[1] + serializable[1] > 0


@pytest.mark.parametrize("level", LEVELS)
def test_a_snapshot_of_before_the_release_is_refused(level: str, versions: Versions, releases: Releases) -> None:
    """Rows would be of the old release, and tables and partitions of the new one."""
    with psycopg.connect(versions.url, autocommit=True) as session:
        session.execute(f"begin isolation level {level}".encode())
        session.execute("select 1")
        releases.publish(3)
        for name in RELATIONS:
            query = f"select max(version) from {PUBLISHED}.{name}".encode()
            if level == "read committed":
                assert session.execute(query).fetchone() == (3,)
                continue
            session.execute("savepoint before")
            with pytest.raises(psycopg.errors.SerializationFailure, match=REFUSED):
                session.execute(query)
            session.execute("rollback to before")


@pytest.mark.parametrize("level", LEVELS[:2])
def test_a_first_statement_that_waits_for_the_release(level: str, versions: Versions, releases: Releases) -> None:
    """A snapshot in repeatable read is taken before the wait for the lock, one in read committed after it."""
    answers: list[object] = []

    def read() -> None:
        with psycopg.connect(versions.url, autocommit=True) as session:
            session.execute(f"begin isolation level {level}".encode())
            for name in ("customers", "orders"):
                try:
                    found = session.execute(f"select max(version) from {PUBLISHED}.{name}".encode()).fetchone()
                    answers.append(found and found[0])
                except psycopg.errors.SerializationFailure:
                    answers.append("refused")
                    break

    with psycopg.connect(versions.url, autocommit=True) as session:
        session.execute(WAITING.replace("$version", "3").encode())
        session.execute(releases.publish_sql.removesuffix("commit").encode())
        reader = threading.Thread(target=read)
        reader.start()
        while not versions.ask("select pid from pg_locks where not granted"):
            time.sleep(0.01)
        session.execute("commit")
        reader.join()
    assert answers == ([3, 3] if level == "read committed" else ["refused"])


def test_readers_need_no_other_right_than_to_read(versions: Versions, releases: Releases) -> None:
    """The guard must not ask for rights on schemas that readers cannot use, nor stop the release itself."""
    releases.publish(3)
    role = f"reader_{random.randrange(10**9)}"
    versions.ask(f"create role {role}; grant usage on schema {PUBLISHED} to {role}")
    versions.ask(f"grant select on all tables in schema {PUBLISHED} to {role}")
    try:
        with psycopg.connect(versions.url, autocommit=True) as session:
            session.execute(f"set role {role}".encode())
            assert session.execute(f"select version from {PUBLISHED}.totals".encode()).fetchone() == (3,)
            session.execute("begin isolation level repeatable read")
            session.execute("select 1")
            releases.publish(4)
            with pytest.raises(psycopg.errors.SerializationFailure):
                session.execute(f"select version from {PUBLISHED}.totals".encode())
    finally:
        versions.ask(f"drop owned by {role}; drop role {role}")


def test_a_dump_can_be_read_in_another_cluster(versions: Versions, releases: Releases) -> None:
    """There, the number of the release's transaction lies in the future: no reader may be refused because of it."""
    releases.publish(3)
    ((definition,),) = versions.ask(f"select pg_get_viewdef('{PUBLISHED}.totals'::regclass)")
    ((cluster,),) = versions.ask("select system_identifier from pg_control_system()")
    assert str(cluster) in definition
    released_by = re.findall(r"'(\d+)'", definition)[0]
    future = definition.replace(f"'{released_by}'", "'999999999999'")
    versions.ask(f"create or replace view {PUBLISHED}.totals as {future}")
    with pytest.raises(psycopg.errors.SerializationFailure):
        versions.ask(f"select version from {PUBLISHED}.totals")
    restored = future.replace(str(cluster), "7")
    versions.ask(f"create or replace view {PUBLISHED}.totals as {restored}")
    assert versions.ask(f"select version from {PUBLISHED}.totals") == [(3,)]


def shape(plan: dict) -> list:
    """Return the nodes of a plan without the guard, which is a filter that runs once and its function."""
    inner = [shape(child) for child in plan.get("Plans", []) if child.get("Parent Relationship") != "InitPlan"]
    if plan["Node Type"] == "Result" and "One-Time Filter" in plan and len(inner) == 1:
        return inner[0]
    details = [
        plan.get(key) for key in ("Node Type", "Index Name", "Index Cond", "Filter", "Relation Name", "Join Type")
    ]
    return [*details, inner]


QUERIES = [
    "select max(version) from {orders}",
    "select * from {orders} where day = '2011-03-02'",
    "select * from {customers} where id = 10",
    "select sum(c.version) from {orders} o inner join {customers} c on c.id = o.version where o.day > '2011-02-01'",
    "select o.day, c.version from {orders} o left join {customers} c on c.id = o.version",
    "select count(*) from {customers} c where exists (select from {orders} o where o.version = c.id)",
]


def test_the_guard_leaves_the_plans_of_queries(versions: Versions, releases: Releases) -> None:
    """Pruning, indexes and parallel workers are what makes dashboards fast."""
    releases.publish(3)
    versions.ask(f"insert into {TABLES}.customers select n, n from generate_series(100, 5000) as n")
    versions.ask(f"analyze {TABLES}.customers, {TABLES}.orders")
    names = ("orders", "customers", "totals")
    with psycopg.connect(versions.url, autocommit=True) as session:
        for workers in (0, 2):
            session.execute(f"set max_parallel_workers_per_gather = {workers}".encode())
            if workers:
                session.execute("set min_parallel_table_scan_size = 0; set parallel_setup_cost = 0")
                session.execute("set parallel_tuple_cost = 0; set debug_parallel_query = on")
            for query in QUERIES:
                plans = []
                for schema in (TABLES, PUBLISHED):
                    text = query.format(**{name: f"{schema}.{name}" for name in names})
                    found = session.execute(f"explain (format json) {text}".encode()).fetchone()
                    assert found
                    plans.append(found[0][0]["Plan"])
                assert shape(plans[0]) == shape(plans[1]), query
