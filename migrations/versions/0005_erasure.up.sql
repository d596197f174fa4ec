-- Revision 0005: erasing a person from bronze. Tombstones keep the person out when a file brings the rows again: they
-- are applied to each file in the transaction that lands it, whatever program lands it (docs/erasure.md).

set local lock_timeout = '2s';
set local statement_timeout = '60s';

-- Rows that landed and were erased since. So the counts of the ledger stay true, and its sums stay those of the files.
alter table bronze.landed_files add column if not exists rows_erased bigint not null default 0;

-- Without it, anybody could find the numbers of erased people by trying all numbers.
create table if not exists bronze.erasure_pepper (
    pepper bytea not null
);

insert into bronze.erasure_pepper (pepper)
select sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
where not exists (select from bronze.erasure_pepper);

-- Who was erased: customer numbers and e-mail addresses, as digests.
create table if not exists bronze.erased_identities (
    digest bytea primary key,
    erased_at timestamptz not null default clock_timestamp()
);

-- How to erase a person from a table. `make forget` writes it from the contract of the sources.
create table if not exists bronze.erasure_rules (
    table_name text primary key,
    -- the column with the number of the person
    number_column text not null,
    -- the column with an address, for rows without a number that can be read
    address_column text,
    -- the columns to empty; null if the whole row goes
    emptied_columns text []
);

-- The lines that were emptied and that the next build has to read again.
create table if not exists bronze.erased_lines (
    table_name text not null,
    file_id integer not null,
    line integer not null,
    primary key (table_name, file_id, line)
);

create or replace function bronze.identity_digest(identity text)
returns bytea
language sql
stable
set search_path = pg_catalog, pg_temp
as $function$
    select sha256(pepper || convert_to(lower(identity), 'UTF8'))
    from bronze.erasure_pepper
$function$;

-- The number that a delivered text means, such as 12346 for ` 012,346.0`; null if it is no whole number.
create or replace function bronze.plain_number(delivered text)
returns text
language sql
immutable
set search_path = pg_catalog, pg_temp
as $function$
    select
        case
            when written ~ '^[0-9]{1,15}([.,]0*)?$'
                then nullif(ltrim(regexp_replace(written, '[.,]0*$', ''), '0'), '')
            when written ~ '^[0-9]{1,15}(\.[0-9]{1,15})?[eE]\+?[0-9]{1,2}$'
                then trim_scale(written::numeric)::text
        end
    from (
        select regexp_replace(translate(delivered, E' \t\u00a0''’_+"', ''), '^([0-9]{1,3}),([0-9]{3})$', '\1\2')
    ) as plain (written)
$function$;

create or replace function bronze.is_erased(identity text)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $function$
    select identity is not null
        and exists (select from bronze.erased_identities where digest = bronze.identity_digest(identity))
$function$;

-- Whether a text that nobody has parsed has an address of an erased person, or the number as a field.
create or replace function bronze.names_erased(raw text, by_number boolean default true)
returns boolean
language sql
stable
set search_path = pg_catalog, pg_temp
as $function$
    select exists (
        select
        from (
            select bronze.plain_number(found.field[1]) as identity
            from regexp_matches(raw, '(?<![^\s,;|":])([0-9]{1,15}(?:\.0*)?)(?![^\s,;|"}])', 'g') as found (field)
            where by_number
            union
            select rtrim(found.field[1], '.')
            from regexp_matches(raw, '([^\s<>"'',;:|(){}]+@[^\s<>"'',;:|(){}]+)', 'g') as found (field)
        ) as identities
        where bronze.is_erased(identity)
    )
$function$;

-- Erases all people with a tombstone from a table, in one file or in all files. Returns the rows.
create or replace function bronze.erase_rows(of_table text, of_file integer default null)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    rule bronze.erasure_rules;
    scope text := case when of_file is null then 'true' else format('_file_id = %s', of_file) end;
    theirs text;
    numbers text [];
    assignments text;
    erased bigint;
