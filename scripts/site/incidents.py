"""The incidents of unusual days, in a release that has them: `gold.sales_incidents` is newer than some releases."""

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


def incidents(session: psycopg.Connection[Any]) -> Datasets:
    """Return the incidents, without rows if the release has no such relation.

    Args:
        session: a session of `snapshot`.
    """
    table = f"{schema('gold')}.sales_incidents"
    if session.execute("select to_regclass(%s)", [table]).fetchone() == (None,):
        return {"incidents": Dataset(0, {"first_date": Column("date", [])})}
    return {"incidents": read(session, QUERY)}
