-- Back from revision 0003. The events stay.
-- squawk-ignore-file ban-drop-function, ban-drop-view

set local lock_timeout = '2s';
set local statement_timeout = '60s';

drop view audit.erasures;
drop function audit.approve_erasure(bigint);
drop function audit.request_erasure(integer, text);
drop function audit.read_profile(integer);
drop function audit.announce_reading(integer, text);
