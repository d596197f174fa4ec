"""The text of the files of a new source."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from textwrap import indent

from scripts.scaffold.columns import Column

# sqlfluff takes these as names of columns, but not after `as`.
WORDS_OF_SQL = """
    action class condition content count date day hour key language level location minute mode month name number
    owner parameter path percent position range result role row rows second section sequence size source start state
    status text time timestamp title total type value version year zone
"""
KEYWORDS = frozenset(WORDS_OF_SQL.split())
# Why a value is not of its type, in the terms of the other models.
UNTYPED = {
    "integer": "not_an_integer",
    "decimal": "not_a_number",
    "date": "not_a_date",
    "timestamp": "not_a_timestamp",
}
NO_VALUE = "?"
WORDS = "some words"
SAFE_IN_YAML = re.compile(r"[A-Za-z`][\w `.,()/-]*")


@dataclass(frozen=True)
class Typed:
    """A column of the staging model.

    Attributes:
        delivered: the column of the file.
        name: its name in the staging model.
        text_name: the name of its text, which tells a missing value from a bad one.
        data_type: its type.
        good: a value as delivered.
        value: the same value as unit tests expect it.
    """

    delivered: Column
    name: str
    text_name: str
    data_type: str
    good: str
    value: str

    @property
    def expression(self) -> str:
        """Return the Jinja that types the column."""
        column = self.delivered
        match column.kind:
            case "text":
                return f"{{{{ clean_text('{column.name}') }}}}"
            case "decimal":
                return f"{{{{ safe_decimal('{column.name}', {column.precision}, {column.scale}) }}}}"
            case "date" if column.date_format != "YYYY-MM-DD":
                return f"{{{{ safe_date('{column.name}', ['{column.date_format}']) }}}}"
            case kind:
                return f"{{{{ safe_{kind}('{column.name}') }}}}"

    @property
    def missing(self) -> dict[str, str]:
        """Return the reason for which a row without a value is set aside, with its condition."""
        return {f"{self.delivered.name}_missing": f"{self.text_name} is null"} if self.delivered.is_required else {}

    @property
    def untyped(self) -> dict[str, str]:
        """Return the reason for which a row with a bad value is set aside, with its condition."""
        if self.delivered.kind == "text":
            return {}
        condition = f"{self.name} is null and {self.text_name} is not null"
        return {f"{self.delivered.name}_{UNTYPED[self.delivered.kind]}": condition}


def typed(columns: Sequence[Column], table: str) -> list[Typed]:
    """Return the columns of the staging model of a table."""
    taken = {column.name for column in columns}
    return [_typed(column, table, taken) for column in columns]


def entry(table: str, path: Path, columns: Sequence[Typed], added: Sequence[str]) -> str:
    """Return the entry of a table in the contract.

    Args:
        table: its name.
        path: the file that it was read from.
        columns: its columns.
        added: the anchors of the descriptions of the loader's own columns.
    """
    renamed = ", ".join(f"{each.delivered.name}: {each.name}" for each in columns if each.name != each.delivered.name)
    described = "".join(
        f"""\
    - name: {each.delivered.name}
      description: {_text(f"Column `{each.delivered.spelling}`, as delivered.")}
      data_type: text
      config:
        meta:
          # To decide: docs/governance.md.
          pii: undecided
          purpose: undecided
          spellings: [{_text(each.delivered.spelling)}]
          required: {str(each.delivered.is_required).lower()}
"""
        for each in columns
    )
    return f"""\
- name: {table}
  description: >
    Rows of files such as {_inline(path.name)}, as delivered. Grain: one data row of one landed file, key
    `(_file_id, _line)`.
  config:
    # To decide: after how many days without a file this source is late.
    freshness:
      warn_after: {{count: 35, period: day}}
      error_after: {{count: 100, period: day}}
    meta:
      landing:
        formats: [csv, jsonl, parquet, xlsx]
  data_tests:
    - holds_what_the_ledger_says:
        name: {table}_hold_what_the_ledger_says
        description: A file with missing or duplicate rows would silently make every total wrong.
        arguments:
          ledger: ref('stg_retail__landed_files')
        config:
          group: platform
          severity: error
    - every_row_is_typed_or_quarantined:
        name: {table}_are_typed_or_quarantined
        description: A row that is neither typed nor in quarantine is missing from every total, and nobody is told.
        arguments:
          typed: ref('stg_retail__{table}')
          quarantine: ref('int_{table}_quarantined')
{f"          columns: {{{renamed}}}{chr(10)}" if renamed else ""}\
        config:
          group: platform
          severity: error
  columns:
{described}{"".join(f"    - *{anchor}{chr(10)}" for anchor in added)}"""


def staging_sql(table: str, columns: Sequence[Typed]) -> str:
    """Return the staging model: it types the columns and gives each bad row its reasons."""
    selected = []
    for each in columns:
        if each.delivered.kind != "text":
            selected.append(f"{{{{ clean_text('{each.delivered.name}') }}}} as {each.text_name}")
        selected.append(f"{each.expression} as {each.name}")
    reasons = [reason for each in columns for reason in (each.missing | each.untyped).items()]
    conditions = "".join(f"            '{reason}': '{condition}',\n" for reason, condition in reasons)
    return f"""\
