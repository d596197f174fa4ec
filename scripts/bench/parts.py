"""The parts of `make bench`: one function for each, with its goals."""

import shutil
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path

from scripts import connection
from scripts.bench import anomalies as detection
from scripts.bench import dashboard, landing, polling, reference
from scripts.bench import live as resident
from scripts.bench import load as loading
from scripts.bench import site as pages
from scripts.bench.deliveries import Days, copy, halves, write_clean
from scripts.bench.history import REFERENCE, Reference
from scripts.bench.measure import Row, percentile
from scripts.bench.multiply import multiply
from scripts.bench.peer.warehouse import Cost, Peer
from scripts.bench.timeline import critical_path
from scripts.bench.warehouse import Build, Warehouse

WALL_GOAL, REFERENCE_GOAL, DAY_GOAL, LONG_HISTORY_GOAL, MEMORY_GOAL_MB = 10.0, 1.0, 2.0, 1.3, 500.0
DISK_GOAL, WAIT_GOAL_MS = 1.1, 100.0
PUBLISH_GOAL_MS, ROLLBACK_GOAL_MS = 500.0, 1_000.0
# Ten times the lines may take eleven times the time; other lengths get the same margin of 10 %.
MORE_THAN_LINEAR = 1.1
QUERY_RUNS, QUERY_GOAL_MS = 100, 25.0
IDLE_SECONDS = 2.0
# How long the clients ask while nothing else runs, and how long they ask without a pause.
QUIET_SECONDS, SATURATED_SECONDS = 60.0, 20.0
# Of the reference script, where no part runs it.
REFERENCE_ROUNDS = 3
# Of faults in anomalies. The rule was tuned on seeds from 101 on.
SEEDS = 20


@dataclass
class Bench:
    """The state that the parts share: the files, the warehouses built from them, and the new days since.

    Args:
        work: the folder for all files and servers.
        files: a folder of deliveries.
        rounds: how often each measurement is repeated.
        many_rows: how many rows to generate for the loader's peak memory; 0 skips this measurement.
        lengths: how many times as long the other histories are.
        days: the number of daily builds before disk use is measured.
        generate: a function that generates files with a number of rows in a folder.
        pause: the mean seconds between an answer and the next question of a client under load.
    """

    work: Path
    files: Path
    rounds: int
    many_rows: int
    lengths: Sequence[int]
    days: int
    generate: Callable[[Path, int], Path]
    pause: float = loading.PAUSE_SECONDS
    measured_reference: Reference | None = None
    builds: dict[int, Build] = field(default_factory=dict)
    pictures: dict[str, Build] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._warehouses: dict[str, Warehouse] = {}
        self._new, self._late = count(1), count(1)
        self._days = Days(self.files, self.work / "days")

    def warehouse(self, name: str, variables: dict[str, str] | None = None) -> Warehouse:
        """Return a warehouse by its name; the first call returns a warehouse that is not built yet."""
        return self._warehouses.setdefault(name, Warehouse(self.work / name, variables or {}))

    def at(self, times: int) -> Warehouse:
        """Return the warehouse whose history is `times` as long; the first call builds the warehouse."""
        if times in self.builds:
            return self.warehouse(f"x{times}")
        files, variables = self.files, {}
        if times > 1:
            files = self.work / f"files-x{times}"
            first = multiply(self.files, files, times)
            variables = {"calendar_start": f"{first.year}-01-01"}
        warehouse = self.warehouse(f"x{times}", variables)
        self.builds[times] = warehouse.build(files)
        if times > 1:
            shutil.rmtree(files)
        return warehouse

    def new_day(self) -> Path:
        """Write the file of the next day and return its path."""
        return self._days.new(next(self._new))

    def late_day(self) -> Path:
        """Write a late file, for a day of a month ago, and return its path."""
        return self._days.late(next(self._late))

    @cached_property
    def clean(self) -> Path:
        """Return one clean CSV file of all valid lines."""
        path = self.work / "clean.csv"
        write_clean(self.files, path)
        return path

    @property
    def reference(self) -> Reference:
        """Return what the reference script takes in this run; it runs on its own if no part has run it."""
        if self.measured_reference is None:
            warehouse = self.warehouse("reference")
            seconds, cpu = [], []
            with warehouse.started():
                for _ in range(min(self.rounds, REFERENCE_ROUNDS)):
                    before = warehouse.server_cpu()
                    outcome = reference.run(self.clean)
                    seconds.append(outcome.seconds)
                    cpu.append(warehouse.server_cpu() - before)
            warehouse.destroy()
            self.measured_reference = Reference(seconds, cpu, outcome.lines)
        return self.measured_reference

    def close(self) -> None:
        """Delete all servers."""
        for warehouse in self._warehouses.values():
            warehouse.destroy()


