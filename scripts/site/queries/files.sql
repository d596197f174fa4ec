-- Each landed file: what was read of it, and where its rows are. Rows of other sources than transactions have no lines in
-- gold.
with

gold_lines as (

    select
        file_id,
        count(*) as gold_lines,
        sum(net_amount) as net_amount
    from {gold}.fct_sales
    group by file_id

),

quarantined as (

    select
        file_id,
        count(*) as quarantined_rows
    from (
        select file_id from {silver}.quarantined_lines
        union all
        select file_id from {silver}.quarantined_products
    ) as waiting
    group by file_id

),

final as (

    select
        files.file_id,
        files.source,
        files.name,
        files.landed_at,
        files.rows_read,
        files.rows_rejected,
        files.rows_loaded,
        coalesce(quarantined.quarantined_rows, 0) as quarantined_rows,
        coalesce(gold_lines.gold_lines, 0) as gold_lines,
        coalesce(gold_lines.net_amount, 0) as net_amount
    from {bronze}.landed_files as files
    left join gold_lines on files.file_id = gold_lines.file_id
    left join quarantined on files.file_id = quarantined.file_id

)

select * from final
order by file_id
