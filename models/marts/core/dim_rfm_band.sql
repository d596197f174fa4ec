{{ config(
    unique_key='rfm_band_key',
    touched_by={},
) }}

with

rfm_segments as (

    select * from {{ ref('rfm_segments') }}

),

monetary_scores as (

    select monetary_score from generate_series(1, 5) as scores (monetary_score)

),

bands as (

    select
        rfm_segments.recency_score,
        rfm_segments.frequency_score,
        monetary_scores.monetary_score,
        rfm_segments.segment
    from rfm_segments
    cross join monetary_scores

),

final as (

    select
        {{ rfm_band_key('recency_score', 'frequency_score', 'monetary_score') }} as rfm_band_key,

        segment,
        recency_score,
        frequency_score,
        monetary_score
    from bands

    union all

    select
        0 as rfm_band_key,
        {{ not_rated() }} as segment,
        null as recency_score,
        null as frequency_score,
        null as monetary_score

    union all

    select
        -1 as rfm_band_key,
        'Unknown' as segment,
        null as recency_score,
        null as frequency_score,
        null as monetary_score

)

select * from final
