"""`python -m scripts.governance`: list the columns whose personal data are not marked."""

import json
from pathlib import Path

import click

from scripts import artifacts
from scripts.errors import Refusal
from scripts.governance.pii import read_marks, unmarked
from scripts.lineage import read_edges


@click.command()
@click.option(
    "--manifest",
    "file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A manifest of dbt; by default the project is parsed.",
)
def main(file: Path | None) -> None:
    """List each column that derives from personal data and does not say so."""
    manifest = json.loads(file.read_text()) if file else artifacts.parsed()
    marks = read_marks(manifest["sources"], manifest["nodes"])
    if found := unmarked(marks, read_edges()):
        raise Refusal("\n".join(found))
    personal = sum(mark.pii in ("direct", "quasi") for mark in marks.of.values())
    click.echo(
        f"Personal    {personal} of {len(marks.of)} columns are marked, and none that derives from them is missing"
    )


if __name__ == "__main__":
    main(prog_name="python -m scripts.governance")
