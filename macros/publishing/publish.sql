{% macro publish() -%}
    {%- set rows = run_query(
        "select code, is_complete, audited_at is not null, coalesce(git_commit, 'unknown'),"
        ~ " exists (select from " ~ candidate_steps() ~ ") from " ~ candidate_log()
    ).rows if load_relation(candidate_log()) else [] -%}
    {%- set problem = namespace(text=none) -%}
    {%- if not rows or not rows[0][4] -%}
        {%- set problem.text = "there is nothing to publish: run `dbt build` first" -%}
    {%- elif not rows[0][2] -%}
        {%- set problem.text = "not all checks have passed on what was built: run `dbt test`, or `dbt build`, which publishes it" -%}
    {%- elif rows[0][0] != code_fingerprint() -%}
        {%- set problem.text = "what was built was built by other code than this (git commit " ~ rows[0][3] ~ "): run `dbt build`" -%}
    {%- endif -%}
    {%- if problem.text -%}
        {{ exceptions.raise_compiler_error(problem.text ~ ". What was published stays.") }}
    {%- endif -%}
    {%- do run_query(create_run_tables()) -%}
    {%- do publish_candidate(rows[0][1]) -%}
    {{ published() }}
{%- endmacro %}
