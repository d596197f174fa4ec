{#- A table of several satellites joins them by its own key. -#}
{% macro unknown_satellites(vault, satellites) -%}
    {%- set problems = [] -%}
    {%- for satellite in satellites -%}
        {%- set keys = pg_vault.metadata_of(satellite).get("key", {}) -%}
        {%- if vault.key not in keys -%}
            {%- do problems.append("joins " ~ satellite.identifier ~ ", which has no key `" ~ vault.key ~ "`") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(problems) }}
{%- endmacro %}
