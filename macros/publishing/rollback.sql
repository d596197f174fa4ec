{% macro rollback() -%}
    {%- set release = release_to_roll_back() -%}
    {%- set steps = rollback_steps() -%}
    {%- do run_query(create_run_tables()) -%}
    {%- set before %}
for step in select * from {{ steps }} order by view loop
    execute format('drop view if exists %s cascade', step.candidate);
    execute step.rollback_before_locks;
end loop;
-- what was taken back has to be built again, and how it differed is not known any more
update {{ delta_state() }}
set built_fingerprint = null
where unique_id in ('{{ published_models() | map(attribute="unique_id") | join("', '") }}');
    {%- endset -%}
    {%- set after %}
insert into {{ publish_log() }} (
    kind, invocation_id, known_until, git_commit, files, last_file_id, changed_models, checks_passed, checks_warned, rolled_back,
    took_ms, locked_ms
)
select
    'rollback',
    '{{ invocation_id }}',
    known_until,
    git_commit,
    files,
    last_file_id,
    array(select view from {{ steps }} order by view),
    checks_passed,
    checks_warned,
    {{ release.taken_back }},
    round(1000 * extract(epoch from clock_timestamp() - transaction_timestamp()), 1),
    round(1000 * extract(epoch from clock_timestamp() - asked_at), 1)
from {{ publish_log() }}
where release_id = {{ release.served_again }};
{{ record_release() }}
for step in select * from {{ steps }} where to_regclass(served) is not null loop
    execute format('create view %s as select * from %s', step.candidate, step.served);
end loop;
{{ show_derived_candidates() }}
delete from {{ steps }};
    {%- endset -%}
    {%- call statement("rollback", auto_begin=false) -%}
        {{ publish_sql(steps, "rollback_", before, after) }}
    {%- endcall -%}
    {%- do run_query(record_rows()) -%}
    {{ published() }}
{%- endmacro %}
