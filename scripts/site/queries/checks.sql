-- Each check with its owner, how it went in the last run and in all runs, and when it last found something.
with

last_results as (

    select distinct on (check_name)
        check_name,
        status,
        failures,
        message
    from {audit}.ops_check_results
    order by check_name, run_started_at desc

),

final as (

    select
        catalogue.position,
        catalogue.check_name,
        catalogue.name,
        catalogue.kind,
        catalogue.owner,
        catalogue.severity,
        catalogue.states,
        catalogue.reason,
        array_to_string(catalogue.protects, ', ') as protects,
        catalogue.last_run_at,
        catalogue.last_failed_at,
        catalogue.rows_found_then,
        last_results.status as last_status,
        last_results.failures as last_failures,
        checks.runs,
        checks.passes,
        checks.warnings,
        checks.recent_changes,
        checks.is_flapping
    from {audit}.check_catalogue as catalogue
    left join last_results on catalogue.check_name = last_results.check_name
    left join {audit}.ops_checks as checks on catalogue.check_name = checks.check_name

)

select * from final
order by position
