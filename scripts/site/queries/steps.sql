-- What each step of the last 20 runs took.
with

last_runs as (

    select
        invocation_id,
        started_at
    from {audit}.runs
    order by started_at desc
    limit 20

),

final as (

    select
        last_runs.invocation_id,
        results.name,
        results.resource_type,
        results.status,
        results.started_at,
        results.seconds,
        results.rows_affected
    from {audit}.node_results as results
    inner join last_runs on results.invocation_id = last_runs.invocation_id
    where results.seconds is not null

)

select * from final
order by started_at desc, name
