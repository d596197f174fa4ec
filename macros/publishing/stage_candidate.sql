{#- Registers what a model changes, in the transaction that makes it. Another build that began meanwhile has dropped what this one built,
    so this one gives way. -#}
{% macro stage_candidate(rows, is_full, publish, rollback) -%}
    {%- set view = candidate_of(this) -%}
    {%- do graph["built_in_full"].append(model.unique_id) if is_full -%}
    {%- set table = served_table(this).include(database=false) -%}
    do $stage$
    begin
        perform from {{ candidate_log() }} where invocation_id = '{{ invocation_id }}' for share;
        if not found then
            raise exception 'another build of this warehouse began after this one, which gives way: run it again after the other';
        end if;
        if {{ publish.get("only_if", "true") }} then
            drop view if exists {{ view }};
            create view {{ view }} as {{ rows }};
            insert into {{ candidate_steps() }} (
                unique_id, view, candidate, served, is_full, before_locks, served_by, under_locks, settle, description,
                rollback_before_locks, rollback_served_by, rollback_under_locks
            )
            values (
                '{{ model.unique_id }}',
                '{{ this.include(database=false) }}',
                '{{ view.include(database=false) }}',
                '{{ publish.get("served", table) }}',
                {{ is_full }},
                $sql${{ publish.get("before_locks", "") }}$sql$,
                $sql${{ publish.get("served_by", table) }}$sql$,
                $sql${{ publish.get("under_locks", "") }}$sql$,
                $sql${{ publish.get("settle", "") }}$sql$,
                $sql${{ describe_view() if is_full }}$sql$,
                $sql${{ rollback.get("before_locks", "") }}$sql$,
                '{{ rollback.get("served_by", table) }}',
                $sql${{ rollback.get("under_locks", "") }}$sql$
            );
        else
            {{ publish.get("otherwise", "null;") }}
        end if;
    end $stage$
{%- endmacro %}
