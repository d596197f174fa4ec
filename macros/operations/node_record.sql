{#- Of a check, dbt counts the one row that says how many failed; of other statements than those that write rows, -1. -#}
{% macro node_record(result) -%}
    {%- set began = result.timing[0].started_at if result.timing else none -%}
    {%- set rows = (result.adapter_response or {}).get("rows_affected", -1) -%}
    {%- set is_check = result.node.resource_type in ["test", "unit_test"] -%}
    {{ return({
        "unique_id": result.node.unique_id,
        "name": result.node.name,
        "resource_type": result.node.resource_type | string,
        "status": result.status | string,
        "started_at": began.isoformat() ~ ("" if began.tzinfo else "Z") if began else none,
        "seconds": result.execution_time | round(6),
        "rows_affected": rows if rows >= 0 and not is_check else none,
        "failures": result.failures if is_check else none,
        "message": (result.message or "").encode("utf-8", "replace").decode("utf-8").replace("\x00", "")[:2000] or none,
    }) }}
{%- endmacro %}
