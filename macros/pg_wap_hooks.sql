{#- Macros that the package pg_wap needs in the root project, because dbt looks for them nowhere else (packages/pg_wap/README.md). -#}

{% macro ref() -%}
    {{ return(pg_wap.candidate_or_published(builtins.ref(*varargs, **kwargs))) }}
{%- endmacro %}

{% materialization seed, adapter="postgres" %}
    {{ return(pg_wap.load_seed()) }}
{% endmaterialization %}

{% materialization table, adapter="postgres" %}
    {{ return(pg_wap.materialize_table()) }}
{% endmaterialization %}

{% materialization view, adapter="postgres" %}
    {{ return(pg_wap.materialize_view()) }}
{% endmaterialization %}

{% materialization materialized_view, adapter="postgres" %}
    {{ return(pg_wap.materialize_materialized_view()) }}
{% endmaterialization %}

{% materialization incremental, adapter="postgres" %}
    {{ return(pg_wap.materialize_incremental()) }}
{% endmaterialization %}

{% macro is_incremental() -%}
    {{ return(pg_wap.is_incremental_model()) }}
{%- endmacro %}

{#- A release records the files behind it: those that staging has read. -#}
{% macro postgres__release_inputs() -%}
    {%- set ledger = graph.nodes["model." ~ project_name ~ ".stg_retail__landed_files"] -%}
    {%- if load_relation(pg_wap.relation_of(ledger)) %}
    select
        count(*) as files,
        max(file_id) as last_file_id,
        max(landed_at) as last_landed_at
    from {{ ledger.relation_name }}
    {%- else %}
    {{ pg_wap.default__release_inputs() }}
    {%- endif -%}
{%- endmacro %}

{#- The log of events is locked before readers wait. -#}
{% macro postgres__release_preparations() -%}
    {%- if target.name in var("pg_wap_protected_targets") -%}
        {{ lock_events() }}
    {%- endif -%}
{%- endmacro %}

{#- Readers have their rights on new relations in the moment in which they see them, and no release is without its event. -#}
{% macro postgres__release_statements() -%}
    {%- if target.name in var("pg_wap_protected_targets") -%}
        {{ give_missing_rights() }}
        {{ record_release_event() }}
    {%- endif -%}
{%- endmacro %}
