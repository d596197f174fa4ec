{#- As `begin_candidate` has it, of what `begin_build` noted. -#}
{% macro code_fingerprint() -%}
    {%- set known, fingerprints = {}, [] -%}
    {%- for node in graph.nodes.values() if node.resource_type in ["model", "seed", "snapshot"] -%}
        {%- do fingerprints.append(fingerprint(node.unique_id, known).fingerprint) -%}
    {%- endfor -%}
    {{ return(local_md5(fingerprints | sort | join(" "))) }}
{%- endmacro %}
