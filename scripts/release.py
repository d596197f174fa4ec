"""`make publish`, `make rollback` and `make published`: what is published, and how to change it without a build."""

from typing import TYPE_CHECKING

import click

from scripts.errors import Refusal, said_in_one_line
from scripts.paths import PROJECT_ROOT

if TYPE_CHECKING:
    from dbt_common.events.base_types import EventMsg

OPERATIONS = ("published", "publish", "rollback")


@click.command()
@click.argument("operation", type=click.Choice(OPERATIONS))
def main(operation: str) -> None:
    """Tell what is published, publish what was built and passed, or go back to what was published before.

    Each is the run-operation of dbt of the same name, which packages/pg_wap/docs/releases.md describes.
    """
    operate(operation)


def operate(operation: str) -> None:
    """Run a run-operation of dbt, and say what it says.

    Args:
        operation: the name of a macro.

    Raises:
        Refusal: it failed; the message is its own.
    """
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # three seconds, which a mistake in the command need not take

    problems: list[str] = []

    def follow(event: "EventMsg") -> None:
        if event.info.name == "JinjaLogInfo":
            click.echo(event.data.msg)
        elif event.info.name == "RunningOperationCaughtError":
            problems.append(event.data.exc)

    folders = ["--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)]
    outcome = dbtRunner(callbacks=[follow]).invoke(
        ["--log-level", "none", "run-operation", f"pg_wap.{operation}", *folders]
    )
    if not outcome.success:
        raise Refusal(said_in_one_line(problems[0] if problems else str(outcome.exception)))


if __name__ == "__main__":
    main(prog_name="python -m scripts.release")
