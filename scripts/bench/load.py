"""Ask the dashboard queries from many clients at once, as open dashboards do, and time every answer.

Each client has a session of its own. It asks all queries in an order of its own, one after the other, and pauses after
each answer. So the clients never ask more than they get answered, and a slow answer delays the next question of one
client only.
"""

import asyncio
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import psutil
import psycopg

from scripts import connection
from scripts.bench.measure import Row, percentile

CLIENTS = 16
# The mean pause of a client between an answer and its next question. A page of 15 tiles that refreshes each minute
# asks every four seconds, so 16 clients with this pause stand for about 128 open pages.
PAUSE_SECONDS = 0.5
QUIET_GOAL_MS, BUSY_GOAL_MS = 25.0, 60.0
# A client that spends more than this share of a core on asking may itself be what an answer waits for.
CLIENT_GOAL = 0.25
PATIENCE_SECONDS = 120.0
# The first rows of a report, which are about all queries together.
TOTALS = 3


@dataclass
class Load:
    """Ask queries from many clients until the `with` block ends.

    The clients share one thread, because an answer is small and they wait most of the time. `client_cpu` and `late`
    show whether the thread is a bottleneck.

    Args:
        url: the URI of the database.
        queries: the SQL of each query, by name.
        clients: the number of sessions that ask at the same time.
        pause: the mean seconds between an answer and the next question; 0 asks without a pause.

    Attributes:
        answers: the seconds that each answer took, by query.
        errors: the messages of failed queries.
        late: the seconds by which each question came later than its client meant to ask it.
        seconds: the duration of the measurement.
        client_cpu: the CPU seconds of the clients in this time.
        server_cpu: the CPU seconds of their sessions. Other programs delay an answer but add no CPU seconds to it.
    """

    url: str
    queries: Mapping[str, str]
    clients: int = CLIENTS
    pause: float = PAUSE_SECONDS
    answers: dict[str, list[float]] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    seconds: float = 0.0
    client_cpu: float = 0.0
    server_cpu: float = 0.0

    def __post_init__(self) -> None:
        self.answers = {name: [] for name in self.queries}
        self._stop, self._warm = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def __enter__(self) -> "Load":
        self._thread.start()
        # The first answers of a session read the catalogue. A dashboard keeps its sessions.
        self._warm.wait(PATIENCE_SECONDS)
        return self

    def __exit__(self, *raised: object) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def all_answers(self) -> list[float]:
        """Return the seconds of all answers, whatever the query."""
        return [seconds for some in self.answers.values() for seconds in some]

    def _run(self) -> None:
        try:
            asyncio.run(self._ask())
        except psycopg.Error as error:
            self.errors.append(_one_line(error))
        finally:
            self._warm.set()

    async def _ask(self) -> None:
        sessions = [await self._session() for _ in range(self.clients)]
        await asyncio.gather(*(self._warm_up(session) for session in sessions))
        processes = [session.info.backend_pid for session in sessions]
        began, cpu, server = time.perf_counter(), time.thread_time(), _cpu(processes)
        self._warm.set()
        await asyncio.gather(*(self._client(number, session) for number, session in enumerate(sessions)))
        self.seconds, self.client_cpu = time.perf_counter() - began, time.thread_time() - cpu
        self.server_cpu = _cpu(processes) - server
        for session in sessions:
            await session.close()

    async def _session(self) -> psycopg.AsyncConnection:
        session = await psycopg.AsyncConnection.connect(self.url, autocommit=True, options=connection.OPTIONS)
        # Plan each query again, as for a dashboard; psycopg would otherwise prepare a query after five runs.
        session.prepare_threshold = None
        return session

    async def _warm_up(self, session: psycopg.AsyncConnection) -> None:
        # A query that fails here fails in the measurement as well, where the failure counts.
        for query in self.queries.values():
            with suppress(psycopg.Error):
                await _answer(session, query)

    async def _client(self, number: int, session: psycopg.AsyncConnection) -> None:
        chance = random.Random(number)
        # Clients that began together would ask together.
        await asyncio.sleep(chance.uniform(0, self.pause))
        for name in deck(self.queries, chance):
            if self._stop.is_set() or session.closed:
                return
            began = time.perf_counter()
            try:
                await _answer(session, self.queries[name])
            except psycopg.Error as error:
                self.errors.append(f"{name}: {_one_line(error)}")
            answered = time.perf_counter()
            self.answers[name].append(answered - began)
            pause = chance.uniform(0.5, 1.5) * self.pause
            await asyncio.sleep(pause)
            self.late.append(time.perf_counter() - answered - pause)


def deck(queries: Mapping[str, str], chance: random.Random) -> Iterator[str]:
    """Return the names of all queries in a new order, again and again, so that each is asked equally often.

    Args:
        queries: the queries by name.
        chance: the source of the orders.
    """
    while queries:
        yield from chance.sample(list(queries), len(queries))


def report(what: str, load: Load, goal_ms: float | None) -> list[Row]:
    """Return the rows of a load: all queries together, then each query, then what shows whether the clients kept up.

    Args:
        what: the situation, such as `during builds`.
        load: a load that has ended.
        goal_ms: the greatest 95th percentile that is good enough; None if the load has no goal.
    """
    everything = load.all_answers
    rate = len(everything) / load.seconds if load.seconds else 0.0
    rows = [_percentiles(f"all queries, {what}", everything, goal_ms)]
    cpu = 1_000 * load.server_cpu / max(len(everything), 1)
    rows[0].note += f"; {rate:,.1f} answers a second to {load.clients} clients, {cpu:.1f} ms of CPU each"
    rows.append(Row(f"errors, {what}", [len(load.errors)], unit="", ceiling=0.0, note="; ".join(load.errors[:1])))
    late = 1_000 * percentile(load.late, 0.95) if load.late else 0.0
    share = load.client_cpu / load.seconds if load.seconds else 0.0
    note = f"questions came at most {late:.1f} ms late, p95"
    # Without a pause the clients ask as fast as they can, so their share says nothing.
    ceiling = CLIENT_GOAL if load.pause else None
    rows.append(Row(f"clients, {what}", [share], unit="cores", ceiling=ceiling, note=note))
    rows += [_percentiles(f"{name}, {what}", some, goal_ms) for name, some in sorted(load.answers.items())]
    return rows


def _percentiles(name: str, seconds: Sequence[float], goal_ms: float | None) -> Row:
    """Return a row with the 95th percentile in ms; without an answer the row misses any goal."""
    if not seconds:
        return Row(name, [float("inf")], unit="ms", ceiling=goal_ms, note="no answer")
    p50, p95, p99 = (1_000 * percentile(seconds, share) for share in (0.5, 0.95, 0.99))
    note = f"p50 {p50:.1f}, p99 {p99:.1f}, longest {1_000 * max(seconds):.1f} ms of {len(seconds):,} answers"
    return Row(name, [p95], unit="ms", ceiling=goal_ms, note=note)


async def _answer(session: psycopg.AsyncConnection, query: str) -> None:
    cursor = await session.execute(query.encode())
    await cursor.fetchall()


def _cpu(processes: Sequence[int]) -> float:
    """Return the CPU seconds of processes of this machine so far."""
    total = 0.0
    for pid in processes:
        with suppress(psutil.Error):
            times = psutil.Process(pid).cpu_times()
            total += times.user + times.system
    return total


def _one_line(error: psycopg.Error) -> str:
    return " ".join(str(error).split())
