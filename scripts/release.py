"""`make published`, `publish`, `rollback` and `profile`: what readers see, and how to change that without a build."""

import json
import re
import shutil
import textwrap
from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click
import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from scripts import connection
from scripts.errors import Refusal, said_in_one_line
from scripts.paths import PROJECT_ROOT
from scripts.privacy import keep_private

if TYPE_CHECKING:
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg

OPERATIONS = ("published", "publish", "rollback", "profile", "copy_for_bi", "drop_previous_release")
# More names than these are counted and listed below.
NAMES_IN_A_LINE = 3


@click.command()
@click.argument("operation", type=click.Choice(OPERATIONS))
@click.option("--json", "as_json", is_flag=True, help="Print the release that readers see as JSON (only `published`).")
@click.option("--vars", "variables", help="Other values of variables of dbt_project.yml, in YAML.")
def main(*, operation: str, as_json: bool, variables: str | None) -> None:
    """Report what is published, publish a candidate that passed, go back to the release before, or profile the release.

    Each is the run-operation of dbt of the same name, which packages/pg_wap/docs/releases.md or profiles.md describes.
    """
    keep_private()
    if not as_json:
        operate(operation, *(["--vars", variables] if variables else []))
    elif operation == "published":
        click.echo(json.dumps(current(), indent=2, default=str))
    else:
        raise click.UsageError("--json goes with `published` only.")


def current() -> dict[str, Any] | None:
    """Return the release that readers see, as `audit.releases` has it, with what it changed; None before the first."""
    table = (connection.audit_schema(), "releases")
    with connection.connect() as session:
        if session.execute("select to_regclass(%s)", [".".join(table)]).fetchone() == (None,):
            return None
        query = sql.SQL("select * from {} order by release_id desc limit 1").format(sql.Identifier(*table))
        found = session.cursor(row_factory=dict_row).execute(query).fetchone()
        changes = (table[0], "release_changes")
        if found and session.execute("select to_regclass(%s)", [".".join(changes)]).fetchone() != (None,):
            query = sql.SQL("select relation, changes from {} where release_id = %s").format(sql.Identifier(*changes))
            found["changes"] = dict(session.execute(query, [found["release_id"]]).fetchall())
        return found


def readable(line: str, width: int) -> str:
    """Return a line that names many relations as a count for each schema, with the names below.

    Args:
        line: what a run-operation says.
        width: the width of the terminal.
    """
    found = re.fullmatch(r"It changed (\w+\.\w+(?:, \w+\.\w+)*)\.", line)
    names = found[1].split(", ") if found else []
    if len(names) <= NAMES_IN_A_LINE:
        return line
    of_schema: dict[str, list[str]] = defaultdict(list)
    for name in names:
        schema, _, relation = name.partition(".")
        of_schema[schema].append(relation)
    counts = " and ".join(f"{len(relations)} relations of {schema}" for schema, relations in of_schema.items())
    listed = [
        textwrap.fill(", ".join(relations), width, initial_indent="  ", subsequent_indent="  ")
        for relations in of_schema.values()
    ]
    return "\n".join([f"It changed {counts}:", *listed])


def with_the_present_state(problem: str, release: dict[str, Any] | None) -> str:
    """Return why a rollback failed, with what readers see now.

    The server may finish a rollback whose command was killed, and then a second call finds nothing to go back to.

    Args:
        problem: why the rollback failed.
        release: the release that readers see.
    """
    if release is None:
        return problem
    number, since = release["release_id"], release["published_at"]
    told = f"{problem.rstrip('.')}. Readers see release {number}, published {since:%Y-%m-%d %H:%M:%S %Z}"
    if release["kind"] == "rollback":
        told += f", a rollback of release {release['rolled_back']} that has succeeded"
    return f"{told}."


def operate(operation: str, *options: str, manifest: "Manifest | None" = None) -> None:
    """Run a run-operation of dbt, and say what it says.

    Args:
        operation: the name of a macro.
        options: options of dbt's command line.
        manifest: the parsed project; dbt parses it if it is left out.

    Raises:
        Refusal: it failed; the message is its own.
    """
    from dbt.cli.main import dbtRunner  # noqa: PLC0415  # three seconds, which a mistake in the command need not take

    problems: list[str] = []

    def follow(event: "EventMsg") -> None:
        if event.info.name == "JinjaLogInfo":
            click.echo(readable(event.data.msg, shutil.get_terminal_size().columns))
        elif event.info.name == "RunningOperationCaughtError":
            problems.append(event.data.exc)

    folders = ["--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)]
    outcome = dbtRunner(manifest, callbacks=[follow]).invoke(
        ["--log-level", "none", "run-operation", f"pg_wap.{operation}", *folders, *options]
    )
    if not outcome.success:
        problem = said_in_one_line(problems[0] if problems else str(outcome.exception))
        if operation == "rollback":
            # Without an answer of the server, the first problem is all that is known.
            with suppress(Refusal, psycopg.Error):
                problem = with_the_present_state(problem, current())
        raise Refusal(problem)


if __name__ == "__main__":
    main(prog_name="python -m scripts.release")
