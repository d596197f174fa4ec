"""A project with partitioned models of lines, outside the published schema."""

from typing import Any

from .project import WITHOUT_VIEWS_ON_RUNS, Project

SCHEMA = "store"
PARTITIONS = "store_partitions"

LINES_SOURCE = """
create schema raw;
create table raw.lines (id integer, day date, at timestamp, key integer, amount integer);
create table raw.months (month date, is_touched boolean);
create table raw.delay (seconds double precision);
insert into raw.delay values (0);
create function raw.sleep() returns boolean language sql as 'select pg_sleep(seconds) is not null from raw.delay';
"""

BOUNDED_TEMPLATE = """
{{{{ config(
    materialized='incremental_by_partition',
    partition_by={{'field': 'day', 'granularity': 'month', 'starts': 'select month from raw.months'}},
    touched_by='select month from raw.months where is_touched',
    {config}
) }}}}
with lines as (select * from raw.lines where {{{{ pg_wap.in_partition('day') }}}})
select {columns} from lines where raw.sleep()
"""
STAGED = """
{{{{ config(materialized='incremental_by_partition', partition_by={by}, {config}) }}}}
select * from raw.lines
"""


def bounded_by(config: str = "", columns: str = "*") -> str:
    """Return a model of months that uses the bounds of partitions."""
    return BOUNDED_TEMPLATE.format(config=config, columns=columns)


BOUNDED = bounded_by()
CONTRACTED = bounded_by(
    "persist_docs={'relation': true, 'columns': true}", "id::bigint as id, day, amount::numeric as amount"
)
CONTRACT: dict[str, Any] = {
    "config": {"contract": {"enforced": True}},
    "description": "Lines.",
    "columns": [
        {
            "name": "id",
            "data_type": "bigint",
            "description": "The key.",
            "constraints": [{"type": "primary_key", "warn_unsupported": False}],
        },
        {
            "name": "day",
            "data_type": "date",
            "constraints": [{"type": "not_null", "warn_unsupported": False}],
        },
        {
            "name": "amount",
            "data_type": "numeric(10,2)",
            "constraints": [{"type": "check", "expression": "amount > 0", "warn_unsupported": False}],
        },
    ],
    "constraints": [
        {
            "type": "check",
            "expression": "amount < 1000",
            "name": "amounts_are_small",
            "warn_unsupported": False,
        },
        {"type": "unique", "columns": ["day", "id"], "name": "one_a_day", "warn_unsupported": False},
    ],
}


class Lines(Project):
    """The project, and the partitions of its models."""

    def __init__(self) -> None:
        """Write the project, without models."""
        changes = {"vars": {"pg_wap_lock_patience_seconds": 1}, "on-run-start": ["{{ pg_wap.on_run_start() }}"]}
        super().__init__(("macros",), WITHOUT_VIEWS_ON_RUNS | changes)
        for name in ("create_source", "release_inputs"):
            self.remove(f"macros/{name}.sql")

    def fails(self, name: str, *options: str) -> str:
        """Build everything, which must fail at one model; return the message."""
        assert not self.dbt("build", *options)
        assert self.outcomes[name].status == "error"
        return self.outcomes[name].message

    def land(self, *days: str) -> None:
        """Add a line for each day."""
        for day in days:
            self.ask(
                f"insert into raw.lines select coalesce(max(id), 0) + 1, '{day}', '{day} 12:00', "
                f"to_char('{day}'::date, 'YYYYMMDD')::int, 1 from raw.lines"
            )

    def touch(self, **months: bool) -> None:
        """Set the months that there are (as m201101), and whether each is touched."""
        self.ask("truncate raw.months")
        for month, is_touched in months.items():
            self.ask(f"insert into raw.months values ('{month[1:5]}-{month[5:]}-01', {is_touched})")

    def rows(self, name: str = "lines") -> dict[str, int]:
        """Return the number of rows of each partition."""
        found = self.ask(f"select tableoid::regclass::text, count(*)::int from {SCHEMA}.{name} group by 1")
        return {partition.removeprefix(f"{PARTITIONS}.{name}_"): rows for partition, rows in found}

    def oids(self, name: str = "lines") -> dict[str, int]:
        """Return the identity of each partition, which differs from that of its successor."""
        found = self.ask(
            "select relname, oid::bigint from pg_class inner join pg_inherits on oid = inhrelid "
            f"where inhparent = '{SCHEMA}.{name}'::regclass"
        )
        return {partition.removeprefix(f"{name}_"): oid for partition, oid in found}

    def relations(self) -> set[str]:
        """Return the tables in the schema of the partitions."""
        found = self.ask(
            f"select relname from pg_class where relnamespace = to_regnamespace('{PARTITIONS}') and relkind = 'r'"
        )
        return {name for (name,) in found}
