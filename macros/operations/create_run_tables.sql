{% macro create_run_tables() -%}
    create schema if not exists {{ run_log().without_identifier().include(database=false) }};

    create table if not exists {{ run_log() }} (
        invocation_id text primary key,
        command text not null,
        git_commit text,
        target text not null,
        run_by text not null default session_user,
        is_full_refresh boolean not null,
        started_at timestamptz not null default clock_timestamp(),
        ended_at timestamptz,
        status text not null default 'running' check (status in ('running', 'success', 'fail', 'error', 'killed')),
        -- the release that this run made
        published bigint,
        -- what had landed when its nodes had run
        files bigint,
        last_landed_at timestamptz
    );

    create table if not exists {{ node_log() }} (
        invocation_id text not null references {{ run_log() }} on delete cascade,
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

    create table if not exists {{ row_log() }} (
        release_id bigint not null,
        relation text not null,
        recorded_at timestamptz not null default clock_timestamp(),
        row_estimate bigint,
        primary key (release_id, relation)
    )
{%- endmacro %}
