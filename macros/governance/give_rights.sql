{#- SQL that grants the rights that `roles.yml` declares and that are missing, on relations that this role owns. `make roles` writes the
    declaration into the schema `governance`; without it there is nothing to do.

    Arguments:
        relation: the only relation to look at; none for all. -#}
{% macro give_rights(relation=none) -%}
    do $rights$
    declare
        step record;
    begin
        {{ give_missing_rights(relation) | indent(8) }}
    end $rights$
{%- endmacro %}
