"""`make new MART=top_customers DOMAIN=marketing` and `make new SOURCE=budgets FILE=budgets.csv`: write the files."""

from pathlib import Path

import click

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT
from scripts.scaffold.mart import create
from scripts.scaffold.source import new_source

USAGE = "MART=name DOMAIN=folder, or SOURCE=name FILE=path"


@click.command()
@click.option("--mart", default="", help="Name of a new mart, such as top_customers.")
@click.option("--domain", default="", help="Folder of models/marts for it, such as marketing.")
@click.option("--columns", default="", help="Documented columns that the mart takes over, with commas between.")
@click.option("--source", default="", help="Name of a new source, such as budgets.")
@click.option("--file", default="", help="One of its files, of any format of the loader.")
def main(mart: str, domain: str, columns: str, source: str, file: str) -> None:
    """Write the files of a new mart or source, which build and pass the conventions at once."""
    if bool(mart) == bool(source):
        raise Refusal(f"give {'one of the two' if mart else 'what is new'}: {USAGE}.")
    if mart:
        if file:
            raise Refusal(f"FILE={file} is of a source: give {USAGE}.")
        wanted = list(dict.fromkeys(filter(None, (name.strip() for name in columns.split(",")))))
        sql, properties = create(PROJECT_ROOT, mart, domain, wanted)
        click.echo(
            f"Wrote       {sql}\n            {properties}\n"
            f"Next        .venv/bin/dbt build --select {mart}\n"
            "            make lint\n"
            "            change the query, the columns and each TODO (docs/adding_a_mart.md), then run `make catalogue`"
        )
        return
    if domain or columns:
        raise Refusal(f"DOMAIN and COLUMNS are of a mart: give {USAGE}.")
    if not file:
        raise Refusal(f"SOURCE={source} needs one of its files: make new SOURCE={source} FILE=path/to.csv.")
    for line in new_source(Path(file), source):
        click.echo(line)


if __name__ == "__main__":
    main(prog_name="python -m scripts.scaffold")
