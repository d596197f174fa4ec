{#- In the transaction that publishes. A run-operation has no hooks, so it is on record only by this. -#}
{% macro record_release() -%}
insert into {{ run_log() }} (invocation_id, command, git_commit, target, is_full_refresh, ended_at, status, published)
select
    '{{ invocation_id }}',
    '{{ escape_single_quotes(run_command()) }}',
    {{ git_commit() }},
    '{{ target.name }}',
    false,
    clock_timestamp(),
    'success',
    max(release_id)
from {{ publish_log() }}
on conflict (invocation_id) do update set published = excluded.published;
{%- endmacro %}
