{% macro row_problem(pairs, has_quarantine) -%}
    case
        when delivered._line is null then 'not delivered'
        when typed.is_usable is null then 'neither typed nor quarantined'
        when typed.is_usable <> (typed.quarantine_reasons = '') then 'reasons do not agree with is_usable'
        {%- if has_quarantine %}
        when typed.is_usable and waiting.is_waiting then 'typed and quarantined'
        when not typed.is_usable and waiting.is_waiting is null then 'unusable, but not in quarantine'
        {%- endif %}
        {%- for delivered_name, typed_name in pairs %}
        when
            typed.is_usable
            and typed.{{ typed_name }} is null
            and {{ clean_text("delivered." ~ delivered_name) }} is not null
            then 'typed without its {{ delivered_name }}'
        {%- endfor %}
    end
{%- endmacro %}
