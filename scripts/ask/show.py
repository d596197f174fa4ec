"""An answer in the terminal: a table, with a bar in each row or a line of the series above it."""

from datetime import date
from decimal import Decimal

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from scripts.ask.answer import Column, Table, Value
from scripts.ask.calendar import GRAINS, MONTHS
from scripts.ask.outcome import Json
from scripts.errors import printable

BLOCKS = "▏▎▍▌▋▊▉█"
LEVELS = "▁▂▃▄▅▆▇█"
BAR_WIDTH = 24
LONGEST_LINE = 72
# More rows than these do not fit a screen; JSON=1 has all of them.
ROWS_SHOWN = 40
NUMBERS = ("gbp", "percent", "count", "days")


def show(console: Console, understood: str, table: Table) -> None:
    """Print an answer: how the question was understood, the SQL, a chart and the rows.

    Args:
        console: where to print.
        understood: the reading in words.
        table: the answer.
    """
    console.print(Text(f"Understood  {printable(understood)}", style="bold"))
    for statement in table.sql:
        console.print(Text(statement.rstrip(), style="dim"), soft_wrap=True)
    if not table.rows:
        console.print(Text(f"Answer      no rows, in release {table.release}"))
        return
    chart = series(table)
    if chart:
        console.print(Text(f"Series      {chart}"))
    console.print(rows(table))
    more = len(table.rows) - ROWS_SHOWN
    count = "1 row" if len(table.rows) == 1 else f"{len(table.rows):,} rows"
    hidden = f"; {more:,} more rows, JSON=1 has all of them" if more > 0 else ""
    console.print(Text(f"Answer      {count} of release {table.release}, in {table.seconds:.2f} s{hidden}"))


def show_outcome(console: Console, content: Json) -> None:
    """Print a refusal, or a question back with its choices.

    Args:
        console: where to print.
        content: as `scripts.ask.reading.read` returns it.
    """
    console.print(Text(printable(content["says"])))
    for choice in content.get("choices", ()):
        console.print(Text(f'  {printable(choice["words"])}: ask "{printable(choice["question"])}"'), soft_wrap=True)


def rows(table: Table) -> RichTable:
    """Return the rows as a table, with a bar behind the first metric if rows are not a series.

    Args:
        table: the answer.
    """
    first = next(place for place, column in enumerate(table.columns) if column.unit in NUMBERS)
    with_bars = first > 0 and len(table.rows) > 1 and not series(table)
    shown = RichTable(box=None)
    for column in table.columns:
        shown.add_column(column.label, justify="right" if column.unit in NUMBERS else "left", overflow="fold")
    if with_bars:
        shown.add_column("")
    values = [_number(row[first]) for row in table.rows]
    widest = max((abs(value) for value in values), default=0.0)
    for row, value in list(zip(table.rows, values, strict=True))[:ROWS_SHOWN]:
        cells = [Text(cell(each, column)) for each, column in zip(row, table.columns, strict=True)]
        if with_bars:
            cells.append(Text(bar(value, widest), style="red" if value < 0 else "cyan"))
        shown.add_row(*cells)
    return shown


def series(table: Table) -> str:
    """Return the first metric as a line of blocks, if the rows are one series of days, weeks, months, ...

    Args:
        table: the answer.
    """
    if len(table.rows) < 2 or table.columns[0].unit not in GRAINS:  # noqa: PLR2004  # a line needs two points
        return ""
    values = [_number(row[1]) for row in table.rows]
    if len(values) > LONGEST_LINE:
        return ""
    lowest, highest = min(values), max(values)
    span = highest - lowest or 1.0
    return "".join(LEVELS[min(int((value - lowest) / span * len(LEVELS)), len(LEVELS) - 1)] for value in values)


def bar(value: float, widest: float) -> str:
    """Return a bar of blocks whose length says how large a value is.

    Args:
        value: the value; its sign does not count.
        widest: the value of the longest bar.
    """
    eighths = round(abs(value) / widest * BAR_WIDTH * len(BLOCKS)) if widest else 0
    full, rest = divmod(eighths, len(BLOCKS))
    return BLOCKS[-1] * full + (BLOCKS[rest - 1] if rest else "")


def cell(value: Value, column: Column) -> str:  # noqa: PLR0911  # a return for each kind of value
    """Return a value as people read it.

    Args:
        value: the value.
        column: its column.
    """
    if value is None:
        return "none"
    if isinstance(value, date):
        return day(value, column.unit)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if column.unit == "percent":
        return f"{float(str(value)) * 100:,.2f} %"
    if column.unit == "gbp":
        return f"£{Decimal(str(value)):,.2f}".replace("£-", "-£")
    if column.unit in NUMBERS:
        number = Decimal(str(value))
        return f"{number:,.0f}" if number == number.to_integral_value() else f"{number:,.2f}"
    return printable(str(value))


def day(value: date, grain: str) -> str:
    """Return the first day of a period as the name of the period.

    Args:
        value: the day.
        grain: the period.
    """
    names = {
        "month": f"{MONTHS[value.month - 1][:3]} {value.year}",
        "quarter": f"Q{(value.month - 1) // 3 + 1} {value.year}",
        "year": f"{value.year}",
        "week": f"week of {value.isoformat()}",
    }
    return names.get(grain, value.isoformat())


def _number(value: Value) -> float:
    return float(value) if isinstance(value, int | float | Decimal) else 0.0
