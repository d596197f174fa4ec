"""Change data capture: each change of the source lands once, whatever happens, and what could lose one is refused."""

import json
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import datetime
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest
from dbt_project import Dbt
from harness import Database

from scripts import connection
from scripts.errors import Refusal
from scripts.land import land
from scripts.paths import PROJECT_ROOT
from scripts.shop.database import TABLES as TRADING_TABLES
from scripts.shop.serving import open_shop, serve
from scripts.shop.trade import Event
from scripts.stream.cdc import source as sources
from scripts.stream.cdc.capture import capture
from scripts.stream.cdc.options import Options, Report
from scripts.stream.cdc.replication import FORMATS, Replication
from scripts.warehouse import server as embedded

SETTINGS = """
wal_level = logical
max_wal_senders = 10
max_replication_slots = 20
max_slot_wal_keep_size = 4GB
synchronous_commit = on
fsync = off
shared_buffers = 64MB
"""
TABLES = """
    create table orders (invoice text primary key, customer_id integer, country text, invoiced_at timestamp);
    create table order_lines (
        invoice text references orders on delete cascade,
        line integer,
        stock_code text,
        quantity integer,
        price numeric(10, 3),
        is_gift boolean,
        note text,
        primary key (invoice, line)
    );
    create publication warehouse for table orders, order_lines;
"""
KEYS = {"public.orders": ["invoice"], "public.order_lines": ["invoice", "line"]}
FAST_KILLS, SLOW_KILLS = 12, 60

# Forks one capture for each line of stdin, and prints how it ended. A capture kills itself after a number of function
# calls, in Python or in a library below it, or before or after the nth call of one function.
NURSERY = """
import json, os, signal, sys
import psycopg
from scripts.stream.cdc import bronze, capture, options, replication

def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)

def arm(owner, name, nth, after):
    original, calls = getattr(owner, name), 0
    def armed(*arguments, **keywords):
        nonlocal calls
        calls += owner is not psycopg.Connection or "update bronze.streams" in str(arguments[1])
        if calls == nth and not after:
            die()
        result = original(*arguments, **keywords)
        if calls == nth and after:
            die()
        return result
    setattr(owner, name, armed)

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if child:
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    if "at" in order:
        owner = {
            "landing": bronze.Landing, "replication": replication.Replication, "position": psycopg.Connection
        }[order["at"]]
        arm(owner, order["name"], order.get("nth", 1), order.get("after", False))
    calls = 0
    def count(frame, event, argument):
        global calls
        if event in ("call", "c_call"):
            calls += 1
            if calls == order.get("calls"):
                die()
    sys.setprofile(count)
    capture.capture(options.Options(**order["options"]), say=lambda line: None)
    sys.setprofile(None)
    os._exit(0)
"""

_numbers = count(1)


class Shop:
    """A source: a database of the second server, and the warehouse into which its changes land."""

    def __init__(self, name: str, url: str, warehouse: Database) -> None:
        self.name, self.url, self.warehouse = name, url, warehouse
        self.said: list[str] = []
        self.slots = {name}

    def do(self, *statements: str) -> None:
        """Run statements, each in its own transaction."""
        with psycopg.connect(self.url, autocommit=True) as session:
            for statement in statements:
                session.execute(statement)

    def options(self, **options: Any) -> dict[str, Any]:
        """Return what to capture: this source, into this warehouse."""
        given = {"source": self.url, "warehouse": self.warehouse.url, "slot": self.name, "once": True} | options
        self.slots.add(given["slot"])
        return given

    def capture(self, **options: Any) -> Report:
        """Land what the source has committed by now."""
        return capture(Options(**self.options(**options)), say=self.said.append)

    def refuses(self, pattern: str, **options: Any) -> None:
        """Capture, and see it refused in one line that says what to do."""
        with pytest.raises(Refusal, match=pattern) as refused:
            self.capture(**options)
        assert "\n" not in refused.value.message

    def landed(self, sql: str = "true", slot: str | None = None) -> list[tuple]:
        """Return what has landed, in the order of the changes."""
        query = f"""
            select relation, op, before, after, unchanged, commit_lsn::text, seq, committed_at
            from bronze.shop_changes
            where slot = %s and ({sql})
            order by copy_number, commit_lsn, seq
        """
        with psycopg.connect(self.warehouse.url) as session:
            return session.execute(query, [slot or self.name]).fetchall()

    def ask(self, query: str) -> Any:
        """Return what the warehouse answers."""
        with psycopg.connect(self.warehouse.url) as session:
            return session.execute(query).fetchall()

    def tell(self, statement: str) -> None:
        """Change the warehouse."""
        with psycopg.connect(self.warehouse.url, autocommit=True) as session:
            session.execute(statement)

    def folded(self, keys: dict[str, list[str]] = KEYS) -> dict[str, dict[tuple, dict]]:
        """Return the tables as the landed changes tell, by a reference of few lines."""
        tables: dict[str, dict[tuple, dict]] = {name: {} for name in keys}
        for relation, op, before, after, unchanged, *_ in self.landed():
            rows = tables[relation]
            if op == "T":
                rows.clear()
                continue
            old = tuple((before or after)[column] for column in keys[relation])
            if op in "RI":
                assert old not in rows
            known = rows.pop(old, {})
            if after is not None:
                filled = {column: known[column] for column in unchanged or []}
                rows[tuple((after | filled)[column] for column in keys[relation])] = after | filled
        return tables

    def held(self, keys: dict[str, list[str]] = KEYS) -> dict[str, dict[tuple, dict]]:
        """Return the tables of the source, with values as its output functions write them."""
        found = {}
        with psycopg.connect(self.url, options=FORMATS) as session:
            for name, key in keys.items():
                cursor = session.execute(f"select * from {name} limit 0")
                columns = [column.name for column in cursor.description]
                with session.cursor().copy(f"copy {name} to stdout") as copy:
                    rows = [dict(zip(columns, row, strict=True)) for row in copy.rows()]
                found[name] = {tuple(row[column] for column in key): row for row in rows}
        return found

    def wait_until_read(self, wanted: bool = True) -> None:
        """Wait until a process reads the slot, or none does any more."""
        deadline = time.monotonic() + 30
        while bool((self.slot() or [None])[0]) != wanted:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def slot(self) -> tuple[int, str] | None:
        """Return the process that reads the slot, and what is confirmed."""
        query = "select active_pid, confirmed_flush_lsn::text from pg_replication_slots where slot_name = %s"
        with psycopg.connect(self.url) as session:
            return session.execute(query, [self.name]).fetchone()


