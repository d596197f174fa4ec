{#- A view has no change log, and its code may have changed: then all rows are compared. A build of the staging model alone may come
    before the first build of its quarantine. Materialized, the CTEs that are read twice would copy all rows. Doubles
    are looked for only if there are more typed than delivered rows: if there are as many, a double leaves another row untyped. -#}
{% test every_row_is_typed_or_quarantined(model, typed, quarantine=none, columns={}) %}
{%- set looks_at_changes = pg_wap.looks_at_changes_of(typed.identifier) -%}
{%- set is_touched = pg_wap.is_touched("stg_retail__landed_files", "file_id") if looks_at_changes else "true" -%}
{%- set has_quarantine = quarantine is not none and (not execute or load_relation(quarantine) is not none) -%}

with

delivered as not materialized (

    select
        *,
        _file_id as file_id,
        _line as file_line
    from {{ model }}
    where {{ pg_wap.is_touched("stg_retail__landed_files", "_file_id") if looks_at_changes else "true" }}

),

typed as not materialized (

    select * from {{ typed }} where {{ is_touched }}

),

{% if has_quarantine -%}
waiting as (

    select *, true as is_waiting from {{ quarantine }} where {{ is_touched }}

),

{% endif -%}
compared as (

    select
        file_id,
        file_line,
        {{ row_problem(typed_columns(model.identifier, typed.identifier, columns), has_quarantine) }} as problem
    from delivered
    full outer join typed using (file_id, file_line)
    {{ "full outer join waiting using (file_id, file_line)" if has_quarantine }}

),

final as (

    select * from compared where problem is not null
    union all
    select
        file_id,
        file_line,
        'typed twice' as problem
    from typed where (select count(*) from typed) > (select count(*) from delivered)
    group by file_id, file_line
    having count(*) > 1

)

select * from final
{% endtest %}
