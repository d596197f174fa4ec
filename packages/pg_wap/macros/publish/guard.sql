{#- Rows follow the reader's snapshot; partitions and tables follow the catalogue, which has no old state. So a reader whose snapshot is older
    than a release would see half of it. Each view that a release changes therefore has a condition, which PostgreSQL evaluates once per
    query: is the transaction of the release visible in the reader's snapshot? If it is not, the reader is told to begin again. The
    condition calls the function only in that case.

    A dump that is restored into another cluster keeps the number of the transaction, which means nothing there: the guard holds only in the
    cluster that it names. In the release's own transaction, readers are the release itself. -#}
{% macro guard_function() -%}
    {{ return(pg_wap.tables_schema() ~ ".refuse_older_snapshot") }}
{%- endmacro %}

{#- Statements of PL/pgSQL that create the function, if it is not there, and put the condition into the variable `guard`. -#}
{% macro prepare_guard() -%}
{%- set function = pg_wap.guard_function() -%}
if to_regprocedure('{{ function }}(xid8, bigint)') is null then
    create function {{ function }}(released_by xid8, cluster bigint) returns boolean
    language plpgsql stable parallel safe
    set search_path = pg_catalog, pg_temp
    as $refuse$
    begin
        if
            released_by = pg_current_xact_id_if_assigned()
            or cluster <> (select system_identifier from pg_control_system())
        then
            return true;
        end if;
        raise exception 'this transaction began before the present release of {{ pg_wap.published_schema() }}: run the transaction again'
            using errcode = 'serialization_failure';
    end
    $refuse$;
    grant execute on function {{ function }}(xid8, bigint) to public;
end if;
guard := format(
    'where (select case when pg_visible_in_snapshot(%1$L::xid8, pg_current_snapshot()) then true'
    || ' else {{ function }}(%1$L::xid8, %2$s) end)',
    pg_current_xact_id(),
    (select system_identifier from pg_control_system())
);
{%- endmacro %}
