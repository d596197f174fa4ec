with

runs as (

    select * from {{ ref('pg_wap_runs') }}

),

node_results as (

    select * from {{ ref('pg_wap_node_results') }}

),

ran as (

    select
        node_results.*,
        runs.started_at as run_started_at,
        sum(node_results.seconds) over (partition by node_results.invocation_id) as seconds_of_run
    from node_results
    inner join runs on node_results.invocation_id = runs.invocation_id
    where node_results.status <> 'skipped' and node_results.resource_type <> 'operation'

),

final as (

    select
        unique_id as node_id,

        max(name) as node_name,
        max(resource_type) as resource_type,

        count(*)::integer as runs,
        round((percentile_cont(0.5) within group (order by seconds))::numeric, 3) as median_seconds,
        round((percentile_cont(0.95) within group (order by seconds))::numeric, 3) as p95_seconds,
        (array_agg(seconds order by run_started_at desc, invocation_id desc))[1] as last_seconds,
        sum(seconds) as total_seconds,
        round(sum(seconds) / nullif(sum(seconds_of_run), 0), 4) as share_of_runs
    from ran
    group by unique_id

)

select * from final
