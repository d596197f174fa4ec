-- A line that covers nothing would be believed: its incidents keep warning, and a misspelt status would hide others.
{{ config(group='platform', severity='error') }}

with

known_incidents as (

    select * from {{ ref('known_incidents') }}

),

countries as (

    select * from {{ ref('countries') }}

),

problems as (

    select
        known_incidents.*,
        concat_ws(
            '; ',
            case
                when
                    known_incidents.scope not in ('All', 'Abroad')
                    and not exists (
                        select 1 from countries
                        where countries.standard_name = known_incidents.scope
                    )
                    then format(
                        'scope `%s` is unknown: write All, Abroad or a standard_name of seeds/countries.csv',
                        known_incidents.scope
                    )
            end,
            case
                when known_incidents.first_date > known_incidents.last_date
                    then format(
                        'first_date %s is after last_date %s: swap them',
                        known_incidents.first_date,
                        known_incidents.last_date
                    )
            end,
            case
                when known_incidents.status is null or known_incidents.status not in ('expected', 'acknowledged')
                    then format('status `%s` is unknown: write expected or acknowledged', known_incidents.status)
            end,
            case
                when known_incidents.reason is null or known_incidents.declared_by is null
                    then 'reason or declared_by is empty: say what happened and who says so'
            end
        ) as problem
    from known_incidents

),

final as (

    select * from problems
    where problem <> ''

)

select * from final
