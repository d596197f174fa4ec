"""The rows that checks found in the last build, as far as the database keeps them and anyone may see them."""

from typing import Any

import psycopg
from psycopg import sql

from scripts.site.datasets import Column, Dataset, Datasets, schema, statement, texts

# Of each check; the relation that is named has them all.
ROWS_OF_A_CHECK = 20
# Columns that name a customer. The page is passed on to people who may not know who bought what.
PERSONAL = ("%customer%",)
# Checks that found something in the last run, and keep the rows under their name.
FAILING = """
    select distinct results.check_name
    from {audit}.ops_checks as results
    inner join pg_class on pg_class.relname = results.check_name
    where
        results.last_status not in ('pass', 'success', 'skipped')
        and pg_class.relnamespace = {name}::regnamespace
        and pg_class.relkind in ('r', 'v')
    order by results.check_name
"""


def failing_rows(session: psycopg.Connection[Any]) -> Datasets:
    """Return the first rows that each failing check found, without columns that name a customer.

    Args:
        session: a session of `snapshot`.
    """
    audit = schema("audit")
    query = statement(FAILING.replace("{name}", sql.Literal(audit).as_string(session)))
    checks = [check for (check,) in session.execute(query)]
    found: list[tuple[str, int, dict[str, Any]]] = []
    for check in checks:
        relation = sql.Identifier(audit, check)
        kept = [
            name
            for (name,) in session.execute(
                "select attname from pg_attribute"
                " where attrelid = %s::regclass and attnum > 0 and not attisdropped and not attname ilike any (%s)"
                " order by attnum",
                [relation.as_string(session), list(PERSONAL)],
            )
        ]
        if not kept:
            continue
        columns = sql.SQL(", ").join(map(sql.Identifier, kept))
        query = sql.SQL("select to_jsonb(found), count(*) over () from (select {} from {}) as found limit {}").format(
            columns, relation, sql.Literal(ROWS_OF_A_CHECK)
        )
        found += [(check, count, row) for row, count in session.execute(query)]
    return {
        "failing_rows": Dataset(
            len(found),
            {
                "check_name": texts([check for check, _, _ in found]),
                "all_rows": Column("integer", [count for _, count, _ in found]),
                "row": Column("json", [row for _, _, row in found]),
            },
        )
    }