def land(bench: Bench) -> list[Row]:
    """Compare the loader with a bare `copy` and with dlt, many files with one, and Parquet with CSV."""
    warehouse = bench.warehouse("landing")
    with warehouse.started():
        rows = landing.run(landing.prepare(bench.files, bench.work / "shapes"), bench.rounds)
        if bench.many_rows:
            rows.append(landing.memory(bench.generate(bench.work / "many", bench.many_rows)))
            shutil.rmtree(bench.work / "many")
    warehouse.destroy()
    return rows


def scratch(bench: Bench) -> list[Row]:
    """Measure builds from an empty warehouse, in turn with the reference on its server; then build the longest history.

    Raises:
        RuntimeError: the totals of the warehouse and the reference differ, so the figures would mean nothing.
    """
    warehouse = bench.warehouse("x1")
    unparsed = warehouse.build(bench.files)
    builds, by_hand, cpu = [], [], []
    for _ in range(bench.rounds):
        warehouse.destroy()
        builds.append(warehouse.build(bench.files))
        with warehouse.chosen():
            before = warehouse.server_cpu()
            by_hand.append(reference.run(bench.clean))
            cpu.append(warehouse.server_cpu() - before)
            with connection.connect() as session:
                found = reference.totals(session, "gold.fct_sales")
        if found != by_hand[-1][1:]:
            raise RuntimeError(f"the warehouse holds {found}, the reference {by_hand[-1][1:]}")
    bench.builds[1] = bench.pictures["build"] = builds[-1]
    script = Row(REFERENCE, [outcome.seconds for outcome in by_hand])
    script.note = f"{statistics.median(cpu):.1f} s of CPU in the server; {by_hand[-1].lines:,} lines"
    script.cpu = cpu
    bench.measured_reference = Reference(script.values, cpu, by_hand[-1].lines)
    whole, inside = _whole("from scratch", builds), _inside("from scratch", builds).against(script, REFERENCE_GOAL)
    whole.ceiling = WALL_GOAL
    rows = [script, _whole("from scratch, unparsed", [unparsed]), whole, inside]
    rows.append(_memory("from scratch", builds))
    longest = max(bench.lengths, default=1)
    if longest > 1:
        bench.at(longest)
        build, what, goal = [bench.builds[longest]], f"from scratch {longest} x", longest * MORE_THAN_LINEAR
        rows += [_whole(what, build).against(whole, goal), _inside(what, build).against(inside, goal)]
        rows.append(_memory(what, build))
    return rows


def day(bench: Bench) -> list[Row]:
    """Measure builds of a new day and of a late file, in turn on histories of each length."""
    rows: list[Row] = []
    lengths = [1, *sorted(bench.lengths)]
    for what, deliver in (("new day", bench.new_day), ("late day", bench.late_day)):
        builds: dict[int, list[Build]] = {times: [] for times in lengths}
        for _ in range(bench.rounds):
            file = deliver()
            for times in lengths:
                builds[times].append(bench.at(times).build(file))
        wholes = {times: _whole(f"{what} on {times} x", done) for times, done in builds.items()}
        insides = {times: _inside(f"{what} on {times} x", done) for times, done in builds.items()}
        if deliver == bench.new_day:
            insides[1].ceiling = DAY_GOAL
            bench.pictures["day"] = builds[1][-1]
        for times in lengths[1:]:
            wholes[times].against(wholes[1])
            insides[times].against(insides[1], LONG_HISTORY_GOAL if deliver == bench.new_day else None)
        rows += [*wholes.values(), *insides.values()]
        rows.append(_memory(what, [build for done in builds.values() for build in done]))
    return rows


def live(bench: Bench) -> list[Row]:
    """Deliver days to a process that keeps dbt loaded, on histories of each length."""
    rows: list[Row] = []
    for times in [1, *sorted(bench.lengths)]:
        warehouse = bench.at(times)
        with warehouse.started():
            row = resident.measure(warehouse, bench.new_day, bench.rounds)
        row.name = f"{row.name} on {times} x"
        rows.append(row if times == 1 else row.against(rows[0], LONG_HISTORY_GOAL))
    return rows


def queries(bench: Bench) -> list[Row]:
    """Measure the dashboard queries on the shortest and the longest history."""
    rows: list[Row] = []
    compiled: dict[str, str] | None = None
    for times in sorted({1, *bench.lengths[-1:]}):
        warehouse = bench.at(times)
        with warehouse.chosen():
            compiled = compiled or dashboard.queries()
            answers: list[Row] = dashboard.measure(warehouse.url, QUERY_RUNS, compiled)
        for answer in answers:
            p95 = 1_000 * percentile(answer.values, 0.95)
            note = f"p95 of {len(answer.values)} runs, p50 {1_000 * answer.median:.1f} ms"
            name = f"{answer.name} on {times} x"
            rows.append(Row(name, [p95], unit="ms", ceiling=QUERY_GOAL_MS, note=note))
    return rows


