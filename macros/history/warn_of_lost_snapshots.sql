{#- The snapshot holds the only thing that bronze cannot give again: when we knew what. -#}
{% macro warn_of_lost_snapshots() -%}
    {%- if execute and flags.WHICH in ["build", "snapshot"] -%}
        {%- for snapshot in graph.nodes.values() | selectattr("resource_type", "equalto", "snapshot")
            if snapshot.unique_id in selected_resources
            and not adapter.get_relation(snapshot.database, snapshot.schema, snapshot.alias) -%}
            {%- set readers = [] -%}
            {%- for model in graph.nodes.values() | selectattr("resource_type", "equalto", "model")
                if snapshot.unique_id in model.depends_on.nodes
                and adapter.get_relation(model.database, model.schema, model.alias) -%}
                {%- do readers.append(model.schema ~ "." ~ model.alias) -%}
            {%- endfor -%}
            {%- if readers -%}
                {%- do exceptions.warn(
                    snapshot.schema ~ "." ~ snapshot.alias ~ " is missing although " ~ readers | join(" and ")
                    ~ " was built from it: it will be built again from bronze with all versions and their dates, but what"
                    ~ " was believed before is lost and system time starts anew."
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
