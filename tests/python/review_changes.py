"""A catalogue of changes to the project, each of which a review must report as what it is, or not at all."""

from pathlib import Path
from typing import Any, NamedTuple

import yaml

MARTS = "models/marts"


class Edit(NamedTuple):
    """An edit of a file: a text and what takes its place. Without a text, the file is written or (None) deleted."""

    file: str
    old: str
    new: str | None = None


# What makes no difference. No report may name these nodes.
WITHOUT_EFFECT = {
    "a comment": Edit(f"{MARTS}/core/fct_invoices.sql", "{{ config(", "-- What the shop billed.\n{{ config("),
    "layout": Edit(
        f"{MARTS}/core/dim_country.sql",
        "        countries.iso_alpha2,\n        countries.iso_alpha3,\n",
        "        countries.iso_alpha2, countries.iso_alpha3,\n",
    ),
    "another name of a CTE": Edit(f"{MARTS}/core/bridge_product_category.sql", "\nshares as (", "\nparts as ("),
    "the end of that name": Edit(
        f"{MARTS}/core/bridge_product_category.sql", "as weight\n    from shares", "as weight\n    from parts"
    ),
    "another order of CTEs": Edit(
        f"{MARTS}/core/dim_rfm_band.sql",
        "rfm_segments as (\n\n    select * from {{ ref('rfm_segments') }}\n\n),\n\nmonetary_scores as (\n\n"
        "    select monetary_score from generate_series(1, 5) as scores (monetary_score)\n\n),",
        "monetary_scores as (\n\n    select monetary_score from generate_series(1, 5) as scores (monetary_score)\n\n),"
        "\n\nrfm_segments as (\n\n    select * from {{ ref('rfm_segments') }}\n\n),",
    ),
    "an alias": Edit(
        f"{MARTS}/finance/metric_days.sql",
        "(select min(sales.date_day) from sales)",
        "(select min(s.date_day) from sales as s)",
    ),
    "a CTE that nothing reads": Edit(
        f"{MARTS}/monitoring/sales_incident_amounts.sql",
        "with\n\n",
        "with\n\nnothing as (\n\n    select 1 as one\n\n),\n\n",
    ),
    "a description": Edit(f"{MARTS}/core/dim_rfm_band.yml", "Grain: one row", "Grain, as before: one row"),
    "a comment in a macro of many models": Edit(
        "macros/dates/month_start.sql", "{% macro month_start", "{#- As before. -#}\n{% macro month_start"
    ),
    "the title of a metric": Edit("models/semantic/metrics/revenue.yml", "label: Gross revenue", "label: Gross sales"),
}

