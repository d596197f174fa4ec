{#- The CTEs of an exact profile. One scan groups by each column apart, and counts its values; all figures follow from the counts. -#}
{% macro profile_from_counts(relation, columns) -%}
    {%- set sizes = pg_wap.profile_sizes() -%}
    with

    counted as (

        select
            case
                {%- for column in columns %}
                when grouping({{ column.compared }}) = 0 then {{ column.position }}
                {%- endfor %}
            end as position,
            case
                {%- for column in columns %}
                when grouping({{ column.compared }}) = 0 then {{ column.quoted }}::text
                {%- endfor %}
            end as value,
            case
                {%- for column in columns if column.number %}
                when grouping({{ column.compared }}) = 0 then {{ column.number }}
                {%- endfor %}
                when false then 0
            end as number,
            count(*) as value_rows
        from {{ relation }}
        group by grouping sets ({% for column in columns %}({{ column.compared }}){{ ", " if not loop.last }}{% endfor %})

    ),

    totals as (

        select
            position,
            sum(value_rows) as row_count,
            coalesce(sum(value_rows) filter (where value is null), 0) as null_count,
            count(value) as distinct_count,
            min(value) filter (where number is null) as min_text,
            max(value) filter (where number is null) as max_text,
            sum(number * value_rows) as total,
            sum(number * number * value_rows) as total_of_squares,
            sum(length(value) * value_rows) as total_length
        from counted
        group by position

    ),

    -- of the values of a key, each is as frequent as any other
    ranked as (

        select
            counted.position,
            counted.value,
            counted.value_rows / totals.row_count as share,
            row_number() over (
                partition by counted.position order by counted.value_rows desc, counted.number, counted.value
            ) as rank
        from counted
        inner join totals on counted.position = totals.position
        where
            counted.value is not null
            and (counted.value_rows > 1 or totals.distinct_count <= {{ sizes.top_values }})

    ),

    tops as (

        select
            position,
            array_agg(left(value, 200) order by rank) as top_values,
            array_agg(share::double precision order by rank) as top_shares
        from ranked
        where rank <= {{ sizes.top_values }}
        group by position

    ),

    in_order as (

        select
            counted.position,
            counted.value,
            counted.value_rows,
            totals.row_count - totals.null_count as all_rows,
            sum(counted.value_rows) over (
                partition by counted.position order by counted.number rows unbounded preceding
            ) as rows_up_to
        from counted
        inner join totals on counted.position = totals.position
        where counted.number is not null

    ),

    reached as (

        select
            position,
            value,
            case
                when rows_up_to = value_rows then 0 else div({{ sizes.parts }} * (rows_up_to - value_rows), all_rows) + 1
            end as first_bound,
            div({{ sizes.parts }} * rows_up_to, all_rows) as last_bound
        from in_order

    ),

    -- a bound is the value at its place in the order of all rows, the first bound is the first value
    spread as (

        select
            reached.position,
            array_agg(reached.value order by bound) as bounds
        from reached
        cross join lateral generate_series(reached.first_bound, reached.last_bound) as bound
        where reached.first_bound <= reached.last_bound
        group by reached.position

    ),

    profiles as (

        select
            totals.position,
            totals.row_count,
            totals.null_count,
            totals.distinct_count,
            coalesce(totals.min_text, spread.bounds[1]) as min_value,
            coalesce(totals.max_text, spread.bounds[{{ sizes.parts + 1 }}]) as max_value,
            case when columns.kind = 'number' then total / nullif(row_count - null_count, 0) end as mean,
            case
                when columns.kind = 'number' and row_count - null_count > 1 then
                    sqrt(
                        greatest(total_of_squares - total * total / (row_count - null_count), 0) / (row_count - null_count - 1)
                    )
            end as standard_deviation,
            case when columns.kind = 'text' then total_length / nullif(row_count - null_count, 0) end as mean_length,
            tops.top_values,
            tops.top_shares,
            spread.bounds
        from totals
        inner join ({{ pg_wap.profiled_kinds(columns) }}) as columns (position, kind) on totals.position = columns.position
        left join tops on totals.position = tops.position
        left join spread on totals.position = spread.position

    )
{%- endmacro %}

{% macro profiled_kinds(columns) -%}
    values {% for column in columns %}({{ column.position }}, '{{ column.kind }}'){{ ", " if not loop.last }}{% endfor %}
{%- endmacro %}
