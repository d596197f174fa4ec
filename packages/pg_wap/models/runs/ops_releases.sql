with

releases as (

    select * from {{ ref('pg_wap_releases') }}

),

runs as (

    select * from {{ ref('pg_wap_runs') }}

),

final as (

    select
        releases.release_id,

        releases.kind,
        releases.rolled_back,
        takebacks.release_id as taken_back_by,
        lead(releases.published_at) over (order by releases.release_id) is null as is_published,
        -- what a rollback publishes again was built by the run of the release that it goes back to
        originals.invocation_id as built_invocation_id,
        builders.command as built_command,
        publishers.invocation_id as published_invocation_id,
        publishers.command as published_command,
        publishers.run_by as published_by,
        releases.git_commit,

        releases.files,
        releases.last_file_id,
        replace(array_to_string(releases.changed_models, ', '), '"', '') as changed_models,
        cardinality(releases.checks_passed) as checks_passed,
        array_to_string(releases.checks_warned, ', ') as checks_warned,

        releases.published_at,
        lead(releases.published_at) over (order by releases.release_id) as published_until,
        builders.last_landed_at
    from releases
    left join releases as takebacks on releases.release_id = takebacks.rolled_back
    left join releases as originals
        on
            releases.known_until = originals.known_until
            and originals.kind = 'publish'
    left join runs as builders on originals.invocation_id = builders.invocation_id
    left join runs as publishers on releases.release_id = publishers.release_id

)

select * from final
