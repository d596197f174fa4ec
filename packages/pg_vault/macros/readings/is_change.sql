{#- The event time orders changes; the ledger of landed files orders what happened at one time. -#}
{% macro is_change(vault, difference) -%}
    {%- if not vault.get("changes_only", true) -%}
        {{ return("true") }}
    {%- endif -%}
    {%- set place = pg_vault.place(vault, with_member=false) -%}
    {%- set in_order = "partition by " ~ place[0] ~ " order by " ~ place[1:] | join(", ") -%}
    coalesce({{ difference }} <> lag({{ difference }}) over ({{ in_order }}), true)
{%- endmacro %}
