{#- The metadata of the model, in its YAML under `meta: vault:`, compared with what the project knows. -#}
{% macro metadata(type, required, sources, satellites=[]) -%}
    {%- set vault = model.config.get("meta", {}).get("vault", {}) -%}
    {%- if execute -%}
        {%- set problems = [] -%}
        {%- do problems.append("has the type `" ~ vault.type ~ "` and calls `" ~ type ~ "`") if vault.type != type -%}
        {%- for name in required if not vault.get(name) -%}
            {%- do problems.append("lacks `" ~ name ~ "`") -%}
        {%- endfor -%}
        {%- if not problems -%}
            {%- do problems.extend(pg_vault.unknown_parents(vault) + pg_vault.unknown_satellites(vault, satellites)) -%}
            {%- for source in sources -%}
                {%- do problems.extend(pg_vault.unknown_columns(vault, source)) -%}
            {%- endfor -%}
        {%- endif -%}
        {%- if problems -%}
            {%- do exceptions.raise_compiler_error(
                "`meta: vault:` of " ~ model.name ~ " " ~ problems | join("; ")
                ~ ". Correct it in " ~ (model.patch_path or "its YAML") ~ "."
            ) -%}
        {%- endif -%}
    {%- endif -%}
    {{ return(vault) }}
{%- endmacro %}
