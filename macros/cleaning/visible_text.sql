{#- Removed: soft hyphens, joiners, marks of direction, zero-width and control characters above ASCII. Replaced: what Unicode counts as
    a blank. -#}
{% macro visible_text(expression) -%}
    btrim(regexp_replace(
        normalize(
            regexp_replace(
                {{ expression }},
                '[\u0080-\u0084\u0086-\u009F\u00AD\u034F\u061C\u180E\u200B-\u200F\u202A-\u202E\u2060-\u206F\uFE00-\uFE0F\uFEFF\uFFF9-\uFFFB]',
                '',
                'g'
            ),
            nfc
        ),
        '[ \t\n\r\u0085\u00A0\u1680\u2000-\u200A\u2028\u2029\u202F\u205F\u3000]+',
        ' ',
        'g'
    ))
{%- endmacro %}
