{#- Returns a row if anything has to be looked at again; if some keys only, these are in a table that lasts as long as the
    transaction. -#}
{% macro keyed_touched_sql(touched) -%}
    {%- if touched == "nothing" -%}
    select limit 0
    {%- elif not touched -%}
    select true as is_touched
    {%- else -%}
    create temporary table {{ touched_keys() }} on commit drop as
    select distinct *
    from (
        {{ render(touched) }}
    ) as keys;

    analyze {{ touched_keys() }};

    select true as is_touched from {{ touched_keys() }} limit 1
    {%- endif -%}
{%- endmacro %}
