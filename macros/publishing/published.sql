{% macro published() -%}
    {%- set rows = run_query(
        "select release_id, kind, to_char(published_at, 'YYYY-MM-DD HH24:MI:SS TZ'), files, last_file_id,"
        ~ " coalesce(git_commit, 'unknown'), cardinality(checks_passed), array_to_string(checks_warned, ', '), rolled_back,"
        ~ " replace(array_to_string(changed_models, ', '), '\"', '')"
        ~ " from " ~ publish_log() ~ " order by release_id desc limit 1"
    ).rows if load_relation(publish_log()) else [] -%}
    {%- if not rows -%}
        {%- do log("Nothing is published yet: `dbt build` does that when all checks have passed.", info=true) -%}
    {%- else -%}
        {%- set row = rows[0] -%}
        {%- do log(
            "Release " ~ row[0] ~ (" (a rollback of " ~ row[8] ~ ")" if row[1] == "rollback" else "") ~ " is served since "
            ~ row[2] ~ ": from " ~ row[3] ~ " files up to file " ~ row[4] ~ ", git commit " ~ row[5] ~ ", " ~ row[6]
            ~ " checks passed" ~ (", and warned of: " ~ row[7] if row[7] else "") ~ ".", info=true
        ) -%}
        {%- do log("It changed " ~ row[9] ~ ".", info=true) -%}
    {%- endif -%}
    {%- set waiting = run_query(
        "select to_char(begun_at, 'YYYY-MM-DD HH24:MI:SS TZ'), audited_at is not null from " ~ candidate_log()
        ~ " where exists (select from " ~ candidate_steps() ~ ")"
    ).rows if load_relation(candidate_log()) else [] -%}
    {%- for row in waiting -%}
        {%- do log(
            "A candidate, begun " ~ row[0] ~ ", waits: " ~ ("`dbt run-operation publish` publishes it." if row[1]
            else "its checks have not all passed."), info=true
        ) -%}
    {%- endfor -%}
{%- endmacro %}
