{% macro contracted_query(sql) -%}
    {%- if config.get("contract").enforced -%}
    select
        {%- for column in model["columns"].values() %}
        {%- set name = adapter.quote(column["name"]) if column["quote"] else column["name"] %}
        {{ name }}::{{ column["data_type"] }} as {{ name }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from (
        {{ sql }}
    ) as contracted
    {%- else -%}
    {{ sql }}
    {%- endif -%}
{%- endmacro %}
