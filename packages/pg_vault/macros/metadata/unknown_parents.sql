{% macro unknown_parents(vault) -%}
    {%- set parents = [vault.parent] if vault.parent else (vault.hubs or {}).keys() | list -%}
    {%- set problems = [] -%}
    {%- for parent in parents -%}
        {%- if vault.parent and not pg_vault.metadata_named(parent).get("type") in ["hub", "link"] -%}
            {%- do problems.append("names the parent `" ~ parent ~ "`, which is no hub or link of the project") -%}
        {%- elif vault.hubs and parent not in pg_vault.hub_keys() -%}
            {%- do problems.append("names the hub key `" ~ parent ~ "`, which no hub of the project has") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(problems) }}
{%- endmacro %}
