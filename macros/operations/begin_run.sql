{#- A run that is killed never says so; the next one finds it. Where both run at once, the earlier one overwrites that when it ends. -#}
{% macro begin_run() -%}
    {%- if is_recorded() -%}
        select pg_advisory_xact_lock(hashtext('runs of {{ run_log().schema }}'));

        {{ create_run_tables() }};

        update {{ run_log() }} set status = 'killed' where status = 'running';

        insert into {{ run_log() }} (invocation_id, command, git_commit, target, is_full_refresh)
        values (
            '{{ invocation_id }}',
            '{{ escape_single_quotes(run_command()) }}',
            {{ git_commit() }},
            '{{ target.name }}',
            {{ flags.FULL_REFRESH or false }}
        );
    {%- endif -%}
{%- endmacro %}
