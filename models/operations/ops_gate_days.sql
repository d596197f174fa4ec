with

gate_results as (

    select * from {{ ref('ops_gate_results') }}

),

final as (

    select
        gate_id,
        (run_started_at at time zone 'UTC')::date as ran_on,

        max(gate_name) as gate_name,

        count(*)::integer as runs,
        (count(*) filter (where is_passed))::integer as passes,
        (count(*) filter (where status = 'warn'))::integer as warnings,
        round((count(*) filter (where is_passed))::numeric / count(*), 4) as pass_rate
    from gate_results
    group by gate_id, (run_started_at at time zone 'UTC')::date

)

select * from final
