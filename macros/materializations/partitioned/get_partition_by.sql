{% macro get_partition_by() -%}
    {%- set problem = namespace(text=none) -%}
    {%- set given = config.get("partition_by") -%}
    {%- set known = {
        "data_type": {"date": "date", "timestamp": "timestamp without time zone", "integer": "integer"},
        "granularity": {"day": "%Y%m%d", "month": "%Y%m", "quarter": "%Yq", "year": "%Y"},
    } -%}
    {%- if given is not mapping or "field" not in given or "granularity" not in given -%}
        {%- set problem.text = "partition_by must be given as {'field': ..., 'granularity': ...}" -%}
    {%- else -%}
        {%- set by = {"data_type": "date", "statistics_target": 10} -%}
        {%- do by.update(given) -%}
        {%- for option in by if option not in ["field", "data_type", "granularity", "statistics_target"] -%}
            {%- set problem.text = "partition_by has no option '" ~ option ~ "'" -%}
        {%- endfor -%}
        {%- for option, values in known.items() if by[option] not in values -%}
            {%- set problem.text = option ~ " '" ~ by[option] ~ "' of partition_by must be one of " ~ values | join(", ") -%}
        {%- endfor -%}
    {%- endif -%}
    {%- if problem.text is not none -%}
        {{ exceptions.raise_compiler_error("model '" ~ model["name"] ~ "': " ~ problem.text ~ ".") }}
    {%- endif -%}
    {%- do by.update({
        "type": known["data_type"][by["data_type"]],
        "name_format": known["granularity"][by["granularity"]],
    }) -%}
    {{ return(by) }}
{%- endmacro %}
