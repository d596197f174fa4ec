"""The one way in which a command says no."""

import click


class Refusal(click.ClickException):
    """Bad input or a bad environment, told to the user in one line, exit code 1, no traceback.

    The message says what is wrong, where, and what to do about it. Wrong usage of
    a command (an unknown option, say) is `click.UsageError`, exit code 2.
    """

    exit_code = 1
