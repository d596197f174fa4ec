"""The network of products equals what scipy and networkx make of the same baskets, whatever lands."""

import os
from collections.abc import Iterator
from math import sqrt
from pathlib import Path
from typing import Any, NamedTuple

import networkx
import numpy
import psycopg
import pytest
from dbt_project import Dbt, build_without_checks
from harness import Database
from scipy.sparse import csr_matrix
from test_site import LARGEST_PICTURE, PICTURES, NewVisit, faults

from scripts.forget import __main__ as command
from scripts.governance.people.held import held, person, rows_of
from scripts.land import land
from scripts.site.__main__ import gathered, write
from scripts.site.datasets import Dataset
from scripts.site.network import network
from scripts.site.page import assembled

# The sample is small, so the floors are low, and the cap leaves some baskets out.
LIMITS = {"network_max_basket_products": 40, "network_min_product_baskets": 5, "network_min_pair_baskets": 3}
NETWORK = ("--vars", "{network: true, " + ", ".join(f"{name}: {value}" for name, value in LIMITS.items()) + "}")
NEIGHBOURS, CLOSE = 5, 0.2
HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
# An invoice of 1,000 products, a product that is alone, and a sale that is cancelled as a whole.
WIDE, ALONE, REGRETTED = "990001", "77777Z", "88888Z"
FIRST = [
    *(f"{WIDE},{90000 + number}Q,LATE THING,1,2010-12-02 09:00:00,1.00,17999,EIRE\n" for number in range(1000)),
    f"990003,{REGRETTED},REGRETTED THING,2,2010-12-02 09:00:00,1.00,17998,EIRE\n",
]
SECOND = [
    f"990002,{ALONE},LONELY THING,1,2010-12-02 09:00:00,1.00,17999,EIRE\n",
    f"C990004,{REGRETTED},REGRETTED THING,-2,2010-12-03 09:00:00,1.00,17998,EIRE\n",
]


class Baskets(NamedTuple):
    """What customers kept, read from the lines and not from the network.

    Attributes:
        products: stock codes in order.
        bought: one row per basket and one column per product; 1 where the basket has the product.
        customers: the customer of each basket, or None.
    """

    products: list[str]
    bought: csr_matrix
    customers: list[int | None]

    def that_count(self) -> csr_matrix:
        """Return the baskets up to the cap."""
        sizes = numpy.asarray(self.bought.sum(axis=1)).ravel()
        return self.bought[sizes <= LIMITS["network_max_basket_products"]]


def kept(url: str) -> Baskets:
    """Return the baskets of a warehouse: units sold less units of matched cancellations."""
    with psycopg.connect(url) as session:
        rows = session.execute(
            """
            select lines.invoice_number, lines.stock_code, max(lines.customer_id)
            from silver.int_lines_classified as lines
            left join (
                select sale_invoice_number, sale_line_number, sum(units) as units
                from silver.int_cancellations_matched
                group by 1, 2
            ) as back on (back.sale_invoice_number, back.sale_line_number) = (lines.invoice_number, lines.line_number)
            where lines.line_type = 'sale'
            group by 1, 2
            having sum(lines.quantity - coalesce(back.units, 0)) > 0
            """
        ).fetchall()
    invoices = {invoice: place for place, invoice in enumerate(sorted({row[0] for row in rows}))}
    products = {product: place for place, product in enumerate(sorted({row[1] for row in rows}))}
    places = ([invoices[row[0]] for row in rows], [products[row[1]] for row in rows])
    bought = csr_matrix((numpy.ones(len(rows)), places), shape=(len(invoices), len(products)))
    customers: list[int | None] = [None] * len(invoices)
    for invoice, _, customer in rows:
        customers[invoices[invoice]] = customer
    return Baskets(list(products), bought, customers)


def pairs_by_scipy(baskets: Baskets) -> dict[tuple[str, str], tuple[float, ...]]:
    """Return count, support, confidence, lift and cosine of each pair, in both directions."""
    counted = baskets.that_count()
    together = (counted.T @ counted).tocoo()
    sold = numpy.asarray(counted.sum(axis=0)).ravel()
    everything = sum(numpy.asarray(counted.sum(axis=1)).ravel() > 0)
    return {
        (baskets.products[one], baskets.products[other]): (
            count,
            count / everything,
            count / sold[one],
            count * everything / (sold[one] * sold[other]),
            count / sqrt(sold[one] * sold[other]),
        )
        for one, other, count in zip(together.row, together.col, together.data, strict=True)
        if one != other
        and count >= LIMITS["network_min_pair_baskets"]
        and min(sold[one], sold[other]) >= LIMITS["network_min_product_baskets"]
    }


