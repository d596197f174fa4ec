with

runs as (

    select * from {{ ref('pg_wap_runs') }}

),

node_results as (

    select * from {{ ref('pg_wap_node_results') }}

),

final as (

    select
        node_results.unique_id as check_id,
        node_results.invocation_id,

        node_results.name as check_name,
        runs.command,
        runs.git_commit,
        node_results.status,
        -- a check that could not look has not let anything through
        node_results.status in ('pass', 'warn') as is_passed,
        node_results.failures,
        node_results.message,

        runs.started_at as run_started_at
    from node_results
    inner join runs on node_results.invocation_id = runs.invocation_id
    where
        node_results.resource_type = 'test'
        -- what was skipped has not been asked
        and node_results.status <> 'skipped'

)

select * from final
