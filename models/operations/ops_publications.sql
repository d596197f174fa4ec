with

publications as (

    select * from {{ source('operations', 'publications') }}

),

runs as (

    select * from {{ source('operations', 'runs') }}

),

final as (

    select
        publications.publication_id,

        publications.kind,
        publications.rolled_back,
        takebacks.publication_id as taken_back_by,
        lead(publications.published_at) over (order by publications.publication_id) is null as is_served,
        -- what a rollback serves again was built by the run of the publication that it goes back to
        originals.invocation_id as built_invocation_id,
        builders.command as built_command,
        publishers.invocation_id as published_invocation_id,
        publishers.command as published_command,
        publishers.run_by as published_by,
        publications.git_commit,

        publications.files,
        publications.last_file_id,
        replace(array_to_string(publications.changed_models, ', '), '"', '') as changed_models,
        cardinality(publications.gates_passed) as gates_passed,
        array_to_string(publications.gates_warned, ', ') as gates_warned,

        publications.published_at,
        lead(publications.published_at) over (order by publications.publication_id) as served_until,
        builders.last_landed_at
    from publications
    left join publications as takebacks on publications.publication_id = takebacks.rolled_back
    left join publications as originals
        on
            publications.known_until = originals.known_until
            and originals.kind = 'publish'
    left join runs as builders on originals.invocation_id = builders.invocation_id
    left join runs as publishers on publications.publication_id = publishers.published

)

select * from final
