{#- Rows of two relations that differ, with equal rows counted as often as they are there. Each side is read once. -#}
{% test equals(model, other, compared_by=none) %}
with

model as materialized (

    select * from {{ model }}
    {%- if compared_by %}
    where {{ pg_wap.is_touched(other.identifier, compared_by) }}
    {%- endif %}

),

other as materialized (

    select * from {{ pg_wap.touched_rows(other) if compared_by else other }}

)

select 'missing' as problem, differing.*
from (select * from other except all select * from model) as differing
union all
select 'unexpected' as problem, differing.*
from (select * from model except all select * from other) as differing
{% endtest %}
