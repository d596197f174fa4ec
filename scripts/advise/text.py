"""Make the normalised text of a query valid SQL again.

`pg_stat_statements` puts `$1` in place of every constant, also where PostgreSQL's grammar allows a constant only:
`interval '1 month'` becomes `interval $1`, and `extract(year from day)` becomes `extract($1 from day)`. And a constant
has a type where a parameter may have none: `day - 28` becomes `day - $1`, where `$1` may be a day or a number.
"""

import re

# Quoted text and names stay unchanged.
QUOTED = r"""(?P<quoted>"(?:[^"]|"")*"|'(?:[^']|'')*')"""
TYPES = (
    "interval|date|timestamptz|timestamp|timetz|time|text|varchar|numeric|bigint|integer|int|smallint|boolean|bool|uuid|"
    "jsonb|json|float8|real"
)
TYPED = rf"(?P<type>\b(?:{TYPES})(?:\s+with(?:out)?\s+time\s+zone)?)\s+\$(?P<typed>\d+)"
EXTRACTED = r"\bextract\s*\(\s*\$(?P<extracted>\d+)\s+from\b"
# A query that groups by an expression and returns it has two parameters for one constant, and would be refused.
TRUNCATED = r"\b(?P<function>date_trunc|date_part)\s*\(\s*\$(?P<field>\d+)\s*,"
# What a query groups by keeps its constants, and has to equal what it returns.
KEPT_EXTRACTED = re.compile(r"\bextract\s*\(\s*(\w+)\s+from\b", re.IGNORECASE)
KEPT_TRUNCATED = re.compile(r"\b(?:date_trunc|date_part)\s*\(\s*('\w+')\s*,", re.IGNORECASE)
UNKNOWN_FIELD = "'month'"
# Behind a sign of arithmetic most constants are numbers.
CALCULATED = re.compile(r"(?<=[-+*/])(\s*)(\$\d+)\b")
PARAMETER = r"\$(?P<parameter>\d+)"
TOKENS = re.compile("|".join((QUOTED, TYPED, EXTRACTED, TRUNCATED, PARAMETER)), re.IGNORECASE)


def valid(text: str) -> str:
    """Return a normalised query as valid SQL, its parameters numbered from 1 in the order of their first appearance.

    Args:
        text: as `pg_stat_statements` shows it.
    """
    numbers: dict[str, int] = {}

    def parameter(number: str) -> str:
        return f"${numbers.setdefault(number, len(numbers) + 1)}"

    def mended(found: re.Match[str]) -> str:
        if found["quoted"]:
            return found["quoted"]
        if found["typed"]:
            return f"cast({parameter(found['typed'])} as {found['type']})"
        # A field of a date that is not known matters neither to a plan nor to its time.
        if found["extracted"]:
            return f"extract({_kept(KEPT_EXTRACTED, text) or 'epoch'} from"
        if found["field"]:
            return f"{found['function']}({_kept(KEPT_TRUNCATED, text) or UNKNOWN_FIELD},"
        return parameter(found["parameter"])

    return TOKENS.sub(mended, text).strip().rstrip(";")


def with_numbers(text: str) -> str:
    """Return a query in which each parameter behind a sign of arithmetic is a number.

    Args:
        text: valid SQL whose parameters have no type of their own.
    """
    return CALCULATED.sub(r"\1cast(\2 as integer)", text)


def with_number_at(text: str, position: int) -> str | None:
    """Return a query in which the next parameter is a number, or None if no parameter follows that may be one.

    Args:
        text: a query that PostgreSQL refuses because it takes a parameter for something else.
        position: where PostgreSQL found the contradiction, in characters.
    """
    for found in TOKENS.finditer(text, position):
        if found["parameter"] and not text[: found.start()].endswith("cast("):
            return f"{text[: found.start()]}cast({found[0]} as integer){text[found.end() :]}"
    return None


def short(text: str, most: int = 100) -> str:
    """Return the beginning of a query in one line.

    Args:
        text: the query.
        most: the number of characters.
    """
    line = " ".join(re.sub(r"--[^\n]*\n|/\*.*?\*/", " ", text, flags=re.DOTALL).split())
    return line if len(line) <= most else f"{line[: most - 3]}..."


def _kept(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return found[1] if found else None
