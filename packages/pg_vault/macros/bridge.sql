{#- The rows of a link that hold now, with the columns of its satellites: a row counts only while all of them have a reading of it. -#}
{% macro bridge(link, satellites) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("bridge", ["parent", "key"], []) -%}
    select links.*, {{ satellites[0].identifier }}.applied_at
        {%- for satellite in satellites %}
        {%- for column in pg_vault.payload(pg_vault.metadata_of(satellite)) %}, {{ satellite.identifier }}.{{ column }}{% endfor %}
        {%- endfor %}
    from {{ link }} as links
    {%- for satellite in satellites %}
    inner join {{ pg_vault.current_readings(satellite) }} as {{ satellite.identifier }} on links.{{ vault.key }} = {{ satellite.identifier }}.{{ vault.key }}
    {%- endfor %}
{%- endmacro %}
