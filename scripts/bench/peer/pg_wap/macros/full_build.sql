{#- The public words of the engine that the models and checks use, as they are in a full build: all rows, and no condition. -#}
{% macro is_delta() -%}
    {{ return(false) }}
{%- endmacro %}

{% macro only_touched(columns, keys=none, by="join", after=none) -%}
    {{ return("" if after else "true") }}
{%- endmacro %}

{% macro in_partition(column, data_type="date", after=none) -%}
    {{ return("" if after else "true") }}
{%- endmacro %}

{% macro for_partition(condition, after) -%}
    {{ return("") }}
{%- endmacro %}

{% macro touched_rows(relation) -%}
    {{ return(relation) }}
{%- endmacro %}

{% macro is_touched(model_name, expression, column=none, data_type=none) -%}
    {{ return("true") }}
{%- endmacro %}

{% macro looks_at_changes_of(model_name) -%}
    {{ return(false) }}
{%- endmacro %}

{% macro snapshot_or_source(snapshot, source, computed={}) -%}
    {{ return(snapshot) }}
{%- endmacro %}

{#- Not of the engine alone: any author of SQL can write it, and without it texts are typed several times. -#}
{% macro optimization_fence() -%}
    offset bigint '0'
{%- endmacro %}
