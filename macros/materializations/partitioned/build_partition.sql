{#- The check constraint of the bounds lets PostgreSQL attach the partition without a scan. Statistics of a tenth of the default
    size take a tenth of the time: 11 ms of the 160 ms that a month of fct_sales takes (85,000 rows), instead of 120 to 150. Joins
    are planned by the statistics of the whole table, which are of a larger sample. Plans that are made parallel by force took as
    long as those that PostgreSQL chooses. -#}
{% macro build_partition(partition, sql, by, constraints) -%}
    {{ config.get("sql_header") or "" }}

    create table {{ partition.aside }} as (
        {{ sql }}
    );

    alter table {{ partition.aside }}
        {% for clause in constraints.shared + constraints.own -%}
        {{ clause }},
        {% endfor -%}
        alter column {{ by.column }} set not null,
        add constraint within_partition check (
            {{ by.column }} >= {{ partition.from }} and {{ by.column }} < {{ partition.to }}
        );
    {%- for index in config.get("indexes", []) %}

    {{ create_index_sql(partition.aside, index) }};
    {%- endfor %}

    set local default_statistics_target = {{ by.statistics_target }};
    analyze {{ partition.aside }}
{%- endmacro %}