def load(bench: Bench) -> list[Row]:
    """Ask the dashboard queries from many clients: alone, while days are built and released, and without a pause."""
    totals: list[Row] = []
    single: list[Row] = []
    compiled: dict[str, str] | None = None
    for times in sorted({1, *bench.lengths[-1:]}):
        warehouse = bench.at(times)
        with warehouse.started():
            compiled = compiled or dashboard.queries()
        days = [bench.new_day() for _ in range(bench.rounds)]
        with loading.Load(warehouse.url, compiled, pause=bench.pause) as quiet:
            time.sleep(QUIET_SECONDS)
        with loading.Load(warehouse.url, compiled, pause=bench.pause) as busy:
            for day in days:
                warehouse.build(day)
        with loading.Load(warehouse.url, compiled, pause=0.0) as saturated:
            time.sleep(SATURATED_SECONDS)
        for situation, asked, goal in (
            ("alone", quiet, loading.QUIET_GOAL_MS),
            ("during builds", busy, loading.BUSY_GOAL_MS),
            ("without a pause", saturated, None),
        ):
            rows = loading.report(f"{situation}, on {times} x", asked, goal)
            totals += rows[: loading.TOTALS]
            single += rows[loading.TOTALS :]
    return totals + single


def disk(bench: Bench) -> list[Row]:
    """Compare disk use after daily builds of the last days, one process a day, with a fresh build of all files."""
    first, later = bench.work / "files-first", halves(bench.files)["daily"][-bench.days :]
    copy(bench.files, first, without=later)
    warehouse = bench.warehouse("disk")
    warehouse.build(first)
    for path in later:
        warehouse.build(path)
    grown = warehouse.sizes()
    warehouse.destroy()
    warehouse.build(bench.files)
    fresh = warehouse.sizes()
    warehouse.destroy()
    after = f"after {len(later)} daily builds"
    rows = [Row("fresh build", [sum(fresh.values())], unit="MB")]
    rows.append(Row(after, [sum(grown.values())], unit="MB", note="one process a day").against(rows[0], DISK_GOAL))
    for schema, size in fresh.items():
        other = Row(f"fresh build, {schema}", [size], unit="MB")
        rows += [other, Row(f"{after}, {schema}", [grown.get(schema, 0.0)], unit="MB").against(other)]
    return rows


def nodes(bench: Bench) -> list[Row]:
    """Report where the last build from scratch spent its time: by kind, then the longest steps and nodes."""
    bench.at(1)
    build = bench.pictures.setdefault("build", bench.builds[1])
    critical = critical_path(build.bars)
    rows = []
    for kind in sorted({bar.kind for bar in build.bars}):
        of_kind = [bar for bar in build.bars if bar.kind == kind]
        waited = sum(bar.seconds for bar in of_kind if bar in critical)
        note = f"{len(of_kind)} of them, the end waited {waited:.2f} s for {sum(bar in critical for bar in of_kind)}"
        rows.append(Row(f"all: {kind}", [sum(bar.seconds for bar in of_kind)], note=note))
    for bar in sorted(build.bars, key=lambda bar: -bar.seconds):
        note = f"{bar.kind}{', the end waited for it' if bar in critical else ''}"
        rows.append(Row(bar.name, [bar.seconds], note=note))
    return rows


def publish(bench: Bench) -> list[Row]:
    """Poll gold during builds of new days, then roll the last release back; report waits, errors and durations."""
    warehouse = bench.at(1)
    everything = warehouse.releases()[-1]
    with polling.Reader(warehouse.url, polling.DOOR) as idle:
        time.sleep(IDLE_SECONDS)
    with polling.Reader(warehouse.url, polling.DOOR) as door, polling.Reader(warehouse.url, polling.WHOLE) as whole:
        for _ in range(bench.rounds):
            warehouse.build(bench.new_day())
    errors = [*door.errors, *whole.errors]
    days = warehouse.releases()[: bench.rounds]
    command = warehouse.rollback()
    back = warehouse.releases()[0]
    return [
        Row("release of all of gold, transaction", [everything[1]], unit="ms", ceiling=PUBLISH_GOAL_MS),
        Row("release of a day, transaction", [day[1] for day in days], unit="ms", ceiling=PUBLISH_GOAL_MS),
        Row("release of a day, views locked", [day[2] for day in days], unit="ms", ceiling=WAIT_GOAL_MS),
        Row("rollback of a day, transaction", [back[1]], unit="ms", ceiling=ROLLBACK_GOAL_MS),
        Row("rollback of a day, command", [command], note="dbt's start-up included"),
        _waits("reader at rest, longest wait", idle),
        _waits("reader during builds, longest wait", door, WAIT_GOAL_MS),
        Row("reader during builds, errors", [len(errors)], unit="", ceiling=0.0, note="; ".join(errors[:1])),
        Row("reader during builds, different sums", [len(whole.answers)], unit="", ceiling=bench.rounds + 1.0),
    ]


