{#- What a model's rows depend on, apart from the data: its query, its columns and their constraints, how it is built, the macros and vars
    that it names, and all of that of what it reads. -#}
{% macro fingerprint(unique_id, known) -%}
    {%- if unique_id not in known -%}
        {%- set node = graph.nodes[unique_id] -%}
        {%- set code = [node.raw_code, node.checksum.checksum] -%}
        {%- for name, value in node.config | dictsort if name not in ["meta", "docs", "tags", "persist_docs", "access", "group"] -%}
            {%- do code.append(name ~ "=" ~ value) -%}
        {%- endfor -%}
        {%- for column in node.columns.values() -%}
            {%- do code.append(column.name ~ " " ~ column.data_type ~ " " ~ column.constraints) -%}
        {%- endfor -%}
        {%- do code.append(node.constraints | default([])) -%}
        {%- for macro in macros_used(node.depends_on.macros) -%}
            {%- do code.append(macro) -%}
        {%- endfor -%}
        {%- for name in modules.re.findall("\\bvar\\(\\s*[\"'](\\w+)", code | join("\n")) | unique | sort -%}
            {%- do code.append(name ~ "=" ~ var(name, none)) -%}
        {%- endfor -%}
        {%- set ancestors = [] -%}
        {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
            {%- set above = fingerprint(parent, known) -%}
            {%- do code.append(above.fingerprint) -%}
            {%- do ancestors.extend([parent] + above.ancestors) -%}
        {%- endfor -%}
        {%- do known.update({unique_id: {
            "fingerprint": local_md5(code | join("\n")), "ancestors": ancestors | unique | sort
        }}) -%}
    {%- endif -%}
    {{ return(known[unique_id]) }}
{%- endmacro %}
