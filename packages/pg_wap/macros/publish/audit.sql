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
    {%- elif staged and pg_wap.is_part_of_a_build(outcome, is_complete) -%}
        {%- do run_query(
            "begin; delete from " ~ pg_wap.audit_table("candidate_steps") ~ "; delete from " ~ pg_wap.audit_table("candidate") ~ "; commit"
        ) -%}
        {%- do log(
            "Not published: this run repeated a part of a build, and what was built before is no part of it. Run `dbt build`, which builds"
            ~ " only what is left.", info=true
        ) -%}
    {%- elif staged -%}
        {{ pg_wap.assert_checks_read_the_candidate(outcome.checks, staged) }}
        {%- do run_query(pg_wap.record_audit(outcome, is_complete, missing)) -%}
        {%- do run_query(pg_wap.record_changes()) if pg_wap.setting("report_changes") -%}
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

{#- Whether a build or `dbt run` without a selection left nodes out, as a retry does that the start hook did not notice: inside a
    program that selected nodes before. With a selection: whether it ran just what the last run of the same command did not finish. -#}
{% macro is_part_of_a_build(outcome, is_complete) -%}
    {%- if flags.WHICH not in ["build", "run"] or is_complete -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set is_selected = namespace(value=false) -%}
    {%- for name in ["select", "exclude", "selector", "models", "resource_types", "exclude_resource_types"]
        if invocation_args_dict.get(name) -%}
        {%- set is_selected.value = true -%}
    {%- endfor -%}
    {%- if not is_selected.value and flags.WHICH == "build" -%}
        {{ return(true) }}
    {%- endif -%}
    {%- set runs, nodes = pg_wap.audit_table("runs"), pg_wap.audit_table("node_results") -%}
    {%- set repeated -%}
        select
            count(*) filter (where node_results.status in ('success', 'pass', 'warn', 'no-op')) > 0
            and array_agg(node_results.unique_id) filter (where node_results.status not in ('success', 'pass', 'warn', 'no-op'))
            @> array['{{ outcome.ran | join("', '") }}']
        from {{ nodes }} as node_results
        where node_results.invocation_id = (
            select runs.invocation_id
            from {{ runs }} as runs
            where
                runs.invocation_id <> '{{ invocation_id }}'
                and runs.started_at < (select mine.started_at from {{ runs }} as mine where mine.invocation_id = '{{ invocation_id }}')
                and runs.command = (select mine.command from {{ runs }} as mine where mine.invocation_id = '{{ invocation_id }}')
            order by runs.started_at desc
            limit 1
        )
    {%- endset -%}
    {{ return(run_query(repeated).columns[0].values() | first or false) }}
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
