with

check_results as (

    select * from {{ ref('ops_check_results') }}

),

final as (

    select
        check_id,
        (run_started_at at time zone 'UTC')::date as ran_on,

        max(check_name) as check_name,

        count(*)::integer as runs,
        (count(*) filter (where is_passed))::integer as passes,
        (count(*) filter (where status = 'warn'))::integer as warnings,
        round((count(*) filter (where is_passed))::numeric / count(*), 4) as pass_rate
    from check_results
    group by check_id, (run_started_at at time zone 'UTC')::date

)

select * from final
