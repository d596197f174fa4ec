{#- A large value that an update did not touch is not sent: it is the last one that was. -#}
{% macro row_versions(changes, key, columns, large_columns=[]) -%}
    {%- set row = "slot, era, " ~ key | join(", ") %}
    with images as ({{ row_images(changes, key) }}
    ),
    counted as (
        select
            *
            {%- for column in large_columns %},
            count(*) filter (where not coalesce(unchanged ? '{{ column }}', false))
                over (partition by {{ row }} order by place) as {{ column }}_sent
            {%- endfor %}
        from images
    ),
    dated as (
        select
            counted.*,
            {%- for column in columns %}
            {%- if column in large_columns %}
            first_value(image ->> '{{ column }}')
                over (partition by {{ row }}, {{ column }}_sent order by place) as {{ column }},
            {%- else %}
            image ->> '{{ column }}' as {{ column }},
            {%- endif %}
            {%- endfor %}
            {%- for column in large_columns %}
            {{ column }}_sent = 0 or
            {%- endfor %}
            false as has_unknown_value,
            coalesce(lead(happened_at) over (partition by {{ row }} order by place), emptied_at, 'infinity') as followed_at
        from counted
    )
    select slot, {{ (key + columns) | join(", ") }}, has_unknown_value, happened_at as valid_from, followed_at as valid_to
    from dated
    where not is_gone and happened_at < followed_at
{%- endmacro %}
