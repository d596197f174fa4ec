{#- A text of another format is rearranged to ISO 8601: `to_date` would accept `1/2/11`, and fail on 31 February. Its shape is compared
    with each digit as 0, which is exact and cheaper than a regular expression. -#}
{% macro safe_date(expression, formats=[], date_order=none) -%}
    {%- set text = clean_text(expression) -%}
    coalesce(
        ({{ safe_timestamp(expression, date_order) }})::date
        {%- for format in formats %}
        {%- set shape = format | replace("YYYY", "0000") | replace("MM", "00") | replace("DD", "00") %}
        {%- if "YYYY" not in format or "MM" not in format or modules.re.search("[A-Za-z1-9']", shape) %}
            {%- do exceptions.raise_compiler_error(
                "safe_date: no format `" ~ format ~ "`: write YYYY, MM and, unless days are missing, DD"
            ) %}
        {%- endif %}
        {%- set parts = [] %}
        {%- for part in ["YYYY", "MM", "DD"] if part in format %}
            {%- do parts.append("substr(" ~ text ~ ", " ~ (format.index(part) + 1) ~ ", " ~ (part | length) ~ ")") %}
        {%- endfor %}
        {%- set day = parts | join(" || '-' || ") ~ ("" if "DD" in format else " || '-01'") %},
        case
            when
                translate({{ text }}, '123456789', '000000000') = '{{ shape }}'
                and pg_input_is_valid({{ day }}, 'date')
                then ({{ day }})::date
        end
        {%- endfor %}
    )
{%- endmacro %}
