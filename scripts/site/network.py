"""The network of products, where the release has one: its strongest pairs, and what to offer beside each product."""

from typing import Any

import psycopg

from scripts.site.datasets import Datasets, read, schema

# Of each two directions of a pair, the one from the lower key.
STRONGEST = """
    select
        pairs.stock_code,
        pairs.paired_stock_code,
        pairs.cosine,
        pairs.lift,
        pairs.pair_baskets
    from {gold}.product_pairs as pairs
    where pairs.product_durable_key < pairs.paired_product_durable_key and pairs.lift > 1
    order by pairs.cosine desc, pairs.stock_code, pairs.paired_stock_code
    limit 150
"""

# The products of the network, the most central first.
PRODUCTS = """
    select
        communities.stock_code,
        products.current_description as description,
        communities.community,
        communities.community_products,
        communities.baskets,
        centrality.neighbours,
        centrality.pagerank
    from {gold}.product_communities as communities
    inner join {gold}.product_centrality as centrality using (product_durable_key)
    inner join {gold}.dim_product as products using (product_durable_key)
    where products.is_current
    order by centrality.pagerank desc, communities.stock_code
"""

# The ten closest of each product, as the function `recommend` returns them.
RECOMMENDATIONS = """
    with

    ranked as (

        select
            stock_code,
            paired_stock_code,
            cosine,
            confidence,
            lift,
            pair_baskets,
            row_number() over (partition by stock_code order by cosine desc, paired_stock_code) as place
        from {gold}.product_pairs

    )

    select
        stock_code,
        paired_stock_code,
        cosine::numeric(5, 4) as cosine,
        confidence::numeric(5, 4) as confidence,
        lift::numeric(12, 1) as lift,
        pair_baskets
    from ranked
    where place <= 10
    order by stock_code, place
"""


def network(session: psycopg.Connection[Any]) -> Datasets:
    """Return `network_pairs`, `network_products` and `recommendations`; nothing if the release has no network.

    Args:
        session: a session of `snapshot`.
    """
    if session.execute("select to_regclass(%s)", [f"{schema('gold')}.product_pairs"]).fetchone() == (None,):
        return {}
    return {
        "network_pairs": read(session, STRONGEST),
        "network_products": read(session, PRODUCTS),
        "recommendations": read(session, RECOMMENDATIONS),
    }
