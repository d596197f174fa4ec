"""Which days trade, how many rows each brings, and into which files they go."""

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from scripts.errors import Refusal
from scripts.generate.chance import Ints, Mask, Stream, generator

ROWS_FOR_A_DAY = 20  # below this many rows a day, fewer days trade: a file of one line helps nobody
OVERLAP_SPAN = timedelta(days=9)  # as in the real data: 1 to 9 December are in both halves
DAYS_FOR_OVERLAP = 4  # with fewer days there is nothing to overlap

# A shift is what is made at one time: it bounds memory at any number of rows. It is part of how the
# data is defined (each shift has its own random stream), so it is no option.
ROWS_IN_A_SHIFT = 200_000

# Gifts are bought for Christmas, by shops, in time to sell them: the peak is November.
MONTH_WEIGHTS = (0.75, 0.70, 0.80, 0.75, 0.85, 0.85, 0.85, 0.80, 1.10, 1.35, 1.80, 1.30)
# Monday to Sunday. No trade on Saturdays, short Sundays.
WEEKDAY_WEIGHTS = (1.0, 1.0, 0.95, 1.03, 0.85, 0.0, 0.65)
DAY_NOISE = 0.25  # sigma of a log-normal factor: neighbouring days differ by a quarter
CHRISTMAS_EVE = (12, 24)
LAST_DAY_OFF = (1, 3)


@dataclass(frozen=True)
class Settings:
    """What the user asked for."""

    rows: int
    seed: int
    start: date
    months: int
    unusable_share: float
    price_list: bool
    faults: int = 0
    customer_master: bool = True


@dataclass(frozen=True)
class Shift:
    """A part of a day that is made at one time.

    Attributes:
        rows: rows that the shift brings to each file it is in.
        unusable: how many of them are unusable.
        opens: the part of the day's trade, 0 to 1, at which the shift begins.
        closes: the same for its end.
    """

    rows: int
    unusable: int
    opens: float
    closes: float


@dataclass(frozen=True)
class Day:
    """A trading day: its place in the plan, its files, its shifts."""

    index: int
    date: date
    month: int
    in_parquet: bool
    in_csv: bool
    shifts: tuple[Shift, ...]

    @property
    def in_both(self) -> bool:
        """Whether both halves deliver this day."""
        return self.in_parquet and self.in_csv


@dataclass(frozen=True)
class Plan:
    """The trading days in order, and how many months they span."""

    settings: Settings
    days: tuple[Day, ...]

    @property
    def parquet_name(self) -> str | None:
        """The Parquet file is named for the years of its half: `2009-2010.parquet`."""
        dates = [day.date for day in self.days if day.in_parquet]
        if not dates:
            return None
        first, last = dates[0].year, dates[-1].year
        return f"{first}.parquet" if first == last else f"{first}-{last}.parquet"


def add_months(day: date, months: int) -> date:
    """Return the first of the month that is so many months after a day's own month."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, 1)


def month_number(day: date, start: date) -> int:
    """Count calendar months since the month of the start."""
    return (day.year - start.year) * 12 + day.month - start.month


def end_of(settings: Settings) -> date:
    """Return the day after the last day of the time span."""
    return add_months(settings.start, settings.months)


def trades(day: date) -> bool:
    """Whether the shop is open: not on Saturdays, not between Christmas Eve and 3 January."""
    month_day = (day.month, day.day)
    return WEEKDAY_WEIGHTS[day.weekday()] > 0 and LAST_DAY_OFF < month_day < CHRISTMAS_EVE


def make_plan(settings: Settings) -> Plan:
    """Share the rows out over the trading days, exactly: what both files hold counts twice.

    Raises:
        Refusal: no day of the time span trades.
    """
    dates = _trading_dates(settings)
    split = _second_half(settings, dates)
    in_csv = np.array([day >= split for day in dates])
    in_parquet = ~in_csv | _overlap(dates, split)
    copies = in_parquet.astype(np.int64) + in_csv
    rows = _share_rows(settings, dates, copies)
    unusable = _share_unusable(settings, rows, in_csv & ~in_parquet)
    days = []
    for index, day in enumerate(dates):
        if rows[index] == 0:
            continue
        shifts = _shifts(int(rows[index]), int(unusable[index]))
        month = month_number(day, settings.start)
        days.append(Day(index, day, month, bool(in_parquet[index]), bool(in_csv[index]), shifts))
    return Plan(settings, tuple(days))


def _trading_dates(settings: Settings) -> list[date]:
    span = (end_of(settings) - settings.start).days
    dates = [day for day in (settings.start + timedelta(days=n) for n in range(span)) if trades(day)]
    if not dates:
        raise Refusal(f"the shop is closed from {settings.start} to the end of the month: add to --months.")
    wanted = min(len(dates), max(min(settings.rows, 2), settings.rows // ROWS_FOR_A_DAY))
    # Spread over the whole span, so that few rows still see every season and both halves.
    places = np.linspace(0, len(dates) - 1, wanted).astype(int)
    return [dates[place] for place in places]


def _second_half(settings: Settings, dates: list[date]) -> date:
    """Return the first day of the CSV files: after half the months, or else after half the days."""
    boundary = add_months(settings.start, settings.months // 2)
    return boundary if dates[0] < boundary <= dates[-1] else dates[len(dates) // 2]


def _overlap(dates: list[date], split: date) -> Mask:
    window = np.array([split <= day < split + OVERLAP_SPAN for day in dates])
    if len(dates) < DAYS_FOR_OVERLAP:
        return np.zeros_like(window)
    if not window.any():
        window[[day >= split for day in dates].index(True)] = True
    return window


def _share_rows(settings: Settings, dates: list[date], copies: Ints) -> Ints:
    noise = generator(settings.seed, Stream.CALENDAR).lognormal(0.0, DAY_NOISE, len(dates))
    season = [MONTH_WEIGHTS[day.month - 1] * WEEKDAY_WEIGHTS[day.weekday()] for day in dates]
    weights = np.array(season) * noise
    rows: Ints = np.floor(settings.rows * weights / (weights * copies).sum()).astype(np.int64)
    # What rounding left over goes, a row each, to days that are in one file only.
    once = np.flatnonzero(copies == 1)
    left = settings.rows - int((rows * copies).sum())
    rows[once] += left // len(once)
    rows[once[: left % len(once)]] += 1
    return rows


def _share_unusable(settings: Settings, rows: Ints, allowed: Mask) -> Ints:
    """Unusable rows need text, so they are in CSV files; in one half only, so that the halves agree."""
    total = round(settings.rows * settings.unusable_share)
    room = np.where(allowed, rows // 2, 0)  # at least as many good rows remain as there are spoiled copies of them
    total = min(total, int(room.sum()))
    if total == 0:
        return np.zeros_like(rows)
    bounds: Ints = np.cumsum(room) * total // room.sum()
    shares: Ints = np.diff(bounds, prepend=0)
    return shares


def _shifts(rows: int, unusable: int) -> tuple[Shift, ...]:
    count = -(-rows // ROWS_IN_A_SHIFT)
    return tuple(
        Shift(
            rows=rows * (n + 1) // count - rows * n // count,
            unusable=unusable * (n + 1) // count - unusable * n // count,
            opens=n / count,
            closes=(n + 1) / count,
        )
        for n in range(count)
    )
