"""The one way in which a command says no."""

import re

import click


class Refusal(click.ClickException):
    """Bad input or a bad environment, told to the user in one line, exit code 1, no traceback.

    The message says what is wrong, where, and what to do about it. Wrong usage of
    a command (an unknown option, say) is `click.UsageError`, exit code 2.
    """

    exit_code = 1


# Characters that move the cursor, break the line or turn the direction of the text around them.
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """Return text of a file, such as its name or a header, with its control characters escaped.

    A terminal obeys such characters, and a log takes a line break for a new entry.
    """
    return UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def said_in_one_line(problem: str) -> str:
    """Return what dbt says of a problem, without which kind of error it is and which macro called which."""
    said = " ".join(problem.split())
    said = re.sub(r"^(Runtime Error )?(Compilation|Database) Error( in \w+ \S+ \(\S+\))? ", "", said)
    return re.sub(r" (> in macro|CONTEXT:|PL/pgSQL function) .*$", "", said).rstrip(".")
