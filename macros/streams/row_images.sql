{#- The log of the source orders the changes, never a clock. An image is dated by the latest commit so far, so a clock that is set
    back makes no version that ends before it begins. -#}
{% macro row_images(changes, key) %}
    with ordered as (
        select
            slot, op, before, after, unchanged,
            row_number() over in_order as place,
            max(committed_at) over in_order as happened_at,
            count(*) filter (where op = 'T') over in_order as era
        from {{ changes }}
        window in_order as (partition by slot order by copy_number, commit_lsn, seq)
    ),
    eras as (
        select slot, era - 1 as era, happened_at as emptied_at from ordered where op = 'T'
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
    )
    select
        images.*,
        {%- for column in key %}
        images.image ->> '{{ column }}' as {{ column }},
        {%- endfor %}
        eras.emptied_at
    from images
    left join eras on images.slot = eras.slot and images.era = eras.era
{%- endmacro %}
