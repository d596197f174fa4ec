{#- Models put the values of variables into SQL unchanged. dbt renders its hooks while it parses, so every command of dbt refuses a
    wrong value before any SQL runs. -#}
{% macro assert_variables_are_valid() -%}
    {#- By the kind of value: the pattern, and the variables of `dbt_project.yml` and of analyses that have it. -#}
    {%- set patterns = {
        "a date such as 2009-01-31": [
            "[0-9]{4}-[0-9]{2}-[0-9]{2}",
            ["calendar_start", "calendar_end", "network_test_month"],
        ],
        "a month and a day such as 12-24": [
            "[0-9]{2}-[0-9]{2}",
            ["closed_from", "closed_until"],
        ],
        "a whole number": [
            "[0-9]{1,9}",
            [
                "fiscal_year_first_month", "rfm_window_months", "min_quarantined_lines", "quarantine_warn_days",
                "quarantine_fail_days", "min_cancelled_lines", "max_lines_taken_away", "offer_window_days",
                "anomaly_min_lines", "anomaly_news_days", "bought_together_months", "network_max_basket_products",
                "network_min_product_baskets", "network_min_pair_baskets", "network_neighbours",
            ],
        ],
        "a number": [
            "[0-9]{1,9}([.][0-9]{1,15})?(e-[0-9]{1,2})?",
            [
                "max_quarantined_share", "min_matched_cancellations_share", "anomaly_score", "anomaly_hint_score",
                "anomaly_min_amount", "anomaly_min_booking",
                "anomaly_min_share_of_days", "anomaly_silence_chance", "min_support_percent", "network_min_cosine",
            ],
        ],
        "a text without quotes": [
            "[^'\\x22\\x5c\\x00-\\x1f]{1,60}",
            ["home_country", "missing_words", "currency_marks"],
        ],
    } -%}
    {%- set problems = [] -%}
    {%- for kind, pattern_and_names in patterns.items() -%}
        {%- for name in pattern_and_names[1] -%}
            {%- set given = var(name, []) -%}
            {%- for value in ([given] if given is string or given is not iterable else given) -%}
                {%- if not modules.re.fullmatch(pattern_and_names[0], value | string) -%}
                    {%- do problems.append(name ~ " is `" ~ value ~ "` and has to be " ~ kind) -%}
                {%- endif -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if problems -%}
        {{ exceptions.raise_compiler_error(
            "wrong variables: " ~ problems | join("; ") ~ ". Correct them in dbt_project.yml or in --vars."
        ) }}
    {%- endif -%}
{%- endmacro %}