with

delivered_rows as (

    select * from {{{{ source('retail', '{table}') }}}}

),

typed as (

    select
        _file_id as file_id,
        _line as file_line,
{_listed(selected)}
    from delivered_rows

),

judged as (

    select
        *,
        {{{{ quarantine_reasons({{
{conditions}        }}) }}}} as quarantine_reasons
    from typed

),

final as (

    select
        file_id,
        file_line,

{_listed([each.name for each in columns])},

        quarantine_reasons = '' as is_usable,
        quarantine_reasons
    from judged

)

select * from final
"""


def staging_yaml(table: str, columns: Sequence[Typed]) -> str:
    """Return the description and the unit test of the staging model."""
    reasons = [reason for each in columns for reason in each.missing | each.untyped]
    described = "".join(
        f"      - name: {each.name}\n"
        f"        description: {_text(f'Column `{each.delivered.spelling}` of the file{_as_what(each)}.')}\n"
        f"        data_type: {each.data_type}\n"
        for each in columns
    )
    missing = [reason for each in columns for reason in each.missing]
    untyped = [reason for each in columns for reason in each.untyped]
    good = {each.name: each.value for each in columns}
    bad = {each.name: _text(WORDS) if each.delivered.kind == "text" else "null" for each in columns}
    given = [_given(2, columns, lambda each: each.good), _given(3, columns, lambda _: " ")]
    expected = [_expected(2, good, []), _expected(3, dict.fromkeys(good, "null"), missing)]
    if untyped:
        given.append(_given(4, columns, lambda each: WORDS if each.delivered.kind == "text" else NO_VALUE))
        expected.append(_expected(4, bad, untyped))
    return f"""\
version: 2

models:
  - name: stg_retail__{table}
    description: |
      Rows of `bronze.{table}`, cleaned and typed, with the reasons why a row cannot be used.

      Grain: one row per row of `bronze.{table}`. A value that cannot be typed exactly becomes null and gets a reason.
      Models that read this one take the rows with `is_usable`; the others wait in `silver.quarantined_{table}`.
    columns:
      - name: file_id
        description: '{{{{ doc("file_id") }}}}'
        data_type: integer
      - name: file_line
        description: '{{{{ doc("file_line") }}}}'
        data_type: integer
{described}\
      - name: is_usable
        description: Whether the row has no reason to be quarantined.
        data_type: boolean
      - name: quarantine_reasons
        description: >
          All reasons why the row cannot be used, separated by commas, empty if it can be used:
{_wrapped([f"`{reason}`" for reason in reasons], "          ")}
        data_type: text

unit_tests:
  - name: stg_{table}_types_or_sets_aside
    description: A guessed value would distort totals, and a row without a reason would never be corrected.
    model: stg_retail__{table}
    given:
      - input: source('retail', '{table}')
        rows:
{indent("".join(given), " " * 10)}\
    expect:
      rows:
{indent("".join(expected), " " * 8)}"""


def quarantine_sql(table: str, columns: Sequence[Typed]) -> str:
    """Return the model of the rows that cannot be used."""
    return f"""\
{{{{ config(
    materialized='stable_view',
    alias='quarantined_{table}',
) }}}}

{{{{ quarantined_rows(
    '{table}',
    [
{"".join(f"        '{each.delivered.name}',{chr(10)}" for each in columns)}    ],
) }}}}
"""


def quarantine_yaml(table: str, columns: Sequence[Typed]) -> str:
    """Return the description and the unit test of the model of the rows that cannot be used."""
    described = "".join(
        f"      - name: {each.delivered.name}\n"
        f"        description: {_text(f'Column `{each.delivered.spelling}`, as delivered.')}\n"
        for each in columns
    )
    first = columns[0].delivered.name
    return f"""\
version: 2

