{#- What the checks declare is written down where they keep their failing rows, once it has changed. What they found, run by run, may
    be on record there as well (`node_results`), or not yet: a view that read it could not be made. -#}
{% macro note_checks() -%}
    {%- if execute and flags.WHICH in ["build", "test", "run-operation"] -%}
        {%- set checks = checks_relation() -%}
        {%- set results = load_relation(checks.incorporate(path={"identifier": "node_results"})) -%}
        {%- set code = macros_used(["macro." ~ project_name ~ ".note_checks"]) -%}
        {%- set fingerprint = local_md5(([checks_fingerprint(), results | string] + code) | join("\n")) -%}
        {%- set is_noted = load_relation(checks)
            and run_query("select 1 from " ~ checks ~ " where fingerprint = '" ~ fingerprint ~ "' limit 1").rows | length -%}
        {%- if not is_noted -%}
            {%- call statement("note_checks", auto_begin=false) -%}
                begin;
                {{ note_checks_sql(checks, fingerprint) }}
                {{ check_catalogue_sql(checks, results) }}
                commit
            {%- endcall -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
