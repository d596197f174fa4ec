{% macro note_gates_sql(gates, results, fingerprint) -%}
    {%- set noted = [] -%}
    {%- for gate in declared_gates() -%}
        {%- do noted.append(dict(gate, position=loop.index)) -%}
    {%- endfor -%}
    begin;
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

    -- each of them with what it found last; of rules and references, what their gate found
    create or replace view {{ gates.incorporate(path={"identifier": "gate_catalogue"}) }} as
    with

    runs as (

        {%- if results %}
        select
            unique_id,
            max(started_at) as last_run_at,
            max(started_at) filter (where status <> 'pass') as last_failed_at,
            (array_agg(failures order by started_at desc) filter (where status <> 'pass'))[1] as rows_found_then
        from {{ results }}
        where status in ('pass', 'warn', 'fail', 'error')
        group by unique_id
        {%- else %}
        select
            null::text as unique_id,
            null::timestamptz as last_run_at,
            null::timestamptz as last_failed_at,
            null::bigint as rows_found_then
        where false
        {%- endif %}

    ),

    final as (

        select
            gates.position,
            gates.gate,
            gates.name,
            gates.kind,
            gates.owner,
            gates.severity,
            gates.threshold,
            gates.states,
            gates.reason,
            gates.protects,
            runs.last_run_at,
            runs.last_failed_at,
            runs.rows_found_then
        from {{ gates }} as gates
        left join runs on gates.unique_id = runs.unique_id

    )

    select * from final;
    commit
{%- endmacro %}
