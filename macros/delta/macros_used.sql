{#- The text of the project's macros by these ids, and of those that they call. -#}
{% macro macros_used(unique_ids, found=none) -%}
    {%- set found = {} if found is none else found -%}
    {%- for unique_id in unique_ids if unique_id.startswith("macro." ~ project_name ~ ".") and unique_id not in found -%}
        {%- set macro = context[project_name][unique_id.split(".")[-1]].macro -%}
        {%- do found.update({unique_id: macro.macro_sql}) -%}
        {%- do macros_used(macro.depends_on.macros, found) -%}
    {%- endfor -%}
    {{ return(found.values() | sort) }}
{%- endmacro %}
