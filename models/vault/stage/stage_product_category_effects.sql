with

product_categories as (

    select * from {{ ref('stage_product_categories') }}

),

list_rows as (

    select distinct
        file_id,
        file_line,
        stock_code,
        effective_on
    from product_categories

),

pairs as (

    select distinct
        stock_code,
        category
    from product_categories

),

-- Each row of the list speaks of all categories that the product ever had: of its own, and of those that it leaves out.
effects as (

    select
        list_rows.file_id,
        list_rows.file_line,

        list_rows.stock_code,
        pairs.category,
        list_rows.effective_on,

        product_categories.category is not null as is_effective
    from list_rows
    inner join pairs on list_rows.stock_code = pairs.stock_code
    left join product_categories
        on
            list_rows.file_id = product_categories.file_id
            and list_rows.file_line = product_categories.file_line
            and pairs.category = product_categories.category

),

begun as (

    select
        *,
        bool_or(is_effective) over (
            partition by stock_code, category
            order by effective_on, file_id, file_line
        ) as has_begun
    from effects

),

final as (

    select
        file_id,
        file_line,

        stock_code,
        category,
        effective_on,

        is_effective
    from begun
    where has_begun

)

select * from final
