{% macro git_commit() -%}
    {{ return("'" ~ escape_single_quotes(env_var("DBT_GIT_COMMIT", "")) ~ "'" if env_var("DBT_GIT_COMMIT", "") else "null") }}
{%- endmacro %}

{#- The flag by which a command reads only a part of the data, `--empty` or `--sample`; else an empty text. -#}
{% macro limited_by() -%}
    {{ return("--empty" if invocation_args_dict.get("empty") else "--sample" if invocation_args_dict.get("sample") else "") }}
{%- endmacro %}

{#- The command as dbt understood it: inside another program there is no command line. -#}
{% macro run_command() -%}
    {%- set words = ["dbt", flags.WHICH] -%}
    {%- if invocation_args_dict.macro -%}
        {%- do words.append(invocation_args_dict.macro) -%}
    {%- endif -%}
    {%- for name in ["select", "exclude", "selector"] if invocation_args_dict.get(name) -%}
        {%- set given = invocation_args_dict[name] -%}
        {%- do words.extend(["--" ~ name] + ([given] if given is string else given | list)) -%}
    {%- endfor -%}
    {%- if flags.FULL_REFRESH -%}
        {%- do words.append("--full-refresh") -%}
    {%- endif -%}
    {%- if pg_wap.limited_by() -%}
        {%- do words.append(pg_wap.limited_by()) -%}
    {%- endif -%}
    {%- if invocation_args_dict.vars -%}
        {%- do words.extend(["--vars", "'" ~ tojson(invocation_args_dict.vars) ~ "'"]) -%}
    {%- endif -%}
    {{ return(words | join(" ")) }}
{%- endmacro %}
