"""Which column comes from which: from the columns of gold to the headers of the raw files.

Reading the committed lineage costs a JSON file. Following the columns again needs the extra `site`, and dbt.
"""

from collections.abc import Mapping
from typing import Any

from scripts import artifacts
from scripts.lineage.edges import Column, Edge, Lineage, ancestors, descendants
from scripts.lineage.facet import read_edges

__all__ = ["Column", "Edge", "Lineage", "ancestors", "column_edges", "descendants", "read_edges"]


def column_edges(manifest: Mapping[str, Any] | None = None) -> list[Edge]:
    """Follow the columns of all relations of the project, from SQL.

    Args:
        manifest: dbt's manifest with compiled SQL, of a warehouse that is built; when omitted, dbt compiles the project
            on the warehouse in use.

    Returns:
        The edges between columns of adjacent relations, sorted.

    Raises:
        Refusal: the project does not compile, or the SQL of a model cannot be followed.
    """
    # dbt takes seconds, and sqlglot is not there without the extra `site`.
    from scripts.lineage.project import edges_of  # noqa: PLC0415

    return edges_of(artifacts.compiled() if manifest is None else manifest)
