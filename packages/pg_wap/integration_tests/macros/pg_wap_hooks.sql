{#- All that dbt looks for in the root project only, for the package pg_wap. -#}

{% macro ref() -%}
    {{ return(pg_wap.candidate_or_published(builtins.ref(*varargs, **kwargs))) }}
{%- endmacro %}

{% materialization seed, adapter="postgres" %}
    {{ return(pg_wap.load_seed()) }}
{% endmaterialization %}
