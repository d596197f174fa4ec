{#- Of rules and references, what their check found: runs are on record by check. -#}
{% macro check_catalogue_sql(checks, results) -%}
    create or replace view {{ checks.incorporate(path={"identifier": "check_catalogue"}) }} as
    with

    runs as (

        {%- if results %}
        select
            unique_id,
            max(started_at) as last_run_at,
            max(started_at) filter (where status <> 'pass') as last_failed_at,
            (array_agg(failures order by started_at desc) filter (where status <> 'pass'))[1] as rows_found_then
        from {{ results }}
        where status in ('pass', 'warn', 'fail', 'error')
        group by unique_id
        {%- else %}
        select
            null::text as unique_id,
            null::timestamptz as last_run_at,
            null::timestamptz as last_failed_at,
            null::bigint as rows_found_then
        where false
        {%- endif %}

    ),

    final as (

        select
            checks.position,
            checks.check_name,
            checks.name,
            checks.kind,
            checks.owner,
            checks.severity,
            checks.threshold,
            checks.states,
            checks.reason,
            checks.protects,
            runs.last_run_at,
            runs.last_failed_at,
            runs.rows_found_then
        from {{ checks }} as checks
        left join runs on checks.unique_id = runs.unique_id

    )

    select * from final;
{%- endmacro %}
