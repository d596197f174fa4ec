{#- Point in time: from each change of a hub on, which row of each satellite holds. A reader joins by equality. -#}
{% macro pit(satellites) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("pit", ["parent", "key"], [], satellites) -%}
    {%- set names = satellites | map(attribute="identifier") | list -%}
    with

    {% for satellite in satellites -%}
    {{ satellite.identifier }} as ({{ pg_vault.last_of_each_time(vault, satellite) }}),
    {% endfor -%}

    points as (
        {%- for name in names %}
        select {{ vault.key }}, applied_at from {{ name }} {% if not loop.last %}union{% endif %}
        {%- endfor %}
    ),

    pointers as (
        select points.{{ vault.key }}, points.applied_at
            {%- for name in names %}, max({{ name }}.applied_at) over so_far as {{ name }}_applied_at{% endfor %}
        from points
        {%- for name in names %} left join {{ name }} using ({{ vault.key }}, applied_at){% endfor %}
        window so_far as (partition by {{ vault.key }} order by applied_at)
    ),

    {{ pg_vault.changed_points(vault, names) }}
{%- endmacro %}
