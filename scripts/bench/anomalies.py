"""Measure how well incidents find seeded faults, beside single values and a plain rule of three standard deviations."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg

from scripts.bench import rivals
from scripts.bench.measure import Row
from scripts.generate.faults import ALL_COUNTRIES, KINDS

ROWS, FAULTS = 600_000, 12

# The generator names a country as the shop's system does.
RATED = """(
    select date_day, coalesce(countries.country_name, days.country_name) as country_name, measure, is_anomaly, observed
    from gold.daily_anomalies as days
    left join silver.countries on days.country_name = countries.standard_name
) as rated"""

# The plain rule compares the same measures on the same days, each with the mean of the nine weeks before it.
DETECTORS = {
    "daily_anomalies": f"select date_day, country_name from {RATED} where is_anomaly",
    "three deviations": f"""
        select date_day, country_name
        from (
            select *, avg(observed) over before as mean, stddev_samp(observed) over before as deviation
            from {RATED}
            where measure <> 'days_silent'
            window before as (
                partition by country_name, measure
                order by date_day
                range between interval '63 days' preceding and interval '1 day' preceding
            )
        ) as compared
        where abs(observed - mean) > 3 * deviation
    """,
}


INCIDENTS = "sales_incidents"
# Open alarms, with the name of a country in the shop's system.
OPEN_ALARMS = """
    select first_date, last_date, coalesce(countries.country_name, incidents.scope)
    from gold.sales_incidents as incidents
    left join silver.countries on incidents.scope = countries.standard_name
    where incidents.severity = 'alarm' and incidents.status = 'open'
    order by first_date, incident_key
