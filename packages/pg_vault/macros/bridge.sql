{#- The rows of a link that hold now, with the columns of its satellites. All of these must have a reading of it. -#}
{% macro bridge(link, satellites) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("bridge", ["parent", "key"], [], satellites) -%}
    select links.*, {{ satellites[0].identifier }}.applied_at
        {%- for satellite in satellites %}
        {%- set name = satellite.identifier %}
        {%- for column in pg_vault.payload(pg_vault.metadata_of(satellite)) %}, {{ name }}.{{ column }}{% endfor %}
        {%- endfor %}
    from {{ link }} as links
    {%- for satellite in satellites %}
    {%- set name = satellite.identifier %}
    inner join {{ pg_vault.current_readings(satellite) }} as {{ name }}
        on links.{{ vault.key }} = {{ name }}.{{ vault.key }}
    {%- endfor %}
{%- endmacro %}
