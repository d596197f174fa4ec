{#- What readers will see change, before they see it: each relation that the candidate changes is compared with the release. An incremental
    build knows which rows differ, so that costs what changed. The report holds numbers and no rows, so it holds no personal data.

    A report must not hold back a release: where the comparison fails, the report says why. -#}
{% macro record_changes() -%}
    {%- set keys = pg_wap.audit_table("relation_keys") -%}
    do $changes$
    declare
        step record;
        found jsonb;
    begin
        for step in
            select
                steps.unique_id,
                steps.view,
                steps.published_by,
                coalesce(steps.compared ->> 'before', steps.view) as before_name,
                coalesce(steps.compared ->> 'after', steps.candidate) as after_name,
                coalesce(steps.compared ->> 'within', 'true') as within,
                steps.compared <> '{}' as is_partial,
                keys.columns as key_columns,
                array(
                    select attname
                    from pg_attribute
                    where attrelid = to_regclass(steps.candidate) and attnum > 0 and not attisdropped
                    except
                    select unnest(others.columns)
                    from {{ keys }} as others
                    where others.relation = keys.relation
                ) as measures
            from {{ pg_wap.audit_table("candidate_steps") }} as steps
            left join {{ keys }} as keys on replace(steps.view, '"', '') = keys.relation and keys.kind = 'primary key'
            where steps.stored <> ''
        loop
            begin
                found := case
                    when to_regclass(step.view) is null then '{"is_new": true}'
                    when step.published_by = '' then '{"is_gone": true}'
                    when step.key_columns is null then '{"problem": "it has no primary key, by which rows could be compared"}'
                    else {{ pg_wap.audit_table("compare_relations").include(database=false) }}(
                        step.before_name, step.after_name, step.key_columns, step.measures, step.within, 0
                    ) || jsonb_build_object('is_partial', step.is_partial)
                end;
            exception when others then
                found := jsonb_build_object('problem', sqlerrm);
            end;
            update {{ pg_wap.audit_table("candidate_steps") }} set changes = found where unique_id = step.unique_id;
        end loop;
    end $changes$
{%- endmacro %}

{#- What `changes` says, in one line of words: an expression of SQL, null if no row and no column changed. -#}
{% macro changes_in_words() -%}
nullif(
    concat_ws(
        '; ',
        case
            when changes ? 'is_new' then 'new'
            when changes ? 'is_gone' then 'gone'
            when changes ? 'problem' then 'not compared: ' || (changes ->> 'problem')
        end,
        nullif(concat_ws(
            ', ',
            {%- for what in ["added", "gone", "changed"] %}
            case when changes ->> 'rows_{{ what }}' <> '0'
                then to_char((changes ->> 'rows_{{ what }}')::bigint, 'FM999,999,999,990')
                || case changes ->> 'rows_{{ what }}' when '1' then ' row {{ what }}' else ' rows {{ what }}' end end
            {{- "," if not loop.last }}
            {%- endfor %}
        ), ''),
        {%- for what in ["added", "gone"] %}
        (
            select 'columns {{ what }}: ' || string_agg(column_name, ', ')
            from jsonb_array_elements_text(changes -> 'columns_{{ what }}') as column_name
        ),
        {%- endfor %}
        (
            select 'columns of another type: ' || string_agg(retyped ->> 'name', ', ')
            from jsonb_array_elements(changes -> 'columns_retyped') as retyped
        ),
        (
            select string_agg(
                measure ->> 'name' || ' ' || case when moved_by >= 0 then '+' else '' end
                || rtrim(to_char(moved_by, 'FM999,999,999,999,990.999999'), '.'),
                ', '
            )
            from jsonb_array_elements(changes -> 'measures') as measure
            cross join lateral (
                select (measure ->> 'after')::numeric - (measure ->> 'before')::numeric as moved_by
            ) as movement
        )
    ),
    ''
)
{%- endmacro %}
