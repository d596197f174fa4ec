"""`make branch`, `branch-build`, `branches` and `branch-drop`: build on the release without changing it."""

import json
from datetime import datetime, timezone
from typing import Any

import click

from scripts.errors import Refusal
from scripts.playground import branches, building
from scripts.playground.schemas import PUBLISHED
from scripts.privacy import keep_private
from scripts.warehouse.server import human_size

FAILURES_SHOWN = 10
NAMES_SHOWN = 3


@click.group()
def main() -> None:
    """Build models in schemas apart, which show the release wherever nothing was built."""
    keep_private()


@main.command()
@click.option("--name", default="", help="Its name: lower case letters, digits and underscores.")
def make(name: str) -> None:
    """Make a branch: a view of each relation of the release, which takes no space."""
    made = branches.make(name)
    place = f"{made.prefix}_{PUBLISHED}"
    click.echo(f"Made        branch {made.name}: {place} shows all relations of the release")
    click.echo(f'Next        make branch-build NAME={made.name} SELECT="my_mart"')


@main.command("build")
@click.option("--name", default="", help="The name of the branch.")
@click.option("--select", default="", help="Models of the working tree, as dbt selects them.")
def build_models(name: str, select: str) -> None:
    """Build and test models of the working tree in a branch."""
    outcome = building.build(name, select, lambda line: click.echo(f"Working     {line}"))
    relations = [step for step in outcome.steps if step.kind in building.BUILT]
    checks = [step for step in outcome.steps if step.kind == "test"]
    failed = [step for step in outcome.steps if step.status not in building.GOOD]
    passed = [step for step in checks if step.status in building.GOOD]
    for step in failed[:FAILURES_SHOWN]:
        click.echo(f"Error: {step.name}: {step.message or step.status}", err=True)
    built = [step for step in relations if step.status in building.GOOD]
    click.echo(f"Built       {len(built)} of {len(relations)} relations, {len(passed)} of {len(checks)} checks passed")
    click.echo(f"Branch      {_in_words(outcome.branch)}")
    if failed:
        raise Refusal(
            f"{len(failed)} of {len(outcome.steps)} steps failed, so {outcome.branch.prefix}_{PUBLISHED} is as before."
        )


@main.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_branches(as_json: bool) -> None:
    """List the branches, what differs in each, their size and age."""
    found = branches.branches()
    if as_json:
        click.echo(json.dumps([_as_json(branch) for branch in found], indent=2, default=str))
        return
    for branch in found:
        click.echo(_in_words(branch))
    if not found:
        click.echo("There is no branch: `make branch NAME=x` makes one.")


@main.command()
@click.option("--name", default="", help="The name of the branch.")
def drop(name: str) -> None:
    """Drop a branch with all that was built in it."""
    dropped = branches.drop(name)
    building.forget_parse(name)
    click.echo(f"Dropped     branch {name}: {len(dropped)} schemas")


def _as_json(branch: branches.Branch) -> dict[str, Any]:
    return {
        "name": branch.name,
        "prefix": branch.prefix,
        "made_at": branch.made_at and branch.made_at.isoformat(),
        "made_by": branch.made_by,
        "age_seconds": branch.made_at and round(_age(branch.made_at)),
        "bytes": branch.size,
        "built": branch.built,
        "lost": branch.lost,
    }


def _in_words(branch: branches.Branch) -> str:
    age = f"made {_span(_age(branch.made_at))} ago by {branch.made_by}" if branch.made_at else "without its mark"
    differs = f"differs in {_names(branch.built)}" if branch.built else "differs in nothing"
    lost = f"; a release dropped {_names(branch.lost)}, build it again" if branch.lost else ""
    return f"{branch.name:<16} {human_size(branch.size):>8}, {age}, {differs}{lost}"


def _names(names: list[str]) -> str:
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more


def _age(made_at: datetime) -> float:
    return max(0.0, (datetime.now(timezone.utc) - made_at).total_seconds())


def _span(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} seconds"


if __name__ == "__main__":
    main(prog_name="python -m scripts.playground")
