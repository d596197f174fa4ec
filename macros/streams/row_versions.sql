{#- The log of the source orders the changes, never a clock. A version is dated by the latest commit so far, so a clock that is set
    back makes no version that ends before it begins. -#}
{% macro row_versions(changes, relation, key, columns, large_columns=[]) -%}
    {%- set row = "slot, era, " ~ key | join(", ") %}
    with ordered as (
        select
            slot, op, before, after, unchanged,
            row_number() over in_order as place,
            max(committed_at) over in_order as happened_at,
            count(*) filter (where op = 'T') over in_order as era
        from {{ changes }}
        where relation = '{{ relation }}'
        window in_order as (partition by slot order by copy_number, commit_lsn, seq)
    ),
    eras as (
        select slot, era - 1 as era, happened_at as ended_at from ordered where op = 'T'
    ),
    -- A change of the key ends one row and begins another.
    images as (
        select slot, era, place, happened_at, after as image, unchanged, false as is_gone
        from ordered
        where after is not null
        union all
        select slot, era, place, happened_at, before, null, true
        from ordered
        where
            op = 'D'
            {%- for column in key %}
            or before ->> '{{ column }}' <> after ->> '{{ column }}'
            {%- endfor %}
    ),
    keyed as (
        select
            *
            {%- for column in key %},
            image ->> '{{ column }}' as {{ column }}
            {%- endfor %}
        from images
    ),
    counted as (
        select
            *
            {%- for column in large_columns %},
            count(*) filter (where not coalesce(unchanged ? '{{ column }}', false))
                over (partition by {{ row }} order by place) as {{ column }}_sent
            {%- endfor %}
        from keyed
    ),
    dated as (
        select
            counted.*,
            {%- for column in columns %}
            {%- if column in large_columns %}
            -- The last value that the source sent.
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
            happened_at as valid_from,
            lead(happened_at) over (partition by {{ row }} order by place) as followed_at
        from counted
    )
    select
        dated.slot,
        {%- for column in key + columns %}
        dated.{{ column }},
        {%- endfor %}
        dated.has_unknown_value,
        dated.valid_from,
        coalesce(dated.followed_at, eras.ended_at, 'infinity') as valid_to
    from dated
    left join eras on dated.slot = eras.slot and dated.era = eras.era
    where not dated.is_gone and dated.valid_from < coalesce(dated.followed_at, eras.ended_at, 'infinity')
{%- endmacro %}
