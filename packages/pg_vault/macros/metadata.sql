{#- The metadata of the model, in its YAML under `meta: vault:`, compared with what the project knows. -#}
{% macro metadata(type, required, sources) -%}
    {%- set vault = model.config.get("meta", {}).get("vault", {}) -%}
    {%- if execute -%}
        {%- set problems = [] -%}
        {%- do problems.append("has the type `" ~ vault.type ~ "` and calls `" ~ type ~ "`") if vault.type != type -%}
        {%- for name in required if not vault.get(name) -%}
            {%- do problems.append("lacks `" ~ name ~ "`") -%}
        {%- endfor -%}
        {%- if not problems -%}
            {%- do problems.extend(pg_vault.unknown_parents(vault)) -%}
            {%- for source in sources -%}
                {%- do problems.extend(pg_vault.unknown_columns(vault, source)) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if problems -%}
            {%- do exceptions.raise_compiler_error(
                "`meta: vault:` of " ~ model.name ~ " " ~ problems | join("; ") ~ ". Correct it in " ~ (model.patch_path or "its YAML") ~ "."
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(vault) }}
{%- endmacro %}

{% macro unknown_parents(vault) -%}
    {%- set parents = [vault.parent] if vault.parent else (vault.hubs or {}).keys() | list -%}
    {%- set problems = [] -%}
    {%- for parent in parents -%}
        {%- if vault.parent and not pg_vault.metadata_named(parent).get("type") in ["hub", "link"] -%}
            {%- do problems.append("names the parent `" ~ parent ~ "`, which is no hub or link of the project") -%}
        {%- elif vault.hubs and parent not in pg_vault.hub_keys() -%}
            {%- do problems.append("names the hub key `" ~ parent ~ "`, which no hub of the project has") -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(problems) }}
{%- endmacro %}

{#- By the columns that the YAML of the source describes; a source without any is taken as it is. -#}
{% macro unknown_columns(vault, source) -%}
    {%- set node = pg_vault.node_of(source) -%}
    {%- set columns = (node.columns or {}).keys() | list -%}
    {%- set keys = vault.key.values() | first if vault.key is mapping else [] -%}
    {%- set named = keys + (vault.hubs or {}).values() | list + (vault.dependent or []) + (vault.payload or []) + [vault.member, vault.record_source] -%}
    {%- set problems = [] -%}
    {%- for name in named + [pg_vault.column_in(source, vault.business_key)] if name and columns and name not in columns -%}
        {%- do problems.append("names `" ~ name ~ "`, which is no column of " ~ node.name) -%}
    {%- endfor -%}
    {{ return(problems) }}
{%- endmacro %}

{% macro metadata_of(relation) -%}
    {{ return(pg_vault.node_of(relation).config.meta.get("vault", {}) if execute else {"key": {"any": []}}) }}
{%- endmacro %}

{% macro metadata_named(name) -%}
    {%- set found = graph.nodes.values() | selectattr("resource_type", "equalto", "model") | selectattr("name", "equalto", name) | list if execute else [] -%}
    {{ return(found[0].config.meta.get("vault", {}) if found else {}) }}
{%- endmacro %}

{% macro node_of(relation) -%}
    {%- for node in graph.nodes.values() if execute and node.get("alias") == relation.identifier and node.resource_type in ["model", "seed", "snapshot"] -%}
        {{ return(node) }}
    {%- endfor -%}
    {{ return({}) }}
{%- endmacro %}

{% macro hub_keys() -%}
    {%- set keys = [] -%}
    {%- for node in graph.nodes.values() if node.resource_type == "model" and node.config.meta.get("vault", {}).get("type") == "hub" -%}
        {%- do keys.append(node.config.meta.vault.key) -%}
    {%- endfor -%}
    {{ return(keys) }}
{%- endmacro %}

{% macro is_link(name) -%}
    {{ return(pg_vault.metadata_named(name).get("type") == "link") }}
{%- endmacro %}

{#- A hub with several sources may find its business key under another name in one of them: `named_in: {countries: country_name}`. -#}
{% macro column_in(source, column) -%}
    {{ return((model.config.meta.vault.named_in or {}).get(source.identifier, column)) }}
{%- endmacro %}

{#- What comes in no file, such as a seed, has no number of a file. -#}
{% macro record_source(source) -%}
    {{ return("file_id" if "file_id" in (pg_vault.node_of(source).columns or {}) else "null::integer") }}
{%- endmacro %}
