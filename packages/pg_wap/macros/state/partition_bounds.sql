{#- A condition on the partition that is being built. In compiled SQL it is a comment, and the query is that of all partitions; the
    materialization replaces the comment for each partition.

    Arguments:
        condition: SQL with {start} and {end}, the first day of the partition and the day after its last. {start_key} and {end_key} are the
            same as integers (YYYYMMDD).
        after: `where` or `and`, which the condition follows. -#}
{% macro for_partition(condition, after) -%}
    /* in each partition: {{ after }} {{ condition }} */
{%- endmacro %}

{% macro in_partition(expression, data_type="date", after=none) -%}
    {%- if after -%}
        {%- set bounds = ["{start_key}", "{end_key}"] if data_type == "integer" else ["{start}", "{end}"] -%}
        {{ pg_wap.for_partition("(" ~ expression ~ " >= " ~ bounds[0] ~ " and " ~ expression ~ " < " ~ bounds[1] ~ ")", after) }}
    {%- else -%}
    ({{ expression }} >= {{ pg_wap.partition_start(data_type) }} and {{ expression }} < {{ pg_wap.partition_end(data_type) }})
    {%- endif -%}
{%- endmacro %}

{#- The comments mark what the materialization replaces. -#}
{% macro partition_start(data_type="date") -%}
    {%- if data_type == "integer" -%}
        /* in each partition: start_key */ -2147483648
    {%- else -%}
        /* in each partition: start */ '-infinity'::date
    {%- endif -%}
{%- endmacro %}

{% macro partition_end(data_type="date") -%}
    {%- if data_type == "integer" -%}
        /* in each partition: end_key */ 2147483647
    {%- else -%}
        /* in each partition: end */ 'infinity'::date
    {%- endif -%}
{%- endmacro %}
