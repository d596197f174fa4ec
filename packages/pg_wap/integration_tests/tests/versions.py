"""A project whose published models each show the version of its source: whoever sees two versions sees a mixture."""

import json
import select
import subprocess
import sys
import time
from typing import Any

from .project import PUBLISHED, WITHOUT_VIEWS_ON_RUNS, Project, Rows

VERSIONS_SOURCE = """
create schema raw;
create table raw.state (version integer, delay double precision);
insert into raw.state values (1, 0);
create table raw.months (month date, is_touched boolean);
insert into raw.months values ('2011-01-01', true), ('2011-02-01', false), ('2011-03-01', true);
create function raw.version() returns integer language sql stable as 'select version from raw.state';
create function raw.sleep() returns boolean language sql as
    'select pg_sleep(delay) is not null from raw.state';
create schema outside;
"""

MODELS = {
    # Small, compared whole; a row that stays, one that changes, and one that comes and goes.
    "customers": """
        {{ config(unique_key='id') }}
        select 1 as id, raw.version() as version
        union all select 2, 0
        union all select 10 + raw.version(), raw.version() where raw.sleep()
    """,
    # Months, of which two are touched each time.
    "orders": """
        {{ config(
            materialized='incremental_by_partition',
            partition_by={'field': 'day', 'granularity': 'month', 'starts': 'select month from raw.months'},
            touched_by='select month from raw.months where is_touched',
        ) }}
        with days as (select month + 1 as day from raw.months where {{ pg_wap.in_partition('month') }})
        select day, raw.version() as version from days
    """,
    # Reads what is about to be published, not what is.
    "totals": """
        {{ config(unique_key='id') }}
        select 1 as id, max(orders.version) as version, max(customers.version) as customers_version
        from {{ ref('orders') }} as orders cross join {{ ref('customers') }} as customers
    """,
    # Computed when somebody reads it.
    "shown": """
        {{ config(materialized='published_view') }}
        select id, customers_version as version from {{ ref('totals') }}
    """,
}
# A function is part of the release if it returns a table.
FUNCTION = "select version from {{ ref('orders') }} where day >= since"
FUNCTION_YAML = """
functions:
  - name: orders_since
    description: Orders from a day on.
    arguments: [{name: since, data_type: date}]
    returns: {data_type: "table (version integer)"}
    config: {type: table, volatility: stable}
"""
CHECK = "select * from {{ ref('totals') }} where version <> customers_version or version < 0"
CHECK_PATH = "checks/versions_agree.sql"

RELEASE_INPUTS = """
{% macro postgres__release_inputs() %}
select count(*) as files, 1 as last_file_id, null::timestamptz as last_landed_at from raw.state
{% endmacro %}
"""

# Asks in one transaction which version each relation shows, again and again, until its input ends.
READER = f"""
import json, select, sys
import psycopg
answers, errors = [], []
with psycopg.connect(sys.argv[1]) as session:
    print("reading", flush=True)
    while not select.select([sys.stdin], [], [], 0.002)[0]:
        try:
            with session.transaction():
                answer = [
                    session.execute(f"select max(version) from {PUBLISHED}.{{name}}").fetchone()[0]
                    for name in ("customers", "shown", "orders", "totals", "orders_since('2011-01-01')")
                ]
        except psycopg.Error as error:
            errors.append(str(error))
        else:
            answers.append(answer)
print(json.dumps([answers, errors]))
"""


class Versions(Project):
    """The project, and what its readers see."""

    def __init__(self) -> None:
        """Write the project."""
        waits_briefly = {"vars": {"pg_wap_lock_patience_seconds": 1}}
        released = {"models": {"store": {"+schema": "published", "+materialized": "incremental_by_key"}}}
        hooks = {"on-run-start": ["{{ pg_wap.on_run_start() }}"]}
        super().__init__(("macros",), _both(WITHOUT_VIEWS_ON_RUNS, released) | waits_briefly | hooks)
        self.remove("macros/create_source.sql")
        self.write("macros/release_inputs.sql", RELEASE_INPUTS)
        for name, sql in MODELS.items():
            self.model(name, sql)
        self.write("functions/orders_since.sql", FUNCTION)
        self.write("functions/orders_since.yml", FUNCTION_YAML)
        self.write(CHECK_PATH, CHECK)

    def build_version(self, version: int, *options: str) -> bool:
        """Give the source a version, and build; return whether the build succeeded."""
        self.ask(f"update raw.state set version = {version}")
        return self.dbt("build", *options)

    def published(self) -> dict[str, Rows]:
        """Return all rows that readers see."""
        seen = {name: self.ask(f"select * from {PUBLISHED}.{name} order by 1, 2") for name in MODELS}
        return seen | {"orders_since": self.ask(f"select * from {PUBLISHED}.orders_since('2011-02-01') order by 1")}

    def versions_seen(self) -> set[int]:
        """Return the versions that readers see in anything that shows the present version."""
        relations = ("customers", "orders", "totals", "shown", "orders_since('2011-01-01')")
        found = " union all ".join(f"select max(version) from {PUBLISHED}.{name}" for name in relations)
        return {version for (version,) in self.ask(found)}

    def wait_until_asleep(self, process: Any) -> None:
        """Wait until a build has come to the model that sleeps."""
        asleep = "select pid from pg_stat_activity where wait_event = 'PgSleep' and pid <> pg_backend_pid()"
        while not self.ask(asleep):
            assert process.is_alive()
            time.sleep(0.02)


class Reader:
    """A process that polls the published schema while a test changes the release."""

    def __init__(self, url: str) -> None:
        """Start to read."""
        self._process = subprocess.Popen(
            [sys.executable, "-c", READER, url], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._process.stdout
        assert select.select([self._process.stdout], [], [], 60)[0]
        assert self._process.stdout.readline() == "reading\n"

    def stop(self) -> tuple[list[list[int]], list[str]]:
        """Stop reading; return the answers of each transaction, and all errors."""
        answers, errors = json.loads(self._process.communicate("\n", timeout=60)[0])
        return answers, errors


def _both(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    return {"models": one["models"] | other["models"]}
