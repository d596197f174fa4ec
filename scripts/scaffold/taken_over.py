"""Write a mart of columns that the project documents already: with their types, descriptions and marks."""

import json
import re
from collections.abc import Iterator, Sequence

from scripts.errors import Refusal
from scripts.scaffold.catalogue import Known, Origin

# Values of the two lines of a unit test, by the beginning of a type.
SAMPLES = {
    "numeric": ("10", "-2.5"),
    "integer": ("3", "2"),
    "bigint": ("3", "2"),
    "smallint": ("3", "2"),
    "date": ("2011-01-31",),
    "timestamp": ("2011-01-31 10:00:00",),
    "boolean": ("true",),
}
TEXT = ("'A'",)


def mart_sql(origin: Origin) -> str:
    """Return a query that sums the amounts of each combination of the other columns.

    Args:
        origin: where the columns come from.

    Raises:
        Refusal: all columns are amounts, so the mart has no grain.
    """
    grain = [known for known in origin.columns if not known.is_summed]
    if not grain:
        raise Refusal(
            "COLUMNS: all of them are summed up; add the columns of the grain, such as date_day or customer_id."
        )
    imports = "\n".join(
        f"{model} as (\n\n    select * from {{{{ ref('{model}') }}}}\n\n),\n" for model in (origin.base, *origin.joins)
    )
    joins = "".join(
        f"\n    inner join {model} on {origin.base}.{key} = {model}.{key}" for model, key in origin.joins.items()
    )
    selected = ",\n        ".join(map(_expression, origin.columns))
    empty = [known for known in grain if not known.constraints & {"not_null", "primary_key"}]
    where = "".join(
        f"\n    {'and' if number else 'where'} {known.model}.{known.name} is not null"
        for number, known in enumerate(empty)
    )
    places = ", ".join(str(place) for place, known in enumerate(origin.columns, 1) if not known.is_summed)
    key = f"'{grain[0].name}'" if len(grain) == 1 else str([known.name for known in grain])
    return (
        f"{{{{ config(unique_key={key}) }}}}\n\nwith\n\n{imports}\nfinal as (\n\n    select\n        {selected}\n"
        f"    from {origin.base}{joins}{where}\n    group by {places}\n\n)\n\nselect * from final\n"
    )


def mart_yaml(name: str, origin: Origin) -> str:
    """Return the YAML of the mart: what is known of its columns, a rule, and a unit test.

    Args:
        name: the name of the mart.
        origin: where the columns come from.
    """
    return "\n".join([*_model(name, origin), "", *_unit_test(name, origin), ""])


def _model(name: str, origin: Origin) -> Iterator[str]:
    grain = [known.name for known in origin.columns if not known.is_summed]
    models = ", ".join(f"`{model}`" for model in (origin.base, *origin.joins))
    yield from ("version: 2", "", "models:", f"  - name: {name}", "    description: |")
    yield f"      TODO: what this mart answers, for whom, and what surprises a reader. It reads {models}."
    yield from ("", f"      Grain: one row per {', '.join(grain)}.", "    columns:")
    for known in origin.columns:
        yield f"      - name: {known.name}"
        summed = f"Sum of `{known.name}` of `{known.model}`: " if known.is_summed else ""
        yield f"        description: {_quoted(summed + known.description)}"
        yield f"        data_type: {_type(known)}"
        if known.name == grain[0] or (known.marks and not known.is_summed):
            yield from ("        config:", "          meta:")
        if not known.is_summed:
            yield from (f"            {mark}: {_quoted(value)}" for mark, value in known.marks.items())
        if known.name == grain[0]:
            yield from ("            rules:", f"              {name}_has_its_{known.name}:")
            yield f"                expression: {known.name} is not null"
            yield '                why: "TODO: what goes wrong for a reader without it, or a rule that says more."'
        yield from (
            "        constraints:",
            f"          - {{type: {_constraint(known, grain)}, warn_unsupported: false}}",
        )
    if len(grain) > 1:
        yield from ("    constraints:", "      - type: primary_key", "        warn_unsupported: false")
        yield f"        columns: [{', '.join(grain)}]"
    yield from ("    data_tests:", "      - pg_wap.row_rules:", f"          name: {name}_obeys_its_rules")
    yield '          description: "TODO: what goes wrong for a reader if a rule is broken."'
    yield from ("          config:", "            severity: error")


def _unit_test(name: str, origin: Origin) -> Iterator[str]:
    yield from ("unit_tests:", f"  - name: {name}_sums_its_lines")
    yield "    description: Two rows with the same values are one row, and amounts of both are summed up."
    yield from (f"    model: {name}", "    given:")
    own = [known for known in origin.columns if known.model == origin.base]
    keys = [f"{key}: 1" for key in origin.joins.values()]
    yield from (f"      - input: ref('{origin.base}')", "        rows:")
    for line in (0, -1):
        values = [f"{known.name}: {_samples(known)[line]}" for known in own if known.name not in origin.joins.values()]
        yield f"          - {{{', '.join([*keys, *values])}}}"
    for model, key in origin.joins.items():
        values = [f"{known.name}: {_samples(known)[0]}" for known in origin.columns if known.model == model]
        yield from (
            f"      - input: ref('{model}')",
            "        rows:",
            f"          - {{{', '.join([f'{key}: 1', *values])}}}",
        )
    yield from ("    expect:", "      rows:")
    yield f"        - {{{', '.join(f'{known.name}: {_expected(known, origin)}' for known in origin.columns)}}}"


def _expression(known: Known) -> str:
    column = f"{known.model}.{known.name}"
    return f"sum({column})::{_type(known).replace(',', ', ')} as {known.name}" if known.is_summed else column


def _type(known: Known) -> str:
    """Return the type; a sum of whole numbers may be larger than each of them."""
    return "bigint" if known.is_summed and not known.data_type.startswith("numeric") else known.data_type


def _constraint(known: Known, grain: Sequence[str]) -> str:
    return "primary_key" if grain == [known.name] else "not_null"


def _samples(known: Known) -> tuple[str, ...]:
    values = next((values for kind, values in SAMPLES.items() if known.data_type.startswith(kind)), TEXT)
    return values if known.is_summed else values[:1]


def _expected(known: Known, origin: Origin) -> str:
    if known.model == origin.base and known.name in origin.joins.values():
        return "1"
    values = _samples(known)
    return str(sum(map(float, values))).removesuffix(".0") if known.is_summed else values[0]


def _quoted(text: str) -> str:
    """Return a scalar of YAML on one line; a reference to a block of docs stays as it is."""
    if "\\" in text:
        return json.dumps(text, ensure_ascii=False)
    return f"'{text.replace(chr(39), chr(39) * 2)}'" if re.search(r"[:#{}\[\]'\"]|^\W", text) else text
