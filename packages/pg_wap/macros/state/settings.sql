{#- A setting is a var of the root project, `pg_wap_<name>`, or the default. -#}
{% macro setting(name) -%}
    {%- set defaults = {
        "published_schema": "published",
        "audit_schema": "audit",
        "bi_schema": "bi",
        "lock_patience_seconds": 60,
        "run_history_days": 400,
        "flapping_changes": 2,
        "flapping_runs": 20,
        "protected_targets": ["prod"],
        "max_closed_share": 0.05,
        "min_closed_rows": 20,
        "report_changes": true,
        "profile_in_build": false,
        "profile_exact_rows": 50000,
        "profile_releases": 30,
        "drift_thresholds": {},
    } -%}
    {{ return(var("pg_wap_" ~ name, defaults[name])) }}
{%- endmacro %}

{#- The root's `generate_schema_name` decides, as it does for every model. -#}
{% macro schema_of(name) -%}
    {{ return(generate_schema_name(pg_wap.setting(name ~ "_schema"), none) | trim) }}
{%- endmacro %}

{% macro audit_table(name) -%}
    {{ return(api.Relation.create(database=target.database, schema=pg_wap.schema_of("audit"), identifier=name)) }}
{%- endmacro %}

{% macro version() -%}
    {{ return("1.1.0") }}
{%- endmacro %}
