{#- By the columns that the YAML of the source describes; a source without any is taken as it is. -#}
{% macro unknown_columns(vault, source) -%}
    {%- set node = pg_vault.node_of(source) -%}
    {%- set columns = (node.columns or {}).keys() | list -%}
    {%- set keys = vault.key.values() | first if vault.key is mapping else [] -%}
    {%- set business_key = pg_vault.column_in(source, vault.business_key) -%}
    {#- The event time may be an expression, which only PostgreSQL understands. -#}
    {%- set applied_at = vault.applied_at if modules.re.fullmatch("[a-z_][a-z0-9_]*", vault.applied_at or "") -%}
    {%- set named = keys + (vault.hubs or {}).values() | list + (vault.dependent or []) + (vault.payload or [])
        + [vault.member, vault.record_source, business_key, applied_at] -%}
    {%- set problems = [] -%}
    {%- for name in named if name and columns and name not in columns -%}
        {%- do problems.append("names `" ~ name ~ "`, which is no column of " ~ node.name) -%}
    {%- endfor -%}
    {{ return(problems) }}
{%- endmacro %}
