-- The lines of transactions on their way from the files to gold. Each count is of the relation that is named, so that a lost
-- line shows as a difference. A rejected or quarantined line has no amount that can be read.
with

ledger as (

    select
        -- Without the rows in the archive, which are in no relation.
        coalesce(sum(rows_read - rows_archived), 0) as rows_read,
        coalesce(sum(rows_rejected), 0) as rows_rejected,
        coalesce(sum(rows_loaded), 0) as rows_loaded
    from {bronze}.landed_files
    where source = 'transactions'

),

rejected as (

    select count(*) as rejected_rows
    from {bronze}.rejected_rows
    inner join {bronze}.landed_files using (file_id)
    where landed_files.source = 'transactions'

),

silver as (

    select
        count(*) as silver_lines,
        coalesce(sum(net_amount), 0) as net_amount
    from {silver}.int_lines_classified

),

superseded as (

    select
        coalesce(sum(lines), 0) as superseded_lines,
        coalesce(sum(net_amount), 0) as net_amount
    from {silver}.int_deliveries_superseded

),

gold as (

    select
        count(*) as gold_lines,
        coalesce(sum(net_amount), 0) as net_amount
    from {gold}.fct_sales

),

final as (

    select 1 as position, 'read' as stage, 'rows of the files' as label, 'bronze.landed_files' as relation, rows_read as lines, null::numeric as amount
    from ledger
    union all
    select 2, 'rejected', 'rejected while landing', 'bronze.rejected_rows', rejected_rows, null
    from rejected
    union all
    select 3, 'bronze', 'lines in bronze', 'bronze.transactions', (select count(*) from {bronze}.transactions), null
    union all
    select 4, 'quarantined', 'in quarantine', 'silver.quarantined_lines', (select count(*) from {silver}.quarantined_lines), null
    union all
    select 5, 'superseded', 'replaced by a later delivery', 'silver.int_deliveries_superseded', superseded_lines, net_amount
    from superseded
    union all
    select 6, 'silver', 'lines in silver', 'silver.int_lines_classified', silver_lines, net_amount
    from silver
    union all
    select 7, 'gold', 'lines in gold', 'gold.fct_sales', gold_lines, net_amount
    from gold

)

select
    position,
    stage,
    label,
    relation,
    lines::bigint as lines,
    amount
from final
order by position
