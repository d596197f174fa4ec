{#- A run-operation: reports the release that readers see, and the candidate if one waits. -#}
{% macro published() -%}
    {%- do run_query(pg_wap.create_tables()) if load_relation(pg_wap.audit_table("runs")) -%}
    {%- set rows = run_query(
        "select release_id, kind, to_char(published_at, 'YYYY-MM-DD HH24:MI:SS TZ'), files, last_file_id,"
        ~ " coalesce(git_commit, 'unknown'), cardinality(checks_passed), array_to_string(checks_warned, ', '), rolled_back,"
        ~ " replace(array_to_string(changed_models, ', '), '\"', '')"
        ~ " from " ~ pg_wap.audit_table("releases") ~ " order by release_id desc limit 1"
    ).rows if load_relation(pg_wap.audit_table("releases")) else [] -%}
    {%- if not rows -%}
        {%- do log("Nothing is published yet: `dbt build` publishes when all checks have passed.", info=true) -%}
    {%- else -%}
        {%- set row = rows[0] -%}
        {%- do log(
            "Release " ~ row[0] ~ (" (a rollback of " ~ row[8] ~ ")" if row[1] == "rollback" else "") ~ " is published since " ~ row[2]
            ~ (": from " ~ row[3] ~ " files up to file " ~ row[4] if row[3] is not none else ": from unknown inputs") ~ ", git commit "
            ~ row[5] ~ ", " ~ row[6] ~ " checks passed" ~ (", warnings of: " ~ row[7] if row[7] else "") ~ ".", info=true
        ) -%}
        {%- do log("It changed " ~ row[9] ~ ".", info=true) -%}
        {%- set changed -%}
            select relation, in_words
            from {{ pg_wap.audit_table("release_changes") }}
            where release_id = {{ row[0] }} and in_words <> 'new'
            order by relation
        {%- endset -%}
        {%- for relation, in_words in run_query(changed).rows -%}
            {%- do log("  " ~ relation ~ ": " ~ in_words, info=true) -%}
        {%- endfor -%}
    {%- endif -%}
    {%- set waiting = run_query(
        "select to_char(begun_at, 'YYYY-MM-DD HH24:MI:SS TZ'), audited_at is not null from " ~ pg_wap.audit_table("candidate")
        ~ " where exists (select from " ~ pg_wap.audit_table("candidate_steps") ~ ")"
    ).rows if load_relation(pg_wap.audit_table("candidate")) else [] -%}
    {%- for row in waiting -%}
        {%- do log(
            "A candidate of " ~ row[0] ~ " waits: " ~ ("`dbt run-operation pg_wap.publish` publishes it." if row[1]
            else "its checks have not all passed."), info=true
        ) -%}
    {%- endfor -%}
{%- endmacro %}

{#- SQL of the system time up to which readers know history: it is written before the checks have looked at what comes of it. -#}
{% macro known_until() -%}
    (select known_until from {{ pg_wap.audit_table("releases").include(database=false) }} order by release_id desc limit 1)
{%- endmacro %}