# What does.
WITH_EFFECT = {
    "a new column": Edit(
        f"{MARTS}/marketing/monthly_customer_orders.sql",
        "        sale_amount,\n        cancelled_amount\n    from since_first",
        "        sale_amount,\n        cancelled_amount,\n        lines_sold::bigint as lines\n    from since_first",
    ),
    "its contract, with a mark of personal data": Edit(
        f"{MARTS}/marketing/monthly_customer_orders.yml",
        "    constraints:\n      - type: primary_key",
        "      - name: lines\n        description: As lines_sold.\n        data_type: bigint\n"
        "        config: {meta: {pii: quasi, purpose: reporting}}\n    constraints:\n      - type: primary_key",
    ),
    "a rule that is gone": Edit(
        f"{MARTS}/marketing/monthly_customer_orders.yml",
        "          orders_have_lines:\n            expression: orders between 1 and lines_sold\n"
        "            why: An order consists of its lines.\n",
        "",
    ),
    "another join": Edit(
        f"{MARTS}/marketing/monthly_segment_moves.sql",
        "left join customer_months as previous_months",
        "inner join customer_months as previous_months",
    ),
    "a filter that is gone": Edit(
        f"{MARTS}/marketing/monthly_customer_orders.sql",
        "where customer_durable_key <> -1 {{ pg_wap.only_touched('customer_durable_key', after='and') }}",
        "{{ pg_wap.only_touched('customer_durable_key', after='where') }}",
    ),
    "another type": Edit(
        f"{MARTS}/merchandising/monthly_product_sales.sql", "count(*)::integer as lines", "count(*)::bigint as lines"
    ),
    "its contract": Edit(
        f"{MARTS}/merchandising/monthly_product_sales.yml",
        "description: Lines of the month. Additive.\n        data_type: integer",
        "description: Lines of the month. Additive.\n        data_type: bigint",
    ),
    "a number that moves": Edit(
        f"{MARTS}/merchandising/monthly_product_sales.sql",
        "        sum(net_amount) as net_amount,",
        "        sum(net_amount) + case when line_type = 'postage' then 1 else 0 end as net_amount,",
    ),
    "a row of a seed": Edit("seeds/uk_bank_holidays.csv", "2010-01-01,New Year's Day", "2010-01-01,New Year"),
    "a check that is gone": Edit("tests/monitoring/assert_known_incidents_are_valid.sql", "", None),
    "a severity": Edit("tests/history/assert_one_version_is_current.sql", "severity='error'", "severity='warn'"),
    "a threshold": Edit("dbt_project.yml", "max_lines_taken_away: 20", "max_lines_taken_away: 500"),
    "a condition of a check": Edit(
        f"{MARTS}/core/dim_customer.yml",
        "where: customer_key <> -1",
        "where: customer_key > 0",
    ),
    "a new check": Edit(
        "tests/monitoring/assert_shops_sell.sql",
        "",
        "{{ config(group='finance', severity='error') }}\n\nselect * from {{ ref('daily_sales') }} where orders < 0\n",
    ),
    "a new mart": Edit(
        f"{MARTS}/finance/sales_of_days.sql",
        "",
        "{{ config(unique_key='date_day') }}\n\n"
        "select\n    date_day,\n    sum(net_amount)::numeric(24, 4) as net_amount\n"
        "from {{ ref('daily_sales') }}\ngroup by date_day\n",
    ),
    "a mart that is gone": Edit(f"{MARTS}/finance/short_lived.sql", "", None),
    "another primary key": Edit(f"{MARTS}/finance/regrained.sql", "unique_key='one'", "unique_key=['one', 'two']"),
    "a macro of three models": Edit("macros/shared_word.sql", "'before'", "'after'"),
    "a model that gets versions": Edit(f"{MARTS}/finance/versioned.sql", "", None),
    "its newer version": Edit(
        f"{MARTS}/finance/versioned_v2.sql",
        "",
        "{{ config(unique_key='one') }}\n\nselect 'a'::text as one, 'b'::text as new_name\n",
    ),
    "its earlier version": Edit(
        f"{MARTS}/finance/versioned_v1.sql",
        "",
        "{{ config(materialized='published_view') }}\n\n"
        "{{ pg_wap.earlier_version(ref('versioned', v=2), renamed={'old_name': 'new_name'}) }}\n",
    ),
    "an index": Edit(
        f"{MARTS}/finance/daily_sales.sql",
        "indexes=[{'columns': ['date_day']}]",
        "indexes=[{'columns': ['date_day']}, {'columns': ['country_key']}]",
    ),
    "a constraint": Edit(
        f"{MARTS}/core/fct_product_sold_days.yml",
        "          additive.\n        data_type: bigint\n        constraints:\n"
        "          - {type: not_null, warn_unsupported: false}\n",
        "          additive.\n        data_type: bigint\n",
    ),
    "the incremental build": Edit(
        f"{MARTS}/marketing/customer_rfm.sql",
        "        select\n            customer_id,",
        "        select distinct\n            customer_id,",
    ),
    "a query of a dashboard": Edit(
        "analyses/revenue_by_definition.sql", "        dates.month_start,\n", "        dates.month_start as month,\n"
    ),
    "a function": Edit("functions/dim_product_as_known.sql", "'Not described'", "'No description'"),
    "a metric of another measure": Edit(
        "models/semantic/metrics/revenue.yml", "measure: {name: sale_line_amount,", "measure: {name: line_amount,"
    ),
    "personal data": Edit(
        "models/profiles/dim_customer_profile.sql", "select * from final", "select * from final\nwhere true"
    ),
    "a revision that locks": Edit(
        "migrations/versions/9001_lock.up.sql", "", "create index ledger_index on bronze.landed_files (landed_at);\n"
    ),
}


