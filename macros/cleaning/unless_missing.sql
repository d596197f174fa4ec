{#- Null in place of a word for a missing value. Most texts are longer than any such word, which is the cheaper test. -#}
{% macro unless_missing(expression) -%}
    {%- set text = bracketed(expression) -%}
    {%- set words = [""] -%}
    {%- for word in var("missing_words") -%}
        {%- for spelling in [word, word | lower, word | upper, word | capitalize] if spelling not in words -%}
            {%- do words.append(spelling) -%}
        {%- endfor -%}
    {%- endfor -%}
    case when octet_length({{ text }}) > {{ words | map("length") | max }} or {{ text }} not in ('{{ words | join("', '") }}') then {{ text }} end
{%- endmacro %}
