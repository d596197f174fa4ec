{#- What an earlier build left unpublished is dropped: whatever it was made from is looked at again, as long as it is not published. -#}
{% macro begin_candidate() -%}
    {%- if execute and flags.WHICH in ["build", "run"] and published_models() -%}
        {%- set model_of_gold = published_models() | first -%}
        {%- set gold = api.Relation.create(database=model_of_gold.database, schema=model_of_gold.schema, identifier="any") -%}
        {%- set schemas = {} -%}
        {%- for name, relation in [("gold", gold), ("tables", served_table(gold)), ("candidate", candidate_of(gold))] -%}
            {%- do schemas.update({name: relation.without_identifier().include(database=false)}) -%}
        {%- endfor -%}
        select pg_advisory_xact_lock(hashtext('candidate of {{ gold.schema }}'));

        {{ create_publishing_tables() }};

        create schema if not exists {{ schemas.gold }};
        create schema if not exists {{ schemas.tables }};
        drop schema if exists {{ schemas.candidate }} cascade;
        create schema {{ schemas.candidate }};

        {{ begin_candidate_views(schemas) | indent(8) }};

        delete from {{ candidate_steps() }};
        delete from {{ candidate_log() }};
        insert into {{ candidate_log() }} (invocation_id, git_commit, code)
        select '{{ invocation_id }}', {{ git_commit() }}, md5(string_agg(fingerprint, ' ' order by fingerprint collate "C"))
        from {{ delta_state() }};
    {%- endif -%}
{%- endmacro %}
