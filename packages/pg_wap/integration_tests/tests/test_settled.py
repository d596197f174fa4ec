"""Which nodes a program may leave out (`PG_WAP_SKIP_UNTOUCHED=true`): one that has to run must never be among them."""

import json
from typing import Any

import yaml

from .project import Project

READS_A_SOURCE = """
{{ config(unique_key='line_id', logged_columns=['line_id', 'customer_id', 'ordered_on']) }}
select line_id, customer_id, country, ordered_on, amount from {{ source('raw', 'order_lines') }}
"""
SOURCE = {"sources": [{"name": "raw", "tables": [{"name": "order_lines", "columns": [
    {"name": "line_id", "data_tests": [{"not_null": {"name": "lines_have_keys"}}]},
]}]}]}  # fmt: skip
TABLE = """
{{{{ config(unique_key='month'{config}) }}}}
select month, amount, {more} as more from {{{{ ref('month_totals') }}}} as months
"""


def settled(project: Project, *options: str) -> dict[str, dict[str, Any]]:
    """Return what the package lists, by names instead of ids."""
    listed = json.loads(project.compiled("{{ tojson(pg_wap.settled_nodes()) if execute }}", *options))
    return {
        name_of(unique_id): {part: sorted(map(name_of, ids)) for part, ids in parts.items()}
        for unique_id, parts in listed.items()
    }


def name_of(unique_id: str) -> str:
    """Return the name of a node, and of a source with its schema."""
    kind, _, *names = unique_id.split(".")
    return ".".join(names) if kind == "source" else names[0]


def test_each_node_names_what_it_reads(lean: Project) -> None:
    """A node that is left out although its input changed shows old numbers as if they were new."""
    listed = settled(lean)
    assert listed["customer_totals"] == {"needs": ["order_lines"], "shows": []}
    assert listed["customer_countries"] == {"needs": ["order_lines"], "shows": []}
    assert listed["totals_agree"] == {"needs": ["month_totals", "orders"], "shows": []}
    # A view need not be made again, but shows other rows when its tables change.
    assert listed["countries_ordered"] == {"needs": [], "shows": ["countries", "order_lines"]}
    assert listed["best_customers"] == {"needs": ["customer_totals"], "shows": ["customer_totals"]}


def test_what_changes_on_its_own_is_not_listed(lean: Project) -> None:
    """No node reports a change of the clock, of a source or of a table without `ref`, so their readers always run."""
    assert "order_lines" not in settled(lean), "it reads a table that dbt does not know of"
    lean.write("models/staging/order_lines.sql", READS_A_SOURCE)
    lean.write("models/staging/sources.yml", yaml.safe_dump(SOURCE))
    lean.model("staging/plain", TABLE.format(config="", more="extract(year from months.month)"))
    lean.model("staging/reads_the_clock", TABLE.format(config="", more="current_date"))
    lean.model("staging/has_a_hook", TABLE.format(config=", post_hook='select 1'", more="amount"))
    lean.build()
    listed = settled(lean)
    assert listed["plain"]["needs"] == ["month_totals"]
    assert listed["order_lines"]["needs"] == ["raw.order_lines"], "its source, which no node reports as unchanged"
    assert not listed.keys() & {"reads_the_clock", "has_a_hook", "lines_have_keys"}


def test_check_that_failed_is_not_listed(lean: Project) -> None:
    """A failure that is left out looks like a pass."""
    lean.write("checks/totals_agree.sql", "select amount from {{ ref('orders') }} where amount > 0")
    assert not lean.dbt("build")
    assert "totals_agree" not in settled(lean)


def test_new_code_is_not_listed(lean: Project) -> None:
    """A changed model has to be built, and checks of it have not seen its rows."""
    lean.write("models/release/month_totals.sql", lean.read("models/release/month_totals.sql") + "\n-- new")
    assert lean.dbt("run", "--select", "countries_ordered"), lean.errors
    assert "month_totals" not in settled(lean)


def test_nothing_is_listed_after_half_a_build(lean: Project) -> None:
    """What `dbt run` touched has not been checked yet."""
    lean.ask("insert into raw.order_lines values (6, 9, 'ES', '2024-04-02', 100, 3)")
    assert lean.dbt("run"), lean.errors
    assert settled(lean) == {}


def test_nothing_is_listed_on_full_refresh(lean: Project) -> None:
    """A full refresh builds and checks every node."""
    assert settled(lean, "--full-refresh") == {}
