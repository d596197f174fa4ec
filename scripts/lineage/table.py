"""`audit.column_lineage`: the edges as a table of the warehouse."""

from collections.abc import Sequence

import psycopg
from psycopg import sql

from scripts import connection
from scripts.lineage.edges import Edge

NAME = "column_lineage"
DESCRIPTION = (
    "Which column comes from which, written by make lineage. Grain: one row per column, column of an adjacent relation "
    "that it comes from, and kind. A recursive query follows a column to the files (docs/lineage.md)."
)
COLUMNS = {
    "to_relation": "Relation of the column: layer and name, such as gold.dim_product.",
    "to_column": "Column that comes from another one; * for the rows of the relation.",
    "from_relation": (
        "Relation that the column comes from. files.* are raw files; variables, constants, generated and "
        "arguments.* are no relations."
    ),
    "from_column": "Column that it comes from, of a raw file its header; * for the rows of the relation.",
    "kind": (
        "passed on: the same value. derived: computed from the value. aggregated: from the values of several rows. "
        "window: from the values of other rows in their order. filter or join: decides which rows there are, or which "
        "row is joined."
    ),
}


def write_table(session: psycopg.Connection, edges: Sequence[Edge]) -> None:
    """Replace the content of the table in one transaction; readers see the old or the new lineage.

    Args:
        session: a connection that may write to the schema of the audit.
        edges: all edges.
    """
    table = sql.Identifier(connection.audit_schema(), NAME)
    columns = sql.SQL(", ").join(sql.SQL("{} text not null").format(sql.Identifier(name)) for name in COLUMNS)
    with session.transaction():
        session.execute(
            sql.SQL("create table if not exists {} ({}, primary key ({}))").format(
                table, columns, sql.SQL(", ").join(map(sql.Identifier, COLUMNS))
            )
        )
        session.execute(sql.SQL("comment on table {} is {}").format(table, sql.Literal(DESCRIPTION)))
        for name, description in COLUMNS.items():
            column = sql.Identifier(connection.audit_schema(), NAME, name)
            session.execute(sql.SQL("comment on column {} is {}").format(column, sql.Literal(description)))
        session.execute(sql.SQL("delete from {}").format(table))
        with session.cursor().copy(sql.SQL("copy {} from stdin").format(table)) as copy:
            for edge in edges:
                copy.write_row(edge)
