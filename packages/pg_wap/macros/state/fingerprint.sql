{#- What a model's rows depend on, apart from the data: its query, its columns and their constraints, how it is built, the macros and vars
    that it names, the `meta` of the sources it reads, the version of this package, and all of that for each model it reads. -#}
{% macro fingerprint(unique_id, known) -%}
    {%- if unique_id not in known -%}
        {%- set node = graph.nodes[unique_id] -%}
        {#- A command that reads a part of the data counts as other code, so the next build is a full one. -#}
        {%- set code = [pg_wap.version(), pg_wap.limited_by(), node.raw_code, node.checksum.checksum] -%}
        {%- for name, value in node.config | dictsort if name not in ["meta", "docs", "tags", "persist_docs", "access", "group"] -%}
            {%- do code.append(name ~ "=" ~ value) -%}
        {%- endfor -%}
        {%- for column in node.columns.values() -%}
            {%- do code.append(column.name ~ " " ~ column.data_type ~ " " ~ column.constraints) -%}
        {%- endfor -%}
        {%- do code.append(node.constraints | default([])) -%}
        {%- for macro in pg_wap.macros_used(node.depends_on.macros) -%}
            {%- do code.append(macro) -%}
        {%- endfor -%}
        {%- for name in modules.re.findall("\\bvar\\(\\s*[\"'](\\w+)", code | join("\n")) | unique | sort -%}
            {%- do code.append(name ~ "=" ~ var(name, none)) -%}
        {%- endfor -%}
        {%- set ancestors = [] -%}
        {%- for parent in node.depends_on.nodes if parent in graph.nodes -%}
            {%- set above = pg_wap.fingerprint(parent, known) -%}
            {%- do code.append(above.fingerprint) -%}
            {%- do ancestors.extend([parent] + above.ancestors) -%}
        {%- endfor -%}
        {%- for source in node.depends_on.nodes if source in graph.sources -%}
            {%- do code.append(graph.sources[source].config.meta | string) -%}
        {%- endfor -%}
        {%- do known.update({unique_id: {
            "fingerprint": local_md5(code | join("\n")), "ancestors": ancestors | unique | sort
        }}) -%}
    {%- endif -%}
    {{ return(known[unique_id]) }}
{%- endmacro %}

{#- The text of these macros and of all that they call. The version stands for this package, and dbt's own macros do not count. -#}
{% macro macros_used(unique_ids, found=none) -%}
    {%- set known = pg_wap.run_cache().setdefault("macros_used", {}) if found is none else {} -%}
    {%- set asked = unique_ids | join(" ") -%}
    {%- if asked not in known -%}
        {%- set found = {} if found is none else found -%}
        {#- dbt has none where it knows no macro of that name, and says so when it compiles the node. -#}
        {%- for unique_id in unique_ids if unique_id and unique_id not in found -%}
            {%- set package = unique_id.split(".")[1] -%}
            {%- if package not in ["dbt", "dbt_postgres", "pg_wap"] -%}
                {%- set macro = context[package][unique_id.split(".")[-1]].macro -%}
                {%- do found.update({unique_id: macro.macro_sql}) -%}
                {%- do pg_wap.macros_used(macro.depends_on.macros, found) -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do known.update({asked: found.values() | sort}) -%}
    {%- endif -%}
    {{ return(known[asked]) }}
{%- endmacro %}

{#- What all checks declare. A rule stands in the meta of its model or column. -#}
{% macro checks_fingerprint() -%}
    {%- set cache = pg_wap.run_cache() -%}
    {%- if "checks_fingerprint" not in cache -%}
        {%- set declared = [pg_wap.version()] -%}
        {%- for node in graph.nodes.values() | sort(attribute="unique_id") -%}
            {%- if node.resource_type == "test" -%}
                {%- do declared.extend([node.unique_id, node.raw_code, node.test_metadata | string]) -%}
                {%- do declared.extend([node.description, node.group, node.config | string]) -%}
                {%- do declared.extend(pg_wap.macros_used(node.depends_on.macros)) -%}
                {%- for name in node.config.meta.get("threshold") or [] -%}
                    {%- do declared.append(name ~ "=" ~ var(name, none)) -%}
                {%- endfor -%}
            {%- elif node.resource_type == "model" -%}
                {%- do declared.append(node.config.meta | string) -%}
                {%- for column in node.columns.values() if column.meta -%}
                    {%- do declared.append(column.meta | string) -%}
                {%- endfor -%}
            {%- endif -%}
        {%- endfor -%}
        {%- do cache.update(checks_fingerprint=local_md5(declared | join("\n"))) -%}
    {%- endif -%}
    {{ return(cache["checks_fingerprint"]) }}
{%- endmacro %}

{#- The fingerprint of each node that builds something, and the nodes above it. -#}
{% macro fingerprints() -%}
    {%- set cache = pg_wap.run_cache() -%}
    {%- if "fingerprints" not in cache -%}
        {%- set known = {} -%}
        {%- for node in graph.nodes.values() if node.resource_type in ["model", "seed", "snapshot"] -%}
            {%- do pg_wap.fingerprint(node.unique_id, known) -%}
        {%- endfor -%}
        {%- do cache.update(fingerprints=known) -%}
    {%- endif -%}
    {{ return(cache["fingerprints"]) }}
{%- endmacro %}

{#- Of the whole project: a candidate is published only by the code that built it. -#}
{% macro code_fingerprint() -%}
    {{ return(local_md5(pg_wap.fingerprints().values() | map(attribute="fingerprint") | sort | join(" "))) }}
{%- endmacro %}
