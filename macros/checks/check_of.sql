{#- A check has its text in one place: a singular test says in its first comment why it matters and in its description what holds; a
    generic test's name says what holds, so its description says why. -#}
{% macro check_of(node) -%}
    {%- set test = node.get("test_metadata") or {} -%}
    {%- if not test and not node.patch_path -%}
        {{ exceptions.raise_compiler_error(
            "check '" ~ node.name ~ "' is declared in no YAML, or dbt has forgotten it since what it reads was edited: declare it, or"
            ~ " let `dbt parse --no-partial-parse` read all files again."
        ) }}
    {%- endif -%}
    {%- set keys = node.config.meta.keys() | reject("equalto", "threshold") | list -%}
    {%- if keys -%}
        {{ exceptions.raise_compiler_error(
            "check '" ~ node.name ~ "' has '" ~ keys | join("', '") ~ "' in its meta, which knows only threshold."
        ) }}
    {%- endif -%}
    {%- set threshold = node.config.meta.get("threshold") or [] -%}
    {%- set threshold = [threshold] if threshold is string else threshold -%}
    {%- set used = modules.re.findall("\\bvar\\(\\s*[\"'](\\w+)", node.raw_code ~ test) | unique | sort -%}
    {%- if used != threshold | sort -%}
        {{ exceptions.raise_compiler_error(
            "check '" ~ node.name ~ "' reads the vars [" ~ used | join(", ") ~ "]: name them as its threshold, and no others."
        ) }}
    {%- endif -%}
    {%- set protects = [] -%}
    {%- set attached = graph.nodes[node.attached_node] if node.get("attached_node") in graph.nodes else {"columns": {}} -%}
    {%- for unique_id in node.depends_on.nodes -%}
        {%- set read = graph.nodes.get(unique_id) or graph.sources[unique_id] -%}
        {%- do protects.append(read.schema ~ "." ~ (read.get("alias") or read.identifier)) -%}
    {%- endfor -%}
    {%- set arguments = [] -%}
    {%- for name, value in (test.kwargs or {}) | dictsort if name != "model" -%}
        {%- do arguments.append(name ~ ": " ~ value) -%}
        {%- if value is string and value in attached.columns -%}
            {%- do protects.append(attached.schema ~ "." ~ attached.alias ~ "." ~ value) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set comment = modules.re.match("(?:--[^\n]*\n)*", node.raw_code).group() -%}
    {{ return(declared_check({
        "unique_id": node.unique_id,
        "check_name": node.name,
        "name": node.name,
        "kind": "check",
        "states": test.name ~ " (" ~ arguments | join(", ") ~ ")" if arguments else test.name or node.description,
        "reason": node.description if test else comment | replace("--", ""),
        "owner": node.config.group or node.group,
        "severity": node.config.severity | lower if "severity" in node.unrendered_config else none,
        "threshold": threshold,
        "protects": protects,
    })) }}
{%- endmacro %}
