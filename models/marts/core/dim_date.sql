{{ config(
    unique_key='date_key',
    touched_by={},
) }}

{%- set fiscal_shift = "make_interval(months => " ~ (13 - var("fiscal_year_first_month")) % 12 ~ ")" -%}

with

bank_holidays as (

    select * from {{ ref('uk_bank_holidays') }}

),

days as (

    select day::date as date_day
    from
        generate_series(
            '{{ var("calendar_start") }}'::timestamp, '{{ var("calendar_end") }}'::timestamp, interval '1 day'
        ) as series (day)

),

members as (

    select
        to_char(days.date_day, 'YYYYMMDD')::integer as date_key,
        days.date_day,
        extract(year from days.date_day)::integer as calendar_year,
        extract(quarter from days.date_day)::integer as calendar_quarter,
        extract(month from days.date_day)::integer as month_number,
        to_char(days.date_day, 'FMMonth') as month_name,
        {{ month_start('days.date_day') }} as month_start,
        ({{ month_start('days.date_day') }} + interval '1 month - 1 day')::date as month_end,
        to_char(days.date_day, 'YYYY-MM') as year_month,
        date_trunc('quarter', days.date_day::timestamp)::date as quarter_start,
        date_trunc('week', days.date_day::timestamp)::date as week_start,
        extract(isoyear from days.date_day)::integer as iso_year,
        extract(week from days.date_day)::integer as iso_week,
        extract(isodow from days.date_day)::integer as iso_weekday,
        to_char(days.date_day, 'FMDay') as weekday_name,
        extract(day from days.date_day)::integer as day_of_month,
        extract(doy from days.date_day)::integer as day_of_year,
        extract(year from days.date_day + {{ fiscal_shift }})::integer as fiscal_year,
        extract(quarter from days.date_day + {{ fiscal_shift }})::integer as fiscal_quarter,
        extract(month from days.date_day + {{ fiscal_shift }})::integer as fiscal_month,
        extract(isodow from days.date_day) >= 6 as is_weekend,
        bank_holidays.holiday_date is not null as is_uk_bank_holiday,
        bank_holidays.holiday_name as uk_bank_holiday_name
    from days
    left join bank_holidays on days.date_day = bank_holidays.holiday_date

),

unknown_member as (

    select
        -1 as date_key,
        false as is_weekend,
        false as is_uk_bank_holiday

),

final as (

    select * from members

    union all

    select
        date_key,
        null as date_day,
        null as calendar_year,
        null as calendar_quarter,
        null as month_number,
        null as month_name,
        null as month_start,
        null as month_end,
        null as year_month,
        null as quarter_start,
        null as week_start,
        null as iso_year,
        null as iso_week,
        null as iso_weekday,
        null as weekday_name,
        null as day_of_month,
        null as day_of_year,
        null as fiscal_year,
        null as fiscal_quarter,
        null as fiscal_month,
        is_weekend,
        is_uk_bank_holiday,
        null as uk_bank_holiday_name
    from unknown_member

)

select * from final
