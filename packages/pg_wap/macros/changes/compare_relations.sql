{#- A function of the audit schema, for releases, for reviews and for anyone with psql: how the rows of two relations differ, exactly.

        select audit.compare_relations('published.orders', 'my_schema.orders', array['order_id'])

    Arguments:
        before_name, after_name: the relations, with their schemas.
        key_columns: the columns that identify a row in both.
        measures: the numeric columns to sum up; null for all that are not in the key.
        within: a condition on the rows of both.
        example_count: how many rows to show.

    Returns JSON:
        rows_before, rows_after, rows_added, rows_gone, rows_changed: numbers of rows.
        columns_added, columns_gone: the names of columns that only one side has; columns_retyped: [{name, before, after}].
        columns: [{name, rows}], in how many changed rows the column differs.
        measures: [{name, before, after}], the sums of the measures that moved.
        dated_by: the column whose months the totals are of, or null; months: [{month, before, after}] of those that differ, each side with
        its number of rows and the sums of the measures that moved.
        examples: [{by, before, after}], the rows whose measure `by` moved most, or the first rows by key if none moved.

    Each month of either side gets a fingerprint, which costs one scan. Rows are matched by key only in months whose fingerprints differ. A
    parallel hash join matches a million rows in half the time of the merge join that the planner takes for cheaper.

    Numbers are equal if their values are, whatever their scale. Columns of different types are compared as numbers, if both are numbers,
    else as text. -#}
{% macro create_compare_function(function) -%}
    {%- set signature = function ~ "(text, text, text[], text[], text, integer)" -%}
    {%- set definition = pg_wap.compare_function(function) -%}
    {#- Two sessions that replace a function at once disturb each other, so it is replaced only if it differs. -#}
    do $function$
    begin
        if obj_description(to_regprocedure('{{ signature }}'), 'pg_proc') is distinct from '{{ local_md5(definition) }}' then
            execute $definition${{ definition }}$definition$;
            comment on function {{ signature }} is '{{ local_md5(definition) }}';
        end if;
    end $function$;
{%- endmacro %}

{% macro compare_function(function) -%}
create or replace function {{ function }}(
    before_name text,
    after_name text,
    key_columns text[],
    measures text[] default null,
    within text default 'true',
    example_count integer default 10
) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_mergejoin = off
as $compare$
declare
    missing text;
    result jsonb;
    names text[];
    dated_by text;
    before_rows text;
    after_rows text;
    differing date[];
    -- the days of a month %1$L, up to %2$L: by the column itself, so that partitions of other months are not read
    month_condition text;
    in_months text;
    -- matches the rows of both sides in {months}
    differing_rows text;
    is_in_both text;
    statistics text;
    by_month jsonb;
    moved text[];
    measure text;
    shown_rows integer;
    rows_move boolean;
    examples jsonb := '[]';
    shown jsonb;
begin
    foreach missing in array array[before_name, after_name] loop
        if to_regclass(missing) is null then
            raise exception 'there is no relation %: name both relations with their schemas', missing using errcode = 'undefined_table';
        end if;
    end loop;

    with

    sides as (

        select
            attname as name,
            attnum as position,
            attrelid = to_regclass(after_name) as is_after,
            format_type(atttypid, atttypmod) as type,
            typcategory = 'N' as is_number,
            typname = 'date' as is_date,
            -- these types have no hash
            typcategory = 'G' or typname in ('json', 'xml') as is_compared_as_text
        from pg_attribute
        inner join pg_type on atttypid = pg_type.oid
        where attrelid in (to_regclass(before_name), to_regclass(after_name)) and attnum > 0 and not attisdropped

    ),

    columns as (

        select
            name,
            min(position) as position,
            bool_or(not is_after) as is_before,
            bool_or(is_after) as is_after,
            min(type) filter (where not is_after) as type_before,
            min(type) filter (where is_after) as type_after,
            bool_and(is_number) as is_number,
            bool_and(is_date) as is_date,
            case
                when bool_or(is_compared_as_text) then '::text'
                when count(distinct type) = 1 then ''
                when bool_and(is_number) then '::numeric'
                else '::text'
            end as compared_as
        from sides
        group by name

    ),

    common as (

        select *
        from columns
        where is_before and is_after

    )

    select
        jsonb_build_object(
            'columns_added', coalesce(jsonb_agg(name order by position) filter (where not is_before), '[]'),
            'columns_gone', coalesce(jsonb_agg(name order by position) filter (where not is_after), '[]'),
            'columns_retyped', coalesce(
                jsonb_agg(jsonb_build_object('name', name, 'before', type_before, 'after', type_after) order by position)
                filter (where type_before <> type_after),
                '[]'
            )
        ),
        (select array_agg(name order by position) from common),
        (select name from common where is_date order by name = any(key_columns) desc, position limit 1),
        array(
            select name
            from common
            where
                is_number
                and name <> all(key_columns)
                and (compare_relations.measures is null or name = any(compare_relations.measures))
            order by position
        ),
        (select string_agg(format('%1$I%2$s as %1$I', name, compared_as), ', ' order by position) from common)
    into result, names, dated_by, measures, before_rows
    from columns;
    if not key_columns <@ names then
        raise exception 'both % and % need the key columns %', before_name, after_name, array_to_string(key_columns, ', ')
            using errcode = 'undefined_column';
    end if;
    before_rows := format(
        'select %s, coalesce(date_trunc(''month'', %s::timestamp)::date, ''-infinity'') as compared_month from %%s where %s',
        before_rows, coalesce(quote_ident(dated_by), 'null'), replace(within, '%', '%%')
    );
    after_rows := format(before_rows, after_name);
    before_rows := format(before_rows, before_name);
    month_condition := case when dated_by is null then 'true' else
        format('case when %%1$L = ''-infinity'' then %1$I is null else %1$I >= %%1$L and %1$I < %%2$L end', dated_by)
    end;

    -- one scan of each side
    execute format(
        $query$
        with

        before_months as (

            select compared_month, count(*) as rows, bit_xor(hash_record_extended(side, 0)) as fingerprint
            from (%s) as side
            group by compared_month

        ),

        after_months as (

            select compared_month, count(*) as rows, bit_xor(hash_record_extended(side, 0)) as fingerprint
            from (%s) as side
            group by compared_month

        )

        select
            array_agg(compared_month) filter (where before_months.fingerprint is distinct from after_months.fingerprint),
            jsonb_build_object(
                'rows_before', coalesce(sum(before_months.rows), 0), 'rows_after', coalesce(sum(after_months.rows), 0)
            )
        from before_months
        full join after_months using (compared_month)
        $query$,
        before_rows, after_rows
    ) into differing, shown;
    result := result || shown || jsonb_build_object('dated_by', dated_by) || '{
        "rows_added": 0, "rows_gone": 0, "rows_changed": 0, "columns": [], "measures": [], "months": [], "examples": []
    }';
    if differing is null then
        return result;
    end if;

    -- a row may move to another month, so all of these months are matched with each other
    in_months := (
        select string_agg(format(month_condition, month, (month + interval '1 month')::date), ' or ') from unnest(differing) as month
    );
    differing_rows := format(
        $query$
            (select * from (%s) as side where {months}) as before_rows
            full join (select * from (%s) as side where {months}) as after_rows
                on %s
            where before_rows is distinct from after_rows
        $query$,
        before_rows, after_rows,
        (select string_agg(format('before_rows.%1$I = after_rows.%1$I', name), ' and ') from unnest(key_columns) as name)
    );

    -- by month: the rows that differ, in how many of them each column changed, and how much each measure moved
    is_in_both := format('before_rows.%1$I is not null and after_rows.%1$I is not null', key_columns[1]);
    select string_agg(
        format(
            ', count(*) filter (where %2$s and before_rows.%1$I is distinct from after_rows.%1$I) as %3$I', name, is_in_both, 'rows ' || name
        )
        || case when name = any(measures) then format(
            ', coalesce(sum(after_rows.%1$I), 0) <> coalesce(sum(before_rows.%1$I), 0) as %2$I'
            || ', max(abs(coalesce(after_rows.%1$I, 0) - coalesce(before_rows.%1$I, 0))) as %3$I',
            name, 'moved ' || name, 'most ' || name
        ) else '' end,
        ''
    )
    into statistics
    from unnest(names) as name;
    execute format(
        $query$
        select jsonb_agg(month)
        from (
            select
                coalesce(after_rows.compared_month, before_rows.compared_month) as compared_month,
                count(*) filter (where before_rows.%1$I is null) as added,
                count(*) filter (where after_rows.%1$I is null) as gone,
                count(*) filter (where %2$s) as changed
                %3$s
            from %4$s
            group by 1
        ) as month
        $query$,
        key_columns[1], is_in_both, statistics, replace(differing_rows, '{months}', in_months)
    ) into by_month;
    result := result || (
        select jsonb_build_object(
            'rows_added', sum((month ->> 'added')::bigint),
            'rows_gone', sum((month ->> 'gone')::bigint),
            'rows_changed', sum((month ->> 'changed')::bigint)
        )
        from jsonb_array_elements(by_month) as month
    );
    result := result || jsonb_build_object('columns', array(
        select jsonb_build_object('name', name, 'rows', sum((month ->> ('rows ' || name))::bigint))
        from unnest(names) with ordinality as named (name, position)
        cross join jsonb_array_elements(by_month) as month
        group by name, position
        having sum((month ->> ('rows ' || name))::bigint) > 0
        order by position
    ));
    moved := array(
        select name
        from unnest(measures) with ordinality as named (name, position)
        cross join jsonb_array_elements(by_month) as month
        group by name, position
        having bool_or((month ->> ('moved ' || name))::boolean or (month ->> ('rows ' || name))::bigint > 0)
        order by position
    );

    -- the sums of all rows that were compared, not only of those that differ
    select string_agg(format(', coalesce(sum(%1$I), 0) as %1$I', name), '') into statistics from unnest(moved) as name;
    execute format(
        $query$
        select jsonb_agg(jsonb_build_object(
            'month', compared_month,
            'before', to_jsonb(before_months) - 'compared_month',
            'after', to_jsonb(after_months) - 'compared_month'
        ) order by compared_month)
        from (
            select compared_month, count(*) as rows %1$s from (%2$s) as side group by compared_month
        ) as before_months
        full join (
            select compared_month, count(*) as rows %1$s from (%3$s) as side group by compared_month
        ) as after_months using (compared_month)
        $query$,
        statistics, before_rows, after_rows
    ) into shown;
    result := result || jsonb_build_object(
        'measures', array(
            select jsonb_build_object(
                'name', name,
                'before', sum((month -> 'before' ->> name)::numeric),
                'after', sum((month -> 'after' ->> name)::numeric)
            )
            from unnest(moved) with ordinality as named (name, position)
            cross join jsonb_array_elements(shown) as month
            group by name, position
            order by position
        ),
        'months', array(
            select month
            from jsonb_array_elements(shown) as month
            where dated_by is not null and (month ->> 'month')::date = any(differing)
            order by (month ->> 'month')::date
        )
    );

    -- the largest movements are in the months with the largest maxima: unless rows move between months, those are enough
    rows_move := exists (select from jsonb_array_elements(by_month) as month where (month ->> ('rows ' || dated_by))::bigint > 0);
    foreach measure in array coalesce(nullif(moved, '{}'), array[null]) loop
        exit when example_count = 0;
        shown_rows := ceil(example_count / greatest(cardinality(moved), 1)::numeric);
        if not rows_move then
            in_months := (
                select string_agg(format(month_condition, busiest.month, (busiest.month + interval '1 month')::date), ' or ')
                from (
                    select (month ->> 'compared_month')::date as month
                    from jsonb_array_elements(by_month) as month
                    order by (month ->> ('most ' || measure))::numeric desc nulls last, month ->> 'compared_month'
                    limit shown_rows
                ) as busiest
            );
        end if;
        execute format(
            $query$
            -- JSON of these rows only: in the query below, it would be made of all rows before they are sorted
            select jsonb_agg(jsonb_build_object(
                'by', %1$L::text, 'before', to_jsonb(before_row) - 'compared_month', 'after', to_jsonb(after_row) - 'compared_month'
            ))
            from (
                select
                    before_rows as before_row,
                    after_rows as after_row
                from %2$s
                order by %3$s%4$s
                limit %5$s
            ) as shown
            $query$,
            measure,
            replace(differing_rows, '{months}', in_months),
            case when measure is not null
                then format('abs(coalesce(after_rows.%1$I, 0) - coalesce(before_rows.%1$I, 0)) desc, ', measure) else '' end,
            (select string_agg(format('coalesce(before_rows.%1$I, after_rows.%1$I)', name), ', ') from unnest(key_columns) as name),
            shown_rows
        ) into shown;
        examples := examples || coalesce(shown, '[]');
    end loop;
    return result || jsonb_build_object('examples', examples);
end
$compare$
{%- endmacro %}