@pytest.fixture(scope="module")
def second_server(server: str) -> Iterator[Path]:
    """Run a second embedded server, whose log can be decoded."""
    with TemporaryDirectory(prefix="shop-") as folder:
        home = Path(folder)
        (home / "override.conf").write_text(SETTINGS)
        with embedded.at_home(home):
            embedded.ensure_running()
        yield home
        with embedded.at_home(home):
            embedded.destroy()


@pytest.fixture
def shop(second_server: Path, database: Database) -> Iterator[Shop]:
    """Make a source with two tables and a publication, and a warehouse that is empty."""
    name = f"shop_{next(_numbers)}"
    with embedded.at_home(second_server):
        url = connection.url(operator=True)
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(f"create database {name}")
    shop = Shop(name, url.replace("/retail?", f"/{name}?"), database)
    shop.do(TABLES)
    yield shop
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(
            "select pg_terminate_backend(active_pid) from pg_replication_slots where active_pid is not null"
        )
        for slot in shop.slots:
            query = "select pg_drop_replication_slot(slot_name) from pg_replication_slots where slot_name = %s"
            session.execute(query, [slot])
        session.execute(f"drop database {name} with (force)")


def trade(shop: Shop, seed: int, transactions: int = 12) -> None:
    """Place, change, rename and cancel orders, some in transactions that are rolled back or in savepoints."""
    chance = random.Random(seed)
    with psycopg.connect(shop.url, autocommit=True) as session:
        for number in range(transactions):
            invoice = f"{seed}-{number}"
            with session.transaction(force_rollback=chance.random() < 0.15):
                session.execute(
                    "insert into orders values (%s, %s, 'C\\ô\t\"te\"', now())", [invoice, chance.randrange(9)]
                )
                session.execute(
                    """
                    insert into order_lines
                    select %s, n, 'A' || n, n * 3, n / 7.0, n %% 2 = 0, case when n %% 3 = 0 then repeat('é', n) end
                    from generate_series(1, %s) as n
                    """,
                    [invoice, chance.randint(1, 6)],
                )
                with session.transaction(force_rollback=chance.random() < 0.3):
                    session.execute("update order_lines set quantity = quantity + 1 where line = 1")
                if chance.random() < 0.3:
                    session.execute("delete from orders where invoice = (select min(invoice) from orders)")
                if chance.random() < 0.3:
                    session.execute("update order_lines set line = line + 100 where invoice = %s", [invoice])


def test_the_initial_copy_and_the_changes_equal_the_source(shop: Shop) -> None:
    """A row that is missing, double or different is a wrong total that no check downstream can see."""
    trade(shop, 1)
    report = shop.capture()
    assert report.copied == sum(map(len, shop.held().values())) > 0
    assert shop.folded() == shop.held()
    for seed in (2, 3):
        trade(shop, seed)
        assert shop.capture().changes > 0
        assert shop.folded() == shop.held()
    assert {op for _, op, *_ in shop.landed()} == {"T", "R", "I", "U", "D"}
    assert shop.capture().changes == 0
    assert shop.ask("select changes = (select count(*) from bronze.shop_changes) from bronze.streams") == [(True,)]
    # The log of events says that rows have come.
    assert shop.ask(f"select count(*) from audit.events where details ->> 'command' = 'stream {shop.name}'") == [(3,)]


