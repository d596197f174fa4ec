-- Revision 0003: reading a profile, and erasing a customer, go through functions that leave an event.

set local lock_timeout = '2s';
set local statement_timeout = '60s';

-- Puts on record that the user will read a profile, and why. The event must be committed before the profile can be
-- read: else a rollback would take the event back after the profile was seen.
create or replace function audit.announce_reading(customer_id integer, reason text)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if customer_id is null or length(btrim(coalesce(reason, ''))) < 5 then
        raise exception 'give the number of a customer and a reason of at least 5 characters: nothing was recorded';
    end if;
    return audit.record_event(
        'reading announced', 'customer ' || customer_id, jsonb_build_object('reason', btrim(reason))
    );
end
$function$;

-- Returns the versions of a profile, if the same user has announced it, in another transaction, in the last ten
-- minutes.
create or replace function audit.read_profile(customer_id integer)
returns setof jsonb
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    purpose text;
begin
    if to_regprocedure('profiles.profile_in_clear(integer, text)') is null then
        raise exception 'there are no profiles: no customer file has been built yet';
    end if;
    select events.details ->> 'reason'
    into purpose
    from audit.events
    where
        events.kind = 'reading announced'
        and events.subject = 'customer ' || read_profile.customer_id
        and events.recorded_by = session_user
        -- An event of this transaction is younger than its start.
        and events.recorded_at < transaction_timestamp()
        and events.recorded_at > transaction_timestamp() - interval '10 minutes'
    order by events.event_id desc
    limit 1;
    if not found then
        raise exception 'no reading of customer % is on record: call audit.announce_reading, commit, then read',
            customer_id;
    end if;
    return query execute 'select to_jsonb(p) from profiles.profile_in_clear($1, $2) as p' using customer_id, purpose;
end
$function$;

create or replace function audit.request_erasure(customer_id integer, reason text)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if customer_id is null or length(btrim(coalesce(reason, ''))) < 5 then
        raise exception 'give the number of a customer and a reason of at least 5 characters: nothing was requested';
    end if;
    return audit.record_event(
        'erasure requested', 'customer ' || customer_id, jsonb_build_object('reason', btrim(reason))
    );
end
$function$;

-- Four eyes: another user than the one who requested. The lock comes first, so that two users cannot both approve.
create or replace function audit.approve_erasure(request bigint)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    requested record;
begin
    perform audit.lock_events();
    select events.subject, events.recorded_by, events.recorded_at
    into requested
    from audit.events
    where events.event_id = request and events.kind = 'erasure requested';
    if not found then
        raise exception 'event % is no request for an erasure: nothing was approved', request;
    end if;
    if requested.recorded_by = session_user then
        raise exception '% requested this erasure, so another user must approve it: nothing was approved', session_user;
    end if;
    if requested.recorded_at < clock_timestamp() - interval '30 days' then
        raise exception 'request % is older than 30 days: request the erasure again', request;
    end if;
    if exists (
        select
        from audit.events
        where
            events.kind = 'erasure approved'
            and (events.details ->> 'request')::bigint = approve_erasure.request
    ) then
        raise exception 'request % is approved already: nothing changed', request;
    end if;
    return audit.record_event('erasure approved', requested.subject, jsonb_build_object('request', request));
end
$function$;

-- The requests with what became of them. The command that erases reads it, and records `erased` with the number of the
-- request.
create or replace view audit.erasures as
select
    requested.event_id as request,
    split_part(requested.subject, ' ', 2)::integer as customer_id,
    requested.details ->> 'reason' as reason,
    requested.recorded_by as requested_by,
    requested.recorded_at as requested_at,
    approved.recorded_by as approved_by,
    approved.recorded_at as approved_at,
    erased.recorded_at as erased_at
from audit.events as requested
left join audit.events as approved
    on approved.kind = 'erasure approved' and (approved.details ->> 'request')::bigint = requested.event_id
left join audit.events as erased
    on erased.kind = 'erased' and (erased.details ->> 'request')::bigint = requested.event_id
where requested.kind = 'erasure requested';

comment on view audit.erasures is 'Requests to erase a customer: who requested, who approved, and when it was done.';

revoke all on table audit.erasures from public;
revoke all on function audit.announce_reading(integer, text) from public;
revoke all on function audit.read_profile(integer) from public;
revoke all on function audit.request_erasure(integer, text) from public;
revoke all on function audit.approve_erasure(bigint) from public;
