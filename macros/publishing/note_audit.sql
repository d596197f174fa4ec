{% macro note_audit(found, is_complete, missing) -%}
    begin;
    update {{ candidate_log() }}
    set
        {%- if flags.WHICH != "test" %}
        is_complete = {{ is_complete }},
        {%- endif %}
        {%- for status in ["passed", "warned"] %}
        checks_{{ status }} = '{{ "{" ~ found[status] | join(",") ~ "}" }}',
        {%- endfor %}
        audited_at = {{ "null" if missing else "clock_timestamp()" }}
    {%- if flags.WHICH != "test" %}
    where invocation_id = '{{ invocation_id }}'
    {%- endif %};
    commit
{%- endmacro %}
