"""What the release warns of: incidents of unusual days, and columns that look different from the profile before.

`gold.sales_incidents` and `audit.column_drift` are newer than some releases.
"""

from typing import Any

import psycopg

from scripts.site.datasets import Column, Dataset, Datasets, read, schema

QUERY = """
    select
        first_date,
        last_date,
        days,
        scope,
        cause,
        reason,
        severity,
        status,
        known_reason,
        declared_by,
        amount_at_stake::numeric(18, 2) as stake_amount,
        country_name,
        main_measure,
        measures
    from {gold}.sales_incidents
    order by first_date desc, amount_at_stake desc
"""

DRIFTS = """
    select
        relation,
        column_name,
        measure,
        was_value,
        is_value,
        release_id::integer as release,
        was_release_id::integer as was_release
    from {audit}.column_drift
    where is_published and is_drift
    order by relation, column_name nulls first, measure
"""


def incidents(session: psycopg.Connection[Any]) -> Datasets:
    """Return `incidents` and `drifts`, without rows if the release has no such relation.

    Args:
        session: a session of `snapshot`.
    """
    return {
        "incidents": _read(session, f"{schema('gold')}.sales_incidents", QUERY, Column("date", []), "first_date"),
        "drifts": _read(session, f"{schema('audit')}.column_drift", DRIFTS, Column("text", [], []), "relation"),
    }


def _read(session: psycopg.Connection[Any], relation: str, query: str, first: Column, name: str) -> Dataset:
    if session.execute("select to_regclass(%s)", [relation]).fetchone() == (None,):
        return Dataset(0, {name: first})
    return read(session, query)
