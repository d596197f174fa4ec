"""`make lineage`: write the lineage of all columns, or print the lineage of one."""

import click
from rich.console import Console

from scripts import connection
from scripts.lineage import column_edges, read_edges
from scripts.lineage.edges import Edge
from scripts.lineage.facet import FILE, facet_text
from scripts.lineage.report import gold_columns, show, without_origin
from scripts.lineage.table import NAME, write_table
from scripts.paths import PROJECT_ROOT
from scripts.privacy import keep_private


@click.command()
@click.option("--column", help="Print where this column comes from and what it changes: layer.relation.column.")
def main(column: str | None) -> None:
    """Write the lineage of all columns, or print the lineage of one column from the file."""
    keep_private()
    if column:
        show(Console(), read_edges(), column)
        return
    edges = column_edges()
    FILE.write_text(facet_text(edges))
    with connection.connect() as session:
        write_table(session, edges)
    click.echo(f"Lineage     {summary(edges)}")
    click.echo(f"Written     {FILE.relative_to(PROJECT_ROOT)} and {connection.audit_schema()}.{NAME}")


def summary(edges: list[Edge]) -> str:
    """Return how many columns there are, and how many of gold have an origin; the others by name."""
    relations = {edge.to_relation for edge in edges}
    columns, lost = gold_columns(edges), without_origin(edges)
    text = f"{len(edges):,} edges of {len(relations)} relations"
    text += f"; {len(columns) - len(lost)} of {len(columns)} gold columns have an origin"
    return text + (f", not {', '.join(map(str, lost))}" if lost else "")


if __name__ == "__main__":
    main(prog_name="python -m scripts.lineage")
