{#- What a run means for the candidate: it is published if every check that depends on what it changes has passed.

    Arguments:
        outcome: the results of the run, as `sort_results` gives them.
        is_complete: whether every node that builds something ran without an error. -#}
{% macro audit_candidate(outcome, is_complete) -%}
    {%- set staged = run_query("select unique_id from " ~ pg_wap.audit_table("candidate_steps")).columns[0].values() | list
        if flags.WHICH != "test" or load_relation(pg_wap.audit_table("candidate_steps")) else [] -%}
    {%- set missing = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == "test" and node.unique_id not in outcome.ran -%}
        {%- if (is_complete and not pg_wap.is_own(node)) or node.depends_on.nodes | select("in", staged) | list -%}
            {%- do missing.append(node.name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if outcome.bad -%}
        {{ pg_wap.report_unpublished(outcome.bad) if flags.WHICH == "build" }}
    {%- elif flags.WHICH == "build" and not staged -%}
        {%- if is_complete -%}
            {%- call statement("record_success", auto_begin=false) -%}
                begin;
                {{ pg_wap.record_success(pg_wap.change_logs(), is_tested=not missing) }}
                commit
            {%- endcall -%}
        {%- endif -%}
    {%- elif staged -%}
        {{ pg_wap.assert_checks_read_the_candidate(outcome.checks, staged) }}
        {%- do run_query(pg_wap.record_audit(outcome, is_complete, missing)) -%}
        {%- if flags.WHICH == "build" and not missing -%}
            {%- do pg_wap.publish_candidate(is_complete, invocation=invocation_id) -%}
        {%- else -%}
            {%- do log(
                "Not published yet: "
                ~ (missing | length ~ " checks have not run on the candidate. Run `dbt test`, then `dbt run-operation pg_wap.publish`"
                if missing else "run `dbt run-operation pg_wap.publish`") ~ ", or run `dbt build`.", info=true
            ) -%}
        {%- endif -%}
    {%- endif -%}
{%- endmacro %}

{#- A dbt that ignored the root's `ref` would check what readers see already, and publish what nothing has checked. -#}
{% macro assert_checks_read_the_candidate(checks, staged) -%}
    {%- for node in pg_wap.published_models() if node.unique_id in staged -%}
        {%- set name = pg_wap.relation_of(node) | string -%}
        {%- for check in checks if node.unique_id in check.depends_on.nodes and name in (check.compiled_code or "") -%}
            {{ exceptions.raise_compiler_error(
                "check '" ~ check.name ~ "' read " ~ name ~ ", which readers see, and not the candidate: name the model by ref(),"
                ~ " and keep the macro ref of macros/pg_wap_hooks.sql. Nothing was published."
            ) }}
        {%- endfor -%}
    {%- endfor -%}
{%- endmacro %}

{% macro record_audit(outcome, is_complete, missing) -%}
    begin;
    update {{ pg_wap.audit_table("candidate") }}
    set
        {%- if flags.WHICH != "test" %}
        is_complete = {{ is_complete }},
        {%- endif %}
        {%- for status in ["passed", "warned"] %}
        checks_{{ status }} = array(
            select jsonb_array_elements_text('{{ escape_single_quotes(tojson(outcome[status])) }}')
        ),
        {%- endfor %}
        audited_at = {{ "null" if missing else "clock_timestamp()" }}
    {%- if flags.WHICH != "test" %}
    where invocation_id = '{{ invocation_id }}'
    {%- endif %};
    commit
{%- endmacro %}

{% macro report_unpublished(bad) -%}
    {%- set rows = run_query(
        "select to_char(published_at, 'YYYY-MM-DD HH24:MI:SS TZ') from " ~ pg_wap.audit_table("releases")
        ~ " order by release_id desc limit 1"
    ).rows -%}
    {%- do log(
        "Not published: " ~ (bad | rejectattr("status", "equalto", "skipped") | list or bad) | map(attribute="node.name") | join(", ")
        ~ " failed. " ~ ("The release of " ~ rows[0][0] ~ " stays." if rows else "There is no release yet."), info=true
    ) -%}
{%- endmacro %}
