{#- The rows of a satellite that count now, or counted at a load date: of each place, the last reading, unless it was
    withdrawn. Almost all rows are first readings, so what a later one replaced is looked up among the few later. -#}
{% macro current_readings(satellite, at=none) -%}
    {{- return(satellite) if not execute -}}
    {%- set vault = pg_vault.metadata_of(satellite) -%}
    (
        select readings.*
        from {{ satellite }} as readings
        where readings.is_present
            {%- if at %} and readings.load_date <= {{ at }}{% endif %}
            and not exists (
                select from {{ satellite }} as later
                where later.reading > 0 and later.reading > readings.reading
                {%- if at %} and later.load_date <= {{ at }}{% endif %}
                {%- for column in pg_vault.place(vault) %} and later.{{ column }} = readings.{{ column }}{% endfor %}
            )
    )
{%- endmacro %}