begin
    -- A column that the contract does not know can name the person, whoever the row is about.
    execute format(
        'update bronze.%I set _extra = null where %s and _extra is not null and bronze.names_erased(_extra::text, false)',
        of_table, scope
    );
    select * into rule from bronze.erasure_rules where table_name = of_table;
    if not found then
        return 0;
    end if;
    execute format(
        $query$
            -- materialized, or the functions would be called for each row: 25 s for a million rows
            with
            numbers as materialized (
                select distinct %1$I as delivered
                from bronze.%2$I
                where %3$s
            )
            select array_agg(delivered)
            from numbers
            where bronze.is_erased(bronze.plain_number(delivered))
        $query$,
        rule.number_column, of_table, scope
    ) into numbers;
    theirs := format('(%I = any($1))', rule.number_column);
    if rule.address_column is not null then
        theirs := format(
            '(%s or (bronze.plain_number(%I) is null and bronze.is_erased(btrim(%I))))',
            theirs, rule.number_column, rule.address_column
        );
    end if;
    theirs := format('%s and %s', scope, theirs);
    if rule.emptied_columns is null then
        execute format(
            $query$
                with
                erased as (
                    delete from bronze.%I
                    where %s
                    returning _file_id
                ),
                counts as (
                    select _file_id, count(*) as erased_rows
                    from erased
                    group by _file_id
                ),
                recorded as (
                    update bronze.landed_files
                    set rows_erased = rows_erased + counts.erased_rows
                    from counts
                    where landed_files.file_id = counts._file_id
                )
                select coalesce(sum(erased_rows), 0) from counts
            $query$,
            of_table, theirs
        ) into erased using coalesce(numbers, '{}');
        return erased;
    end if;
    select string_agg(format('%I = null', name), ', ') into assignments from unnest(rule.emptied_columns) as name;
    execute format(
        $query$
            with
            emptied as (
                update bronze.%1$I
                set %2$s
                where %3$s
                returning _file_id, _line
            ),
            to_build as (
                -- A file that lands has not been built.
                insert into bronze.erased_lines (table_name, file_id, line)
                select %4$L, _file_id, _line from emptied where %5$L::boolean
                on conflict do nothing
            )
            select count(*) from emptied
        $query$,
        of_table, assignments, theirs, of_table, of_file is null
    ) into erased using coalesce(numbers, '{}');
    return erased;
end
$function$;

-- Erases all people with a tombstone from rows and files that could not be read. The rows stay, without their text.
create or replace function bronze.erase_texts(of_file integer default null)
returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
declare
    erased bigint;
begin
    update bronze.rejected_rows
    set raw = '[erased]', reason = 'holds data of a person who was erased'
    where
        (of_file is null or file_id = of_file)
        and (bronze.names_erased(raw) or bronze.names_erased(reason));
    get diagnostics erased = row_count;
    if of_file is null then
        update bronze.refused_files
        set reason = 'the reason held data of a person who was erased'
        where bronze.names_erased(reason);
    end if;
    return erased;
end
$function$;

create or replace function bronze.erase_again()
returns trigger
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if exists (select from bronze.erased_identities) then
        perform bronze.erase_rows(new.source, new.file_id);
        perform bronze.erase_texts(new.file_id);
    end if;
    return null;
end
$function$;

-- At the end of the transaction, when the rejected rows of the file are there as well.
drop trigger if exists erase_again on bronze.landed_files;
create constraint trigger erase_again
after insert or update of rows_loaded on bronze.landed_files
deferrable initially deferred
for each row execute function bronze.erase_again();

comment on table bronze.erasure_pepper is 'Makes digests of erased people that nobody without this row can recompute.';
comment on column bronze.erasure_pepper.pepper is 'The secret; it differs between warehouses.';
comment on table bronze.erased_identities is 'Digests of the numbers and addresses of people who were erased.';
comment on column bronze.erased_identities.digest is 'SHA-256 of the secret and the number or address in lower case.';
comment on column bronze.erased_identities.erased_at is 'When the person was erased.';
comment on table bronze.erasure_rules is 'How to erase a person from a table; `make forget` writes it from the contract.';
comment on column bronze.erasure_rules.table_name is 'The table of bronze.';
comment on column bronze.erasure_rules.number_column is 'The column with the number of the person.';
comment on column bronze.erasure_rules.address_column is
'The column with an address, for rows without a number that can be read; null if there is none.';
comment on column bronze.erasure_rules.emptied_columns is 'The columns to empty; null if the whole row goes.';
comment on table bronze.erased_lines is 'Lines that were emptied and that the next build has to read again.';
comment on column bronze.erased_lines.table_name is 'The table of bronze.';
comment on column bronze.erased_lines.file_id is 'The landed file of the line.';
comment on column bronze.erased_lines.line is 'Its line in the file.';

revoke all on table bronze.erasure_pepper from public;
revoke all on table bronze.erased_identities from public;
revoke all on table bronze.erasure_rules from public;
revoke all on table bronze.erased_lines from public;
revoke all on function bronze.identity_digest(text) from public;
revoke all on function bronze.plain_number(text) from public;
revoke all on function bronze.is_erased(text) from public;
revoke all on function bronze.names_erased(text, boolean) from public;
revoke all on function bronze.erase_rows(text, integer) from public;
revoke all on function bronze.erase_texts(integer) from public;
revoke all on function bronze.erase_again() from public;
