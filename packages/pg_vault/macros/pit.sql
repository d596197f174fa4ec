{#- Point in time: from each change of a hub on, which row of each satellite holds. A reader joins by equality. -#}
{% macro pit(satellites) -%}
    {{- return("select") if not execute -}}
    {%- set vault = pg_vault.metadata("pit", ["parent", "key"], []) -%}
    with

    {% for satellite in satellites -%}
    {{ satellite.identifier }} as (
        -- the last of several rows at one time
        select distinct on ({{ vault.key }}, applied_at) {{ vault.key }}, applied_at, hash_diff
        from {{ pg_vault.current_readings(satellite) }} as readings
        where true {{ pg_vault.in_scope("stored") }}
        order by {{ (pg_vault.place(pg_vault.metadata_of(satellite))) | join(" desc, ") }} desc
    ),
    {% endfor -%}
    points as (
        {% for satellite in satellites %}{% if not loop.first %} union {% endif %}select {{ vault.key }}, applied_at from {{ satellite.identifier }}{% endfor %}
    ),

    pointers as (
        select points.{{ vault.key }}, points.applied_at
            {%- for satellite in satellites %}, max({{ satellite.identifier }}.applied_at) over so_far as {{ satellite.identifier }}_applied_at{% endfor %}
        from points
        {%- for satellite in satellites %} left join {{ satellite.identifier }} using ({{ vault.key }}, applied_at){% endfor %}
        window so_far as (partition by {{ vault.key }} order by applied_at)
    )

    {{ pg_vault.changed_points(vault, satellites) }}
{%- endmacro %}

{#- A late row can leave stored rows behind it that change nothing any more. A point at which nothing changes is not shown. -#}
{% macro changed_points(vault, satellites) -%}
    , compared as (
        select pointers.*
            {%- for satellite in satellites %}, {{ satellite.identifier }}.hash_diff as {{ satellite.identifier }}_hash_diff{% endfor %},
            {%- set found = [] -%}
            {%- for satellite in satellites %}{% do found.append(satellite.identifier ~ ".hash_diff") %}{% endfor %}
            coalesce(
                row({{ found | join(", ") }})::text
                <> lag(row({{ found | join(", ") }})::text) over (partition by pointers.{{ vault.key }} order by pointers.applied_at), true
            ) as is_change
        from pointers
        {%- for satellite in satellites %}
        left join {{ satellite.identifier }}
            on pointers.{{ vault.key }} = {{ satellite.identifier }}.{{ vault.key }}
            and pointers.{{ satellite.identifier }}_applied_at = {{ satellite.identifier }}.applied_at
        {%- endfor %}
    )
    select {{ vault.key }}, applied_at as holds_from,
        lead(applied_at, 1, 'infinity') over (partition by {{ vault.key }} order by applied_at) as holds_to
        {%- for satellite in satellites %}, {{ satellite.identifier }}_applied_at, {{ satellite.identifier }}_hash_diff{% endfor %}
    from compared where is_change
{%- endmacro %}
