{#- Publishes the candidate whole, with all that says what is published. `is_complete` tells that all logs of changes have been worked
    through. -#}
{% macro publish_candidate(is_complete, invocation=none) -%}
    {%- set steps = candidate_steps() -%}
    {%- set before %}
perform from {{ candidate_log() }} {% if invocation %}where invocation_id = '{{ invocation }}' {% endif %}for update;
if not found then
    raise exception 'another build of this warehouse began after this one: it will publish, or not, what it makes';
end if;
-- one state before the one that is served is kept, whole
for step in {{ kept_tables("__previous(_gone|_added)?$") | indent(4) }} loop
    execute format('drop table %s cascade', step.name);
end loop;
delete from {{ rollback_steps() }};
insert into {{ rollback_steps() }} select * from {{ steps }};
for step in select * from {{ steps }} order by view loop
    execute format('drop view if exists %s cascade', step.candidate);
    execute step.before_locks;
    if step.is_full and exists (select from pg_class where oid = to_regclass(step.view) and relkind = 'v') then
        begin
            execute step.description;
        exception when undefined_column then
            null;
        end;
    end if;
end loop;
update {{ delta_state() }} as state
set built_in_full_at = steps.staged_at
from {{ steps }} as steps
where state.unique_id = steps.unique_id and steps.is_full;
{%- if is_complete %}
{{ record_success(logs_of_changes()) }}
{%- endif %}
    {%- endset -%}
    {%- set after %}
for step in select * from {{ steps }} loop
    execute format('create view %s as select * from %s', step.candidate, step.served);
end loop;
{{ show_derived_candidates() }}
{{ log_release() }}
{{ record_release() }}
delete from {{ steps }};
delete from {{ candidate_log() }};
    {%- endset -%}
    {%- call statement("publish", auto_begin=false) -%}
        {{ publish_sql(steps, "", before, after) }}
    {%- endcall -%}
    {%- do run_query(settle_steps()) -%}
    {%- do run_query(record_rows()) -%}
{%- endmacro %}
