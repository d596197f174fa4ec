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
        {%- if start != date(start.year, month + 1, 1) -%}
            {{ exceptions.raise_compiler_error(
                "model '" ~ model["name"] ~ "': a partition cannot begin at " ~ start ~ ", which is not the first day of a "
                ~ by.granularity ~ "."
            ) }}
        {%- endif -%}
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