def anomalies(bench: Bench) -> list[Row]:
    """Seed faults into generated deliveries and report which faults are found, over seeds that no rule was tuned on."""
    outcomes = []
    for seed in range(1, SEEDS + 1):
        files = bench.work / f"faults-{seed}"
        detection.generate(files, seed)
        warehouse = bench.warehouse(f"faults-{seed}")
        warehouse.build(files)
        with warehouse.chosen(), connection.connect() as session:
            outcomes.append(detection.measure(session, files))
        warehouse.destroy()
        shutil.rmtree(files)
    return detection.report(outcomes)


def site(bench: Bench) -> list[Row]:
    """Write the page of a release, open it, and choose filters in it."""
    warehouse = bench.at(1)
    with warehouse.started():
        return pages.measure(bench.work / "site.html", bench.rounds)


def peer(bench: Bench) -> list[Row]:
    """Build all files and then new days, in turn with dlt and plain dbt, on one server.

    Raises:
        RuntimeError: the totals of the two differ, so the figures would mean nothing.
    """
    warehouse = bench.warehouse("peer")
    rival = Peer(warehouse, bench.work / "peer-project")
    # The first build parses the project; one file is enough for that.
    warehouse.build(halves(bench.files)["daily"][-1])
    rival.prepare()
    report: list[Row] = []
    for what in ("from scratch", "new day"):
        ours: list[Build] = []
        theirs: list[tuple[Cost, Cost]] = []
        for _ in range(bench.rounds):
            files = bench.files
            if what == "new day":
                files = bench.new_day()
            else:
                warehouse.destroy()
                with warehouse.started():
                    rival.empty()
            ours.append(warehouse.build(files))
            theirs.append(rival.build(files))
            with warehouse.chosen(), connection.connect() as session:
                expected = reference.totals(session, "gold.fct_sales")
            if (found := rival.totals()) != expected:
                raise RuntimeError(f"the peer holds {found}, the warehouse {expected}")
        report += _beside_peer(what, ours, theirs)
    return report


PARTS: dict[str, Callable[[Bench], list[Row]]] = {
    "land": land,
    "scratch": scratch,
    "day": day,
    "live": live,
    "queries": queries,
    "load": load,
    "publish": publish,
    "disk": disk,
    "nodes": nodes,
    "anomalies": anomalies,
    "site": site,
    "peer": peer,
}


def _whole(name: str, builds: Sequence[Build]) -> Row:
    cpu = statistics.median(build.cpu for build in builds)
    note = f"{cpu:.1f} s of CPU, server included"
    return Row(f"{name}, all", [build.seconds for build in builds], note=note, cpu=[build.cpu for build in builds])


def _beside_peer(what: str, ours: Sequence[Build], theirs: Sequence[tuple[Cost, Cost]]) -> list[Row]:
    rows = []
    for unit in ("seconds", "cpu"):
        costs = [[getattr(cost, unit) for cost in pair] for pair in theirs]
        landing_cost, dbt_cost = (statistics.median(each) for each in zip(*costs, strict=True))
        name = what if unit == "seconds" else f"{what}, CPU"
        other = Row(f"{name}, dlt and plain dbt", [sum(pair) for pair in costs])
        other.note = f"dlt {landing_cost:.1f} s, dbt {dbt_cost:.1f} s"
        rows += [other, Row(f"{name}, this project", [getattr(build, unit) for build in ours]).against(other)]
    return rows


def _inside(name: str, builds: Sequence[Build]) -> Row:
    return Row(f"{name}, start-up aside", [build.inside for build in builds])


def _memory(name: str, builds: Sequence[Build]) -> Row:
    peaks = [build.megabytes for build in builds]
    return Row(f"{name}, most memory of Python", peaks, unit="MB", ceiling=MEMORY_GOAL_MB)


def _waits(name: str, reader: polling.Reader, ceiling: float | None = None) -> Row:
    waits = [1_000 * wait for wait in reader.waits]
    note = f"{len(waits):,} answers, median {statistics.median(waits):.1f} ms"
    return Row(name, [max(waits)], unit="ms", ceiling=ceiling, note=note)
