{#- From which change on a column counts as drifted, by measure. A project changes some of them in the var `pg_wap_drift_thresholds`. -#}
{% macro drift_thresholds(given) -%}
    {%- set thresholds = {
        "rows": 0.5,
        "nulls": 0.02,
        "distinct": 0.2,
        "mean": 0.25,
        "spread": 0.1,
        "range": 1,
        "frequencies": 0.1,
        "new value": 0.05,
        "lost value": 0.05,
        "minimum rows": 100,
    } -%}
    {%- for name in given if name not in thresholds -%}
        {{ exceptions.raise_compiler_error(
            "pg_wap_drift_thresholds: there is no measure '" ~ name ~ "': use " ~ thresholds | join(", ") ~ "."
        ) }}
    {%- endfor -%}
    {{ return(dict(thresholds, **given)) }}
{%- endmacro %}

{#- Says what drifted, where the view of the package is built. -#}
{% macro report_drift() -%}
    {%- set drift = pg_wap.audit_table("column_drift") -%}
    {%- set rows = run_query(
        "select relation, column_name, measure, was_value, is_value from " ~ drift
        ~ " where is_published and is_drift order by relation, column_name, measure"
    ).rows | list if load_relation(drift) else [] -%}
    {%- for row in rows[:10] -%}
        {%- do log(
            "Drift: " ~ row["relation"] ~ ("." ~ row["column_name"] if row["column_name"] else "") ~ ", " ~ row["measure"]
            ~ ": was " ~ row["was_value"] ~ ", is " ~ row["is_value"] ~ ".", info=true
        ) -%}
    {%- endfor -%}
    {%- do log((rows | length - 10) ~ " more in " ~ drift.include(database=false) ~ ".", info=true) if rows | length > 10 -%}
{%- endmacro %}
