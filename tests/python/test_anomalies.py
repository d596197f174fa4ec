"""The anomaly models rate a day by the days before it, never by itself or by earlier anomalies."""

import math
import random
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import psycopg
import pytest
from dbt_project import Dbt
from harness import Database
from warehouse_state import rows

from scripts.bench.anomalies import Fault, judge, judge_incidents, measure
from scripts.generate.__main__ import generate
from scripts.land import land

HOME = "United Kingdom"
FIRST = date(2010, 1, 4)
WEEKS = 40
SILVER = ("int_shop_days", "int_country_days", "int_measures_compared")
GOLD = ("daily_anomalies", "unusual_values", "sales_incident_days", "sales_incident_amounts", "sales_incidents")
MODELS = SILVER + GOLD


class Rating(NamedTuple):
    """The rating of a day's lines."""

    kind: str | None
    low: float
    expected: float
    high: float

    @property
    def width(self) -> float:
        """The distance of the bounds, as a ratio."""
        return (self.high + 1) / (self.low + 1)


def usual(days: int = 7 * WEEKS) -> dict[date, int]:
    """Return lines per day of a shop that closes on Saturdays, sells less on Sundays, and varies from day to day."""
    chance = random.Random(1)
    lines = {}
    for day in (FIRST + timedelta(days=number) for number in range(days)):
        if day.isoweekday() != 6:
            level = 600 if day.isoweekday() == 7 else 1_000
            lines[day] = round(level * math.exp(chance.gauss(0, 0.15)))
    return lines


@pytest.fixture
def rate(copy_of_built: Database, dbt: Dbt) -> Callable[[dict[date, int]], dict[date, Rating]]:
    """Return a function that replaces the days of the warehouse, builds the models and returns their ratings."""

    def rate(lines: dict[date, int], holidays: tuple[date, ...] = ()) -> dict[date, Rating]:
        with psycopg.connect(copy_of_built.url) as session:
            session.execute("truncate silver.int_daily_measures, silver.uk_bank_holidays")
            with session.cursor() as cursor:
                cursor.executemany(
                    "insert into silver.int_daily_measures (invoiced_on, country_name, lines) values (%s, %s, %s)",
                    [(day, HOME, number) for day, number in lines.items()],
                )
                cursor.executemany(
                    "insert into silver.uk_bank_holidays values (%s, 'A holiday')", [(day,) for day in holidays]
                )
        outcomes = dbt("build", "--full-refresh", "--exclude-resource-type", "unit_test", "--select", *MODELS)
        assert {outcome.status for outcome in outcomes.values()} <= {"success", "pass", "warn"}, outcomes
        with psycopg.connect(copy_of_built.url) as session:
            found = session.execute(
                "select date_day, kind, expected_low, expected, expected_high"
                " from gold.daily_anomalies where measure = 'lines'"
            ).fetchall()
        return {day: Rating(kind, *(float(number) for number in numbers)) for day, kind, *numbers in found}

    return rate


def test_a_day_is_not_in_its_own_baseline(rate) -> None:
    """A day in its own baseline would excuse itself: a larger value would widen its own range."""
    lines = usual()
    day = FIRST + timedelta(weeks=30)
    before = rate(lines)
    after = rate(lines | {day: 20 * lines[day]})
    assert (before[day].kind, after[day].kind) == (None, "too_high")
    assert before[day][1:] == after[day][1:]
    assert {other: rating for other, rating in before.items() if other < day} == {
        other: rating for other, rating in after.items() if other < day
    }


def test_a_past_anomaly_does_not_widen_later_ranges(rate) -> None:
    """If last week's fault made this week's fault look usual, the models would find only the first one."""
    lines = usual()
    first = FIRST + timedelta(weeks=25)
    wrong = [first + timedelta(days=number) for number in (0, 1, 2, 7, 9)]
    before = rate(lines)
    after = rate(lines | {day: 100 * lines[day] for day in wrong})
    assert {day for day, rating in after.items() if rating.kind} == set(wrong)
    later = [day for day in before if day > first and day not in wrong]
    assert len(later) > 60
    for day in later:
        assert after[day].width == pytest.approx(before[day].width, rel=0.25)
        assert after[day].expected == pytest.approx(before[day].expected, rel=0.15)


def test_a_season_is_no_anomaly(rate) -> None:
    """Trade triples from September to December every year; users would switch off a detector that reports this."""
    season = {
        day: round(number * 3 ** min(1, max(0, (day - FIRST).days - 140) / 90)) for day, number in usual().items()
    }
    ratings = rate(season)
    assert len(ratings) > 180
    assert not [day for day, rating in ratings.items() if rating.kind]
    assert max(rating.width for rating in ratings.values()) < 12


def test_days_without_a_line_are_missed_when_the_shop_is_open(rate) -> None:
    """A missing file leaves no rows to rate, so its day must be reported, except on a holiday."""
    lines = usual()
    monday, holiday = FIRST + timedelta(weeks=20), FIRST + timedelta(weeks=22)
    saturday = FIRST + timedelta(weeks=24, days=5)
    ratings = rate({day: n for day, n in lines.items() if day not in (monday, holiday)} | {saturday: 7}, (holiday,))
    assert {day: rating.kind for day, rating in ratings.items() if rating.kind} == {
        monday: "missing_day",
        saturday: "unexpected_day",
    }


