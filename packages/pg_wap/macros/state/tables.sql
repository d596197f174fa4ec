{#- The tables and views that the package keeps, by name. -#}
{% macro table_names() -%}
    {{ return([
        "runs", "node_results", "broken_rules", "published_rows", "model_states", "touched_partitions", "releases", "candidate",
        "candidate_steps", "rollback_steps", "release_changes", "checks", "check_catalogue", "writer", "column_profiles",
        "relations", "relation_keys",
    ]) }}
{%- endmacro %}

{#- Whether the tables are missing, or were made by another version of the package. Their schema of today is named in a comment, so that a
    run asks one question instead of sending all of `create_tables`. -#}
{% macro tables_are_old() -%}
    {%- set runs = pg_wap.audit_table("runs").include(database=false) -%}
    {%- set found = run_query("select obj_description(to_regclass('" ~ runs ~ "'), 'pg_class')").columns[0].values() | first -%}
    {{ return(found != pg_wap.tables_fingerprint()) }}
{%- endmacro %}

{% macro tables_fingerprint() -%}
    {{ return("One row per run of dbt. Tables of state " ~ local_md5(
        pg_wap.create_tables.macro.macro_sql ~ pg_wap.compare_function.macro.macro_sql
    )[:8] ~ ".") }}
{%- endmacro %}

{#- Two first runs at once would create the same tables. -#}
{% macro create_tables_alone() -%}
    {%- set schema = pg_wap.audit_table("runs").schema -%}
    begin;
    do $tables$
    begin
        {{ pg_wap.take_advisory_lock("pg_wap", "tables of " ~ schema, "the tables of the schema " ~ schema ~ " cannot be created") }}
    end $tables$;
    {{ pg_wap.create_tables() }}
    commit
{%- endmacro %}

{#- Every table that the package keeps, in the audit schema. One statement list, safe to run in every build. -#}
{% macro create_tables() -%}
    create schema if not exists {{ pg_wap.audit_table("runs").without_identifier().include(database=false) }};

    {{ pg_wap.migrate() }}

    create table if not exists {{ pg_wap.audit_table("runs") }} (
        invocation_id text primary key,
        command text not null,
        git_commit text,
        target text not null,
        run_by text not null default session_user,
        is_full_refresh boolean not null,
        started_at timestamptz not null default clock_timestamp(),
        ended_at timestamptz,
        status text not null default 'running' check (status in ('running', 'success', 'fail', 'error', 'killed')),
        -- the release that this run published
        release_id bigint,
        -- what had landed when the nodes had run
        files bigint,
        last_landed_at timestamptz
    );

    create table if not exists {{ pg_wap.audit_table("node_results") }} (
        invocation_id text not null references {{ pg_wap.audit_table("runs") }} on delete cascade,
        unique_id text not null,
        name text not null,
        resource_type text not null,
        status text not null,
        started_at timestamptz,
        seconds numeric not null,
        rows_affected bigint,
        failures bigint,
        message text,
        primary key (invocation_id, unique_id)
    );

    create table if not exists {{ pg_wap.audit_table("broken_rules") }} (
        invocation_id text not null references {{ pg_wap.audit_table("runs") }} on delete cascade,
        check_name text not null,
        rule text not null,
        failures bigint not null,
        primary key (invocation_id, check_name, rule)
    );

    create table if not exists {{ pg_wap.audit_table("published_rows") }} (
        release_id bigint not null,
        relation text not null,
        recorded_at timestamptz not null default clock_timestamp(),
        row_estimate bigint,
        primary key (release_id, relation)
    );

    -- of the releases that were profiled
    create table if not exists {{ pg_wap.audit_table("column_profiles") }} (
        release_id bigint not null,
        relation text not null,
        column_name text not null,
        position integer not null,
        data_type text not null,
        -- whether number, frequency and spread of the values come from PostgreSQL's statistics; the rest is exact
        is_estimated boolean not null,
        row_count bigint not null,
        null_count bigint not null,
        distinct_count bigint not null,
        min_value text,
        max_value text,
        mean double precision,
        standard_deviation double precision,
        mean_length double precision,
        top_values text[] not null,
        top_shares double precision[] not null,
        bounds text[],
        recorded_at timestamptz not null default clock_timestamp(),
        primary key (release_id, relation, column_name)
    );

    create table if not exists {{ pg_wap.audit_table("model_states") }} (
        unique_id text primary key,
        fingerprint text not null,
        ancestors text[] not null,
        -- of the last build that was complete and succeeded
        built_fingerprint text,
        -- whether all checks looked at what that build wrote, and passed
        is_tested boolean not null default false,
        checks_fingerprint text,
        built_in_full_at timestamptz,
        succeeded_at timestamptz
    );

    create table if not exists {{ pg_wap.audit_table("touched_partitions") }} (
        unique_id text not null,
        range_start date not null,
        range_end date not null
    );

    -- one row for each time that what readers see changed
    create table if not exists {{ pg_wap.audit_table("releases") }} (
        release_id bigint generated always as identity primary key,
        kind text not null check (kind in ('publish', 'rollback')),
        published_at timestamptz not null default clock_timestamp(),
        -- system time up to which the release knows history; after a rollback, that of the release that is back
        known_until timestamptz not null default clock_timestamp(),
        invocation_id text not null,
        git_commit text,
        files bigint,
        last_file_id integer,
        changed_models text[] not null,
        checks_passed text[] not null,
        checks_warned text[] not null,
        rolled_back bigint references {{ pg_wap.audit_table("releases") }},
        -- how long the transaction took until its commit, and for how long of that readers had to wait
        took_ms numeric not null,
        locked_ms numeric not null
    );

    -- the run that may write
    create table if not exists {{ pg_wap.audit_table("writer") }} (invocation_id text primary key);

    -- at most one candidate, until it is published
    create table if not exists {{ pg_wap.audit_table("candidate") }} (
        invocation_id text primary key,
        begun_at timestamptz not null default clock_timestamp(),
        git_commit text,
        code text not null,
        -- whether all models, seeds and snapshots ran without an error
        is_complete boolean not null default false,
        -- null until all checks have passed
        audited_at timestamptz,
        checks_passed text[] not null default '{}',
        checks_warned text[] not null default '{}'
    );

    -- how to publish each model that the candidate changes, and how to take that back
    create table if not exists {{ pg_wap.audit_table("candidate_steps") }} (
        unique_id text primary key,
        view text not null,
        candidate text not null,
        stored text not null,
        is_full boolean not null,
        staged_at timestamptz not null default clock_timestamp(),
        staged_by xid8 not null default pg_current_xact_id(),
        prepare_sql text not null,
        published_by text not null,
        swap_sql text not null,
        after_sql text not null,
        description_sql text not null,
        rollback_prepare_sql text not null,
        rollback_published_by text not null,
        rollback_swap_sql text not null,
        -- what to compare with the release, and what readers will see change
        compared jsonb not null default '{}',
        changes jsonb
    );

    -- how to take back the last release
    create table if not exists {{ pg_wap.audit_table("rollback_steps") }} (like {{ pg_wap.audit_table("candidate_steps") }} including all);

    -- what readers saw change with each release: `changes` is what compare_relations returns
    create table if not exists {{ pg_wap.audit_table("release_changes") }} (
        release_id bigint not null,
        relation text not null,
        changes jsonb not null,
        -- what they say, in one line of words; null if no row and no column changed
        in_words text,
        primary key (release_id, relation)
    );

    {{ pg_wap.create_compare_function(pg_wap.audit_table("compare_relations").include(database=false)) | indent(4) }}

    create table if not exists {{ pg_wap.audit_table("checks") }} (
        -- of the dbt test
        unique_id text not null,
        check_name text not null,
        -- the name of the check, or of one of its rules or references
        name text not null,
        kind text not null check (kind in ('check', 'rule', 'reference')),
        position integer not null,
        owner text not null,
        severity text not null check (severity in ('hard', 'soft')),
        -- vars, each with its value
        threshold text[] not null,
        states text not null,
        reason text not null,
        protects text[] not null,
        -- of all that the checks declare
        fingerprint text not null,
        primary key (check_name, name)
    );

    -- of the published schema, as the project declares them
    create table if not exists {{ pg_wap.audit_table("relations") }} (
        relation text primary key,
        owner text,
        materialized text not null,
        access text not null,
        -- of all that the relations declare
        fingerprint text not null
    );

    create table if not exists {{ pg_wap.audit_table("relation_keys") }} (
        relation text not null,
        name text not null,
        kind text not null check (kind in ('primary key', 'foreign key', 'reference')),
        columns text[] not null,
        to_relation text,
        to_columns text[],
        primary key (relation, name)
    );

    comment on table {{ pg_wap.audit_table("runs") }} is '{{ pg_wap.tables_fingerprint() }}';
{%- endmacro %}

{#- Tables of before version 1.0 keep their rows under today's names. What can be built again is dropped: states, the candidate, the
    catalogue of checks. -#}
{% macro migrate() -%}
    {%- set schema = pg_wap.audit_table("runs").without_identifier().include(database=false) -%}
    do $migrate$
    declare
        steps regclass;
    begin
        -- only where they are missing: the statement would wait for an open release
        foreach steps in array array[to_regclass('{{ schema }}.candidate_steps'), to_regclass('{{ schema }}.rollback_steps')] loop
            if steps is not null and not exists (select from pg_attribute where attrelid = steps and attname = 'changes') then
                execute format('alter table %s add compared jsonb not null default ''{}'', add changes jsonb', steps);
            end if;
        end loop;
        if to_regclass('{{ schema }}.publications') is null then
            return;
        end if;
        alter table {{ schema }}.publications rename to releases;
        alter table {{ schema }}.releases rename publication_id to release_id;
        alter table {{ schema }}.releases rename gates_passed to checks_passed;
        alter table {{ schema }}.releases rename gates_warned to checks_warned;
        alter table {{ schema }}.releases alter files drop not null;
        alter table if exists {{ schema }}.published_rows rename publication_id to release_id;
        alter table if exists {{ schema }}.runs rename published to release_id;
        alter table if exists {{ schema }}.rollback_steps rename served to stored;
        alter table if exists {{ schema }}.rollback_steps rename before_locks to prepare_sql;
        alter table if exists {{ schema }}.rollback_steps rename served_by to published_by;
        alter table if exists {{ schema }}.rollback_steps rename under_locks to swap_sql;
        alter table if exists {{ schema }}.rollback_steps rename settle to after_sql;
        alter table if exists {{ schema }}.rollback_steps rename description to description_sql;
        alter table if exists {{ schema }}.rollback_steps rename rollback_before_locks to rollback_prepare_sql;
        alter table if exists {{ schema }}.rollback_steps rename rollback_served_by to rollback_published_by;
        alter table if exists {{ schema }}.rollback_steps rename rollback_under_locks to rollback_swap_sql;
        drop table if exists
            {{ schema }}.candidate,
            {{ schema }}.candidate_steps,
            {{ schema }}.delta_models,
            {{ schema }}.gates
        cascade;
    end $migrate$;
{%- endmacro %}

{#- Views of before version 1.0, at the end of the run that migrates: dbt's cache of relations would not notice before. -#}
{% macro drop_old_views() -%}
    {%- if load_relation(pg_wap.audit_table("ops_publications")) -%}
        {%- do run_query(pg_wap.drop_old_views_sql()) -%}
    {%- endif -%}
{%- endmacro %}

{% macro drop_old_views_sql() -%}
    {%- set schema = pg_wap.audit_table("runs").without_identifier().include(database=false) -%}
    do $drop$
    begin
        drop view if exists
            {{ schema }}.ops_gate_days,
            {{ schema }}.ops_gates,
            {{ schema }}.ops_gate_results,
            {{ schema }}.ops_publications;
    exception when dependent_objects_still_exist then
        raise notice 'views of others read %.ops_publications or ops_gate*: they stay', '{{ schema }}';
    end $drop$
{%- endmacro %}
