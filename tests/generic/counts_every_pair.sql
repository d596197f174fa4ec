{% test counts_every_pair(model, baskets) %}

with

baskets as (

    select distinct
        invoice_number,
        {{ month_start('invoiced_on') }} as month_start,
        basket_products
    from {{ baskets }}
    where
        basket_products between 2 and {{ var('network_max_basket_products') }}
        and {{ pg_wap.is_touched(model.identifier, month_start('invoiced_on')) }}

),

expected as (

    select
        month_start,
        sum(basket_products * (basket_products - 1) / 2) as pair_baskets
    from baskets
    group by month_start

),

counted as (

    select
        month_start,
        sum(pair_baskets) as pair_baskets
    from {{ model }}
    group by month_start

),

final as (

    select
        coalesce(expected.month_start, counted.month_start) as month_start,
        expected.pair_baskets as expected_pair_baskets,
        counted.pair_baskets as counted_pair_baskets
    from expected
    full outer join counted on expected.month_start = counted.month_start
    where expected.pair_baskets is distinct from counted.pair_baskets

)

select * from final
{% endtest %}
