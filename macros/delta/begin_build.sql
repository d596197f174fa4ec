{#- Notes what each model is made from, so that a model whose code is another one than that of its rows is built in full. -#}
{% macro begin_build() -%}
    {%- if execute and flags.WHICH in ["build", "run", "seed", "snapshot"] -%}
        {%- do graph.update(built_in_full=[]) -%}
        {%- do graph.pop("model_states", none) -%}
        {%- set known, rows, checks = {}, [], checks_fingerprint() -%}
        {%- for node in graph.nodes.values() if node.resource_type in ["model", "seed", "snapshot"] -%}
            {%- set found = fingerprint(node.unique_id, known) -%}
            {%- do rows.append(
                "('" ~ node.unique_id ~ "', '" ~ found.fingerprint ~ "', '{" ~ found.ancestors | join(",") ~ "}'::text[])"
            ) -%}
        {%- endfor %}
        create schema if not exists {{ delta_state().without_identifier().include(database=false) }};

        create table if not exists {{ delta_state() }} (
            unique_id text primary key,
            fingerprint text not null,
            ancestors text[] not null,
            -- of the last build that was complete and succeeded
            built_fingerprint text,
            -- whether all checks have looked at what that build wrote, and what they said
            is_tested boolean not null default false,
            checks_fingerprint text,
            built_in_full_at timestamptz,
            succeeded_at timestamptz
        );

        create table if not exists {{ touched_partitions() }} (
            unique_id text not null,
            range_start date not null,
            range_end date not null
        );

        merge into {{ delta_state() }} as known
        using (values {{ rows | join(",\n            ") }}) as found (unique_id, fingerprint, ancestors)
            on known.unique_id = found.unique_id
        when matched
            and (known.fingerprint, known.ancestors, known.checks_fingerprint)
            is distinct from (found.fingerprint, found.ancestors, '{{ checks }}') then
            update set
                fingerprint = found.fingerprint,
                ancestors = found.ancestors,
                is_tested = known.is_tested and known.checks_fingerprint = '{{ checks }}',
                checks_fingerprint = '{{ checks }}'
        when not matched then
            insert (unique_id, fingerprint, ancestors, checks_fingerprint)
            values (found.unique_id, found.fingerprint, found.ancestors, '{{ checks }}');

        delete from {{ delta_state() }} where unique_id <> all('{{ "{" ~ known.keys() | join(",") ~ "}" }}'::text[]);
    {%- endif -%}
{%- endmacro %}
