{% macro report_quarantine() -%}
    {%- if execute and flags.WHICH in ["build", "run"] -%}
        {%- for result in results | selectattr("status", "equalto", "success") -%}
            {%- if result.node.resource_type == "model" and result.node.name.endswith("_quarantined") -%}
                {%- set rows = run_query("select count(*) from " ~ result.node.relation_name).columns[0][0] -%}
                {%- do log("Quarantine: " ~ rows ~ " rows set aside, see " ~ result.node.relation_name, info=true) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
