{#- What the gates declare is written down where they keep their failing rows, once it has changed. What they found, run by run, may
    be on record there as well (`node_results`), or not yet: a view that read it could not be made. -#}
{% macro note_gates() -%}
    {%- if execute and flags.WHICH in ["build", "test", "run-operation"] -%}
        {%- set gates = gates_relation() -%}
        {%- set results = load_relation(gates.incorporate(path={"identifier": "node_results"})) -%}
        {%- set code = macros_used(["macro." ~ project_name ~ ".note_gates"]) -%}
        {%- set fingerprint = local_md5(([gates_fingerprint(), results | string] + code) | join("\n")) -%}
        {%- set is_noted = load_relation(gates)
            and run_query("select 1 from " ~ gates ~ " where fingerprint = '" ~ fingerprint ~ "' limit 1").rows | length -%}
        {%- if not is_noted -%}
            {%- call statement("note_gates", auto_begin=false) -%}
                begin;
                {{ note_gates_sql(gates, fingerprint) }}
                {{ gate_catalogue_sql(gates, results) }}
                commit
            {%- endcall -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
