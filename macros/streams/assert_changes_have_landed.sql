{#- With the var `streams`, models read what was captured, and the first capture makes the tables. -#}
{% macro assert_changes_have_landed() -%}
    {%- if var("streams", false) and not load_relation(source("shop", "shop_changes")) -%}
        {{ exceptions.raise_compiler_error(
            "nothing was captured in target '" ~ target.name ~ "' yet, and `streams` is on: run `make stream URL=...`, or build without `STREAMS=1`."
        ) }}
    {%- endif -%}
{%- endmacro %}
