with

countries as (

    select * from {{ ref('countries') }}

),

beliefs as (

    select * from {{ ref('snp_customer_versions') }}

),

changes as (

    select
        customer_id,
        dbt_valid_from as known_from
    from beliefs

    union distinct

    select
        customer_id,
        dbt_valid_to as known_from
    from beliefs
    where dbt_valid_to is not null

),

moments as (

    -- Beliefs about a customer change only at these moments.
    select
        customer_id,
        known_from,
        row_number() over in_order as moment_number,
        lead(known_from) over in_order as known_to
    from changes
    window in_order as (partition by customer_id order by known_from)

),

states_of_moments as (

    select
        moments.customer_id,
        moments.known_from,
        moments.known_to,
        moments.moment_number,
        beliefs.country_name,
        beliefs.segment,
        beliefs.dbt_valid_to,
        beliefs.valid_from,
        lead(beliefs.valid_from, 1, {{ end_of_time() }}) over (
            partition by moments.customer_id, moments.moment_number
            order by beliefs.valid_from
        ) as valid_to
    from moments
    inner join beliefs
        on
            moments.customer_id = beliefs.customer_id
            and moments.known_from >= beliefs.dbt_valid_from
            and (beliefs.dbt_valid_to is null or moments.known_from < beliefs.dbt_valid_to)

),

runs as (

    -- Consecutive moments with the same belief about a version form a run.
    select
        *,
        moment_number - row_number() over (
            partition by customer_id, valid_from, valid_to, country_name, segment
            order by moment_number
        ) as run_number
    from states_of_moments

),

states as (

    select
        customer_id,
        valid_from,
        valid_to,
        country_name,
        segment,
        min(known_from) as known_from,
        -- max() ignores nulls, but a null known_to means that the belief still holds.
        case when bool_and(known_to is not null) then max(known_to) end as known_to,
        max(dbt_valid_to) as withdrawn_at
    from runs
    group by customer_id, valid_from, valid_to, country_name, segment, run_number

),

corrected_customers as (

    -- An open version that is followed by another version is normal, and not a correction.
    select customer_id
    from states
    group by customer_id
    having bool_or(known_to = withdrawn_at or (known_to is not null and valid_to < {{ end_of_time() }}))

),

final as (

    select
        {{ surrogate_key(['states.customer_id', "to_char(states.valid_from, 'YYYYMMDD')"]) }} as customer_key,
        states.customer_id,

        states.valid_from,
        states.valid_to,
        coalesce(countries.standard_name, states.country_name) as country_name,
        states.segment,

        states.known_from,
        states.known_to,
        row_number() over (
            partition by states.customer_id, states.valid_from
            order by states.known_from desc
        ) = 1 as is_newest_belief
    from states
    inner join corrected_customers on states.customer_id = corrected_customers.customer_id
    left join countries on states.country_name = countries.country_name

)

select * from final
order by customer_id, valid_from, known_from
