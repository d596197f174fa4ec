{#- Last in its transaction, that it knows how long that took. -#}
{% macro log_release() -%}
insert into {{ publish_log() }} (
    kind, invocation_id, git_commit, files, last_file_id, changed_models, checks_passed, checks_warned, took_ms, locked_ms
)
select
    'publish',
    candidate.invocation_id,
    candidate.git_commit,
    landed.files,
    landed.last_file_id,
    array(select view from {{ candidate_steps() }} order by view),
    candidate.checks_passed,
    candidate.checks_warned,
    round(1000 * extract(epoch from clock_timestamp() - transaction_timestamp()), 1),
    round(1000 * extract(epoch from clock_timestamp() - asked_at), 1)
from {{ candidate_log() }} as candidate
cross join ({{ landed_so_far() }}) as landed;
{%- endmacro %}
