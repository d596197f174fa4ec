{#- Without files there is nothing to build from, and every node would fail with an error of its own. -#}
{% macro assert_files_have_landed() -%}
    {#- Not the relation of `source`, which `--empty` limits to no rows. -#}
    {%- set ledger = load_relation(source("retail", "landed_files")) -%}
    {%- if not ledger or not run_query("select 1 from " ~ ledger ~ " limit 1").rows | length -%}
        {{ exceptions.raise_compiler_error(
            "nothing has landed in target '" ~ target.name ~ "': run `make build`, or land files with `python -m scripts.land PATH`."
        ) }}
    {%- endif -%}
{%- endmacro %}
