"""From a reading to the answer of the release, as rows, with the SQL that gave them."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import cast

import psycopg

from scripts.ask.calendar import MONTHS_OF, period_of, shifted, start_of
from scripts.ask.outcome import Json
from scripts.ask.terms import Vocabulary
from scripts.metrics.answers import Answer, ask
from scripts.metrics.compiler import compile_query
from scripts.metrics.query import Condition, Query

# More rows than these are no answer to a question, and no terminal shows them.
MOST_ROWS = 10_000

Value = str | int | date | Decimal | bool | None


@dataclass(frozen=True)
class Column:
    """A column of an answer.

    Attributes:
        name: for programs.
        label: for people.
        unit: of numbers: `gbp`, `percent`, `count` or `days`; `text` for names, or a grain for days.
    """

    name: str
    label: str
    unit: str


@dataclass(frozen=True)
class Table:
    """The answer to a question.

    Attributes:
        columns: what is grouped by, then the metrics, each with the other period and the change if there is one.
        rows: the values.
        sql: the statements that PostgreSQL answered.
        release: the number of the release.
        seconds: how long PostgreSQL worked.
    """

    columns: tuple[Column, ...]
    rows: list[tuple[Value, ...]]
    sql: tuple[str, ...]
    release: int
    seconds: float


def answer(reading: Json, vocabulary: Vocabulary, session: psycopg.Connection) -> Table:
    """Return the answer of the release.

    Args:
        reading: as `scripts.ask.reading.read` returns it.
        vocabulary: what the grammar knows.
        session: a session of `scripts.metrics.answers.open_session`.

    Raises:
        Refusal: no release exists, or the answer takes too long.
    """
    now = ask(compile_query(query(reading, reading["from"], reading["to"], limited=True)), session)
    columns = _columns(reading, vocabulary)
    if reading["compare"] is None:
        return Table(columns, values(now), (now.compiled.sql,), now.release, now.seconds)
    other = reading["compare"]
    then = ask(compile_query(query(reading, other["from"], other["to"], limited=False)), session)
    shares = [vocabulary.metrics[name]["unit"] == "percent" for name in reading["metrics"]]
    rows = compared(reading, shares, now, then)
    return Table(columns, rows, (now.compiled.sql, then.compiled.sql), now.release, now.seconds + then.seconds)


def query(reading: Json, start: str | None, end: str | None, *, limited: bool) -> Query:
    """Return what to ask of the metrics.

    Args:
        reading: the reading.
        start: the first day.
        end: the last day.
        limited: whether only the rows of a list are wanted.
    """
    groups = [*reading["by"], *([f"metric_time__{reading['grain']}"] if reading["grain"] else [])]
    top = reading["top"]
    order: list[str] = []
    if top:
        order = [("-" if top["order"] == "highest" else "") + reading["metrics"][0]]
    elif reading["grain"]:
        order = [groups[-1]]
    elif groups and limited:
        order = [f"-{reading['metrics'][0]}"]
    where = [
        Condition(each["dimension"], "not in" if each["excluded"] else "in", tuple(each["values"]))
        for each in reading["where"]
    ]
    return Query(
        metrics=tuple(reading["metrics"]),
        group_by=tuple(groups),
        where=(*where, *within(reading["grain"], start, end)),
        order_by=tuple(order),
        limit=(top["n"] if top and limited else MOST_ROWS) if groups else None,
        start=date.fromisoformat(start) if start else None,
        end=date.fromisoformat(end) if end else None,
    )


def within(grain: str | None, start: str | None, end: str | None) -> list[Condition]:
    """Return the conditions that keep whole weeks, months, ... at the edges of a period from being counted in full.

    MetricFlow widens a period to whole steps of its grain.

    Args:
        grain: the step, if the answer has steps.
        start: the first day.
        end: the last day.
    """
    if grain in (None, "day"):
        return []
    found = []
    if start and start_of(date.fromisoformat(start), str(grain)).isoformat() != start:
        found.append(Condition("metric_time__day", ">=", (start,)))
    if end and period_of(date.fromisoformat(end), str(grain)).end != date.fromisoformat(end):
        found.append(Condition("metric_time__day", "<=", (end,)))
    return found


def _columns(reading: Json, vocabulary: Vocabulary) -> tuple[Column, ...]:
    found = [Column(name, vocabulary.dimensions[name]["label"], "text") for name in reading["by"]]
    if reading["grain"]:
        found.append(Column(reading["grain"], reading["grain"].capitalize(), reading["grain"]))
    for name in reading["metrics"]:
        metric = vocabulary.metrics[name]
        found.append(Column(name, metric["label"], metric["unit"]))
        if reading["compare"]:
            found.append(Column(f"{name}__before", f"{metric['label']}, other period", metric["unit"]))
            found.append(Column(f"{name}__change", "Change", metric["unit"]))
            if metric["unit"] != "percent":
                found.append(Column(f"{name}__change_percent", "Change in %", "percent"))
    return tuple(found)


def values(answer: Answer) -> list[tuple[Value, ...]]:
    """Return the rows of an answer, of whose columns the types are known.

    Args:
        answer: an answer of the metrics.
    """
    return cast("list[tuple[Value, ...]]", list(answer.rows))


def compared(reading: Json, shares: list[bool], now: Answer, then: Answer) -> list[tuple[Value, ...]]:
    """Return the rows of two periods side by side: the value, that of the other period, and the change.

    Rows of days, weeks, months, ... meet by their place within the period, or by the date a year before.

    Args:
        reading: the reading, with a comparison.
        shares: of each metric, whether it is a share, whose change is in points and not in percent.
        now: the answer of its period.
        then: the answer of the other period.
    """
    groups = len(now.columns) - len(shares)
    before = {row[:groups]: row[groups:] for row in values(then)}
    after = {_moved(row[:groups], reading): row for row in values(now)}
    keys = list(after)
    if not reading["top"]:
        keys += [key for key in before if key not in after]
    found: list[tuple[Value, ...]] = []
    for key in keys:
        row = after.get(key)
        cells = list(row[:groups] if row else _moved(key, reading, back=True))
        for place, share in enumerate(shares):
            new = row[groups + place] if row else None
            old = before[key][place] if key in before else None
            cells += [new, old, *_change(new, old, with_percent=not share)]
        found.append(tuple(cells))
    if reading["grain"]:
        found.sort(key=lambda cells: (str(cells[groups - 1]), *(str(cell) for cell in cells[: groups - 1])))
    return found


def _change(new: Value, old: Value, *, with_percent: bool) -> list[Value]:
    if not isinstance(new, int | Decimal) or not isinstance(old, int | Decimal):
        return [None, None] if with_percent else [None]
    change = Decimal(new) - Decimal(old)
    shown: Value = change if isinstance(new, Decimal) or isinstance(old, Decimal) else int(change)
    return [shown, change / abs(Decimal(old)) if old else None] if with_percent else [shown]


def _moved(key: tuple[Value, ...], reading: Json, *, back: bool = False) -> tuple[Value, ...]:
    """Return the key of a row in the other period, or `back` from there."""
    grain, compare = reading["grain"], reading["compare"]
    if not grain:
        return key
    day = key[-1]
    assert isinstance(day, date)
    first, second = (start_of(date.fromisoformat(each["from"]), grain) for each in (reading, compare))
    source, target = (second, first) if back else (first, second)
    if compare["back"] == "year" and grain != "week":
        years = target.year - source.year
        try:
            moved = day.replace(year=day.year + years)
        except ValueError:
            # The 29th of February has no day a year before.
            moved = date.min if not back else date.max
    elif grain in MONTHS_OF:
        moved = shifted(day, "month", (target.year - source.year) * 12 + target.month - source.month)
    else:
        moved = day + (target - source)
    return (*key[:-1], moved)
