-- The tables of change data capture, made by the first capture as the loader makes the tables of delivered rows. Each
-- statement can run again on its result.
create schema if not exists bronze;

create table if not exists bronze.streams (
    slot text not null,
    copy_number integer not null check (copy_number > 0),
    publication text not null,
    system_identifier text not null,
    database text not null,
    started_at timestamptz not null default now(),
    position pg_lsn,
    commit_lsn pg_lsn,
    committed_at timestamptz,
    landed_at timestamptz,
    changes bigint not null default 0 check (changes >= 0),
    primary key (slot, copy_number)
);

comment on table bronze.streams is 'How far each replication slot has landed. Grain: one initial copy of a slot.';
comment on column bronze.streams.slot is 'The replication slot of the source.';
comment on column bronze.streams.copy_number is 'The number of the initial copy, from 1.';
comment on column bronze.streams.publication is 'The publication of the source.';
comment on column bronze.streams.system_identifier is 'The identity of the server of the source, from its initdb.';
comment on column bronze.streams.database is 'The database of the source.';
comment on column bronze.streams.started_at is 'When the initial copy began.';
comment on column bronze.streams.position is
'All transactions of the source that commit before this position have landed. Null while the initial copy is under way.';
comment on column bronze.streams.commit_lsn is 'Where the last landed transaction committed.';
comment on column bronze.streams.committed_at is 'When the last landed transaction committed, by the clock of the source.';
comment on column bronze.streams.landed_at is 'When the position was last stored, by the clock of the warehouse.';
comment on column bronze.streams.changes is 'The number of rows in bronze.shop_changes, those of the initial copy included.';

create table if not exists bronze.stream_tables (
    slot text not null,
    copy_number integer not null,
    relation_id bigint not null,
    relation text not null,
    source_name text not null,
    key_columns jsonb not null,
    columns jsonb not null,
    rows_copied bigint not null check (rows_copied >= 0),
    primary key (slot, copy_number, relation_id),
    foreign key (slot, copy_number) references bronze.streams
);

comment on table bronze.stream_tables is 'The tables of a stream. Grain: one table of one initial copy.';
comment on column bronze.stream_tables.slot is 'The replication slot of the source.';
comment on column bronze.stream_tables.copy_number is 'The number of the initial copy.';
comment on column bronze.stream_tables.relation_id is 'The table in the catalog of the source (`pg_class.oid`).';
comment on column bronze.stream_tables.relation is 'The name under which its rows land: its name at the initial copy.';
comment on column bronze.stream_tables.source_name is 'Its name in the source at the last change, which a rename changes.';
comment on column bronze.stream_tables.key_columns is 'The columns of its key at the initial copy, as a list.';
comment on column bronze.stream_tables.columns is 'Its published columns at the last change, as a list.';
comment on column bronze.stream_tables.rows_copied is 'The number of rows of the initial copy.';

create table if not exists bronze.shop_changes (
    slot text not null,
    copy_number integer not null,
    commit_lsn pg_lsn not null,
    seq bigint not null,
    relation text not null,
    op text not null check (op in ('R', 'I', 'U', 'D', 'T')),
    committed_at timestamptz not null,
    before jsonb,
    after jsonb,
    unchanged jsonb,
    landed_at timestamptz not null default now(),
    primary key (slot, copy_number, commit_lsn, seq)
);

comment on table bronze.shop_changes is
'The changes of the tables of the shop, append-only. Grain: one changed row, in the order of copy_number, commit_lsn, seq.';
comment on column bronze.shop_changes.slot is 'The replication slot of the source.';
comment on column bronze.shop_changes.copy_number is 'The number of the initial copy. Each copy begins with all tables empty.';
comment on column bronze.shop_changes.commit_lsn is
'Where the transaction commits in the log of the source; for rows of the initial copy, the position of its snapshot.';
comment on column bronze.shop_changes.seq is
'The number of the change in its transaction; below zero for rows of the initial copy, which come before all changes.';
comment on column bronze.shop_changes.relation is 'The table, under its name at the initial copy.';
comment on column bronze.shop_changes.op is
'R: row of an initial copy, I: inserted, U: updated, D: deleted, T: the table is empty from here on (truncate, or a copy begins).';
comment on column bronze.shop_changes.committed_at is 'When the transaction committed, by the clock of the source.';
comment on column bronze.shop_changes.before is
'The old row, or its key only, as an object of text by column name; null if the source does not send it.';
comment on column bronze.shop_changes.after is 'The new row as an object of text by column name; null for a deleted row.';
comment on column bronze.shop_changes.unchanged is
'Columns with large values that an update did not touch and the source does not send, as a list; null if there are none.';
comment on column bronze.shop_changes.landed_at is 'When the transaction of the warehouse began that landed the row.';

-- Erases all people with a tombstone (migrations/versions/0005_erasure.up.sql) from the changes of a copy since a position,
-- or from all changes: their number becomes null. Returns the rows.
create or replace function bronze.erase_changes(
    of_slot text default null, of_copy integer default null, since pg_lsn default null
)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    scope text := 'true';
    numbers text [];
    erased bigint;
begin
    if not exists (select from bronze.erased_identities) then
        return 0;
    end if;
    if of_slot is not null then
        scope := format('slot = %L and copy_number = %s and commit_lsn >= %L', of_slot, of_copy, since);
    end if;
    execute format(
        $query$
            with
            numbers as materialized (
                select distinct images.image ->> 'customer_id' as delivered
                from bronze.shop_changes
                cross join lateral (values (before), (after)) as images (image)
                where %s
            )
            select array_agg(delivered) from numbers where bronze.is_erased(bronze.plain_number(delivered))
        $query$,
        scope
    ) into numbers;
    execute format(
        $query$
            update bronze.shop_changes
            set
                before = case
                    when before ->> 'customer_id' = any($1) then before || '{"customer_id": null}' else before
                end,
                after = case when after ->> 'customer_id' = any($1) then after || '{"customer_id": null}' else after end
            where %s and (before ->> 'customer_id' = any($1) or after ->> 'customer_id' = any($1))
        $query$,
        scope
    ) using numbers;
    get diagnostics erased = row_count;
    return erased;
end
$function$;

revoke all on function bronze.erase_changes(text, integer, pg_lsn) from public;

do $rights$
begin
    if exists (select from pg_roles where rolname = 'retail_loader') then
        grant usage on schema bronze to retail_loader;
        grant select, insert, update on bronze.streams
        to retail_loader;
        grant select, insert, update (source_name, columns) on bronze.stream_tables to retail_loader;
        grant insert on bronze.shop_changes to retail_loader;
        grant execute on function bronze.erase_changes(text, integer, pg_lsn) to retail_loader;
    end if;
end $rights$;
