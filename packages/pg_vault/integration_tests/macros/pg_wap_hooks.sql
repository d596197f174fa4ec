{#- All that dbt looks for in the root project only, for the package pg_wap. -#}

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
