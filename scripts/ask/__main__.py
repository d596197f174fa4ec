"""`make ask`: answer a question in words from the release."""

import json
import os
import sys

import click
from rich.console import Console

from scripts.ask import show
from scripts.ask.session import Questions
from scripts.errors import Refusal
from scripts.privacy import keep_private

# `make` hands the question over in this variable, so that no shell reads it.
QUESTION = "ASK_QUESTION"
ANSWERED, ASKED_BACK, REFUSED = 0, 3, 4
CODES = {"answered": ANSWERED, "asked_back": ASKED_BACK, "refused": REFUSED}
PROMPT = "? "
# In a pipe or a log, no row is broken.
WIDEST = 1_000


@click.command()
@click.argument("question", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON, one line for each question.")
def main(question: str | None, as_json: bool) -> None:
    """Answer QUESTION from the release; without one, each line of the input.

    The exit code is 0 if the question is answered, 3 if it is asked back, and 4 if it is refused.
    """
    keep_private()
    question = question if question is not None else os.environ.get(QUESTION)
    with Questions() as questions:
        if question is not None:
            sys.exit(CODES[tell(questions, question, as_json=as_json)])
        prompt(questions, as_json=as_json)


def tell(questions: Questions, question: str, *, as_json: bool) -> str:
    """Print the answer to a question, the question back, or the refusal.

    Args:
        questions: a session of questions.
        question: what was typed.
        as_json: whether to print JSON.

    Returns:
        `answered`, `asked_back` or `refused`.
    """
    if as_json:
        told = questions.told(question)
        click.echo(json.dumps(told))
        return str(told["status"])
    console = Console()
    if not console.is_terminal:
        console.width = WIDEST
    outcome = questions.read(question)
    if outcome["status"] != "understood":
        show.show_outcome(console, outcome)
        return str(outcome["status"])
    show.show(console, outcome["says"], questions.answer(outcome["reading"]))
    return "answered"


def prompt(questions: Questions, *, as_json: bool) -> None:
    """Answer the lines of the input one after the other, until it ends. A question that fails does not end it.

    Args:
        questions: a session of questions.
        as_json: whether to print JSON.
    """
    interactive = sys.stdin.isatty()
    if interactive:
        click.echo('Ask in one line, for example "return rate by country in 2011". Ctrl-D ends.')
    while True:
        try:
            line = input(PROMPT if interactive else "")
        except (EOFError, KeyboardInterrupt):
            return
        if line.strip():
            try:
                tell(questions, line, as_json=as_json)
            except Refusal as refusal:
                click.echo(f"Error: {refusal.message}", err=True)


if __name__ == "__main__":
    main(prog_name="python -m scripts.ask")
