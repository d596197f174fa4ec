"""The macros that clean values take any expression, and only texts that a person would call a number or a date."""

import re
from collections.abc import Callable, Iterator

import jinja2
import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scripts.paths import PROJECT_ROOT

# Macros that build on an expression, each with its other arguments.
MACROS = {
    "clean_text": "",
    "tidy_text": "",
    "safe_integer": "",
    "safe_decimal": ", 8, 2",
    "safe_timestamp": "",
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
    environment.globals |= {"modules": {"re": re}, "exceptions": Complaints}
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
