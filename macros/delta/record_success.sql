{#- Where the next build starts from. -#}
{% macro record_success(logs, is_tested=true) -%}
    update {{ delta_state() }}
    set built_fingerprint = fingerprint, is_tested = {{ is_tested }}, succeeded_at = clock_timestamp();
    truncate {{ logs | join(", ") }};
{%- endmacro %}
