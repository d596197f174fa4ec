{#- Of several rows of a satellite at one time, the last one holds. -#}
{% macro last_of_each_time(vault, satellite) -%}
    {%- set place = pg_vault.place(pg_vault.metadata_of(satellite)) -%}
    select distinct on ({{ vault.key }}, applied_at) {{ vault.key }}, applied_at, hash_diff
    from {{ pg_vault.current_readings(satellite) }} as readings
    where true {{ pg_vault.in_scope("stored") }}
    order by {{ place | join(" desc, ") }} desc
{%- endmacro %}
