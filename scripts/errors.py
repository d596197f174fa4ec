"""The one way in which a command says no."""

import re

import click


class Refusal(click.ClickException):
    """Bad input or a bad environment, told to the user in one line, exit code 1, no traceback.

    The message says what is wrong, where, and what to do about it. Wrong usage of
    a command (an unknown option, say) is `click.UsageError`, exit code 2.
    """

    exit_code = 1


def said_in_one_line(problem: str) -> str:
    """Return what dbt says of a problem, without which kind of error it is and which macro called which."""
    said = " ".join(problem.split())
    said = re.sub(r"^(Runtime Error )?(Compilation|Database) Error( in \w+ \S+ \(\S+\))? ", "", said)
    return re.sub(r" (> in macro|CONTEXT:|PL/pgSQL function) .*$", "", said).rstrip(".")
