{#- What need not be done while anybody waits: statistics of what was changed. -#}
{% macro settle_steps() -%}
    do $settle$
    declare
        step record;
    begin
        for step in select * from {{ rollback_steps() }} where settle <> '' loop
            execute step.settle;
        end loop;
    end $settle$
{%- endmacro %}
