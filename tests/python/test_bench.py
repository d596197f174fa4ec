"""The logic of `make bench`: multiplying, comparing, drawing. No test asserts a measured time."""

import json
import random
import re
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from xml.etree import ElementTree

import polars as pl
import psycopg
import pytest
from click.testing import CliRunner
from psycopg import sql

from scripts.bench import load, parts, reference
from scripts.bench.__main__ import main
from scripts.bench.deliveries import CALENDAR, Days, cleaned, customer, halves, moment, read, write_clean
from scripts.bench.gantt import COLOURS, draw, lanes
from scripts.bench.measure import Row
from scripts.bench.multiply import multiply, span
from scripts.bench.polling import Reader
from scripts.bench.timeline import Bar, critical_path, inside, join, read_nodes, read_steps

TIMES = 3


def lines_of(folder: Path, *, without: Path | None = None) -> pl.DataFrame:
    """Return the usable lines of a folder's sales files, typed, `without` the files that another folder also has."""
    others = {"products", "customers"}
    files = [path for path in folder.rglob("*") if path.suffix in (".parquet", ".csv") and not others & {*path.parts}]
    if without:
        files = [path for path in files if not (without / path.relative_to(folder)).exists()]
    lines = pl.concat([read(path) for path in files])
    typed = lines.select(
        invoice=cleaned("invoice"),
        code=cleaned("stock_code"),
        quantity=cleaned("quantity").cast(pl.Int64, strict=False),
        price=cleaned("unit_price").cast(pl.Decimal(12, 4), strict=False),
        at=moment(),
        customer=customer(),
    )
    return typed.drop_nulls(["invoice", "code", "quantity", "price", "at"]).collect()


def money(lines: pl.DataFrame) -> Decimal:
    return sum((quantity * price for quantity, price in lines.select("quantity", "price").iter_rows()), Decimal(0))


# Longer histories


@pytest.fixture(scope="module")
def longer(sample) -> Iterator[tuple[Path, date]]:
    """Make the history of the sample three times as long."""
    with TemporaryDirectory(prefix="retail-") as folder:
        out = Path(folder) / "longer"
        yield out, multiply(sample.folder, out, TIMES)


@pytest.fixture(scope="module")
def generations(longer, sample) -> dict[int, pl.DataFrame]:
    """Return the lines of the unchanged sample, under 0, and of each generation before it."""
    out, _ = longer
    made = lines_of(out, without=sample.folder)
    by_generation = made["code"].str.extract(r"-(\d)$").cast(pl.Int64)
    number = made["invoice"].str.extract(r"^[A-Z]*(\d)").cast(pl.Int64)
    assert (by_generation.is_null() | (by_generation == number)).all()
    return {
        0: lines_of(sample.folder),
        **{generation: made.filter(number == generation) for generation in range(1, TIMES)},
    }


def test_longer_history_has_the_files_themselves_unchanged(longer, sample) -> None:
    """The benchmark compares a day on both histories, so the longer history must contain these files unchanged."""
    out, _ = longer
    for path in sample.folder.rglob("*"):
        if path.is_file():
            assert (out / path.relative_to(sample.folder)).read_bytes() == path.read_bytes()


def test_every_generation_has_the_lines_and_the_money_of_the_data(generations) -> None:
    """Ten times the history means ten times the work only if each copy is complete."""
    for generation in range(1, TIMES):
        assert len(generations[generation]) == len(generations[0])
        assert money(generations[generation]) == money(generations[0])


def test_generations_share_no_invoice(generations) -> None:
    """The warehouse would treat an invoice in two generations as a correction, and drop one of them."""
    invoices = (lines["invoice"].str.to_uppercase().unique() for lines in generations.values())
    counts = Counter(invoice for some in invoices for invoice in some)
    assert set(counts.values()) == {1}


def test_generations_keep_what_the_letters_of_an_invoice_say(generations) -> None:
    """A cancellation that turned into a sale would add its money instead of subtracting it."""
    letters = [lines["invoice"].str.to_uppercase().str.extract(r"^([A-Z]*)") for lines in generations.values()]
    assert {"", "C"} <= set(letters[0])
    assert all(Counter(some) == Counter(letters[0]) for some in letters)


