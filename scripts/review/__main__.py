"""The command `make review`."""

import json
import os
from pathlib import Path

import click

from scripts import connection
from scripts.dbt_tuning.interpreter import tune_interpreter
from scripts.playground import schemas
from scripts.privacy import keep_private
from scripts.review import approval, code
from scripts.review.running import Review, write
from scripts.review.text import markdown
from scripts.warehouse import server


@click.command()
@click.option("--base", default="main", show_default=True, help="The branch, tag or commit to compare with.")
@click.option("--dirty", is_flag=True, help="Review files that are not committed as well.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), default=code.FOLDER, help="Where to report.")
@click.option("--drop", "is_dropped", is_flag=True, help="Drop the schemas of the review at its end.")
@click.option("--approved", is_flag=True, help="Fail if the owners of numbers that change have not approved.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON and nothing else.")
def main(*, base: str, dirty: bool, out: Path, is_dropped: bool, approved: bool, as_json: bool) -> None:
    """Say what this branch does to the numbers, the readers and the cost of the warehouse, and write it to files.

    Labels of a pull request stand in the variable REVIEW_LABELS, with commas between.
    """
    keep_private()
    tune_interpreter()
    if connection.target_name() == "local":
        server.ensure_running()
    with code.alone():
        review = Review(base, with_uncommitted=dirty)
        try:
            report = review.report()
        finally:
            if is_dropped:
                schemas.drop(review.prefix)
    write(report, out)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1, default=str))
    else:
        click.echo(f"{markdown(report)}\nReport      {out}/review.md, .html and .json")
    if approved:
        approval.require(report, os.environ.get("REVIEW_LABELS", "").split(","))


if __name__ == "__main__":
    main(prog_name="python -m scripts.review")
