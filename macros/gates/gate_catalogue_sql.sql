{#- Of rules and references, what their gate found: runs are on record by gate. -#}
{% macro gate_catalogue_sql(gates, results) -%}
    create or replace view {{ gates.incorporate(path={"identifier": "gate_catalogue"}) }} as
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
            gates.position,
            gates.gate,
            gates.name,
            gates.kind,
            gates.owner,
            gates.severity,
            gates.threshold,
            gates.states,
            gates.reason,
            gates.protects,
            runs.last_run_at,
            runs.last_failed_at,
            runs.rows_found_then
        from {{ gates }} as gates
        left join runs on gates.unique_id = runs.unique_id

    )

    select * from final;
{%- endmacro %}