# Of a version of a model: the columns of the model that it has as well.
INCLUDED = {"include": "all", "exclude": ["new_name"]}


def contract(*columns: str) -> list[dict[str, Any]]:
    """Return the columns of a contract, all of type text."""
    return [{"name": name, "data_type": "text", "description": "Of the tests."} for name in columns]


def prepare(folder: Path) -> None:
    """Add small marts to the base, for changes that would rebuild the whole project if they were of its own models."""
    write(folder / "macros" / "shared_word.sql", "{% macro shared_word() %}'before'{% endmacro %}\n")
    small = {
        "short_lived": ("one", ["one"], "select 'a'::text as one"),
        "regrained": ("one", ["one", "two"], "select 'a'::text as one, 'b'::text as two"),
        "versioned": ("one", ["one", "old_name"], "select 'a'::text as one, 'b'::text as old_name"),
    }
    for number in (1, 2, 3):
        small[f"worded_{number}"] = (
            "one",
            ["one", "word"],
            "select 'a'::text as one, {{ shared_word() }}::text as word",
        )
    for name, (key, columns, query) in small.items():
        write(folder / MARTS / "finance" / f"{name}.sql", f"{{{{ config(unique_key='{key}') }}}}\n\n{query}\n")
        described = {"name": name, "description": "Of the tests.", "columns": contract(*columns)}
        write(folder / MARTS / "finance" / f"{name}.yml", yaml.safe_dump({"version": 2, "models": [described]}))


def apply(folder: Path, edits: dict[str, Edit]) -> None:
    """Make the edits in a copy of the project."""
    for edit in edits.values():
        path = folder / edit.file
        if edit.old:
            replace_first(path, edit.old, edit.new or "")
        elif edit.new is None:
            path.unlink()
            path.with_suffix(".yml").unlink(missing_ok=True)
        else:
            write(path, edit.new)
    # What the YAML says of these has to follow.
    singular = folder / "tests" / "_singular_tests.yml"
    described = yaml.safe_load(singular.read_text())
    described["data_tests"] = [
        each for each in described["data_tests"] if each["name"] != "assert_known_incidents_are_valid"
    ]
    described["data_tests"].append(
        {"name": "assert_shops_sell", "description": "Range: no day has fewer than no orders."}
    )
    singular.write_text(yaml.safe_dump(described))
    mart = {
        "name": "sales_of_days",
        "description": "Of the tests.",
        "columns": [
            {"name": "date_day", "data_type": "date", "description": "Of the tests."},
            {"name": "net_amount", "data_type": "numeric(24,4)", "description": "Of the tests."},
        ],
    }
    versions = {
        "name": "versioned",
        "description": "Of the tests.",
        "latest_version": 2,
        "columns": contract("one", "new_name"),
        "constraints": [{"type": "primary_key", "columns": ["one"], "warn_unsupported": False}],
        "versions": [
            {"v": 1, "config": {"alias": "versioned"}, "columns": [INCLUDED, *contract("old_name")]},
            {"v": 2},
        ],
    }
    write(folder / MARTS / "finance" / "versioned.yml", yaml.safe_dump({"version": 2, "models": [versions]}))
    write(folder / MARTS / "finance" / "sales_of_days.yml", yaml.safe_dump({"version": 2, "models": [mart]}))


def replace_first(file: Path, old: str, new: str) -> None:
    """Replace a text where it stands first."""
    text = file.read_text()
    assert old in text, (file, old)
    file.write_text(text.replace(old, new, 1))


def write(file: Path, text: str) -> None:
    """Write a file, in a folder that may be new."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
