{#- A note is a known word alone, in any case, or within a text that is not in capitals, as descriptions are: 'CHECK SHIRT BEAR'
    is a product, 'wrongly checked in' is a note. -#}
{% macro is_stock_note(description) -%}
    {%- set words = [
        "adjust(ed|ment)?",
        "amazon",
        "barcode",
        "broken",
        "check(ed)?",
        "count(ed)?",
        "cracked",
        "credit",
        "crushed",
        "damage[ds]?",
        "destroyed",
        "dirty",
        "display",
        "donated",
        "dotcom",
        "ebay",
        "error",
        "faulty",
        "found",
        "given away",
        "incorrect(ly)?",
        "label(led)?",
        "lost",
        "mailout",
        "missing",
        "mix(ed)?",
        "mouldy",
        "nan",
        "returned",
        "rotting",
        "rusty",
        "samples?",
        "showroom",
        "smashed",
        "sold",
        "stock",
        "temp",
        "test",
        "thrown",
        "unsaleable",
        "update",
        "wet",
        "wrong(ly)?",
    ] | join("|") -%}
    (
        {{ description }} !~ '[A-Za-z]'
        or lower({{ description }}) ~ '^[^a-z]*({{ words }})[^a-z]*$'
        or (
            {{ description }} ~ '[a-z]'
            and {{ description }} !~ '[A-Z]{2}'
            and lower({{ description }}) ~ '\m({{ words }})\M'
        )
    )
{%- endmacro %}
