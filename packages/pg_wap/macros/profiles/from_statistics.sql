{#- The CTEs of a profile of many rows. One scan counts rows and nulls, and finds least, greatest and mean; PostgreSQL's statistics estimate
    how many values there are, which are frequent, and how they are spread.

    Arguments:
        relation: the published view.
        stored: the table whose statistics say how the view's columns are spread; a copy has the rows as well. -#}
{% macro profile_from_statistics(relation, stored, columns) -%}
    {%- set sizes = pg_wap.profile_sizes() -%}
    with

    scanned as (

        select
            count(*) as row_count
            {%- for column in columns %},
            count({{ column.quoted }}) as values_{{ loop.index }},
            min({{ pg_wap.profile_ordered(column) }})::text as min_{{ loop.index }},
            max({{ pg_wap.profile_ordered(column) }})::text as max_{{ loop.index }}
            {%- if column.kind == "number" %},
            avg({{ column.quoted }})::double precision as mean_{{ loop.index }},
            stddev({{ column.quoted }})::double precision as deviation_{{ loop.index }}
            {%- elif column.kind == "text" %},
            avg(length({{ column.quoted }}))::double precision as length_{{ loop.index }}
            {%- endif %}
            {%- endfor %}
        from {{ relation if stored.schema else stored }}

    ),

    figures as (

        select
            scanned.row_count,
            columns.*
        from scanned
        cross join lateral (
            values
            {%- for column in columns %}
            (
                {{ column.position }},
                '{{ escape_single_quotes(column.name) }}',
                values_{{ loop.index }},
                min_{{ loop.index }},
                max_{{ loop.index }},
                {{ "mean_" ~ loop.index if column.kind == "number" else "null::double precision" }},
                {{ "deviation_" ~ loop.index if column.kind == "number" else "null::double precision" }},
                {{ "length_" ~ loop.index if column.kind == "text" else "null::double precision" }}
            ){{ "," if not loop.last }}
            {%- endfor %}
        ) as columns (position, name, value_count, min_value, max_value, mean, standard_deviation, mean_length)

    ),

    known as (

        select
            figures.position,
            pg_stats.n_distinct,
            {%- set booleans = columns | selectattr("kind", "equalto", "boolean") | map(attribute="position") | join(", ") %}
            case
                when figures.position in ({{ booleans or "null" }}) then
                    pg_stats.most_common_vals::text::boolean[]::text[]
                else pg_stats.most_common_vals::text::text[]
            end as common_values,
            pg_stats.most_common_freqs as common_shares,
            pg_stats.histogram_bounds::text::text[] as histogram,
            1 - pg_stats.null_frac - coalesce((select sum(share) from unnest(pg_stats.most_common_freqs) as share), 0) as rare_share
        from pg_stats
        inner join figures on pg_stats.attname = figures.name
        inner join pg_class
            on
                pg_class.oid = '{{ stored }}'::regclass
                and pg_stats.tablename = pg_class.relname
                and pg_stats.schemaname = pg_class.relnamespace::regnamespace::text
                and pg_stats.inherited = (pg_class.relkind = 'p')

    ),

    -- a value of the histogram stands for the part around it
    points as (

        select
            position,
            value,
            share::numeric
        from known
        cross join lateral unnest(common_values, common_shares) as common (value, share)
        union all
        select
            position,
            value,
            (rare_share / cardinality(histogram))::numeric
        from known
        cross join lateral unnest(histogram) as value

    ),

    numbers as (

        select
            points.*,
            case position
                {%- for column in columns if column.number %}
                when {{ column.position }} then {{ column.number | replace(column.quoted, "value::" ~ column.type) }}
                {%- endfor %}
                when 0 then 0
            end as number
        from points

    ),

    in_order as (

        select
            numbers.*,
            sum(share) over (partition by position) as all_shares,
            sum(share) over (partition by position order by number rows unbounded preceding) as shares_up_to
        from numbers
        where number is not null

    ),

    -- the first and the last bound were found by the scan
    spread as (

        select
            position,
            array_agg(value order by bound) as bounds
        from in_order
        cross join lateral
            generate_series(
                greatest(floor({{ sizes.parts }} * (shares_up_to - share) / all_shares)::integer + 1, 1),
                least(floor({{ sizes.parts }} * shares_up_to / all_shares)::integer, {{ sizes.parts - 1 }})
            ) as bound
        group by position

    ),

    profiles as (

        select
            figures.position,
            figures.row_count,
            figures.row_count - figures.value_count as null_count,
            round(
                case when known.n_distinct < 0 then -known.n_distinct * figures.row_count else known.n_distinct end
            )::bigint as distinct_count,
            figures.min_value,
            figures.max_value,
            figures.mean,
            figures.standard_deviation,
            figures.mean_length,
            (select array_agg(left(value, 200)) from unnest(known.common_values[:{{ sizes.top_values }}]) as value) as top_values,
            known.common_shares[:{{ sizes.top_values }}]::double precision[] as top_shares,
            case when spread.bounds is not null then figures.min_value || spread.bounds || figures.max_value end as bounds
        from figures
        left join known on figures.position = known.position
        left join spread on figures.position = spread.position

    )
{%- endmacro %}

{#- What has a least and a greatest value. -#}
{% macro profile_ordered(column) -%}
    {{ return(column.quoted ~ ("::text" if column.kind in ["other", "boolean"] else "")) }}
{%- endmacro %}
