{#- Last in its transaction, so that it knows how long the transaction took. A run-operation runs no hooks, so this is its only record.

    Arguments:
        kind: `publish` or `rollback`. A rollback takes back the last release, and has the inputs and checks of the one before. -#}
{% macro record_release(kind) -%}
{%- set releases = pg_wap.audit_table("releases") %}
insert into {{ releases }} (
    kind, known_until, invocation_id, git_commit, files, last_file_id, changed_models, checks_passed, checks_warned, rolled_back,
    took_ms, locked_ms
)
select
    '{{ kind }}',
    known_until,
    invocation_id,
    git_commit,
    files,
    last_file_id,
    array(select view from {{ pg_wap.audit_table("candidate_steps" if kind == "publish" else "rollback_steps") }} order by view),
    checks_passed,
    checks_warned,
    {{ "(select max(release_id) from " ~ releases ~ ")" if kind == "rollback" else "null" }},
    round(1000 * extract(epoch from clock_timestamp() - transaction_timestamp()), 1),
    round(1000 * extract(epoch from clock_timestamp() - asked_at), 1)
from (
    {%- if kind == "publish" %}
    select
        clock_timestamp() as known_until,
        candidate.invocation_id,
        candidate.git_commit,
        inputs.files,
        inputs.last_file_id,
        candidate.checks_passed,
        candidate.checks_warned
    from {{ pg_wap.audit_table("candidate") }} as candidate
    cross join ({{ pg_wap.release_inputs() }}) as inputs
    {%- else %}
    select
        known_until,
        '{{ invocation_id }}' as invocation_id,
        git_commit,
        files,
        last_file_id,
        checks_passed,
        checks_warned
    from {{ releases }}
    order by release_id desc
    offset 1
    limit 1
    {%- endif %}
) as released;

{%- if kind == "publish" %}
insert into {{ pg_wap.audit_table("release_changes") }} (release_id, relation, changes, in_words)
select
    (select max(release_id) from {{ releases }}),
    replace(view, '"', ''),
    changes,
    {{ pg_wap.changes_in_words() | indent(4) }}
from {{ pg_wap.audit_table("candidate_steps") }}
where changes is not null;
{%- endif %}

insert into {{ pg_wap.audit_table("runs") }} (
    invocation_id, command, git_commit, target, is_full_refresh, ended_at, status, release_id
)
select
    '{{ invocation_id }}',
    '{{ escape_single_quotes(pg_wap.run_command()) }}',
    {{ pg_wap.git_commit() }},
    '{{ target.name }}',
    false,
    clock_timestamp(),
    'success',
    max(release_id)
from {{ releases }}
on conflict (invocation_id) do update set release_id = excluded.release_id;
{%- endmacro %}

{#- PostgreSQL's own estimates cost nothing: exact right after a table was analyzed, close otherwise. -#}
{% macro record_rows() -%}
    {%- set relations = [] -%}
    {%- for node in pg_wap.published_models() -%}
        {%- set view = pg_wap.relation_of(node) -%}
        {%- do relations.append(
            "('" ~ view.include(database=false) ~ "', to_regclass('" ~ pg_wap.stored_table(view).include(database=false) ~ "'))"
        ) -%}
    {%- endfor -%}
    insert into {{ pg_wap.audit_table("published_rows") }} (release_id, relation, row_estimate)
    select
        releases.release_id,
        replace(published.relation, '"', ''),
        sum(nullif(stored.reltuples, -1))
    from (values {{ relations | join(", ") }}) as published (relation, stored)
    cross join (select max(release_id) as release_id from {{ pg_wap.audit_table("releases") }}) as releases
    left join pg_inherits on published.stored = pg_inherits.inhparent
    inner join pg_class as stored on coalesce(pg_inherits.inhrelid, published.stored) = stored.oid
    group by releases.release_id, published.relation
    on conflict do nothing
{%- endmacro %}

{#- Tools that show comments then show how large a relation is: behind a view, they find no row count of their own. The comment's last line
    is replaced at each release. No reader waits for a comment. -#}
{% macro comment_row_counts() -%}
    do $comment$
    declare
        found record;
    begin
        for found in
            select
                counted.relation,
                to_char(counted.row_estimate, 'FM999,999,999,999,990') as row_count,
                counted.release_id,
                obj_description(to_regclass(counted.relation), 'pg_class') as description
            from {{ pg_wap.audit_table("published_rows") }} as counted
            where
                counted.release_id = (select max(release_id) from {{ pg_wap.audit_table("releases") }})
                and counted.row_estimate is not null
        loop
            continue when found.description is null;
            execute format(
                'comment on view %s is %L',
                found.relation,
                regexp_replace(found.description, '\s*About [0-9,]+ rows in release [0-9]+\.$', '')
                || format(E'\nAbout %s rows in release %s.', found.row_count, found.release_id)
            );
        end loop;
    end $comment$
{%- endmacro %}
