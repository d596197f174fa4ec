-- Back from revision 0005. The tombstones, their pepper and the counts of erased rows stay: without them, an erased
-- person would come back, or a count would not be true.
-- squawk-ignore-file ban-drop-function

set local lock_timeout = '2s';
set local statement_timeout = '60s';

drop trigger erase_again on bronze.landed_files;
drop function bronze.erase_again();
drop function bronze.erase_texts(integer);
drop function bronze.erase_rows(text, integer);
drop function bronze.names_erased(text, boolean);
drop function bronze.is_erased(text);
drop function bronze.plain_number(text);
drop function bronze.identity_digest(text);
