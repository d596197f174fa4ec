"""`make metric`, `make metrics` and `make exports`."""

import json
from datetime import date, timedelta

import click
from rich.console import Console

from scripts.errors import Refusal, printable
from scripts.metrics import exports, show
from scripts.metrics.answers import run
from scripts.metrics.catalogue import catalogue
from scripts.metrics.query import OPERATORS, Condition, Operator, Query
from scripts.privacy import keep_private


@click.group()
def main() -> None:
    """Ask the release for metrics."""
    keep_private()


@main.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print metrics and dimensions as JSON.")
def list_metrics(as_json: bool) -> None:
    """Print all metrics with their units and definitions, and write the table of the documentation."""
    known = catalogue()
    show.write_page(known)
    if as_json:
        click.echo(json.dumps({kind: [vars(each) for each in named.values()] for kind, named in vars(known).items()}))
    else:
        show.metrics(Console(), known)


@main.command(name="show")
@click.argument("names")
@click.option("--by", default="", help="Dimensions, with commas between: month,country.")
@click.option("--where", multiple=True, help="A condition: country=France, category!=Toys. Several may be given.")
@click.option("--order", default="", help="Metrics and dimensions, with commas between; - in front: descending.")
@click.option("--limit", type=int, help="How many rows at most.")
@click.option("--start", help="The first day, 2011-01-31, or the first day of a month or year, 2011-01 or 2011.")
@click.option("--end", help="The last day, or the last day of a month or year.")
@click.option("--sql", "with_sql", is_flag=True, help="Print the SQL as well.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON, numbers exact, as text.")
def show_metric(
    names: str,
    *,
    by: str,
    where: tuple[str, ...],
    order: str,
    limit: int | None,
    start: str | None,
    end: str | None,
    with_sql: bool,
    as_json: bool,
) -> None:
    """Print the values of metrics, NAMES with commas between."""
    query = Query(
        _split(names),
        _split(by),
        tuple(condition(each) for each in where if each),
        _split(order),
        limit,
        _day(start, last=False),
        _day(end, last=True),
    )
    answer = run(query)
    if as_json:
        rows = [dict(zip(answer.columns, map(_text, row), strict=True)) for row in answer.rows]
        click.echo(json.dumps({"release": answer.release, "sql": answer.compiled.sql, "rows": rows}))
    else:
        show.answer(Console(), answer, catalogue(), with_sql=with_sql)


@main.command(name="export")
def export() -> None:
    """Write the exports of the saved queries, all in one transaction."""
    for relation, rows in exports.write():
        click.echo(f"{relation}: {rows:,} rows")


def condition(text: str) -> Condition:
    """Return a condition as a command line has it: `country=France`, `region in Europe|Asia`, `fiscal_year>=2011`.

    Args:
        text: dimension, operator and value; after `in` and `not in`, values with `|` between.

    Raises:
        Refusal: there is no operator in it.
    """
    text = text.replace("!=", "<>")
    words: tuple[Operator, ...] = ("not in", "in")
    for word in words:
        name, found, values = text.partition(f" {word} ")
        if found:
            return Condition(name.strip(), word, tuple(value.strip() for value in values.split("|")))
    # Of `>` and `>=` at one place, the longer.
    places = [(text.index(sign), -len(sign), sign) for sign in OPERATORS if sign not in words and sign in text]
    if not places:
        raise Refusal(f"condition {printable(text)!r} has no operator: write it as country=France.")
    place, _, sign = min(places)
    return Condition(text[:place].strip(), sign, (text[place + len(sign) :].strip(),))


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _day(text: str | None, *, last: bool) -> date | None:
    """Return a day, or the first or last day of a month or a year."""
    if not text:
        return None
    try:
        year, month, day = (*(int(part) for part in text.split("-")), *(0, 0))[:3]
        if day:
            return date(year, month, day)
        if not last:
            return date(year, month or 1, 1)
        following = date(year + 1, 1, 1) if month in (0, 12) else date(year, month + 1, 1)
        return following - timedelta(days=1)
    except ValueError as error:
        raise Refusal(f"{printable(text)!r} is no day: write it as 2011-01-31, 2011-01 or 2011.") from error


def _text(value: object) -> object:
    return value if value is None or isinstance(value, bool | int) else str(value)


if __name__ == "__main__":
    main(prog_name="python -m scripts.metrics")
