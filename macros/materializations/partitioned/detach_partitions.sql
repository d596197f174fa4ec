{% macro detach_partitions(model, before, drop=false) -%}
    {%- set models = graph.nodes.values() | selectattr("resource_type", "equalto", "model") -%}
    {%- set node = models | selectattr("name", "equalto", model) | first -%}
    {%- set problem = namespace(text=none) -%}
    {%- if not node -%}
        {%- set problem.text = "there is no model '" ~ model ~ "'" -%}
    {%- elif node.config.incremental_strategy != "partitioned" -%}
        {%- set problem.text = "model '" ~ model ~ "' is not partitioned" -%}
    {%- elif not modules.re.fullmatch("[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])", before | string) -%}
        {%- set problem.text = "before must be a date such as 2010-12-01, not '" ~ before ~ "'" -%}
    {%- elif drop is not boolean -%}
        {%- set problem.text = "drop must be true or false, not '" ~ drop ~ "'" -%}
    {%- else -%}
        {%- set relation = api.Relation.create(node.database, node.schema, node.alias) -%}
        {%- set relation = load_relation(served_table(relation) if is_published(node) else relation) -%}
        {%- set problem.text = node.schema ~ "." ~ node.alias ~ " does not exist" if relation is none -%}
    {%- endif -%}
    {%- if problem.text -%}
        {{ exceptions.raise_compiler_error("detach_partitions: " ~ problem.text ~ ".") }}
    {%- endif -%}

    {%- set table = relation.include(database=false) -%}
    {%- set partitions = partitions_before(table, before) -%}
    {%- for partition in partitions if partition.is_in_the_way and not drop -%}
        {{ exceptions.raise_compiler_error(
            "detach_partitions: " ~ partition.relation ~ " was detached before, and " ~ partition.detached
            ~ " is still there: rename or drop it."
        ) }}
    {%- endfor -%}
    {%- set statements -%}
        {%- for partition in partitions -%}
        {%- if drop -%}
        drop table {{ partition.relation }} cascade;
        {%- else -%}
        alter table {{ table }} detach partition {{ partition.relation }};
        alter table {{ partition.relation }} rename to {{ partition.detached }};
        {%- endif %}
        {% endfor -%}
    {%- endset -%}
    {%- if partitions -%}
        {%- call statement("detach_partitions", auto_begin=false) -%}
            begin;
            {{ swap_under_locks(relation, [table] + partitions | map(attribute="relation") | list, statements) }};
            commit;
            {{ analyze_partitioned(relation) }}
        {%- endcall -%}
    {%- endif -%}
    {%- do log(
        ("Dropped " if drop else "Detached ") ~ partitions | length ~ " partitions of " ~ relation.schema ~ "."
        ~ relation.identifier ~ (": " ~ partitions | map(attribute="relation") | join(", ") if partitions else ""), info=true
    ) -%}
{%- endmacro %}
