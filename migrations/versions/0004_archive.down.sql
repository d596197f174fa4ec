-- Back from revision 0004, if the archive holds no rows. The table of archives stays, and the revision goes on with it.
-- squawk-ignore-file ban-drop-column, ban-drop-constraint, constraint-missing-not-valid

set local lock_timeout = '2s';
set local statement_timeout = '60s';

do $empty$
begin
    if exists (select from bronze.landed_files where rows_archived > 0) then
        raise exception
            'rows are in the archive, and older code does not know of it: run `make restore-archive ALL=1` first';
    end if;
end $empty$;

alter table bronze.landed_files drop constraint landed_files_conserve_rows;
alter table bronze.landed_files drop column rows_archived;
alter table bronze.landed_files
add constraint landed_files_conserve_rows check (rows_read = rows_loaded + rows_rejected);
