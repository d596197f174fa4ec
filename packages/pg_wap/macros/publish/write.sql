{#- The only writer. A change of a published relation is staged: what readers see stays until the release is published. Any other change is
    written now, in the transaction of the model.

    A change is a mapping of SQL texts:
        compute: what has to run first; it is part of the model's build in either case.
        rows: the query that shows the model as the change leaves it.
        is_full: whether everything was rebuilt.
        prepare_sql, swap_sql, after_sql: statements to run before readers wait, while they wait, and after.
        published_by: what the published view reads from now on; by default its stored table.
        stored: the table behind the view; none for a view without rows.
        only_if, otherwise: a condition of the release step, and what to do where it does not hold.
        previous: the relation that the swap leaves behind.
        locks: the relations to lock for the swap where readers hold them for long; without it the swap just waits.
        new: the tables that the swap puts in their place, on which autovacuum may work.
        compared: `before`, `after` and `within` of what to compare for the report of the release, where that is less than all rows.
        rollback: prepare_sql, published_by and swap_sql of the way back. -#}
{% macro write_change(change) -%}
    {{ pg_wap.assert_is_writer() }};
    {{ change.get("compute", "") }}
    {% if pg_wap.is_in_published_schema(model) -%}
    {{ pg_wap.stage(change) }}
    {%- else -%}
    {{ pg_wap.write_now(change) }}
    {%- endif %}
{%- endmacro %}

{#- A relation of another kind may be in the way: a view where a table comes. The views that read the old table go with it, as with a table
    that dbt replaces. -#}
{% macro write_now(change) -%}
    {%- set existing = load_cached_relation(this) -%}
    {{ change.get("prepare_sql", "") }}
    {%- if "locks" in change %}
    {{ pg_wap.swap_under_locks(
        what=this.schema ~ "." ~ this.identifier,
        shared="array['" ~ (change.locks + change.get("new", [])) | join("', '") ~ "']::text[]",
        exclusive="array['" ~ change.locks | join("', '") ~ "']::text[]",
        swap=change.swap_sql,
        only="only",
    ) if change.locks else change.swap_sql }};
    {%- else %}
    {{ change.get("swap_sql", "") }}
    {%- endif %}
    {%- if "previous" in change and existing %}
    {#- The cache of dbt must forget the views that go with the table, or their models rename what is not there. -#}
    {%- do adapter.cache_dropped(existing) %}
    {{ pg_wap.keep_grants(change.previous, this) }};
    drop {{ (existing.type or "table") | replace("_", " ") }} if exists {{ change.previous.include(database=false) }} cascade;
    {%- endif %}
    {%- if change.get("is_full") %}
    {{ pg_wap.record_full_build() }};
    {%- endif %}
    {{ change.get("after_sql", "") }}
{%- endmacro %}

{#- A full build replaces the table, and rights belong to the table: those of others on the old one are given to the new one, in the
    transaction that swaps them. -#}
{% macro keep_grants(previous, relation) -%}
    {%- set name = relation.include(database=false) %}
    do $grants$
    declare
        step record;
    begin
        for step in
            select
                privilege_type,
                case when grantee = 0 then 'public' else quote_ident(pg_get_userbyid(grantee)) end as grantee,
                case when is_grantable then ' with grant option' else '' end as options
            from pg_class
            cross join lateral aclexplode(relacl)
            where oid = to_regclass('{{ previous.include(database=false) }}') and grantee <> relowner
        loop
            execute format('grant %s on {{ name }} to %s%s', step.privilege_type, step.grantee, step.options);
        end loop;
    end $grants$
{%- endmacro %}

{#- Registers how to publish the change, in the transaction that computes it. If another build began meanwhile, it has dropped what this one
    built, so this build stops. -#}
{% macro stage(change) -%}
    {%- set view = pg_wap.candidate_of(this) -%}
    {%- do pg_wap.built_in_full().append(model.unique_id) if change.get("is_full") -%}
    {%- set table = pg_wap.stored_table(this).include(database=false) -%}
    {%- set rollback = change.get("rollback", {}) -%}
    do $stage$
    begin
        perform from {{ pg_wap.audit_table("candidate") }} where invocation_id = '{{ invocation_id }}' for share;
        if not found then
            raise exception 'another build or a rollback of this warehouse began after this one, so this one stops: run it again after the other';
        end if;
        if {{ change.get("only_if", "true") }} then
            {%- if "rows" in change %}
            drop view if exists {{ view }};
            create view {{ view }} as {{ change.rows }}
            ;
            {%- endif %}
            insert into {{ pg_wap.audit_table("candidate_steps") }} (
                unique_id, view, candidate, stored, is_full, prepare_sql, published_by, swap_sql, after_sql, description_sql,
                rollback_prepare_sql, rollback_published_by, rollback_swap_sql, compared
            )
            values (
                '{{ model.unique_id }}',
                '{{ this.include(database=false) }}',
                '{{ view.include(database=false) }}',
                '{{ change.get("stored", table) }}',
                {{ change.get("is_full", false) }},
                $sql${{ change.get("prepare_sql", "") }}$sql$,
                $sql${{ change.get("published_by", table) }}$sql$,
                $sql${{ change.get("swap_sql", "") }}$sql$,
                $sql${{ change.get("after_sql", "") }}$sql$,
                $sql${{ pg_wap.describe_relation(this.incorporate(type="view")) if change.get("is_full") and "rows" in change }}$sql$,
                $sql${{ rollback.get("prepare_sql", "") }}$sql$,
                $sql${{ rollback.get("published_by", table) }}$sql$,
                $sql${{ rollback.get("swap_sql", "") }}$sql$,
                '{{ escape_single_quotes(tojson(change.get("compared", {}))) }}'
            );
        else
            {{ change.get("otherwise", "null;") }}
        end if;
    end $stage$
{%- endmacro %}
