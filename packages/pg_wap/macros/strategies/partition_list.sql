{#- All partitions, earliest first, and whether an incremental build has to build each. Dates come from `partition_by.starts`, or else from
    the staged rows; `touched_by` says which of them something upstream touched. Without it, all are built. -#}
{% macro list_partitions(base, by, staged, is_bounded, is_full) -%}
    {%- set touched_by = config.get("touched_by") if not is_full else none -%}
    {%- set days = {
        "date": by.column ~ "::timestamp",
        "timestamp": by.column,
        "integer": "case when " ~ by.column ~ " between 10000101 and 99981231 then to_date("
            ~ by.column ~ "::text, 'YYYYMMDD')::timestamp end",
    } -%}
    {%- if not by.starts and is_bounded -%}
        {{ exceptions.raise_compiler_error(
            "model '" ~ model["name"] ~ "' uses the bounds of a partition, so partition_by must give `starts`, a query of dates of all"
            ~ " partitions."
        ) }}
    {%- endif -%}
    {%- call statement("list_partitions", fetch_result=true) -%}
        {%- if not is_bounded %}
        alter table {{ staged }} alter column {{ by.column }} set not null;
        {%- endif %}
        select
            date_trunc('{{ by.granularity }}', day::timestamp)::date::text as start,
            bool_or(is_touched) as is_touched
        from (
            select
                day,
                {{ touched_by is none }} as is_touched
            from (
                {% if by.starts -%}
                {{ render(by.starts) }}
                {%- else -%}
                select distinct {{ days[by.data_type] }} from {{ staged.include(database=false) }}
                {%- endif %}
            ) as starts (day)
            {%- if by.starts %}
            where day is not null
            {%- endif %}
            {%- if touched_by %}
            union all
            select
                day,
                true as is_touched
            from (
                {{ pg_wap.touched_query(touched_by) }}
            ) as touched (day)
            where day is not null
            {%- endif %}
        ) as days
        group by 1
        order by 1
    {%- endcall -%}
    {%- set partitions = [] -%}
    {%- for row in load_result("list_partitions").table.rows -%}
        {%- set partition = pg_wap.partition_at(base, by, row[0]) -%}
        {%- do partition.update({"is_touched": row[1]}) -%}
        {%- do partitions.append(partition) -%}
    {%- endfor -%}
    {{ return(partitions) }}
{%- endmacro %}

{% macro partition_at(base, by, start) -%}
    {%- set date = modules.datetime.date -%}
    {%- set day = start | string -%}
    {%- if not modules.re.match("[1-9][0-9]{3}-[0-9]{2}-[0-9]{2}", day) or day[:4] == "9999" -%}
        {{ exceptions.raise_compiler_error(
            "model '" ~ model["name"] ~ "': a partition cannot begin at '" ~ day ~ "', but at a date of the years 1000 to 9998."
        ) }}
    {%- endif -%}
    {%- set start = date.fromisoformat(day[:10]) -%}
    {%- set months = {"day": 0, "month": 1, "quarter": 3, "year": 12}[by.granularity] -%}
    {%- if not months -%}
        {%- set end = start + modules.datetime.timedelta(days=1) -%}
    {%- else -%}
        {%- set month = (start.month - 1) // months * months -%}
        {%- set end = date(start.year + (month + months) // 12, (month + months) % 12 + 1, 1) -%}
    {%- endif -%}
    {%- set quarter = (start.month + 2) // 3 if by.granularity == "quarter" else "" -%}
    {%- set name = base.identifier ~ "_" ~ start.strftime(by.name_format) ~ quarter -%}
    {%- set is_key = by.data_type == "integer" -%}
    {{ return({
        "name": name,
        "start": start,
        "end": end,
        "from": start.strftime("%Y%m%d") if is_key else "'" ~ start ~ "'",
        "to": end.strftime("%Y%m%d") if is_key else "'" ~ end ~ "'",
        "relation": base.incorporate(path={"identifier": name}),
        "aside": base.incorporate(path={"identifier": name ~ "__new"}),
    }) }}
{%- endmacro %}
