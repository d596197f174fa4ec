{#- All that dbt looks for in the root project only, for the package pg_wap (packages/pg_wap/README.md). -#}

{% macro ref() -%}
    {{ return(pg_wap.candidate_or_published(builtins.ref(*varargs, **kwargs))) }}
{%- endmacro %}

{% materialization seed, adapter="postgres" %}
    {{ return(pg_wap.load_seed()) }}
{% endmaterialization %}

{#- The files that a release is made from, as far as staging has taken them in. -#}
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
