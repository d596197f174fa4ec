{% macro note_gates_sql(gates, fingerprint) -%}
    {%- set noted = [] -%}
    {%- for gate in declared_gates() -%}
        {%- do noted.append(dict(gate, position=loop.index)) -%}
    {%- endfor -%}
    create schema if not exists {{ gates.without_identifier().include(database=false) }};

    create table if not exists {{ gates }} (
        -- of the test that checks it
        unique_id text not null,
        gate text not null,
        -- its own, which is that of the gate, or of one of its rules or references
        name text not null,
        kind text not null check (kind in ('gate', 'rule', 'reference')),
        position integer not null,
        owner text not null,
        severity text not null check (severity in ('hard', 'soft')),
        -- vars, each with its value
        threshold text[] not null,
        states text not null,
        reason text not null,
        protects text[] not null,
        -- of all that the gates say
        fingerprint text not null,
        primary key (gate, name)
    );
    lock table {{ gates }} in share row exclusive mode;
    delete from {{ gates }};
    insert into {{ gates }}
    select (jsonb_populate_record(null::{{ gates }}, gate || '{"fingerprint": "{{ fingerprint }}"}')).*
    from jsonb_array_elements('{{ tojson(noted) | replace("'", "''") }}') as declared (gate);
{%- endmacro %}
