-- Revision 0002: the log of events. Rows are added by functions only, and each row holds the hash of the row before, so
-- that `make audit` finds an edited, removed or inserted row (docs/governance.md).

set local lock_timeout = '2s';
set local statement_timeout = '60s';

create schema if not exists audit;

-- A revision that is taken back keeps this table, so it may be here.
create table if not exists audit.events (
    event_id bigint primary key,
    recorded_at timestamptz not null,
    recorded_by text not null,
    kind text not null,
    subject text not null,
    details jsonb not null,
    previous_hash text not null,
    hash text not null
);

comment on table audit.events is 'Who landed, released, rolled back, erased, read personal data.';
comment on column audit.events.event_id is 'The number of the event, without gaps.';
comment on column audit.events.recorded_at is 'When the event was recorded, by the clock of the server.';
comment on column audit.events.recorded_by is 'The user who logged in, whatever role the session has set.';
comment on column audit.events.kind is 'What happened, such as `landing` or `release`.';
comment on column audit.events.subject is 'To what it happened.';
comment on column audit.events.details is 'What else is known, by name.';
comment on column audit.events.previous_hash is 'The hash of the event before; 64 zeros in the first event.';
comment on column audit.events.hash is 'SHA-256 of all other columns (audit.event_hash).';

create or replace function audit.refuse_changes()
returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $function$
begin
    raise exception 'audit.events takes new rows only: nothing changed';
end
$function$;

create or replace trigger append_only
before update or delete or truncate on audit.events
for each statement execute function audit.refuse_changes();

create or replace function audit.event_hash(
    event_id bigint, recorded_at timestamptz, recorded_by text, kind text, subject text, details jsonb,
    previous_hash text
)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $function$
    -- as JSON, because joined text would not tell where a value ends, and in microseconds, the same in each time zone
    select encode(sha256(convert_to(jsonb_build_array(
        event_id, (extract(epoch from recorded_at) * 1000000)::bigint, recorded_by, kind, subject, details,
        previous_hash
    )::text, 'UTF8')), 'hex')
$function$;

-- Waits until no other transaction is adding an event. A release calls it before its locks, so that no reader waits for
-- it.
create or replace function audit.lock_events()
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '5s'
as $function$
declare
    idle integer := (select setting from pg_settings where name = 'idle_in_transaction_session_timeout');
    holders text;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception 'an event needs a read committed transaction: this one would not see the last event';
    end if;
    lock table audit.events in share row exclusive mode;
    -- The lock ends with the transaction, and a session that sits in one would hold up all others, releases too.
    if idle = 0 or idle > 30000 then
        perform set_config('idle_in_transaction_session_timeout', '30s', true);
    end if;
exception when lock_not_available then
    select string_agg(distinct pid::text, ', ')
    into holders
    from pg_locks
    where
        granted
        and relation = 'audit.events'::regclass
        and mode in ('RowExclusiveLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock');
    raise exception 'the event log was locked for 5 s by process %: nothing changed; run this again when it is done',
        coalesce(holders, 'unknown')
        using errcode = 'lock_not_available';
end
$function$;

-- The only way in: takes the lock, and chains the event to the last one. Returns the number of the event.
create or replace function audit.record_event(kind text, subject text, details jsonb default '{}')
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    new audit.events;
begin
    perform audit.lock_events();
    new.kind := kind;
    new.subject := subject;
    new.details := details;
    new.recorded_at := clock_timestamp();
    new.recorded_by := session_user;
    select
        events.event_id + 1,
        events.hash
    into new.event_id, new.previous_hash
    from audit.events
    order by events.event_id desc
    limit 1;
    new.event_id := coalesce(new.event_id, 1);
    new.previous_hash := coalesce(new.previous_hash, repeat('0', 64));
    new.hash := audit.event_hash(
        new.event_id, new.recorded_at, new.recorded_by, new.kind, new.subject, new.details, new.previous_hash
    );
    insert into audit.events select (new).*;
    return new.event_id;
end
$function$;

-- What a landing command did. The ledger says which files, so the loader cannot leave one out: the event also covers
-- files of a command that was killed before it could record its own.
create or replace function audit.record_landing(command text, rows_landed bigint, files_refused integer)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    last_file integer := 0;
    landed jsonb;
begin
    perform audit.lock_events();
    select (events.details ->> 'last_file_id')::integer
    into last_file
    from audit.events
    where events.kind = 'landing'
    order by events.event_id desc
    limit 1;
    last_file := coalesce(last_file, 0);
    select jsonb_build_object(
        'command', command,
        'rows', rows_landed,
        'files_refused', files_refused,
        'files', count(*),
        'first_file_id', min(landed_files.file_id),
        'last_file_id', greatest(max(landed_files.file_id), last_file),
        -- of the hashes of the files, in the order of their numbers
        'sha256', encode(
            sha256(convert_to(string_agg(landed_files.sha256, ' ' order by landed_files.file_id), 'UTF8')), 'hex'
        )
    )
    into landed
    from bronze.landed_files
    where landed_files.file_id > last_file;
    return audit.record_event('landing', 'bronze', landed);
end
$function$;

revoke all on table audit.events from public;
revoke all on function audit.lock_events() from public;
revoke all on function audit.record_event(text, text, jsonb) from public;
revoke all on function audit.record_landing(text, bigint, integer) from public;

-- The loader makes its role and the same rights in a new warehouse (scripts/land/bronze/role.py).
do $loader$
begin
    if exists (select from pg_roles where rolname = 'retail_loader') then
        grant usage on schema audit to retail_loader;
        grant execute on function audit.record_landing(text, bigint, integer) to retail_loader;
    end if;
end $loader$;

-- The first row differs between warehouses, so no part of one log passes for a part of another.
do $begin$
begin
    if not exists (select from audit.events) then
        perform audit.record_event(
            'log begun', current_database(), jsonb_build_object('log', gen_random_uuid(), 'server_version', version())
        );
    end if;
end $begin$;