def pairs_in(url: str) -> dict[tuple[str, str], tuple[float, ...]]:
    with psycopg.connect(url) as session:
        query = """
            select stock_code, paired_stock_code, pair_baskets, support, confidence, lift, cosine
            from gold.product_pairs
        """
        return {(one, other): tuple(numbers) for one, other, *numbers in session.execute(query)}


def by_product(url: str, column: str, model: str) -> dict[str, Any]:
    with psycopg.connect(url) as session:
        return dict(session.execute(f"select stock_code, {column} from gold.{model}").fetchall())


def graph_of(pairs: dict[tuple[str, str], tuple[float, ...]]) -> Any:
    graph = networkx.DiGraph()
    graph.add_weighted_edges_from((one, other, numbers[4]) for (one, other), numbers in pairs.items())
    return graph


def communities_by_networkx(pairs: dict[tuple[str, str], tuple[float, ...]]) -> dict[str, str]:
    """Return the community of each product: components of the graph of mutual nearest neighbours."""
    close: dict[str, list[tuple[float, str]]] = {}
    for (one, other), (_, _, _, lift, cosine) in pairs.items():
        close.setdefault(one, [])
        if lift > 1 and cosine >= CLOSE:
            close[one].append((-cosine, other))
    nearest = {one: {other for _, other in sorted(others)[:NEIGHBOURS]} for one, others in close.items()}
    graph = networkx.Graph()
    graph.add_nodes_from(nearest)
    graph.add_edges_from((one, other) for one in nearest for other in nearest[one] if one in nearest[other])
    return {product: min(members) for members in networkx.connected_components(graph) for product in members}


def same(found: dict[Any, Any], expected: dict[Any, Any]) -> None:
    assert found.keys() == expected.keys()
    assert len(found) > 100
    for key, values in expected.items():
        assert found[key] == pytest.approx(values, rel=1e-9, abs=1e-9), key


@pytest.fixture(scope="module")
def networked(keep, work_on, built: Database, dbt: Dbt, tmp_path_factory) -> Iterator[Database]:
    """Build the network, add a late file to it, miss another one in a build without it, and build it again."""
    with work_on(built) as database:
        build_without_checks(dbt, database.url, *NETWORK)
        for name, lines, options in (("first", FIRST, NETWORK), ("second", SECOND, ())):
            late = tmp_path_factory.mktemp(name) / f"{name}.csv"
            late.write_text(HEADER + "".join(lines))
            land([late], database.url)
            build_without_checks(dbt, database.url, *options)
        build_without_checks(dbt, database.url, *NETWORK)
        yield keep(database, "retail_networked")


@pytest.fixture(scope="module")
def baskets(networked: Database) -> Baskets:
    return kept(networked.url)


def test_pairs_equal_those_of_scipy(networked, baskets) -> None:
    """A basket that is counted twice or missed changes what is recommended, also after a build without the network."""
    same(pairs_in(networked.url), pairs_by_scipy(baskets))


def test_centrality_equals_that_of_networkx(networked, baskets) -> None:
    """An iteration that stops early ranks products by chance."""
    expected = networkx.pagerank(graph_of(pairs_by_scipy(baskets)), alpha=0.85, tol=1e-15, max_iter=1000)
    found = by_product(networked.url, "pagerank::double precision", "product_centrality")
    same(found, expected)


def test_communities_equal_those_of_networkx(networked, baskets) -> None:
    """A community that is torn apart or joined to another shows a shop what does not belong together."""
    assert by_product(networked.url, "community", "product_communities") == communities_by_networkx(
        pairs_by_scipy(baskets)
    )


def test_recommendations_are_the_closest(networked, baskets) -> None:
    """A shop that is offered the second best sells less."""
    pairs = pairs_by_scipy(baskets)
    product = max(pairs, key=lambda pair: pairs[pair][0])[0]
    expected = sorted((-numbers[4], other) for (one, other), numbers in pairs.items() if one == product)[:7]
    with psycopg.connect(networked.url) as session:
        found = session.execute("select cosine, stock_code from gold.recommend(%s, 7)", (product.lower(),)).fetchall()
    assert [code for _, code in found] == [code for _, code in expected]


