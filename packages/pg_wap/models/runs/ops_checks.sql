with

check_results as (

    select * from {{ ref('ops_check_results') }}

),

in_order as (

    select
        *,
        row_number() over (partition by check_id order by run_started_at desc, invocation_id desc) as runs_ago,
        lag(is_passed) over (partition by check_id order by run_started_at, invocation_id) as was_passed
    from check_results

),

final as (

    select
        check_id,

        max(check_name) as check_name,
        max(status) filter (where runs_ago = 1) as last_status,
        max(run_started_at) as last_ran_at,
        max(run_started_at) filter (where not is_passed) as last_failed_at,
        (array_agg(invocation_id order by runs_ago) filter (where not is_passed))[1] as last_failing_invocation_id,

        count(*)::integer as runs,
        (count(*) filter (where is_passed))::integer as passes,
        (count(*) filter (where status = 'warn'))::integer as warnings,
        round((count(*) filter (where is_passed))::numeric / count(*), 4) as pass_rate,
        -- the oldest of so many runs is compared with none before it
        (
            count(*) filter (where is_passed <> was_passed and runs_ago < {{ pg_wap.setting('flapping_runs') }})
        )::integer as recent_changes,
        count(*) filter (
            where is_passed <> was_passed and runs_ago < {{ pg_wap.setting('flapping_runs') }}
        ) > {{ pg_wap.setting('flapping_changes') }} as is_flapping
    from in_order
    group by check_id

)

select * from final
