{#- The partitions of the table, and whether each is to be built in a delta build, earliest first. -#}
{% macro list_partitions(base, by, staged, is_bounded) -%}
    {%- set given = config.get("partitions") -%}
    {%- set days = {
        "date": by.column ~ "::timestamp",
        "timestamp": by.column,
        "integer": "case when " ~ by.column ~ " between 10000101 and 99981231 then to_date("
            ~ by.column ~ "::text, 'YYYYMMDD')::timestamp end",
    } -%}
    {%- if given is none and is_bounded -%}
        {{ exceptions.raise_compiler_error(
            "model '" ~ model["name"] ~ "' uses the bounds of a partition, so it must give `partitions`, a query of their"
            ~ " starts."
        ) }}
    {%- endif -%}
    {%- call statement("list_partitions", fetch_result=true) -%}
        {%- if not is_bounded %}
        alter table {{ staged }} alter column {{ by.column }} set not null;
        {%- endif %}
        {%- if given is not none %}
        {{ render(given) }}
        {%- else %}
        with days as (select distinct {{ by.column }} from {{ staged.include(database=false) }})
        select distinct date_trunc('{{ by.granularity }}', {{ days[by.data_type] }})::date::text from days
        {%- endif %}
    {%- endcall -%}
    {%- set touched = {} -%}
    {%- for row in load_result("list_partitions").table.rows -%}
        {%- do touched.update({row[0]: touched.get(row[0], false) or row | length < 2 or row[1]}) -%}
    {%- endfor -%}
    {%- set partitions = [] -%}
    {%- for start, is_touched in touched.items() -%}
        {%- set partition = partition_at(base, by, start) -%}
        {%- do partition.update({"is_touched": is_touched}) -%}
        {%- do partitions.append(partition) -%}
    {%- endfor -%}
    {{ return(partitions | sort(attribute="start")) }}
{%- endmacro %}