"""
EVERYWHERE = ("All", "United Kingdom")
# What the rivals see: all that the rule sees.
OBSERVED = f"select date_day, country_name, measure, observed from {RATED} where measure <> 'days_silent'"


@dataclass(frozen=True)
class Fault:
    """A fault, as the generator records it in `truth.json`."""

    kind: str
    country: str
    first_day: date
    last_day: date

    def explains(self, day: date, country: str) -> bool:
        """Return whether this fault explains an alarm of this day and country."""
        return self.first_day <= day <= self.last_day and self.country in (country, ALL_COUNTRIES)

    def is_found_by(self, first_day: date, last_day: date, scope: str) -> bool:
        """Return whether an incident covers at least half of the days, and the scope.

        A fault of all countries is found by an incident of the shop or of the home country, which is most of the trade.
        """
        common = (min(last_day, self.last_day) - max(first_day, self.first_day)).days + 1
        days = (self.last_day - self.first_day).days + 1
        return 2 * common >= days and scope in (EVERYWHERE if self.country == ALL_COUNTRIES else (self.country,))


@dataclass(frozen=True)
class Outcome:
    """What one detector found in one run.

    Attributes:
        found: for each kind of fault, how many faults the detector found and how many there are.
        alarms: how many alarms it raised: incidents, or else days and countries, even if several measures are off.
        true_alarms: how many of the alarms a fault explains.
    """

    found: Mapping[str, tuple[int, int]]
    alarms: int
    true_alarms: int

    @property
    def recall(self) -> float:
        """Return the share of the faults that were found."""
        return sum(found for found, _ in self.found.values()) / sum(seeded for _, seeded in self.found.values())

    @property
    def precision(self) -> float:
        """Return the share of the alarms that a fault explains, 1 if there are no alarms."""
        return self.true_alarms / self.alarms if self.alarms else 1.0


def generate(folder: Path, seed: int) -> None:
    """Generate deliveries with faults."""
    from scripts.generate.__main__ import generate as command  # noqa: PLC0415  # numpy and polars

    options = {"rows": ROWS, "seed": seed, "faults": FAULTS, "unusable-share": 0, "out": folder}
    command([f"--{name}={value}" for name, value in options.items()], standalone_mode=False)


def faults_of(folder: Path) -> list[Fault]:
    """Read the truth of a folder of generated deliveries."""
    return [
        Fault(
            told["kind"], told["country"], date.fromisoformat(told["first_day"]), date.fromisoformat(told["last_day"])
        )
        for told in json.loads((folder / "truth.json").read_text())["faults"]
    ]


def judge(faults: Sequence[Fault], alarms: set[tuple[date, str]]) -> Outcome:
    """Compare alarms with the truth. Alarms before the first fault do not count, as there is no fault to find yet."""
    begun = {alarm for alarm in alarms if alarm[0] >= min(fault.first_day for fault in faults)}
    found = {}
    for kind in KINDS:
        seeded = [fault for fault in faults if fault.kind == kind]
        caught = [fault for fault in seeded if any(fault.explains(*alarm) for alarm in begun)]
        found[kind] = (len(caught), len(seeded))
    true_alarms = sum(any(fault.explains(*alarm) for fault in faults) for alarm in begun)
    return Outcome(found, len(begun), true_alarms)


def judge_incidents(faults: Sequence[Fault], incidents: Sequence[tuple[date, date, str]]) -> Outcome:
    """Compare incidents with the truth. Incidents that end before the first fault do not count.

    An incident that finds no fault is a false alarm, and so is a second incident of the same fault.
    """
    left = [incident for incident in incidents if incident[1] >= min(fault.first_day for fault in faults)]
    alarms, found = len(left), dict.fromkeys(KINDS, (0, 0))
    for fault in faults:
        finds = next((incident for incident in left if fault.is_found_by(*incident)), None)
        if finds:
            left.remove(finds)
        caught, seeded = found[fault.kind]
        found[fault.kind] = (caught + bool(finds), seeded + 1)
    return Outcome(found, alarms, alarms - len(left))


def measure(session: psycopg.Connection, folder: Path) -> dict[str, Outcome]:
    """Return what each detector found in a warehouse that was built from a folder of generated deliveries."""
    faults = faults_of(folder)
    begin = min(fault.first_day for fault in faults)
    alarms = session.execute(OPEN_ALARMS).fetchall()
    found = {name: set(session.execute(query).fetchall()) for name, query in DETECTORS.items()}
    # An incident of several days is that many alarms of a rival.
    number = sum((last - first).days + 1 for first, last, _ in alarms if last >= begin)
    found |= rivals.alarms_of(session, OBSERVED, begin, number)
    return {INCIDENTS: judge_incidents(faults, alarms)} | {name: judge(faults, each) for name, each in found.items()}


def report(runs: Sequence[Mapping[str, Outcome]]) -> list[Row]:
    """Return precision and recall of each detector over some runs, and its recall of each kind of fault."""
    rows = []
    for name in runs[0]:
        outcomes = [run[name] for run in runs]
        alarms, right = sum(each.alarms for each in outcomes), sum(each.true_alarms for each in outcomes)
        what = "incidents" if name == INCIDENTS else "alarms, a day and country each"
        note = f"{right} of {alarms} {what}{_spread([each.precision for each in outcomes])}"
        rows.append(Row(f"{name}, precision", [each.precision for each in outcomes], unit="", note=note))
        rows.append(
            Row(
                f"{name}, recall",
                [each.recall for each in outcomes],
                unit="",
                note=f"{len(runs)} seeds{_spread([each.recall for each in outcomes])}",
            )
        )
        for kind in KINDS:
            pairs = [each.found[kind] for each in outcomes]
            shares = [found / seeded for found, seeded in pairs if seeded]
            note = f"{sum(found for found, _ in pairs)} of {sum(seeded for _, seeded in pairs)} found"
            if shares:
                rows.append(Row(f"{name}, recall of {kind}", shares, unit="", note=note))
    return rows


def _spread(values: Sequence[float]) -> str:
    """Return the range of the values of the seeds."""
    return f", {min(values):.2f} to {max(values):.2f}"
