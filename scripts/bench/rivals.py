"""Learned detectors of anomalies, to compare with the rule in SQL. They are part of the benchmark only.

Both rivals have two advantages over the rule: they see the days after a day, and they raise as many alarms as the rule,
so they need no threshold. Neither gives a reason for an alarm.
"""

import importlib.util
import warnings
from collections.abc import Callable
from datetime import date
from typing import Any

import numpy as np
import polars as pl
import psycopg

# Days and countries, the most suspicious first.
Ranked = list[tuple[date, str]]
# The shop trades on six days of a week.
SEASON = 6
# The forest compares days by their measures. Countries with few lines have only one.
LEAST_MEASURES = 5
TREES, SEED = 300, 1
# From a median of absolute errors to a standard deviation.
TO_DEVIATION = 1.4826


def isolation_forest(values: pl.DataFrame) -> Ranked:
    """Rank the days by how soon a forest isolates each, by country.

    Args:
        values: `date_day`, `country_name`, `measure` and `observed`.
    """
    # Only the benchmark installs this library, so mypy may not find it.
    from sklearn.ensemble import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415
        IsolationForest,
    )

    scores: list[tuple[float, date, str]] = []
    for (country,), of_country in values.group_by(["country_name"], maintain_order=True):
        days = of_country.pivot("measure", index="date_day", values="observed").sort("date_day")
        if days.width <= LEAST_MEASURES:
            continue
        calendar = days.select(pl.col("date_day").dt.weekday(), month=pl.col("date_day").dt.month())
        measures = days.drop("date_day").with_columns(pl.all().fill_null(pl.all().median()))
        seen = np.hstack([measures.to_numpy(), calendar.to_numpy()])
        forest = IsolationForest(n_estimators=TREES, random_state=SEED).fit(seen)
        scores += zip(forest.score_samples(seen), days["date_day"], [str(country)] * days.height, strict=True)
    # A low score is a short way to the day in the trees.
    return [(day, country) for _, day, country in sorted(scores)]


def auto_ets(values: pl.DataFrame) -> Ranked:
    """Rank the days by how far they are from what exponential smoothing expects of their series.

    The model of each series (errors, trend, season of a week) is chosen by AutoETS. A day is as far as the worst of its
    measures, in standard deviations of the errors of the series.

    Args:
        values: `date_day`, `country_name`, `measure` and `observed`.
    """
    # Only the benchmark installs this library, so mypy may not find it.
    from statsforecast.models import (  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415
        AutoETS,
    )

    worst: dict[tuple[date, str], float] = {}
    for (country, _), unordered in values.group_by(["country_name", "measure"], maintain_order=True):
        series = unordered.drop_nulls("observed").sort("date_day")
        observed = series["observed"].to_numpy()
        # Amounts and counts grow by shares: logarithms, with the sign kept.
        scaled = np.sign(observed) * np.log1p(np.abs(observed))
        if len(scaled) < 4 * SEASON or not np.ptp(scaled):
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = AutoETS(season_length=SEASON).forecast(y=scaled, h=1, fitted=True)["fitted"]
        errors = np.abs(scaled - expected)
        deviation = TO_DEVIATION * float(np.median(errors)) or 1.0
        for day, error in zip(series["date_day"], errors, strict=True):
            key = (day, str(country))
            worst[key] = max(worst.get(key, 0.0), float(error) / deviation)
    return sorted(worst, key=lambda key: -worst[key])


# Each rival by the library that it needs, which only the benchmark installs.
RIVALS: dict[str, tuple[str, Callable[[pl.DataFrame], Ranked]]] = {
    "isolation forest": ("sklearn", isolation_forest),
    "AutoETS": ("statsforecast", auto_ets),
}


def alarms_of(
    session: psycopg.Connection[Any], rated: str, since: date, number: int
) -> dict[str, set[tuple[date, str]]]:
    """Return the alarms of each rival whose library is installed: its most suspicious days.

    Args:
        session: a session on a built warehouse.
        rated: a query of `date_day`, `country_name`, `measure` and `observed`.
        since: the first day of which alarms count; the rivals see the days before, too.
        number: how many alarms of days from `since` on each rival raises.
    """
    rows = session.execute(rated).fetchall()
    values = pl.DataFrame(rows, schema=["date_day", "country_name", "measure", "observed"], orient="row")
    values = values.with_columns(pl.col("observed").cast(pl.Float64))
    return {
        name: set([alarm for alarm in rank(values) if alarm[0] >= since][:number])
        for name, (library, rank) in RIVALS.items()
        if importlib.util.find_spec(library)
    }
