{#- A view has no change log, and its code may have changed: then all rows are compared. A build of the staging model alone may come
    before the first build of its quarantine. Materialized, the CTEs that are read twice would copy all rows. Doubles
    are looked for only if there are more typed than delivered rows: if there are as many, a double leaves another row untyped.

    Rows are compared one by one only in files whose totals differ (rows, and a sum of 64-bit hashes of each line and of the columns that
    have a value in it) or that have rows in quarantine. A million lines take 1.4 s of CPU if all totals agree, and 3 s if they are compared. -#}
{% test every_row_is_typed_or_quarantined(model, typed, quarantine=none, columns={}) %}
{%- set pairs = typed_columns(model.identifier, typed.identifier, columns) -%}
{%- set has_quarantine = quarantine is not none and (not execute or load_relation(quarantine) is not none) -%}

with

{{ rows_to_compare(model, typed, quarantine if has_quarantine else none, pairs) }}

compared as (

    select
        file_id,
        file_line,
        {{ row_problem(pairs, has_quarantine) }} as problem
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
