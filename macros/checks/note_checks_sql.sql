{% macro note_checks_sql(checks, fingerprint) -%}
    {%- set noted = [] -%}
    {%- for check in declared_checks() -%}
        {%- do noted.append(dict(check, position=loop.index)) -%}
    {%- endfor -%}
    create schema if not exists {{ checks.without_identifier().include(database=false) }};

    create table if not exists {{ checks }} (
        -- of the test that checks it
        unique_id text not null,
        check_name text not null,
        -- its own, which is that of the check, or of one of its rules or references
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
        -- of all that the checks say
        fingerprint text not null,
        primary key (check_name, name)
    );
    lock table {{ checks }} in share row exclusive mode;
    delete from {{ checks }};
    insert into {{ checks }}
    select (jsonb_populate_record(null::{{ checks }}, declared || '{"fingerprint": "{{ fingerprint }}"}')).*
    from jsonb_array_elements('{{ tojson(noted) | replace("'", "''") }}') as checks (declared);
{%- endmacro %}
