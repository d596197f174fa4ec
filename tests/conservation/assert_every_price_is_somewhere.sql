-- A delivered price that is not an entry, in quarantine or replaced by another price of its day is lost.
{{ config(group='platform', severity='error') }}

with

usable as (

    select
        stock_code,
        effective_on,
        count(*) as delivered
    from {{ ref('stg_retail__products') }}
    where is_usable
    group by stock_code, effective_on

),

counted as (

    select
        (select count(*) from {{ source('retail', 'products') }}) as bronze_rows,
        (select count(*) from {{ ref('int_product_prices') }}) as silver_rows,
        (select count(*) from {{ ref('int_products_quarantined') }}) as quarantined_rows,
        (select coalesce(sum(delivered - 1), 0) from usable) as superseded_rows

),

final as (

    select *
    from counted
    where bronze_rows <> silver_rows + quarantined_rows + superseded_rows

)

select * from final
