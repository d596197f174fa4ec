"""Metrics and answers as tables of a terminal."""

from decimal import Decimal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from scripts.errors import printable
from scripts.metrics.answers import Answer
from scripts.metrics.catalogue import GRAINS, Catalogue
from scripts.paths import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "metrics.md"
# The table stands between these lines.
BEGIN, END = "<!-- Written by `make metrics`. -->\n\n", "\n<!-- The end of the table. -->"
# Of a line in a pipe or a log.
WIDEST = 1_000


def metrics(console: Console, known: Catalogue) -> None:
    """Print all metrics.

    Args:
        console: where to print.
        known: the catalogue of the project.
    """
    table = _table(console, ("metric", "label", "unit", "owner", "definition"))
    for metric in known.metrics.values():
        table.add_row(metric.name, metric.label, metric.unit, metric.owner, metric.description)
    console.print(table)


def page(known: Catalogue) -> str:
    """Return the metrics as a table of the documentation.

    Args:
        known: the catalogue of the project.
    """
    rows = [("metric", "label", "unit", "definition"), ("---",) * 4]
    named = sorted(known.metrics.values(), key=lambda each: each.name)
    rows += [(f"`{each.name}`", each.label, each.unit, each.description.strip()) for each in named]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def write_page(known: Catalogue) -> None:
    """Write the table of metrics into the documentation.

    Args:
        known: the catalogue of the project.
    """
    text = PAGE.read_text()
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}{page(known)}{END}{after}")


def answer(console: Console, found: Answer, known: Catalogue, *, with_sql: bool) -> None:
    """Print an answer.

    Args:
        console: where to print.
        found: the answer.
        known: the catalogue of the project.
        with_sql: whether to print the SQL as well.
    """
    if with_sql:
        console.print(found.compiled.sql, markup=False, highlight=False, soft_wrap=True)
    units = {name: metric.unit for name, metric in known.metrics.items()}
    table = _table(console, [])
    for column in found.columns:
        table.add_column(heading(column, known), justify="right" if column in units else "left", overflow="fold")
    for row in found.rows:
        cells = zip(found.columns, row, strict=True)
        table.add_row(*(Text(formatted(value, units.get(column, ""))) for column, value in cells))
    console.print(table)
    rows = "1 row" if len(found.rows) == 1 else f"{len(found.rows):,} rows"
    console.print(f"{rows} of release {found.release} in {found.seconds:.2f} s", highlight=False)


def heading(column: str, known: Catalogue) -> str:
    """Return the label of a column of an answer, such as `Date (month)`.

    Args:
        column: the name of a metric, or the full name of a dimension.
        known: the catalogue of the project.
    """
    if column in known.metrics:
        return known.metrics[column].label
    name, _, grain = column.rpartition("__")
    if grain in GRAINS and column not in known.dimensions:
        return f"{known.dimensions[name].label} ({grain})"
    return known.dimensions[column].label


def formatted(value: object, unit: str) -> str:
    """Return a value as a reader expects it: `£1,234.50`, `5.3 %`, `12`. No value is a dash.

    Args:
        value: as PostgreSQL returned it.
        unit: the unit of a metric; of a dimension, an empty text.
    """
    if value is None:
        return "-"
    if not unit or not isinstance(value, int | Decimal):
        return printable(str(value))
    if unit == "gbp":
        return f"{'-' if value < 0 else ''}£{abs(value):,.2f}"
    if unit == "percent":
        return f"{value * 100:,.1f} %"
    return f"{value:,}" if value == int(value) and unit == "count" else f"{value:,.2f}"


def _table(console: Console, columns: tuple[str, ...] | list[str]) -> Table:
    if not console.is_terminal:
        console.width = WIDEST
    table = Table(box=None)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