def test_changes_during_the_initial_copy_are_neither_lost_nor_double(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shop does not close while its tables are copied."""
    trade(shop, 1)
    reading, create_slot, seeds = sources.PublishedTable.reading, Replication.create_slot, count(2)

    def busy(table: sources.PublishedTable) -> Any:
        trade(shop, next(seeds))
        return reading(table)

    def busy_before(replication: Replication, slot: str) -> tuple[int, str]:
        made = create_slot(replication, slot)
        trade(shop, next(seeds))
        return made

    monkeypatch.setattr(sources.PublishedTable, "reading", busy)
    monkeypatch.setattr(Replication, "create_slot", busy_before)
    report = shop.capture()
    assert report.copied > 0
    shop.capture()
    assert shop.folded() == shop.held()


def test_a_running_capture_lands_changes_as_they_come(shop: Shop) -> None:
    """A capture that has to be called again for each change is a batch job."""
    done = []
    with ThreadPoolExecutor(1) as pool:
        options = Options(**shop.options(once=False, interval=0.05))
        running = pool.submit(capture, options, say=shop.said.append, stop=lambda: bool(done))
        deadline = time.monotonic() + 30
        for seed in (1, 2):
            trade(shop, seed)
            while time.monotonic() < deadline:
                time.sleep(0.05)
                if shop.ask("select to_regclass('bronze.shop_changes')") != [(None,)] and shop.folded() == shop.held():
                    break
        done.append(True)
        report = running.result(30)
    assert shop.folded() == shop.held()
    assert report.longest_lag < 5


def test_odd_names_and_values_land_as_they_are(shop: Shop) -> None:
    """What the copy, the log and JSON each escape in their own way must come out as one value."""
    name, columns = (
        'odd "schema.tä\tble\\',
        ["id", 'a "b" \\', "bytes", "numbers", "day", "amount", "flag", "doc", "text"],
    )
    table = '"odd ""schema"."tä\tble\\"'
    shop.do(
        'create schema "odd ""schema"',
        "create domain positive as integer check (value > 0)",
        f"""
        create table {table} (
            id positive primary key, "a ""b"" \\" char(5), bytes bytea, numbers numeric[], day timestamptz,
            amount float8, flag boolean, doc jsonb, text text
        )
        """,
        f"alter publication warehouse set table {table}",
    )
    rows = f"""
        insert into {table} values
        (%s + 1, 'x', '\\x00ff', '{{1.50, NaN, null}}', 'infinity', 'NaN', true,
            '{{"a": "\\u00e9\\n\\\\"}}', E'\\t\\n\\r\\\\N"'),
        (%s + 2, '', '', '{{}}', '0044-03-15 12:00:00.123456+00 BC', 0.1 + 0.2, false, 'null', ''),
        (%s + 3, null, null, null, null, null, null, null, E'\u2028\U0001f600\\x01')
    """
    shop.do(rows.replace("%s", "0"))
    shop.capture()
    shop.do(
        rows.replace("%s", "10"), f"update {table} set id = id + 100 where id = 3", f"delete from {table} where id = 12"
    )
    shop.capture()
    key = {name: ["id"]}
    with (
        psycopg.connect(shop.url, options=FORMATS) as session,
        session.cursor().copy(f"copy {table} to stdout") as copy,
    ):
        held = {(row[0],): dict(zip(columns, row, strict=True)) for row in copy.rows()}
    assert shop.folded(key) == {name: held}
    assert len(held) == 5


@contextmanager
def nursery() -> Iterator[Callable[..., bool]]:
    """Provide captures that kill themselves; each returns whether it was killed."""
    command = [sys.executable, "-c", NURSERY]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=PROJECT_ROOT, **pipes) as process:

        def run(**order: Any) -> bool:
            process.stdin.write(f"{json.dumps(order)}\n")
            process.stdin.flush()
            status = int(process.stdout.readline())
            assert status in (0, -signal.SIGKILL)
            return status != 0

        yield run
        process.stdin.close()


# The moments at which something could be lost or doubled: while the tables are copied, before the commit that ends the
# copy and after it, before and after a later commit, and after a confirmation.
MOMENTS: list[dict[str, Any]] = [
    {"at": "replication", "name": "create_slot", "after": True},
    {"at": "landing", "name": "add", "nth": 20},
    {"at": "landing", "name": "commit"},
    {"at": "landing", "name": "commit", "after": True},
    {"at": "position", "name": "execute"},
    {"at": "position", "name": "execute", "after": True},
    {"at": "landing", "name": "commit", "after": True},
    {"at": "replication", "name": "confirm", "after": True},
]


def campaign(shop: Shop, kills: int) -> None:
    """Kill captures while the shop trades, then compare what has landed with a capture that was never killed."""
    trade(shop, 0)
    shop.capture(slot=f"{shop.name}_whole")
    chance, killed = random.Random(kills), 0
    with nursery() as run:
        for number in range(kills):
            trade(shop, 100 + number, 4)
            moment = MOMENTS[number] if number < len(MOMENTS) else {"calls": int(10 ** chance.uniform(2.5, 4.1))}
            killed += run(options=shop.options(batch=chance.choice([1, 7, 10_000]), interval=0.02), **moment)
    assert killed > kills * 0.6
    shop.capture()
    assert shop.folded() == shop.held()
    shop.capture(slot=f"{shop.name}_whole")
    (begin,) = {change[5] for change in shop.landed("op = 'R'")}
    after = f"seq > 0 and commit_lsn >= '{begin}'"
    assert shop.landed(after) == shop.landed(after, slot=f"{shop.name}_whole")


def test_after_kills_each_change_has_landed_once(shop: Shop) -> None:
    """A machine may lose its power between any two instructions."""
    campaign(shop, FAST_KILLS)


@pytest.mark.slow
def test_after_many_kills_each_change_has_landed_once(shop: Shop) -> None:
    """Few kills may miss the one moment at which something is lost."""
    campaign(shop, SLOW_KILLS)


def test_what_is_confirmed_is_on_disk(shop: Shop) -> None:
    """The source deletes what is confirmed, so what a warehouse loses in a crash after that is lost for good."""
    shop.capture()
    shop.tell(
        """
        create function bronze.watch() returns trigger language plpgsql as $$
        begin
            if current_setting('synchronous_commit') <> 'on' or current_user <> 'retail_loader' then
                raise 'landed as % with %', current_user, current_setting('synchronous_commit');
            end if;
            return new;
        end $$;
        create trigger watch before insert on bronze.shop_changes for each row execute function bronze.watch();
        """
    )
    trade(shop, 1)
    assert shop.capture().changes > 0


@pytest.mark.parametrize(
    "statement",
    [
        "select * from bronze.shop_changes",
        "update bronze.shop_changes set after = null",
        "delete from bronze.shop_changes",
        "truncate bronze.shop_changes",
        "delete from bronze.streams",
        "alter table bronze.shop_changes add column mine text",
    ],
)
def test_the_role_that_captures_adds_rows_and_no_more(shop: Shop, statement: str) -> None:
    """An attacker who owns the source can send anything, and must not reach what has landed."""
    shop.capture()
    with psycopg.connect(shop.warehouse.url, autocommit=True) as session:
        session.execute("set role retail_loader")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute(statement)


def test_a_customer_who_was_erased_stays_erased(shop: Shop) -> None:
    """The shop keeps its own records, and would bring the customer back with the next order, or the next copy."""
    shop.do("insert into orders values ('a', 7, 'UK', now()), ('b', 8, 'UK', now())")
    shop.capture()
    shop.tell("insert into bronze.erased_identities (digest) select bronze.identity_digest('7')")
    shop.do(
        "insert into orders values ('c', 7, 'UK', now()), ('d', 77, 'UK', now())",
        "alter table orders replica identity full",
        "update orders set customer_id = 9 where invoice = 'c'",
    )
    shop.capture()
    query = """
        select after ->> 'invoice', before ->> 'customer_id', after ->> 'customer_id'
        from bronze.shop_changes
        where after is not null and seq > 0
        order by commit_lsn, seq
    """
    assert shop.ask(query) == [("c", None, None), ("d", None, "77"), ("c", None, "9")]
    shop.capture(start_over=True)
    customers = "select array_agg(after ->> 'customer_id' order by after ->> 'invoice') from bronze.shop_changes"
    assert shop.ask(f"{customers} where copy_number = 2 and op = 'R'") == [([None, "8", "9", "77"],)]
    # What landed before is erased by `make forget`.
    shop.tell("select bronze.erase_changes()")
    assert shop.ask(f"{customers} where copy_number = 1 and op = 'R'") == [([None, "8"],)]


def test_columns_come_and_go(shop: Shop) -> None:
    """A developer of the shop adds and drops columns without asking the warehouse."""
    trade(shop, 1)
    shop.capture()
    shop.do(
        "insert into orders values ('a', 1, 'UK', now())",
        "alter table orders add column channel text default 'web'",
        "insert into orders values ('b', 1, 'UK', now(), 'till')",
        "alter table orders drop column country",
        "update orders set channel = 'post' where invoice = 'a'",
    )
    shop.capture()
    rows = {after["invoice"]: after for _, op, _, after, *_ in shop.landed("relation = 'public.orders'") if op in "IU"}
    assert rows["b"] | {"invoiced_at": None} == {
        "invoice": "b",
        "customer_id": "1",
        "country": "UK",
        "invoiced_at": None,
        "channel": "till",
    }
    assert rows["a"] | {"invoiced_at": None} == {
        "invoice": "a",
        "customer_id": "1",
        "invoiced_at": None,
        "channel": "post",
    }
    assert "New         column channel of public.orders" in shop.said
    assert "Dropped     column country of public.orders" in shop.said
    query = "select columns from bronze.stream_tables where relation = 'public.orders'"
    assert shop.ask(query) == [(["invoice", "customer_id", "invoiced_at", "channel"],)]


def test_a_renamed_table_keeps_its_name_in_bronze(shop: Shop) -> None:
    """A model that reads `public.orders` would find the table empty from the day of the rename on."""
    trade(shop, 1)
    shop.capture()
    shop.do("alter table orders rename to sales_orders", "insert into sales_orders values ('a', 1, 'UK', now())")
    shop.capture()
    assert [(relation, after["invoice"]) for relation, _, _, after, *_ in shop.landed("op = 'I'")] == [
        ("public.orders", "a")
    ]
    assert "Renamed     public.orders to public.sales_orders; its rows still land as public.orders" in shop.said
    shop.said.clear()
    shop.do("insert into sales_orders values ('b', 1, 'UK', now())")
    shop.capture()
    assert not [line for line in shop.said if line.startswith("Renamed")]


@pytest.mark.parametrize("identity", ["default", "full"])
def test_a_large_value_that_did_not_change_is_known(shop: Shop, identity: str) -> None:
    """PostgreSQL does not send a large value with an update of another column, and null would be wrong."""
    shop.do(
        "alter table order_lines alter column note set storage external",
        f"alter table order_lines replica identity {identity}",
        "insert into orders values ('a', 1, 'UK', now())",
        "insert into order_lines values ('a', 1, 'X', 1, 1, true, repeat('large', 2000))",
    )
    shop.capture()
    shop.do("update order_lines set quantity = 2", "update order_lines set line = 7")
    shop.capture()
    assert shop.folded() == shop.held()
    unchanged = [unchanged for _, op, _, _, unchanged, *_ in shop.landed() if op == "U"]
    assert unchanged == ([None, None] if identity == "full" else [["note"], ["note"]])


def test_a_truncate_stops_the_capture_unless_it_is_declared(shop: Shop) -> None:
    """A truncate in production is more often a mistake than a wish, and the warehouse would empty itself in silence."""
    trade(shop, 1)
    shop.capture()
    shop.do("insert into orders values ('a', 1, 'UK', now())", "truncate orders, order_lines")
    trade(shop, 2)
    refusal = r"the source emptied the table public\.order.* \(truncate\) at .* UTC: .* --truncate land"
    shop.refuses(refusal)
    shop.refuses(refusal)
    shop.capture(land_truncate=True)
    assert shop.folded() == shop.held()


def test_a_large_transaction_takes_little_memory(shop: Shop) -> None:
    """A nightly update of a whole table must not need the table in memory."""
    shop.capture()
    shop.do("insert into orders select n::text, n, repeat('x', 100), now() from generate_series(1, 100000) as n")
    program = (
        "import resource, sys; from scripts.stream.cdc.capture import capture; "
        "from scripts.stream.cdc.options import Options; "
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; before = peak(); "
        "report = capture(Options(sys.argv[1], sys.argv[2], slot=sys.argv[3], once=True), say=print); "
        "print(report.changes, peak() - before)"
    )
    arguments = [sys.executable, "-c", program, shop.url, shop.warehouse.url, shop.name]
    done = subprocess.run(arguments, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    changes, kilobytes = map(int, done.stdout.split("\n")[-2].split())
    assert changes == 100_000
    # The changes alone are 20 MB.
    assert kilobytes < 15_000


def test_column_lists_row_filters_and_partitions_are_those_of_the_publication(shop: Shop) -> None:
    """The initial copy must hold exactly what the changes are of, or rows appear that never change again."""
    shop.do(
        "create table parts (id integer, day date, secret text, primary key (id, day)) partition by range (day)",
        "create table parts_2011 partition of parts for values from ('2011-01-01') to ('2012-01-01')",
        "drop publication warehouse",
        "create publication warehouse for table parts",
        "insert into parts values (1, '2011-01-01', 'x'), (100, '2011-01-01', 'x')",
    )
    shop.refuses("sends each partition, such as public.parts_2011, as a table: run .*publish_via_partition_root")
    shop.do(
        "alter publication warehouse set (publish_via_partition_root = true)",
        "alter publication warehouse set table parts (id, day) where (id < 100)",
    )
    shop.capture()
    shop.do(
        "insert into parts values (2, '2011-01-01', 'x'), (200, '2011-01-01', 'x')",
        "update parts set id = 99 where id = 100",
        "update parts set id = 300 where id = 2",
    )
    shop.capture()
    keys = {"public.parts": ["id", "day"]}
    assert sorted(shop.folded(keys)["public.parts"]) == [("1", "2011-01-01"), ("99", "2011-01-01")]
    assert all(set(after) == {"id", "day"} for _, _, _, after, *_ in shop.landed() if after)


@pytest.mark.parametrize(
    ("statement", "refusal"),
    [
        ("drop publication warehouse", "has no publication 'warehouse'; it has: none. Run `create publication"),
        ("alter publication warehouse set (publish = 'insert')", "leaves out inserts, updates or deletes"),
        ("alter publication warehouse drop table orders, order_lines", "has no tables: run `alter publication"),
        ("alter table orders replica identity nothing", r"public\.orders of the source has no primary key or no"),
        ("alter table order_lines drop constraint order_lines_pkey", r"public\.order_lines .* has no primary key"),
        ("alter publication warehouse set table orders (country)", "leaves out invoice, which is part of the key"),
    ],
)
def test_a_source_that_is_not_fit_is_refused(shop: Shop, statement: str, refusal: str) -> None:
    """Whoever sets up a source gets one thing wrong, and sees it in an hour if the message does not say what."""
    shop.do(statement)
    shop.refuses(refusal)
    assert shop.slot() is None


def test_a_source_that_does_not_decode_its_log_is_refused(shop: Shop) -> None:
    """PostgreSQL does not decode its log by default."""
    shop.refuses("has wal_level=minimal: set wal_level=logical", source=shop.warehouse.operator_url)


def test_a_user_without_rights_is_refused(shop: Shop) -> None:
    """The user of the warehouse in the source has few rights, and at first too few."""
    shop.do("create role reader login")
    try:
        url = shop.url.replace("postgres@", "reader@")
        shop.refuses("the user reader of the source may not replicate: run `alter role reader replication`", source=url)
        shop.do("alter role reader replication")
        shop.refuses(r"reader of the source may not read public\.order_lines: run `grant select", source=url)
        shop.do("grant select on orders, order_lines to reader")
        trade(shop, 1)
        shop.capture(source=url)
        assert shop.folded() == shop.held()
    finally:
        shop.do("drop owned by reader", "drop role reader")


def test_a_side_that_does_not_answer_is_named(shop: Shop) -> None:
    """Of two databases, the message must say which one is down."""
    shop.refuses("^cannot connect to the source: .* start it", source="postgresql://postgres@/shop?host=/nowhere")
    shop.refuses("^the source is no URL", source="postgresql//shop")
    warehouse = "postgresql://postgres@/retail?host=/nowhere"
    shop.refuses("^cannot connect to the warehouse: .* start it with `python -m scripts.warehouse", warehouse=warehouse)


def test_a_slot_that_is_gone_or_foreign_is_refused(shop: Shop) -> None:
    """Without the slot, the changes since the last run are gone, and going on would hide that."""
    with psycopg.connect(shop.url, autocommit=True) as session:
        session.execute("select pg_create_logical_replication_slot(%s, 'pgoutput')", [shop.name])
        shop.refuses("exists in the source, and this warehouse has never read it: it may be of another reader")
        session.execute("select pg_drop_replication_slot(%s)", [shop.name])
        trade(shop, 1)
        shop.capture()
        shop.wait_until_read(False)
        session.execute("select pg_drop_replication_slot(%s)", [shop.name])
        trade(shop, 2)
        shop.refuses("is gone from the source, and with it the changes since .*: start over with --start-over")
        session.execute("select pg_create_logical_replication_slot(%s, 'test_decoding')", [shop.name])
        shop.refuses("is of the plugin test_decoding")
        session.execute("select pg_drop_replication_slot(%s)", [shop.name])
    report = shop.capture(start_over=True)
    assert report.copied > 0
    assert shop.folded() == shop.held()
    assert shop.ask("select max(copy_number) from bronze.shop_changes") == [(2,)]


def test_a_slot_that_another_reader_uses_is_refused(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two readers of one slot each get a part of the changes."""
    monkeypatch.setattr("scripts.stream.cdc.starting.PATIENCE_SECONDS", 0.2)
    monkeypatch.setattr("scripts.stream.cdc.bronze.PATIENCE_SECONDS", 0.2)
    shop.capture()
    done: list[bool] = []
    with ThreadPoolExecutor(1) as pool:
        options = Options(**shop.options(once=False))
        running = pool.submit(capture, options, say=shop.said.append, stop=lambda: bool(done))
        try:
            shop.wait_until_read()
            shop.refuses(f"process .* one process at a time can land the changes of the slot {shop.name}")
        finally:
            done.append(True)
            running.result(30)
    shop.wait_until_read(False)
    with closing(Replication(shop.url)) as reader:
        reader.start(shop.name, "warehouse")
        shop.refuses(rf"the slot {shop.name} is read by process \d+ of the source: stop that reader")


def test_changes_that_another_reader_took_are_missed(shop: Shop) -> None:
    """A warehouse that is restored from a backup asks for changes that the source has deleted."""
    trade(shop, 1)
    shop.capture()
    trade(shop, 2)
    shop.wait_until_read(False)
    with psycopg.connect(shop.url, autocommit=True) as session:
        session.execute("select pg_replication_slot_advance(%s, pg_current_wal_lsn())", [shop.name])
    shop.refuses("was read up to .*, and the warehouse has landed up to .*: another reader took the changes between")


def test_a_source_that_has_lost_the_log_is_refused(shop: Shop) -> None:
    """A limit that saves the disk of the source costs the slot, which must be said."""
    shop.capture()
    shop.do("alter system set max_slot_wal_keep_size = '16MB'", "select pg_reload_conf()")
    try:
        shop.do(
            *["create table filler as select repeat('x', 1000) from generate_series(1, 20000)", "drop table filler"]
            * 2,
            "select pg_switch_wal()",
            "checkpoint",
        )
        shop.refuses("is lost \\(wal_removed\\): .* Raise max_slot_wal_keep_size there, then start over")
    finally:
        shop.do("alter system reset max_slot_wal_keep_size", "select pg_reload_conf()")


def test_a_slot_that_falls_behind_is_told(shop: Shop) -> None:
    """A slot holds the log of the source back until its disk is full."""
    shop.capture()
    assert not [line for line in shop.said if line.startswith("Warning")]
    shop.do("alter system set max_slot_wal_keep_size = -1", "select pg_reload_conf()")
    try:
        shop.do("create table filler as select repeat('x', 1000) from generate_series(1, 3000)")
        shop.capture(most_lag_bytes=1024**2)
    finally:
        shop.do("alter system reset max_slot_wal_keep_size", "select pg_reload_conf()")
    warnings = [line for line in shop.said if line.startswith("Warning")]
    assert [line for line in warnings if "MB behind, more than 1 MB" in line]
    assert [line for line in warnings if "set max_slot_wal_keep_size there" in line]
    # Confirmed, although no published table has changed: an idle stream must not hold the log back.
    shop.said.clear()
    shop.capture(most_lag_bytes=1024**2)
    assert not [line for line in shop.said if "behind" in line]


def test_another_server_is_not_taken_for_the_source(shop: Shop) -> None:
    """A copy of the production database has the same names, and another future."""
    shop.capture()
    shop.tell("update bronze.streams set system_identifier = '7'")
    shop.refuses(f"landed from the server 7, database {shop.name}, and this source is .*: check the URL")


def test_a_table_that_joins_or_leaves_the_publication_is_refused(shop: Shop) -> None:
    """The rows of a table before it was published were never copied, and nobody sees that they are missing."""
    shop.do("create table extra (id integer primary key)", "insert into extra values (1)")
    shop.capture()
    shop.do("alter publication warehouse add table extra")
    refusal = r"the table public\.extra was added to the publication warehouse after the initial copy"
    shop.refuses(refusal)
    shop.do("insert into extra values (2)", "alter publication warehouse drop table extra")
    shop.capture()
    assert "Left out    public.extra, which was published for a while after the initial copy" in shop.said
    shop.do("alter publication warehouse drop table order_lines")
    shop.refuses(r"the table public\.order_lines has left the publication")


def test_a_source_that_was_restored_is_refused(shop: Shop, second_server: Path, tmp_path: Path) -> None:
    """After a restore, the source gives numbers of orders out again, for other orders."""
    trade(shop, 1)
    shop.capture()
    kept = second_server / "kept"

    def change_places(first: Path, second: Path) -> None:
        with embedded.at_home(second_server):
            embedded.stop()
            shutil.rmtree(second, ignore_errors=True)
            subprocess.run(["cp", "-a", first, second], check=True)
            embedded.ensure_running()

    data = second_server / "data"
    change_places(data, kept)
    trade(shop, 2)
    shop.capture()
    change_places(kept, data)
    shop.refuses("the source is at .*, before .*, up to which it has landed: it was restored to an earlier time")
    # Later, its log has grown beyond the position, so that nothing seems to be wrong.
    trade(shop, 3)
    shop.do("select pg_switch_wal()")
    shop.refuses("does not have the transaction at .*, which landed last: it was restored to an earlier time")
    shop.capture(start_over=True)
    assert shop.folded() == shop.held()
    # Nothing has landed since the copy but a position.
    change_places(data, kept)
    shop.do("create table filler as select repeat('x', 1000) from generate_series(1, 1000)")
    shop.capture()
    change_places(kept, data)
    trade(shop, 4)
    shop.do("select pg_switch_wal()")
    shop.refuses("has changes before .* that it did not have before: it was restored to an earlier time")


def test_a_clock_in_the_future_is_told_and_changes_nothing_else(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The order of changes comes from the log, but versions are dated by the clock of the source."""
    ahead = sources.SERVER.replace("clock_timestamp()", "clock_timestamp() + interval '1 hour'")
    monkeypatch.setattr(sources, "SERVER", ahead)
    trade(shop, 1)
    shop.capture()
    assert [line for line in shop.said if "the clock of the source is 3,600 s ahead of this machine's" in line]
    assert shop.folded() == shop.held()


@pytest.mark.parametrize("side", ["source", "warehouse"])
def test_a_side_that_goes_away_is_waited_for(
    shop: Shop, second_server: Path, monkeypatch: pytest.MonkeyPatch, side: str
) -> None:
    """A capture that ends with each restart of a server is found dead in the morning."""
    monkeypatch.setattr("scripts.stream.cdc.capture.TRY_AGAIN_SECONDS", 0.3)
    trade(shop, 1)
    done: list[bool] = []
    with ThreadPoolExecutor(1) as pool:
        options = Options(**shop.options(once=False, interval=0.05))
        running = pool.submit(capture, options, say=shop.said.append, stop=lambda: bool(done))
        try:
            shop.wait_until_read()
            deadline = time.monotonic() + 60
            if side == "source":
                with embedded.at_home(second_server):
                    embedded.stop()
                    embedded.ensure_running()
            else:
                query = (
                    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'scripts.stream'"
                )
                with psycopg.connect(shop.warehouse.operator_url, autocommit=True) as session:
                    session.execute(query)
            trade(shop, 2)
            while shop.folded() != shop.held() and time.monotonic() < deadline:
                time.sleep(0.1)
        finally:
            done.append(True)
            running.result(60)
    assert [line for line in shop.said if line.startswith("Broken off")]
    assert shop.folded() == shop.held()


def test_the_command_says_what_it_did_and_what_is_wrong(shop: Shop) -> None:
    """Whoever runs it from a timer sees the exit code and the last line."""
    trade(shop, 1)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "scripts.stream", "cdc", *arguments]
        return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)

    done = run(shop.url, "--once", "--slot=Bad-Name")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("Error: --slot 'Bad-Name' is no name of a slot")
    done = run(shop.url.replace("/shop", "/missing"), "--once")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("Error: cannot connect to the source")


STREAMS = ("--vars", "streams: true")
SOURCE_LINES = """
    select
        lines.invoice, lines.line_number, orders.customer_id, orders.invoice_date, orders.country, lines.stock_code,
        lines.description, lines.quantity, lines.price
    from order_lines as lines
    inner join orders on lines.invoice = orders.invoice
"""
STAGED_LINES = """
    select
        invoice_number, line_number, customer_id, invoiced_at, country_text, stock_code, description, quantity,
        unit_price
    from silver.{}
"""


def test_staging_shows_the_shop_as_it_is_and_as_it_was(shop: Shop, working: Database, dbt: Dbt, tmp_path: Path) -> None:
    """Totals by day of the shop must be those that its own database would have given on that day."""
    (tmp_path / "a.csv").write_text(
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
        "1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,EIRE\n"
    )
    land([tmp_path], working.url)
    shop.warehouse = working
    shop.do("drop publication warehouse", "drop table order_lines, orders", TRADING_TABLES.read_text())
    states = []
    with psycopg.connect(shop.url, autocommit=True) as session:
        trading = open_shop(session, seed=1, lines=3, start=datetime(2011, 12, 12))
        for start_over in (False, False, True, False):
            serve(session, trading, rate=1e9, seconds=1e-7, stop=lambda: False)
            shop.capture(start_over=start_over)
            ((now,),) = session.execute("select clock_timestamp()")
            states.append((now, set(session.execute(SOURCE_LINES))))
    built = dbt("run", "--select", "path:models/staging/shop", *STREAMS)
    assert {outcome.status for outcome in built.values()} == {"success"}
    assert set(shop.ask(STAGED_LINES.format("stg_shop__order_lines"))) == states[-1][1]
    for now, lines in states:
        # The copy that started over dates its rows by its own time, so before it is the older copy.
        at = f"where valid_from <= '{now.isoformat()}' and '{now.isoformat()}' < valid_to"
        staged = shop.ask(f"{STAGED_LINES.format('stg_shop__order_line_versions')} {at}")
        assert len(staged) == len(lines)
        assert set(staged) == lines
    checked = dbt("test", "--select", "path:models/staging/shop", *STREAMS)
    assert {name: outcome.status for name, outcome in checked.items()} == {
        "order_line_versions_are_complete": "pass",
        "order_line_versions_do_not_overlap": "pass",
        "order_lines_are_there_once": "pass",
        "stg_order_line_versions_fold_changes": "pass",
        "stg_order_lines_are_the_current_versions": "pass",
    }
    # Each check finds its fault.
    shop.tell("alter table bronze.shop_changes drop constraint shop_changes_pkey")
    shop.tell(
        # Another key in the source, and the same after cleaning.
        """
        insert into bronze.shop_changes (slot, copy_number, commit_lsn, seq, relation, op, committed_at, after)
        select
            slot, copy_number, commit_lsn, seq, relation, op, committed_at,
            after || jsonb_build_object('invoice', ' ' || (after ->> 'invoice'))
        from bronze.shop_changes
        where op in ('R', 'I')
        """
    )
    shop.tell(
        """
        update bronze.shop_changes
        set after = after - 'description', unchanged = '["description"]'
        where relation = 'public.order_lines' and op = 'I'
        """
    )
    failed = dbt("test", "--select", "path:models/staging/shop", "--exclude-resource-type", "unit_test", *STREAMS)
    assert {outcome.status for outcome in failed.values()} == {"fail"}


def test_the_same_seed_makes_the_same_shop(shop: Shop) -> None:
    """A measurement or a report of a fault can be repeated only if the source can be."""
    shop.do("drop publication warehouse", "drop table order_lines, orders", TRADING_TABLES.read_text())

    def events(seed: int) -> list[Event]:
        with psycopg.connect(shop.url, autocommit=True) as session:
            trading = open_shop(session, seed=seed, lines=3, start=datetime(2011, 12, 12))
        return [trading.event() for _ in range(300)]

    first = events(1)
    assert events(1) == first
    assert events(2) != first
    assert {event.kind for event in first} == {"placed", "changed", "corrected", "cancelled", "returned"}


def test_a_build_before_the_first_capture_is_refused(work_on, built, dbt) -> None:
    """A switch that is on too early must name what is missing, not a relation of the database."""
    with work_on(built), pytest.raises(AssertionError, match="nothing was captured in target 'prod' yet"):
        dbt("run", "--select", "stg_shop__order_lines", *STREAMS)
