{#- The last hook: where one before it failed, the run stays what `record_run` said, an error. -#}
{% macro end_run(results) -%}
    {%- if is_recorded() and not failures_of(results) -%}
        update {{ run_log() }}
        set status = 'success', ended_at = clock_timestamp()
        where invocation_id = '{{ invocation_id }}';
    {%- endif -%}
{%- endmacro %}
