-- A column that suddenly looks different is right line by line and wrong as a whole: no rule about rows sees it.
{{ config(group='platform', severity='warn') }}

with

drift as (

    select * from {{ ref('column_drift') }}

),

final as (

    select
        relation,
        column_name,
        measure,
        was_value,
        is_value,
        change,
        threshold
    from drift
    where is_drift and is_published

)

select * from final
