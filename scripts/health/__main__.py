"""`make health`: one line for each measure; exit code 1 if one of them fails."""

import json
from dataclasses import asdict

import click

from scripts import connection
from scripts.health.measures import Measure, limits, measure

EXIT_UNWELL = 1
PREFIX = "retail_warehouse"


def _limit(_: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """Return limits that are given as `name=value`, several with blanks between."""
    found = {}
    for part in " ".join(values).split():
        name, _equals, value = part.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            raise click.BadParameter(f"{part!r}: give a name and a number, such as disk=95.", param=parameter) from None
    return found


@click.command()
@click.option("--limit", "overrides", multiple=True, callback=_limit, help="Another limit, such as `disk=95`.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--prometheus", is_flag=True, help="Print the text format of Prometheus.")
@click.pass_context
def main(context: click.Context, overrides: dict[str, float], *, as_json: bool, prometheus: bool) -> None:
    """Report how the warehouse is, and exit with 1 if a measure is above its limit or cannot be measured."""
    connection.libpq_environment()
    measures = list(measure(limits(overrides)))
    if as_json:
        click.echo(json.dumps([asdict(found) for found in measures], indent=2))
    elif prometheus:
        click.echo(in_prometheus(measures), nl=False)
    else:
        for found in measures:
            click.echo(in_words(found))
    if not all(_is_well(found) for found in measures):
        context.exit(EXIT_UNWELL)


def in_words(found: Measure) -> str:
    """Return a measure as one line for a person."""
    limit = "" if found.name == "server" else f", limit {found.limit:g}"
    value = "" if found.value is None or found.name == "server" else f"{found.value:g} {found.unit}{limit}: "
    return f"{found.status:<8}{found.name:<12}{value}{found.text}"


def in_prometheus(measures: list[Measure]) -> str:
    """Return measures in the text format of Prometheus: the value of each, its limit, and whether it is well."""
    lines = []
    for found in measures:
        if found.value is not None:
            name = f"{PREFIX}_{found.name}" + ("" if found.unit == found.name else f"_{found.unit}")
            lines += [f"# TYPE {name} gauge", f"{name} {found.value:g}"]
    for name, about, value in (
        ("limit", "The highest value of a measure that is well.", lambda found: found.limit),
        ("well", "1 if a measure is within its limit or switched off.", lambda found: float(_is_well(found))),
    ):
        lines += [f"# HELP {PREFIX}_{name} {about}", f"# TYPE {PREFIX}_{name} gauge"]
        lines += [f'{PREFIX}_{name}{{measure="{found.name}"}} {value(found):g}' for found in measures]
    return "\n".join([*lines, ""])


def _is_well(found: Measure) -> bool:
    return found.status in ("ok", "off")


if __name__ == "__main__":
    main(prog_name="python -m scripts.health")