def test_generations_lie_behind_each_other_at_the_same_weekdays(longer, generations, sample) -> None:
    """Overlapping days would double the lines per day, which is a bigger shop, not a longer history."""
    _, first = longer
    start, end = span(sample.folder)
    by = timedelta(weeks=(end - start).days // 7 + 1)
    for generation, lines in generations.items():
        usable = lines.filter(pl.col("at").is_between(*(moment - by * generation for moment in CALENDAR)))
        assert usable["at"].min().date() == start - by * generation
        assert usable["at"].max().date() == end - by * generation
    assert by > end - start
    assert first == start - by * (TIMES - 1)


def test_customers_and_range_turn_over_but_not_wholly(generations) -> None:
    """If all customers stayed, each day would touch all of history; if none stayed, no history would be long."""
    customers = {generation: set(lines["customer"].drop_nulls()) for generation, lines in generations.items()}
    codes = {generation: set(lines["code"].str.to_uppercase()) for generation, lines in generations.items()}
    for earlier in range(1, TIMES):
        staying = customers[earlier] & customers[0]
        assert len(customers[earlier]) == len(customers[0])
        assert 0.1 < len(staying) / len(customers[0]) < 0.3
        lasting = codes[earlier] & codes[0]
        assert "POST" in lasting
        assert not [code for code in lasting if re.match(r"\d{5}", code)]


# Days to come


@pytest.fixture
def days(sample) -> Iterator[Days]:
    with TemporaryDirectory(prefix="retail-") as folder:
        yield Days(sample.folder, Path(folder))


def test_new_days_follow_the_last_one_with_invoices_of_their_own(days: Days, sample) -> None:
    """An existing invoice would be a correction, and the benchmark would not measure a new day."""
    known = set(lines_of(sample.folder)["invoice"])
    last = date.fromisoformat(halves(sample.folder)["daily"][-1].stem)
    for number in (1, 2):
        lines = read(days.new(number)).select(invoice=cleaned("invoice"), at=moment()).collect()
        invoices = set(lines["invoice"])
        assert set(lines["at"].drop_nulls().dt.date()) == {last + timedelta(days=number)}
        assert invoices
        assert not invoices & known
        known |= invoices


def test_late_day_lies_in_the_past_with_invoices_of_its_own(days: Days, sample) -> None:
    """A late file is the harder case, because it changes rows of earlier builds."""
    known = set(lines_of(sample.folder)["invoice"]) | set(read(days.new(1)).collect()["invoice"])
    last = date.fromisoformat(halves(sample.folder)["daily"][-1].stem)
    lines = read(days.late(1)).select(invoice=cleaned("invoice"), at=moment()).collect()
    assert set(lines["at"].drop_nulls().dt.date()) == {last - timedelta(days=30)}
    assert not set(lines["invoice"]) & known


# The reference


def test_reference_holds_the_lines_and_the_money_of_gold(built, sample, server) -> None:
    """The reference is a fair comparison only if it computes the same result as the warehouse."""
    with TemporaryDirectory(prefix="retail-") as folder, psycopg.connect(built.url) as session:
        clean = Path(folder, "clean.csv")
        write_clean(sample.folder, clean)
        outcome = reference.run(clean)
        assert outcome[1:] == reference.totals(session, "gold.fct_sales")
        assert outcome.lines > 0


# The timeline of a build


def bar(name: str, began: float, ended: float, lane: str = "thread 1", *, kind: str = "table", needs: str = "") -> Bar:
    key = name if kind in ("table", "test", "hook") else ""
    return Bar(name, kind, lane, began, ended, key, tuple(needs.split()))


@pytest.fixture(scope="module")
def written(dbt, built, work_on) -> list[Bar]:
    """Return the nodes of a build, from the files that dbt writes."""
    with work_on(built):
        dbt("build", "--select", "+fct_sales", "--exclude-resource-type", "unit_test", "--write-json")
    return read_nodes(dbt.target_path)


def test_nodes_are_read_with_kind_lane_and_what_they_need(written) -> None:
    """The picture of a build is correct only if the nodes were read correctly."""
    by_name = {node.name: node for node in written}
    fact = by_name["fct_sales"]
    assert {node.kind for node in written} <= COLOURS.keys()
    assert by_name["countries"].kind == "seed"
    assert {node.lane for node in written if node.kind == "hook"} == {"hooks"}
    assert fact.lane.startswith("thread ")
    assert {by_name[name].key for name in ("int_lines_classified", "dim_product")} <= set(fact.needs)
    assert any(need.startswith("test.") for need in fact.needs)
    assert all(node.ended >= node.began > 0 for node in written)


def test_threads_do_one_thing_at_a_time(written) -> None:
    """Two simultaneous bars in the row of a thread would mean that lanes or times were read wrongly."""
    rows = lanes(written)
    assert len(rows) == len({node.lane for node in written})


def test_steps_of_a_build_are_read_and_joined_to_its_nodes(tmp_path: Path) -> None:
    """Steps and nodes come from different files, and the time before and after dbt's nodes must not get lost."""
    times = {
        "steps": {"start the server": [10.5, 11.0], "land": [11.0, 13.0], "build and test": [13.5, 18.0]},
        "beside": {"import dbt": [10.5, 12.0]},
    }
    (tmp_path / "times.json").write_text(json.dumps(times))
    nodes = [bar("a", 14.0, 15.0), bar("b", 15.0, 17.0)]
    bars = join(read_steps(tmp_path / "times.json"), nodes, 10.0, 18.5)
    assert (bars[0].began, max(bar.ended for bar in bars)) == (10.0, 18.5)
    assert [bar.name for bar in bars if bar.kind == "landing"] == ["land"]
    assert inside(bars) == pytest.approx(2.0 + 3.0)


def test_what_overlaps_counts_once_as_time_inside() -> None:
    """A build that lands while dbt runs saves time, so this time must not count twice."""
    assert inside([bar("land", 0, 4, "loader", kind="landing"), bar("a", 3, 6), bar("b", 8, 9)]) == 9


def test_critical_path_is_what_the_end_waited_for() -> None:
    """Only a faster step on the critical path makes the build faster."""
    bars = [
        bar("land", 0, 2, "loader", kind="landing"),
        bar("import", 0, 1, "dbt", kind="start-up"),
        bar("typed", 2, 5),
        bar("seed", 2, 2.5, "thread 2"),
        bar("check", 5, 6, "thread 2", kind="test", needs="typed"),
        bar("other", 5, 5.5, needs="typed"),
        bar("fact", 6, 8, needs="typed check"),
        bar("end", 8, 8.1, "hooks", kind="hook"),
    ]
    assert [bar.name for bar in critical_path(bars)] == ["land", "typed", "check", "fact", "end"]


def test_critical_path_of_a_real_build_leads_from_its_start_to_its_end(written) -> None:
    """A path that is out of order would name bars for which the build did not wait."""
    path = critical_path(written)
    assert path[0].began == min(node.began for node in written)
    assert path[-1].ended == max(node.ended for node in written)
    assert all(one.began < other.began for one, other in pairwise(path))


# The picture


def test_rows_of_the_picture_have_one_bar_at_a_time() -> None:
    """A bar on top of another hides it."""
    bars = [bar("a", 0, 3), bar("b", 1, 2), bar("c", 2, 4), bar("d", 3, 5), bar("e", 0.5, 1, "thread 2")]
    rows = lanes(bars)
    assert [lane for lane, _ in rows] == ["thread 1", "thread 1", "thread 2"]
    assert sorted(bar.name for _, row in rows for bar in row) == ["a", "b", "c", "d", "e"]
    assert all(one.ended <= other.began for _, row in rows for one, other in pairwise(row))


def test_picture_tells_of_every_bar_and_needs_nothing_else(written) -> None:
    """A developer opens the picture from disk to find the slow step."""
    odd = bar("less < more & more", 0, 1)
    bars = [*written, replace(odd, began=written[0].began, ended=written[0].ended)]
    text = draw(bars, "A <build>")
    root = ElementTree.fromstring(text)
    names = {"svg": "http://www.w3.org/2000/svg"}
    told = [title.text or "" for title in root.findall(".//svg:g/svg:title", names)]
    assert len(told) == len(bars)
    for each in bars:
        assert any(f"{each.kind} {each.name}: {each.seconds:.3f} s" in text for text in told)
    assert not re.findall(r"(?:href|src|url)\s*[=(]", text)
    width = float(root.attrib["viewBox"].split()[2])
    for rect in root.findall(".//svg:g/svg:rect", names):
        assert 0 <= float(rect.attrib["x"]) <= float(rect.attrib["x"]) + float(rect.attrib["width"]) <= width


# Readers


def test_reader_tells_answers_errors_and_waits(server: str, database) -> None:
    """The reader proves that publishing is safe only if it records its waits and the loss of its table."""
    with psycopg.connect(database.url, autocommit=True) as session:
        session.execute("create table fact as select 1 as value")
        with Reader(database.url, sql.SQL("select value from public.fact")) as reader:
            until(lambda: reader.answers.get((1,)))
            with session.transaction():
                session.execute("update fact set value = 2")
                session.execute("lock table fact")
                threading.Event().wait(0.3)
            until(lambda: reader.answers.get((2,)))
            session.execute("drop table fact")
            until(lambda: reader.errors)
    assert set(reader.answers) == {(1,), (2,)}
    assert max(reader.waits) >= 0.25
    assert "does not exist" in reader.errors[0]


def until(reached, patience: float = 20.0) -> None:
    """Wait until a condition holds."""
    for _ in range(int(patience / 0.01)):
        if reached():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come about")


# Many clients


def test_every_client_asks_every_query_equally_often() -> None:
    """A percentile of all queries means nothing if the cheap ones are asked more often."""
    queries = dict.fromkeys("abcde", "")
    orders = list(islice(load.deck(queries, random.Random(1)), 100))
    assert Counter(orders) == dict.fromkeys(queries, 20)
    assert orders[:5] != orders[5:10]
    assert list(load.deck({}, random.Random(1))) == []


def test_report_of_a_load_has_totals_first_and_each_query() -> None:
    """The table of a part shows only its first rows, so the figures that have a goal come first."""
    asked = load.Load("", {"slow": "", "fast": ""}, pause=1.0)
    asked.answers = {"slow": [0.1] * 10, "fast": [0.001] * 190}
    asked.seconds, asked.client_cpu, asked.server_cpu, asked.late = 10.0, 3.0, 0.4, [0.001]
    rows = load.report("alone", asked, 25.0)
    assert [row.name.split(",")[0] for row in rows] == ["all queries", "errors", "clients", "fast", "slow"]
    assert [row.is_good_enough for row in rows] == [True, True, False, True, False]
    assert len(rows[: load.TOTALS]) == load.TOTALS
    assert "20.0 answers a second to 16 clients, 2.0 ms of CPU each" in rows[0].note
    assert "p50 1.0, p99 100.0" in rows[0].note


def test_a_load_without_an_answer_misses_its_goal() -> None:
    """A server that answers nothing would otherwise have the best percentile."""
    assert load.report("alone", load.Load("", {"a": ""}), 25.0)[0].is_good_enough is False


def test_a_load_counts_answers_and_errors(server: str, database) -> None:
    """Dashboards must see no error during a release, so an error must not get lost among the answers."""
    queries = {"works": "select 1", "fails": "select * from public.gone"}
    with load.Load(database.url, queries, clients=3, pause=0.01) as asked:
        threading.Event().wait(0.3)
    assert min(len(some) for some in asked.answers.values()) >= 3
    assert asked.errors
    assert all(error.startswith("fails: ") and "does not exist" in error for error in asked.errors)
    assert len(asked.errors) == len(asked.answers["fails"])
    assert asked.seconds > 0
    with load.Load("postgresql://nobody@/nothing?host=/nowhere", queries, clients=1) as asked:
        pass
    assert asked.errors


# The report


def test_ratio_is_that_of_the_rounds_where_both_have_as_many() -> None:
    """Other load on the machine slows both sides of the same round equally."""
    assert Row("a", [1.0, 20.0, 3.0]).against(Row("b", [1.0, 10.0, 2.0])).ratio == 1.5
    assert Row("a", [30.0]).against(Row("b", [1.0, 10.0, 2.0])).ratio == 15.0


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("no goal", [1.0]), None),
        (Row("below", [1.0], ceiling=1.0), True),
        (Row("above", [1.1], ceiling=1.0), False),
        (Row("value below, ratio above", [1.0], ceiling=1.0).against(Row("", [0.5]), 1.3), False),
        (Row("nothing, and none allowed", [0.0], ceiling=0.0), True),
    ],
    ids=lambda value: value.name if isinstance(value, Row) else "",
)
def test_goal_is_reached_only_if_all_of_a_row_are(row: Row, verdict: bool | None) -> None:
    """Readers would believe a table that says "reached" beside a missed goal."""
    assert row.is_good_enough is verdict


def test_unknown_part_is_refused_with_those_that_there_are() -> None:
    """A run takes long, so the user must learn of a typing error before it starts."""
    answer = CliRunner().invoke(main, ["--parts", "land,scrach"])
    assert answer.exit_code == 2
    assert "scrach" in answer.output
    for name in parts.PARTS:
        assert name in answer.output
