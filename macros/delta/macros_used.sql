{#- The text of the project's macros by these ids, and of those that they call. Many nodes use the same, so dbt's `graph` keeps what was
    found (`model_states`). -#}
{% macro macros_used(unique_ids, found=none) -%}
    {%- set known = graph.setdefault("macros_used", {}) if found is none else {} -%}
    {%- set asked = unique_ids | join(" ") -%}
    {%- if asked not in known -%}
        {%- set found = {} if found is none else found -%}
        {%- for unique_id in unique_ids if unique_id.startswith("macro." ~ project_name ~ ".") and unique_id not in found -%}
            {%- set macro = context[project_name][unique_id.split(".")[-1]].macro -%}
            {%- do found.update({unique_id: macro.macro_sql}) -%}
            {%- do macros_used(macro.depends_on.macros, found) -%}
        {%- endfor -%}
        {%- do known.update({asked: found.values() | sort}) -%}
    {%- endif -%}
    {{ return(known[asked]) }}
{%- endmacro %}