def test_customers_are_offered_what_they_do_not_have(networked, baskets) -> None:
    """A customer who is offered what is already on the shelf stops reading offers."""
    pairs = pairs_by_scipy(baskets)
    customer = next(number for number in baskets.customers if number is not None)
    rows = [place for place, number in enumerate(baskets.customers) if number == customer]
    owned = {baskets.products[place] for place in baskets.bought[rows].indices}
    scores: dict[str, float] = {}
    for (one, other), numbers in pairs.items():
        if one in owned and other not in owned:
            scores[other] = scores.get(other, 0) + numbers[4]
    with psycopg.connect(networked.url) as session:
        query = "select stock_code, score from gold.recommend_for_customer(%s, 1000)"
        found = dict(session.execute(query, (customer,)).fetchall())
    assert found == pytest.approx(scores, rel=1e-9)


def test_similar_customers_bought_the_same(networked, baskets) -> None:
    """Who bought the same is found by what was bought in all baskets, also in large ones."""
    known = [(place, number) for place, number in enumerate(baskets.customers) if number is not None]
    numbers = sorted({number for _, number in known})
    places = ([numbers.index(number) for _, number in known], [place for place, _ in known])
    owners = csr_matrix((numpy.ones(len(known)), places), shape=(len(numbers), baskets.bought.shape[0]))
    owned = ((owners @ baskets.bought) > 0).astype(float)
    sizes = numpy.asarray(owned.sum(axis=1)).ravel()
    shared = numpy.asarray((owned @ owned[0].T).todense()).ravel()
    expected = {
        number: shared[place] / sqrt(sizes[place] * sizes[0])
        for place, number in enumerate(numbers)
        if place and shared[place]
    }
    with psycopg.connect(networked.url) as session:
        query = "select customer_id, similarity from gold.similar_customers(%s, 100000)"
        found = dict(session.execute(query, (numbers[0],)).fetchall())
    assert found == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "question",
    [
        f"recommend('{ALONE}', 10)",
        "recommend('no such code', 10)",
        "recommend(null, 10)",
        "recommend('85123A', 0)",
        "recommend('85123A', -1)",
        "recommend_for_customer(1, 10)",
        "similar_customers(1, 10)",
    ],
)
def test_no_answer_is_no_rows(networked, question: str) -> None:
    """A shop asks about any product, and an error would take its page down."""
    with psycopg.connect(networked.url) as session:
        assert session.execute(f"select * from gold.{question}").fetchall() == []


def test_wholesale_orders_make_no_pairs(networked) -> None:
    """An order of 1,000 products has 499,500 pairs, and says nothing of what belongs together."""
    with psycopg.connect(networked.url) as session:
        query = "select count(*) from silver.int_basket_products where invoice_number = %s and basket_products = 1000"
        assert session.execute(query, (WIDE,)).fetchone() == (1000,)
        query = """
            select count(*)
            from silver.int_product_pairs as pairs
            inner join silver.int_basket_products as baskets using (product_durable_key)
            where baskets.invoice_number = %s
        """
        assert session.execute(query, (WIDE,)).fetchone() == (0,)


def test_cancelled_products_are_in_no_basket(networked, baskets) -> None:
    """What a customer took back is no reason to offer it to others."""
    assert ALONE in baskets.products
    with psycopg.connect(networked.url) as session:
        query = "select count(*) from silver.int_basket_products where invoice_number = '990003'"
        assert session.execute(query).fetchone() == (0,)


def test_network_gives_up_what_it_holds_of_a_person(networked) -> None:
    """A person who asks to be forgotten is also in the baskets."""
    with psycopg.connect(networked.operator_url) as session:
        (customer,) = session.execute("select max(customer_id) from gold.customer_products").fetchone()
        places = {f"{each.table.layer}.{each.table.name}" for each in held(session, customer)}
    assert {"silver.int_basket_products", "gold_tables.customer_products"} <= places


def test_forgetting_reaches_a_network_that_is_switched_off(networked, work_on) -> None:
    """A build without the network leaves its baskets as they are, with the person in them."""
    with work_on(networked) as database, psycopg.connect(database.operator_url, autocommit=True) as session:
        (customer,) = session.execute("select max(customer_id) from gold.customer_products").fetchone()
        who = person(session, customer)
        case = command.Case(who, list(rows_of(session, who)), command.Approval(None, None), [])
        erased = command.erase_copies(session, case, {"silver.int_lines_classified"})
        left = session.execute(
            """
            select
                (select count(*) from silver.int_basket_products where customer_id = %(customer)s),
                (select count(*) > 0 from silver.int_lines_classified where customer_id = %(customer)s)
            """,
            {"customer": customer},
        ).fetchone()
    assert erased["silver.int_basket_products"] > 0
    assert left == (0, True)