# Faults from the generator


@pytest.fixture(scope="module")
def wrong_deliveries() -> Iterator[Path]:
    """Yield a folder with deliveries of a year, with faults in its second half."""
    with TemporaryDirectory(prefix="retail-") as parent:
        folder = Path(parent) / "wrong"
        options = {"rows": 120_000, "seed": 5, "months": 14, "faults": 6, "unusable-share": 0, "out": folder}
        generate([f"--{name}={value}" for name, value in options.items()], standalone_mode=False)
        yield folder


def build(dbt: Dbt, *options: str) -> None:
    """Build the anomaly models, their parents, and the checks that read only these: a quarter of the project."""
    rated = ("--select", "+sales_incidents", "--indirect-selection", "cautious")
    outcomes = dbt("build", "--exclude-resource-type", "unit_test", *rated, *options)
    bad = {
        name: outcome
        for name, outcome in outcomes.items()
        if outcome.status not in ("success", "pass", "warn", "no-op")
    }
    assert not bad


def ratings(database: Database) -> dict[str, list[str]]:
    silver, gold = rows(database.url, "silver"), rows(database.url, "gold")
    return {name: silver[name] for name in SILVER} | {name: gold[name] for name in GOLD}


def test_delta_builds_rate_as_a_full_build_does(working: Database, dbt: Dbt, wrong_deliveries, tmp_path) -> None:
    """A late file for a missing day changes the expected values of all later days."""
    files = sorted((wrong_deliveries / "daily").glob("*.csv"))
    late, last = files[-70], files[-8:]
    first = tmp_path / "first"
    shutil.copytree(wrong_deliveries, first)
    for file in (late, *last):
        (first / "daily" / file.name).unlink()
    land([first], working.url)
    build(dbt)
    # the second of the last days is missing until the end
    for delivery in ([last[0]], [last[2]], [late], [last[1], *last[3:]]):
        land(delivery, working.url)
        build(dbt)
        delta = ratings(working)
    build(dbt, "--full-refresh")
    assert all(delta.values())
    assert ratings(working) == delta


def test_faults_of_the_generator_are_found(working: Database, dbt: Dbt, wrong_deliveries) -> None:
    """A detector is useful if it finds the seeded faults and raises few false alarms."""
    land([wrong_deliveries], working.url)
    build(dbt)
    with psycopg.connect(working.url) as session:
        outcomes = measure(session, wrong_deliveries)
    found = outcomes["daily_anomalies"].found
    assert {kind for kind, (caught, seeded) in found.items() if caught == seeded} >= {
        "missing_day",
        "doubled_file",
        "currency_slip",
        "customers_lost",
    }, found
    assert outcomes["daily_anomalies"].precision > outcomes["three deviations"].precision


def test_an_alarm_counts_for_the_fault_of_its_day_and_country() -> None:
    """Precision and recall would be wrong if an alarm on another day or country counted as a find."""
    faults = [
        Fault("missing_day", "all", date(2011, 1, 4), date(2011, 1, 4)),
        Fault("country_lost", "Germany", date(2011, 2, 1), date(2011, 2, 14)),
    ]
    alarms = {
        (date(2010, 12, 1), HOME),  # before any fault
        (date(2011, 1, 4), HOME),
        (date(2011, 1, 5), HOME),
        (date(2011, 2, 3), HOME),
    }
    outcome = judge(faults, alarms)
    assert (outcome.alarms, outcome.true_alarms) == (3, 1)
    assert (outcome.found["missing_day"], outcome.found["country_lost"]) == ((1, 1), (0, 1))
    assert (outcome.recall, outcome.precision) == (0.5, 1 / 3)


def test_an_incident_finds_a_fault_of_its_days_and_scope_once() -> None:
    """Precision would be flattering if two incidents of one fault, or one of another country, counted as finds."""
    faults = [
        Fault("missing_day", "all", date(2011, 1, 4), date(2011, 1, 4)),
        Fault("country_lost", "Germany", date(2011, 2, 1), date(2011, 2, 14)),
    ]
    incidents = [
        (date(2010, 12, 1), date(2010, 12, 1), "All"),  # before any fault
        (date(2011, 1, 4), date(2011, 1, 4), "All"),
        (date(2011, 1, 4), date(2011, 1, 4), HOME),  # a second one
        (date(2011, 2, 1), date(2011, 2, 14), "France"),
        (date(2011, 2, 1), date(2011, 2, 6), "Germany"),  # less than half
    ]
    outcome = judge_incidents(faults, incidents)
    assert (outcome.alarms, outcome.true_alarms) == (4, 1)
    assert (outcome.found["missing_day"], outcome.found["country_lost"]) == ((1, 1), (0, 1))
    covered = judge_incidents(faults, [*incidents, (date(2011, 2, 1), date(2011, 2, 7), "Germany")])
    assert (covered.recall, covered.precision) == (1.0, 2 / 5)
