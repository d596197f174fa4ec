with

relations as (

    select * from {{ ref('pg_wap_relations') }}

),

relation_keys as (

    select * from {{ ref('pg_wap_relation_keys') }}

),

profiles as (

    select * from {{ ref('pg_wap_column_profiles') }}

),

checks as (

    select * from {{ ref('pg_wap_checks') }}

),

releases as (

    select * from {{ ref('pg_wap_releases') }}

),

keys_of_columns as (

    select
        relation_keys.relation,
        key_column as column_name,
        string_agg(
            relation_keys.kind
            || coalesce(' to ' || relation_keys.to_relation || ' (' || array_to_string(relation_keys.to_columns, ', ') || ')', ''),
            '; '
            order by relation_keys.kind desc, relation_keys.name
        ) as key_role
    from relation_keys
    cross join lateral unnest(relation_keys.columns) as key_column
    group by relation_keys.relation, key_column

),

checks_of_places as (

    select
        place,
        array_agg(checks.name order by checks.name) as checks
    from checks
    cross join lateral unnest(checks.protects) as place
    group by place

),

present_profiles as (

    select profiles.*
    from profiles
    where profiles.release_id = (select max(releases.release_id) from releases)

),

-- a row for each relation, and one for each of its columns
places as (

    select
        relations.*,
        pg_class.oid,
        pg_attribute.attnum as position,
        pg_attribute.attname::text as column_name,
        format_type(pg_attribute.atttypid, pg_attribute.atttypmod) as data_type,
        coalesce(not stored.attnotnull, true) as is_nullable
    from relations
    inner join pg_class on to_regclass(relations.relation) = pg_class.oid
    inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
    left join pg_attribute as stored
        on
            to_regclass(replace(relations.relation, '.', '_tables.')) = stored.attrelid
            and pg_attribute.attname = stored.attname
    where pg_attribute.attnum > 0 and not pg_attribute.attisdropped
    union all
    select
        relations.*,
        pg_class.oid,
        0 as position,
        null as column_name,
        null as data_type,
        null as is_nullable
    from relations
    inner join pg_class on to_regclass(relations.relation) = pg_class.oid

),

final as (

    select
        places.relation,
        places.column_name,
        places.position,

        case
            when places.position = 0 then obj_description(places.oid, 'pg_class')
            else col_description(places.oid, places.position)
        end as description,
        places.data_type,
        places.is_nullable,
        keys_of_columns.key_role,
        places.owner,
        coalesce(checks_of_places.checks, '{}') as checks,

        present_profiles.release_id as profiled_release_id,
        present_profiles.is_estimated,
        present_profiles.row_count,
        present_profiles.null_count,
        present_profiles.distinct_count,
        present_profiles.min_value,
        present_profiles.max_value,
        present_profiles.mean,
        present_profiles.top_values,
        present_profiles.top_shares
    from places
    left join keys_of_columns
        on places.relation = keys_of_columns.relation and places.column_name = keys_of_columns.column_name
    left join checks_of_places
        on places.relation || coalesce('.' || places.column_name, '') = checks_of_places.place
    left join present_profiles
        on places.relation = present_profiles.relation and places.column_name = present_profiles.column_name

)

select * from final