@pytest.mark.parametrize(
    ("check", "damage"),
    [
        ("int_product_pairs_count_every_basket", "delete from silver.int_product_pairs where pair_baskets > 3"),
        ("int_basket_products_obeys_its_rules", "update silver.int_basket_products set units = 0 where units = 1"),
        ("product_pairs_obeys_its_rules", "update gold_tables.product_pairs set pair_baskets = pair_baskets + 1000"),
        ("product_pairs_obeys_its_rules", "update gold_tables.product_pairs set all_baskets = product_baskets - 1"),
        (
            "product_pairs_obeys_its_rules",
            """
            update gold_tables.product_pairs set paired_product_durable_key = product_durable_key
            where ctid = (select min(ctid) from gold_tables.product_pairs)
            """,
        ),
        ("product_communities_obeys_its_rules", "update gold_tables.product_communities set community_products = 0"),
        ("product_communities_obeys_its_rules", "update gold_tables.product_communities set community = 'zzz'"),
        ("product_centrality_obeys_its_rules", "update gold_tables.product_centrality set pagerank = 0"),
        ("customer_products_obeys_its_rules", "update gold_tables.customer_products set baskets = 0"),
    ],
)
def test_checks_find_damage_of_the_network(networked, work_on, dbt, check: str, damage: str) -> None:
    """A check that finds nothing in a damaged network proves nothing."""
    with work_on(networked) as database:
        with psycopg.connect(database.operator_url) as session:
            assert session.execute(damage).rowcount
        found = dbt("test", "--select", check, *NETWORK)
    assert {name: outcome.status for name, outcome in found.items()} == {check: "fail"}


# The view of the page


@pytest.fixture(scope="module")
def page_of_network(networked: Database, tmp_path_factory) -> Path:
    release, found = gathered(networked.url, (network,))
    target = tmp_path_factory.mktemp("page") / "index.html"
    write(target, assembled(release, found))
    return target


def test_page_shows_the_strongest_pairs_and_what_to_offer(networked, page_of_network, visit: NewVisit) -> None:
    """A picture that differs from gold leads to another shelf than the numbers."""
    product = max(pairs_in(networked.url).items(), key=lambda pair: pair[1][0])[0][0]
    seen = visit().show(page_of_network, f"#/network?product={product}")
    with psycopg.connect(networked.url) as session:
        query = "select stock_code from gold.recommend(%s, 10)"
        offers = [code for (code,) in session.execute(query, (product,))]
        query = "select least(150, count(*) / 2) from gold.product_pairs where lift > 1"
        (lines,) = session.execute(query).fetchone()
    assert seen.page.locator("[data-name=recommendations] tbody th").all_inner_texts() == offers
    assert seen.page.locator("svg.network line").count() == lines
    assert (seen.requests, seen.problems, faults(seen, {})) == ([], [], [])


def test_page_without_a_network_has_no_such_tab(site_file: Path, visit: NewVisit) -> None:
    """A tab that is always empty tells most readers that something is broken."""
    seen = visit().show(site_file, "#/network")
    assert seen.page.locator("#tabs a[data-view=network]").count() == 0
    assert seen.problems == []


def test_page_of_an_empty_network_says_so(networked, tmp_path: Path, visit: NewVisit) -> None:
    """A young shop has no pair yet, and its page must not be blank."""
    release, found = gathered(networked.url, (network,))
    empty = {
        name: Dataset(0, {key: column._replace(values=[]) for key, column in of.columns.items()})
        for name, of in found.items()
    }
    write(tmp_path / "index.html", assembled(release, empty))
    seen = visit().show(tmp_path / "index.html", "#/network")
    assert seen.page.locator(".view .empty").inner_text() == "No two products are together in enough baskets yet."
    assert seen.problems == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_picture_of_the_view(page_of_network, tmp_path: Path, visit: NewVisit, dark: bool) -> None:
    """The documentation shows the view; `SITE_PICTURES=1` writes the pictures of this sample into docs/site."""
    seen = visit(dark=dark).show(page_of_network, "#/network")
    seen.settle()
    target = (PICTURES if os.environ.get("SITE_PICTURES") else tmp_path) / f"network_{'dark' if dark else 'light'}.png"
    seen.page.locator("figure").first.screenshot(path=target)
    assert 10_000 < target.stat().st_size < LARGEST_PICTURE
    assert faults(seen, {"runOnly": ["color-contrast"]}) == []
