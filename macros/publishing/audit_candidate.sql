{#- What follows from a run for the candidate: it is published if all checks that look at what it changes have passed. -#}
{% macro audit_candidate(found, is_complete) -%}
    {%- set staged = run_query("select unique_id from " ~ candidate_steps()).columns[0].values() | list
        if flags.WHICH != "test" or load_relation(candidate_steps()) else [] -%}
    {%- set missing = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == "test" and node.unique_id not in found.ran -%}
        {%- if is_complete or node.depends_on.nodes | select("in", staged) | list -%}
            {%- do missing.append(node.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if found.bad -%}
        {{ tell_unpublished(found.bad) if flags.WHICH == "build" }}
    {%- elif flags.WHICH == "build" and not staged -%}
        {%- if is_complete -%}
            {%- call statement("record_success", auto_begin=false) -%}
                begin;
                {{ record_success(logs_of_changes(), is_tested=not missing) }}
                commit
            {%- endcall -%}
        {%- endif -%}
    {%- elif staged -%}
        {%- do run_query(note_audit(found, is_complete, missing)) -%}
        {%- if flags.WHICH == "build" and not missing -%}
            {%- do publish_candidate(is_complete, invocation=invocation_id) -%}
        {%- else -%}
            {%- do log(
                "Not published yet: "
                ~ (missing | length ~ " checks have not looked at it. `dbt test`, then `dbt run-operation publish`" if missing
                else "`dbt run-operation publish` does that") ~ "; `dbt build` does both.", info=true
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}
