{#- `dbt retry` runs as the command that it repeats. -#}
{% macro is_recorded() -%}
    {{ return(execute and flags.WHICH in ["build", "run", "test", "seed", "snapshot"]) }}
{%- endmacro %}
