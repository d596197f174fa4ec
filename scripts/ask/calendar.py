"""Days and periods: first and last days as `2011-11-30`, and the same periods earlier."""

from calendar import monthrange
from datetime import date, timedelta
from typing import NamedTuple

GRAINS = ("day", "week", "month", "quarter", "year")
# Not of the module `calendar`, whose names are those of the locale.
MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
MONTHS_OF = {"month": 1, "quarter": 3, "half": 6, "year": 12}


class Period(NamedTuple):
    """Days from the first to the last, both included; None: without a bound.

    Attributes:
        grain: the calendar period that it is (`month`, say), or `days` for any other.
    """

    start: date | None
    end: date | None
    grain: str = "days"


def start_of(day: date, grain: str) -> date:
    """Return the first day of the period around a day.

    Args:
        day: the day.
        grain: `day`, `week` (from Monday), `month`, `quarter`, `half` or `year`.
    """
    if grain == "day":
        return day
    if grain == "week":
        return day - timedelta(days=day.weekday())
    months = MONTHS_OF[grain]
    return date(day.year, (day.month - 1) // months * months + 1, 1)


def period_of(day: date, grain: str) -> Period:
    """Return the whole calendar period around a day.

    Args:
        day: the day.
        grain: as of `start_of`.
    """
    start = start_of(day, grain)
    return Period(start, shifted(start, grain, 1) - timedelta(days=1), grain)


def shifted(day: date, grain: str, steps: int) -> date:
    """Return the day some periods later, or the last day of its month if that month is shorter.

    Args:
        day: the day.
        grain: as of `start_of`.
        steps: how many periods, negative for earlier ones.
    """
    if grain in ("day", "week"):
        return day + timedelta(days=steps * (7 if grain == "week" else 1))
    month = day.year * 12 + day.month - 1 + steps * MONTHS_OF[grain]
    year, month = divmod(month, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def earlier(period: Period, grain: str, steps: int = 1) -> Period:
    """Return the same days of an earlier year, quarter, month or week. The last day of a month stays a last day.

    Args:
        period: a period with both bounds.
        grain: what to go back by.
        steps: how many of them.
    """
    assert period.start and period.end
    start, end = (shifted(day, grain, -steps) for day in (period.start, period.end))
    if grain in MONTHS_OF and (period.end + timedelta(days=1)).day == 1:
        end = date(end.year, end.month, monthrange(end.year, end.month)[1])
    return Period(start, end, period.grain)


def just_before(period: Period) -> Period:
    """Return the period of the same length that ends on the day before.

    Args:
        period: a period with both bounds.
    """
    assert period.start and period.end
    if period.grain in ("week", *MONTHS_OF):
        return period_of(shifted(period.start, period.grain, -1), period.grain)
    length = (period.end - period.start).days + 1
    return Period(period.start - timedelta(days=length), period.start - timedelta(days=1), period.grain)


def in_words(day: date) -> str:
    """Return a day as people write it, such as `5 December 2010`.

    Args:
        day: the day.
    """
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def period_in_words(start: date | None, end: date | None) -> str:
    """Return a period as people say it, with each day of it named.

    Args:
        start: the first day, or None.
        end: the last day, or None.
    """
    if start is None and end is None:
        return "all days"
    if end is None and start is not None:
        return f"since {in_words(start)}"
    if start is None and end is not None:
        return f"until {in_words(end)}"
    assert start and end
    if start == end:
        return in_words(start)
    for grain in ("month", "year"):
        if Period(start, end, grain) == period_of(start, grain):
            return f"{MONTHS[start.month - 1]} {start.year}" if grain == "month" else f"{start.year}"
    return f"{in_words(start)} to {in_words(end)}"
