"""All that a warehouse holds, in a form in which two of them can be held against each other."""

from pathlib import Path

import psycopg
from psycopg import sql

# What depends on the order of landing by its nature.
BOOKKEEPING = frozenset({"file_id", "file_line"})


def _rows(session: psycopg.Connection, schema: str, without: frozenset[str]) -> dict[str, sql.Composed]:
    """Return, for each relation of a schema, the query of its rows as text. There has to be one to compare."""
    relations = session.execute(
        """
        select table_name, array_agg(column_name::text order by ordinal_position)
        from information_schema.columns
        where table_schema = %s
        group by table_name
        """,
        [schema],
    ).fetchall()
    assert relations, f"nothing is in {schema}"
    return {
        name: sql.SQL("select row({})::text as row from {}").format(
            sql.SQL(", ").join(sql.Identifier(column) for column in columns if column not in without),
            sql.Identifier(schema, name),
        )
        for name, columns in relations
    }


def rows(url: str, schema: str = "gold", without: frozenset[str] = frozenset()) -> dict[str, list[str]]:
    """Return every row of every relation of a schema as text, without some columns."""
    with psycopg.connect(url) as session:
        queries = _rows(session, schema, without)
        return {name: sorted(row for (row,) in session.execute(query)) for name, query in queries.items()}


def fingerprints(url: str, schema: str = "gold", without: frozenset[str] = frozenset()) -> dict[str, tuple[int, int]]:
    """Return the number of rows of every relation of a schema and a sum of their hashes, without some columns."""
    summary = sql.SQL("select count(*), coalesce(sum(hashtextextended(row, 0)), 0) from ({}) as relation")
    with psycopg.connect(url) as session:
        queries = _rows(session, schema, without)
        return {name: session.execute(summary.format(query)).fetchone() or (0, 0) for name, query in queries.items()}


def vault_rows(url: str) -> dict[str, set[str]]:
    """Return the rows of what is only added to in the Data Vault: hubs, links and satellites."""
    with psycopg.connect(url) as session:
        names = session.execute(
            """
            select table_schema || '.' || table_name
            from information_schema.tables
            where table_type = 'BASE TABLE' and table_name ~ '^(hub|link|sat|masat|esat|rts|csat|sal)_'
            order by 1
            """
        ).fetchall()
        return {name: {row for (row,) in session.execute(f"select t::text from {name} as t")} for (name,) in names}


def take_back(url: str, name: str | Path) -> None:
    """Take a landed file back, as the README says, with everything that came of it in bronze."""
    with psycopg.connect(url) as session:
        found = session.execute("select file_id from bronze.landed_files where name = %s", [str(name)]).fetchone()
        assert found, name
        for table, column in (("transactions", "_file_id"), ("rejected_rows", "file_id"), ("landed_files", "file_id")):
            statement = sql.SQL("delete from bronze.{} where {} = %s")
            session.execute(statement.format(sql.Identifier(table), sql.Identifier(column)), found)
