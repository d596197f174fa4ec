{#- Builds the partitions aside, and returns the names of those that have rows. Thirty go into one call, as each call costs dbt
    1.5 ms of CPU and a wait; the server holds the text of a call as a whole, so not all of a thousand. -#}
{% macro build_partitions(partitions, sql, by, staged) -%}
    {%- set constraints = partition_constraints() -%}
    {%- set column = by.column -%}
    {%- if staged is not none and partitions | length > 30 -%}
        {%- call statement("index_staged") -%}
            create index on {{ staged }} ({{ column }});
            analyze {{ staged }} ({{ column }})
        {%- endcall -%}
    {%- endif -%}
    {%- set query = contracted_query(sql) -%}
    {%- set filled = [] -%}
    {%- for some in partitions | batch(30) -%}
        {%- call statement("build_partitions", fetch_result=true) -%}
            {%- for partition in some -%}
                {%- if staged is none -%}
                    {%- set rows = bind_partition(query, partition) -%}
                {%- else -%}
                    {%- set within = column ~ " >= " ~ partition.from ~ " and " ~ column ~ " < " ~ partition.to -%}
                    {%- set rows = "select * from " ~ staged ~ " where " ~ within -%}
                {%- endif -%}
                {{ build_partition(partition, rows, by, constraints) }};
            {% endfor -%}
            {%- for partition in some %}
            select '{{ partition.name }}' where exists (select from {{ partition.aside }})
            {%- if not loop.last %} union all{% endif %}
            {%- endfor %}
        {%- endcall -%}
        {%- do filled.extend(load_result("build_partitions").table.columns[0].values()) -%}
    {%- endfor -%}
    {{ return(filled) }}
{%- endmacro %}
