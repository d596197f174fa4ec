{#- Tables of gold from before it was published are taken over as they are. -#}
{% macro begin_candidate_views(schemas) -%}
    do $begin$
    declare
        gold_models constant text[] := '{{ "{" ~ published_models() | map(attribute="alias") | join(",") ~ "}" }}';
        found record;
    begin
        for found in
            select relname
            from pg_class
            where
                relnamespace = to_regnamespace('{{ schemas.gold }}')
                and relkind in ('r', 'p')
                and relname = any(gold_models)
        loop
            execute format('alter table {{ schemas.gold }}.%I set schema {{ schemas.tables }}', found.relname);
            execute format(
                'create view {{ schemas.gold }}.%I as select * from {{ schemas.tables }}.%I', found.relname, found.relname
            );
        end loop;
        for found in
            select
                relname,
                relname = any(gold_models) as is_served
            from pg_class
            where
                relnamespace = to_regnamespace('{{ schemas.tables }}')
                and relkind in ('r', 'p')
                and (relname = any(gold_models) or relname ~ '__(new|gone|added)$')
        loop
            if found.is_served then
                execute format(
                    'create view {{ schemas.candidate }}.%I as select * from {{ schemas.tables }}.%I', found.relname, found.relname
                );
            else
                execute format('drop table {{ schemas.tables }}.%I', found.relname);
            end if;
        end loop;
        {{ show_derived_candidates() | indent(8) }}
    end $begin$
{%- endmacro %}
