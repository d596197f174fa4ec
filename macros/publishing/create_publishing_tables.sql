{% macro create_publishing_tables() -%}
    -- what is served, and what was: a line for each time that this changed
    create table if not exists {{ publish_log() }} (
        release_id bigint generated always as identity primary key,
        kind text not null check (kind in ('publish', 'rollback')),
        published_at timestamptz not null default clock_timestamp(),
        -- system time, up to which history is published; after a rollback, that of the release that is served again
        known_until timestamptz not null default clock_timestamp(),
        invocation_id text not null,
        git_commit text,
        files bigint not null,
        last_file_id integer,
        changed_models text[] not null,
        checks_passed text[] not null,
        checks_warned text[] not null,
        rolled_back bigint references {{ publish_log() }},
        -- how long the transaction took until its commit, and for how long of that readers had to wait
        took_ms numeric not null,
        locked_ms numeric not null
    );

    -- the one candidate that there is, until it is published
    create table if not exists {{ candidate_log() }} (
        invocation_id text primary key,
        begun_at timestamptz not null default clock_timestamp(),
        git_commit text,
        code text not null,
        -- whether all models, seeds and snapshots ran without a fault
        is_complete boolean not null default false,
        -- null until all checks have passed
        audited_at timestamptz,
        checks_passed text[] not null default '{}',
        checks_warned text[] not null default '{}'
    );

    -- how to publish each model that the candidate changes, and how to take that back
    create table if not exists {{ candidate_steps() }} (
        unique_id text primary key,
        view text not null,
        candidate text not null,
        served text not null,
        is_full boolean not null,
        staged_at timestamptz not null default clock_timestamp(),
        staged_by xid8 not null default pg_current_xact_id(),
        before_locks text not null,
        served_by text not null,
        under_locks text not null,
        settle text not null,
        description text not null,
        rollback_before_locks text not null,
        rollback_served_by text not null,
        rollback_under_locks text not null
    );

    -- how to take back what was published last
    create table if not exists {{ rollback_steps() }} (like {{ candidate_steps() }} including all)
{%- endmacro %}
