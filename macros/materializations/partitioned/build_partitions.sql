{#- What a swap has to change: partitions that are built aside now, and old ones that go. -#}
{% macro build_partitions(partitions, sql, by, staged) -%}
    {%- set constraints = partition_constraints() -%}
    {%- set column = by.column -%}
    {%- if staged is not none and partitions | length > 30 -%}
        {%- call statement("index_staged") -%}
            create index on {{ staged }} ({{ column }});
            analyze {{ staged }} ({{ column }})
        {%- endcall -%}
    {%- endif -%}
    {%- for partition in partitions -%}
        {%- if staged is none -%}
            {%- set rows = contracted_query(bind_partition(sql, partition)) -%}
        {%- else -%}
            {%- set within = column ~ " >= " ~ partition.from ~ " and " ~ column ~ " < " ~ partition.to -%}
            {%- set rows = "select * from " ~ staged ~ " where " ~ within -%}
        {%- endif -%}
        {%- call statement("build_partition") -%}
            {{ build_partition(partition, rows, by, constraints) }}
        {%- endcall -%}
    {%- endfor -%}
    {%- set filled = [] -%}
    {%- if partitions -%}
        {%- call statement("filled_partitions", fetch_result=true) -%}
            {%- for partition in partitions %}
            select '{{ partition.name }}' where exists (select from {{ partition.aside }})
            {%- if not loop.last %} union all{% endif %}
            {%- endfor %}
        {%- endcall -%}
        {%- do filled.extend(load_result("filled_partitions").table.columns[0].values()) -%}
    {%- endif -%}
    {{ return(filled) }}
{%- endmacro %}
