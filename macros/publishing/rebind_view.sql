{#- PostgreSQL lets a view be replaced by one that has the same columns and perhaps more, and views of others on it stay. One with other
    columns has to be made anew, which they forbid; what is derived from it comes after it, and is made anew as well. -#}
{% macro rebind_view(steps, served_by) -%}
    if left(step.{{ served_by }}, 1) <> '(' and to_regclass(step.{{ served_by }}) is null then
        execute format('drop view if exists %s', step.view);
    else
        begin
            if to_regclass(step.view) is null then
                fresh := fresh || step.view;
            end if;
            execute format('create or replace view %s as select * from %s', step.view, step.{{ served_by }});
        exception when invalid_table_definition then
            for derived in select * from {{ steps }} where view = served and view <> step.view loop
                begin
                    execute format('drop view if exists %s', derived.view);
                exception when dependent_objects_still_exist then
                    null;
                end;
            end loop;
            select string_agg(distinct pg_rewrite.ev_class::regclass::text, ', ')
            into dependents
            from pg_depend
            inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid
            where
                pg_depend.classid = 'pg_rewrite'::regclass
                and pg_depend.refclassid = 'pg_class'::regclass
                and pg_depend.refobjid = to_regclass(step.view)
                and pg_rewrite.ev_class <> to_regclass(step.view);
            if dependents is not null then
                raise exception '% has other columns than before, and % reads it: drop or change that, then publish again',
                    step.view, dependents;
            end if;
            execute format('drop view %s', step.view);
            execute format('create view %s as select * from %s', step.view, step.{{ served_by }});
            fresh := fresh || step.view;
        end;
    end if;
{%- endmacro %}
