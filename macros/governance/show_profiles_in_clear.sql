{#- For the post-hook of `dim_customer_profile`: the function by which a role that may not read the table reads one customer's profile, and
    says what for. It works with the rights of its owner. Only the owner of the log may execute it: stewards call audit.read_profile, which
    wants the reading on record (docs/governance.md). -#}
{% macro show_profiles_in_clear() -%}
    {%- set function = this.schema ~ ".profile_in_clear(integer, text)" -%}
    create or replace function {{ this.schema }}.profile_in_clear(wanted_customer_id integer, purpose text)
    returns table (
        customer_id integer, full_name text, email text, phone text, address text, postcode text, birth_year integer,
        has_marketing_consent boolean, valid_from date, valid_to date
    )
    language plpgsql stable security definer
    set search_path = pg_catalog, pg_temp
    as $clear$
    begin
        if purpose is null or btrim(purpose) = '' then
            raise exception 'profile_in_clear: say what the profile is needed for, as the second argument';
        end if;
        return query
        select
            profiles.customer_id, profiles.full_name, profiles.email, profiles.phone, profiles.address, profiles.postcode,
            profiles.birth_year, profiles.has_marketing_consent, profiles.valid_from, profiles.valid_to
        from {{ this.include(database=false) }} as profiles
        where profiles.customer_id = wanted_customer_id
        order by profiles.valid_from;
    end
    $clear$;
    comment on function {{ function }} is 'Versions of a customer''s profile in clear, and what they are needed for; for stewards';
    revoke execute on function {{ function }} from public;
    do $log$
    begin
        if to_regrole('retail_audit_owner') is not null then
            grant usage on schema {{ this.schema }} to retail_audit_owner;
            grant execute on function {{ function }} to retail_audit_owner;
        end if;
    end $log$
{%- endmacro %}