models:
  - name: int_{table}_quarantined
    description: |
      Rows of `bronze.{table}` that cannot be used, as delivered, with every reason: `silver.quarantined_{table}`.

      Grain: one row per such row. No total includes it until a rule is corrected, or a later file delivers it again.
    columns:
      - name: file_id
        description: '{{{{ doc("file_id") }}}}'
      - name: file_line
        description: '{{{{ doc("file_line") }}}}'
      - name: file_name
        description: Name of the landed file, for the person who corrects it.
      - name: quarantine_reasons
        description: All reasons why the row cannot be used, separated by commas, in the terms of `stg_retail__{table}`.
{described}\
      - name: first_seen_at
        description: When the file of the row landed.

unit_tests:
  - name: quarantined_{table}_show_the_row_as_it_came
    description: The person who corrects the file needs its original text, not the typed values.
    model: int_{table}_quarantined
    given:
      - input: ref('stg_retail__{table}')
        rows:
          - {{file_id: 1, file_line: 2, is_usable: false, quarantine_reasons: some_reason}}
          - {{file_id: 1, file_line: 3, is_usable: true, quarantine_reasons: ""}}
      - input: source('retail', '{table}')
        rows:
          - {{_file_id: 1, _line: 2, {first}: " as it came "}}
          - {{_file_id: 1, _line: 3, {first}: good}}
      - input: source('retail', 'landed_files')
        rows:
          - {{file_id: 1, name: list.csv}}
    expect:
      rows:
        - {{file_id: 1, file_line: 2, file_name: list.csv, quarantine_reasons: some_reason, {first}: " as it came "}}
"""


def _typed(column: Column, table: str, taken: set[str]) -> Typed:
    name, data_type, good, value = column.name, "text", f" {WORDS} ", _text(WORDS)
    match column.kind:
        case "integer":
            data_type, good, value = "integer", "12", "12"
        case "decimal":
            data_type, good = f"numeric({column.precision}, {column.scale})", "12.50"
            value = f'"12.5{"0" * (column.scale - 1)}"'
        case "date":
            name = f"{table}_date" if name == "date" else f"{name.removesuffix('_date')}_date"
            day = "28" if "DD" in column.date_format else "01"
            good = column.date_format.replace("YYYY", "2011").replace("MM", "02").replace("DD", day)
            data_type, value = "date", f"2011-02-{day}"
        case "timestamp":
            name = f"{re.sub('_(date|time|timestamp|at)$', '', name)}_at"
            data_type, good, value = "timestamp", "2011-02-28 10:30:00", "2011-02-28 10:30:00"
    name = f"{name}_value" if name in KEYWORDS else name
    if name != column.name:
        while name in taken:
            name += "_typed"
        taken.add(name)
    text_name = name
    if column.kind != "text":
        text_name = f"{column.name}_text" if f"{column.name}_text" not in taken else f"{column.name}_as_delivered"
    return Typed(column, name, text_name, data_type, good, value)


def _as_what(each: Typed) -> str:
    match each.delivered.kind:
        case "text":
            return ", trimmed"
        case "date" if "DD" not in each.delivered.date_format:
            return ", as the first day of the month"
        case kind:
            return f", as {'an' if kind == 'integer' else 'a'} {kind}"


def _given(line: int, columns: Sequence[Typed], value: Callable[[Typed], str]) -> str:
    values = ", ".join(f"{each.delivered.name}: {json.dumps(value(each))}" for each in columns)
    return f"- {{_file_id: 1, _line: {line}, {values}}}\n"


def _expected(line: int, values: dict[str, str], reasons: Sequence[str]) -> str:
    listed = ", ".join(f"{name}: {value}" for name, value in values.items())
    judged = f'is_usable: {str(not reasons).lower()}, quarantine_reasons: "{", ".join(reasons)}"'
    return f"- {{file_line: {line}, {listed}, {judged}}}\n"


def _text(text: str) -> str:
    """Return a text as YAML. What dbt would take for Jinja has been refused."""
    return text if SAFE_IN_YAML.fullmatch(text) else json.dumps(text, ensure_ascii=False)


def _inline(text: str) -> str:
    """Return a name for a folded text of YAML."""
    return f"`{' '.join(re.sub('[{}`]', '', text).split())}`"


def _listed(expressions: Sequence[str]) -> str:
    return ",\n".join(f"        {expression}" for expression in expressions)


def _wrapped(words: Sequence[str], margin: str, width: int = 120) -> str:
    lines = [margin]
    for number, word in enumerate(words):
        text = word + ("." if number == len(words) - 1 else ",")
        if len(lines[-1]) + len(text) > width and lines[-1].strip():
            lines[-1] = lines[-1].rstrip()
            lines.append(margin)
        lines[-1] += f"{text} "
    return "\n".join(lines).rstrip()
