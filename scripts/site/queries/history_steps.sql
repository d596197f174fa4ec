-- A step in what the warehouse knew: a run that wrote versions of customers or products, and the first release with them.
with

releases as (

    select * from {audit}.releases

),

runs as (

    select * from {audit}.runs

),

shown as (

    select known_until from releases order by release_id desc limit 1

),

moments as (

    select
        dbt_valid_from,
        dbt_valid_to
    from {history}.snp_customer_versions
    union
    select
        dbt_valid_from,
        dbt_valid_to
    from {history}.snp_product_versions

),

changes as (

    select distinct
        changed_at,
        changed_at at time zone 'utc' as changed_at_utc
    from moments
    cross join lateral (values (dbt_valid_from), (dbt_valid_to)) as ends (changed_at)
    where changed_at is not null

),

-- a run writes both snapshots, milliseconds apart
of_runs as (

    select
        changes.changed_at,
        changes.changed_at_utc,
        coalesce(max(runs.started_at), changes.changed_at_utc) as run_at
    from changes
    cross join shown
    left join runs on changes.changed_at_utc >= runs.started_at
    where changes.changed_at_utc <= shown.known_until
    group by changes.changed_at, changes.changed_at_utc

),

steps as (

    select
        array_agg(changed_at::text order by changed_at) as moments,
        max(changed_at_utc) as known_from
    from of_runs
    group by run_at

)

select
    steps.moments,
    steps.known_from,
    (
        select min(releases.release_id)
        from releases
        where releases.kind = 'publish' and releases.known_until >= steps.known_from
    ) as release_id
from steps
order by steps.known_from
