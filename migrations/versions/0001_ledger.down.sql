-- Back from revision 0001: the ledger goes only while nothing has landed, because it is the only record of what has.
-- squawk-ignore-file ban-drop-table

set local lock_timeout = '2s';
set local statement_timeout = '60s';

do $empty$
begin
    if exists (select from bronze.landed_files) then
        raise exception 'files have landed, and the ledger is their only record: restore a backup instead';
    end if;
end $empty$;

drop table bronze.refused_files;
drop table bronze.rejected_rows;
drop table bronze.landed_files;
