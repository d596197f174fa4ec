"""The macros that clean values take any expression, and only texts that a person would call a number or a date."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import jinja2
import psycopg
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.paths import PROJECT_ROOT

# Macros that build on an expression, each with its other arguments.
MACROS = {
    "clean_text": "",
    "tidy_text": "",
    "safe_integer": ", \"','\"",
    "safe_decimal": ", 8, 2, \"'.'\"",
    "safe_timestamp": ", \"'mdy'\", 'Europe/London'",
    "safe_date": ", ['YYYY-MM', 'DD/MM/YYYY']",
}
# Expressions of two columns whose operators bind less than a cast, a comparison or a function.
EXPRESSIONS = [
    "a || b",
    "a || '-01'",
    "case when a < b then a else b end",
    "coalesce(a, b)",
    'b collate "C"',
    "a::varchar(20)",
]
DATES = {
    "2011-01-31": "2011-01-31",
    " 2011-01-31 ": "2011-01-31",
    "2011-01-31 00:00:00": "2011-01-31",
    "2011-02": "2011-02-01",
    "31/12/2011": "2011-12-31",
    "31/02/2011": None,
    "29/02/2012": "2012-02-29",
    "12/31/2011": None,
    "1/2/2011": None,
    "31/12/11": None,
    "2011-13": None,
    "2011-00": None,
    "0000-01": None,
    "2011/01": None,
    # digits of another script
    "\u0662\u0660\u0661\u0661-\u0660\u0661": None,
    "today": None,
    "": None,
}
# Pieces of values: joined, they are often nearly a number or a date.
PIECES = ["1", "12", "31", "2011", "0", ".0", "-", "-", ".", ":", "/", " ", "x", "T", "e", "NaN", "\u00a0", "\t"]
WHOLE = ["2011-02", "2011-12-01", "31/12/2011", "2010-12-01 08:26", "17850.0", "1.250", ""]
texts = st.lists(st.sampled_from(PIECES), max_size=7).map("".join) | st.sampled_from(WHOLE)


class Complaints:
    """What dbt calls `exceptions` in a macro."""

    @staticmethod
    def raise_compiler_error(message: str) -> None:
        """Refuse."""
        raise ValueError(message)


@pytest.fixture(scope="module")
def sql() -> Callable[[str], str]:
    """Return what renders SQL with the macros of the project; they need of dbt only what is given here."""
    paths = [*sorted(PROJECT_ROOT.glob("macros/cleaning/*.sql")), PROJECT_ROOT / "macros/surrogate_key.sql"]
    macros = "\n".join(path.read_text() for path in paths)
    environment = jinja2.Environment(extensions=["jinja2.ext.do"])
    environment.globals |= {
        "modules": {"re": re},
        "exceptions": Complaints,
        "var": yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text())["vars"].__getitem__,
        "pg_wap": {"optimization_fence": lambda: "offset bigint '0'"},
    }
    return lambda query: (
        environment.from_string(f"{macros}\n{query}").render().replace("%", "%%").replace("%%s", "%s").strip()
    )


@pytest.fixture(scope="module")
def session(server: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(server, autocommit=True) as session:
        yield session


@pytest.mark.parametrize("macro", MACROS)
@settings(max_examples=25, deadline=None)
@given(pairs=st.lists(st.tuples(texts, texts), min_size=1, max_size=40))
def test_an_expression_gives_what_its_column_gives(
    macro: str, pairs: list[tuple[str, str]], sql: Callable[[str], str], session: psycopg.Connection
) -> None:
    """Without brackets, `month_text || '-01'` casts only `'-01'`, and a good value goes to quarantine."""
    more = MACROS[macro]
    compared = ", ".join(
        f"({{{{ {macro}({text!r}{more}) }}}}) is not distinct from ({{{{ {macro}('v{number}'{more}) }}}})"
        for number, text in enumerate(EXPRESSIONS)
    )
    columns = ", ".join(f"{text} as v{number}" for number, text in enumerate(EXPRESSIONS))
    query = f"""
        select a, b, {compared}
        from (select a, b, {columns} from unnest(%s::text[], %s::text[]) as given (a, b)) as computed
    """
    rows = session.execute(sql(query), [list(side) for side in zip(*pairs, strict=True)]).fetchall()
    assert [row for row in rows if not all(row[2:])] == []


def test_a_key_of_an_expression_is_the_key_of_its_value(sql: Callable[[str], str], session: psycopg.Connection) -> None:
    """A cast of the last operand only would fail for numbers, and hash another text for dates."""
    query = "select {{ surrogate_key(['a + b', 'd - 1']) }} = {{ surrogate_key(['c', 'e']) }} from given"
    given = "with given as (select 1 as a, 2 as b, 3 as c, '2011-01-02'::date as d, '2011-01-01'::date as e) "
    assert session.execute(given + sql(query)).fetchone() == (True,)


# Each text, and its value where the order of dates is mdy, dmy, ymd and not known. None: quarantined.
TIMES = {
    "12/1/2010 8:26": ("2010-12-01 08:26:00", "2010-01-12 08:26:00", None, None),
    "01-12-2010 08:26": ("2010-01-12 08:26:00", "2010-12-01 08:26:00", None, None),
    "1.12.2010": ("2010-01-12 00:00:00", "2010-12-01 00:00:00", None, None),
    "12/1/10 8:26": ("2010-12-01 08:26:00", "2010-01-12 08:26:00", "2012-01-10 08:26:00", None),
    "12/13/2010": ("2010-12-13 00:00:00", None, None, None),
    "13/12/2010": (None, "2010-12-13 00:00:00", None, None),
    "12/1/2010 8:26 PM": ("2010-12-01 20:26:00", "2010-01-12 20:26:00", None, None),
    "12/1/2010, 8:26": (None, None, None, None),
    "12/1/2010\u202f8:26:05 a.m.": ("2010-12-01 08:26:05", "2010-01-12 08:26:05", None, None),
    "12/1/2010 13:26 PM": (None, None, None, None),
    "12/1-2010": (None, None, None, None),
    "12/1/201": (None, None, None, None),
    "2/30/2010": (None, None, None, None),
    "2010/12/1 8:26": ("2010-12-01 08:26:00",) * 4,
    "2010-12-01 08:26:00": ("2010-12-01 08:26:00",) * 4,
    "2010-12-01T08:26:00Z": ("2010-12-01 08:26:00",) * 4,
    # British summer time
    "2010-07-01T08:26:00Z": ("2010-07-01 09:26:00",) * 4,
    "2010-07-01 08:26+0100": ("2010-07-01 08:26:00",) * 4,
    "2010-07-01 08:26:00.5 -05:00": ("2010-07-01 14:26:00.5",) * 4,
    # A day with an offset is no instant.
    "2010-07-01+05:00": (None,) * 4,
    "2010-07-01Z": (None,) * 4,
    "now": (None,) * 4,
    "NULL": (None,) * 4,
}
# Each text, and its value where the mark of decimals is a point, a comma and not known.
NUMBERS = {
    "2.55": ("2.5500", None, "2.5500"),
    "2,55": (None, "2.5500", None),
    "1.234,50": (None, "1234.5000", None),
    "1,234.50": ("1234.5000", None, None),
    "1,234": ("1234.0000", "1.2340", None),
    "0,160": (None, "0.1600", None),
    "1.234": ("1.2340", "1234.0000", "1.2340"),
    "1,234,567.5": ("1234567.5000", None, None),
    "12,34.5": (None, None, None),
    "£2.55": ("2.5500", None, "2.5500"),
    "-£ 2.55": ("-2.5500", None, "-2.5500"),
    "2.55 GBP": ("2.5500", None, "2.5500"),
    # Another currency is another amount.
    "$2.55": (None, None, None),
    "(3)": ("-3.0000",) * 3,
    "(£3)": ("-3.0000",) * 3,
    "(3": (None,) * 3,
    "-(3)": (None,) * 3,
    "5-": ("-5.0000",) * 3,
    "-5-": (None,) * 3,
    "\u22125": ("-5.0000",) * 3,
    "+4": ("4.0000",) * 3,
    "1e3": ("1000.0000",) * 3,
    "2.55E+00": ("2.5500", None, "2.5500"),
    "1\u00a0234.50": ("1234.5000", None, "1234.5000"),
    "1\u2009234\u202f567": ("1234567.0000",) * 3,
    "1'234.50": ("1234.5000", None, "1234.5000"),
    "1\u2019234": ("1234.0000",) * 3,
    "12 34": (None,) * 3,
    "1 234'567": (None,) * 3,
    "\ufeff2.55": ("2.5500", None, "2.5500"),
    "2.55555": (None, None, None),
    "0x1F": (None,) * 3,
    "NaN": (None,) * 3,
    "-": (None,) * 3,
    ".": (None,) * 3,
    "": (None,) * 3,
}
INTEGERS = {
    "12": (12, 12, 12),
    "12.0": (12, 12, 12),
    "12.00": (12, None, 12),
    "12,0": (None, 12, None),
    "1,000": (1000, 1, None),
    "1.000": (1, 1000, None),
    "1.5": (None, None, None),
    "1e3": (1000, 1000, 1000),
    "(3)": (-3, -3, -3),
    "5-": (-5, -5, -5),
    "99999999999": (None, None, None),
    "1e99": (None, None, None),
    "NULL": (None, None, None),
}
CLEAN = {
    "LANTERN": "LANTERN",
    " LANTERN ": "LANTERN",
    "RED  LANTERN": "RED LANTERN",
    "RED\tLANTERN": "RED LANTERN",
    "RED\r\nLANTERN\n": "RED LANTERN",
    "\ufeffRED\u00a0\u202f\u3000LANTERN": "RED LANTERN",
    "LAN\u00adT\u200bE\u2060R\u200dN\u200e": "LANTERN",
    "LANTERN\r": "LANTERN",
    "CAFE\u0301": "CAF\u00c9",
    "\u200b": None,
    "\u00a0 \t": None,
    "": None,
    "nan": None,
    " NaN": None,
    "NULL ": None,
    "\u00a0None\u200b": None,
    "n/a": None,
    "<NA>": None,
    "-": None,
    "--": "--",
    "NANA": "NANA",
    "NO NAME": "NO NAME",
    "?": "?",
}


def read(sql: Callable[[str], str], session: psycopg.Connection, table: dict[str, Any], *calls: str) -> dict[str, Any]:
    """Return the values of the texts of a table, as text if they are no integers, by each call of a macro."""
    query = f"select text, {', '.join(calls)} from unnest(%s::text[]) as given (text)"
    return {text: values for text, *values in session.execute(sql(query), [list(table)]).fetchall()}


def test_times_are_read_by_the_order_of_their_file(sql: Callable[[str], str], session: psycopg.Connection) -> None:
    """The same text is two days: without a proven order it must wait, and no offset may be lost."""
    orders = ["'mdy'", "'dmy'", "'ymd'", "null::text"]
    calls = [f"""{{{{ safe_timestamp('text', "{order}", 'Europe/London') }}}}::text""" for order in orders]
    assert read(sql, session, TIMES, *calls) == {text: list(values) for text, values in TIMES.items()}


def test_an_offset_waits_where_no_zone_is_declared(sql: Callable[[str], str], session: psycopg.Connection) -> None:
    """An instant has no local time before the zone is known; PostgreSQL would drop the offset."""
    query = "select {{ safe_timestamp('text') }} from (select '2010-12-01T08:26:00Z' as text) as given"
    assert session.execute(sql(query)).fetchone() == (None,)


def test_numbers_are_read_by_the_mark_of_their_file(sql: Callable[[str], str], session: psycopg.Connection) -> None:
    """`1,234` is two numbers: without a proven mark it must wait, and so must a number with the other mark."""
    marks = ["'.'", "','", "null::text"]
    calls = [f"""{{{{ safe_decimal('text', 12, 4, "{mark}") }}}}::text""" for mark in marks]
    assert read(sql, session, NUMBERS, *calls) == {text: list(values) for text, values in NUMBERS.items()}
    calls = [f"""{{{{ safe_integer('text', "{mark}") }}}}""" for mark in marks]
    assert read(sql, session, INTEGERS, *calls) == {text: list(values) for text, values in INTEGERS.items()}


def test_texts_are_cleaned_by_one_rule(sql: Callable[[str], str], session: psycopg.Connection) -> None:
    """Two spellings that look alike would be two customers, two products, two countries."""
    assert read(sql, session, CLEAN, "{{ clean_text('text') }}") == {text: [value] for text, value in CLEAN.items()}


def test_dates_are_read_in_the_given_formats_only(sql: Callable[[str], str], session: psycopg.Connection) -> None:
    """A date that is guessed is a wrong date: 12/31/2011 is no day of a shop that writes 31/12/2011."""
    dates = "{{ safe_date('text', ['YYYY-MM', 'DD/MM/YYYY']) }}::text"
    query = f"select text, {dates} from unnest(%s::text[]) as given (text)"
    found = dict(session.execute(sql(query), [list(DATES)]).fetchall())
    assert found == DATES


@pytest.mark.parametrize("unknown", ["YY-MM-DD", "YYYY", "D/M/YYYY", "Mon YYYY-MM", "YYYY-MM-DD HH24"])
def test_an_unknown_format_is_refused(unknown: str, sql: Callable[[str], str]) -> None:
    """A format that no text can have would send every row to quarantine."""
    with pytest.raises(ValueError, match="safe_date: no format"):
        sql(f"{{{{ safe_date('text', ['{unknown}']) }}}}")
