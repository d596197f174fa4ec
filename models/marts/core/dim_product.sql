with

known_versions as (

    select *
    from {{ ref('snp_product_versions') }}
    where dbt_valid_to is null

),

versions as (

    select
        stock_code,
        coalesce(description, 'Not described') as description,
        product_class,
        valid_from,
        lead(valid_from, 1, {{ end_of_time() }}) over (partition by stock_code order by valid_from) as valid_to
    from known_versions

),

unknown_member as (

    select
        -1 as product_key,
        null::text as stock_code,
        'Unknown' as description,
        'unknown' as product_class,
        '0001-01-01'::date as valid_from,
        {{ end_of_time() }} as valid_to

),

members as (

    select
        {{ surrogate_key(['stock_code', "to_char(valid_from, 'YYYYMMDD')"]) }} as product_key,
        stock_code,
        description,
        product_class,
        valid_from,
        valid_to
    from versions

    union all

    select * from unknown_member

),

final as (

    select
        product_key,
        stock_code,

        description,
        product_class,

        valid_from,
        valid_to,
        valid_to = {{ end_of_time() }} as is_current
    from members

)

select * from final
