"""Let the shop trade at a given rate, from the state in which its database is."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from random import Random

import psycopg
from psycopg.rows import TupleRow

from scripts.generate.catalogue import UNITS, make_catalogue
from scripts.generate.customers import COUNTRIES
from scripts.generate.plan import Settings
from scripts.shop.trade import MOST_OPEN, Order, Product, Shop

# Above the numbers of the landed files.
FIRST_INVOICE = 900_000
# Whoever tries the shop may have added orders with other numbers.
LAST = "select max(ltrim(invoice, 'C')::bigint), max(invoice_date) from orders where invoice ~ '^C?[0-9]{1,15}$'"
OPEN = """
    select
        orders.invoice, orders.customer_id, orders.country,
        jsonb_agg(
            jsonb_build_array(lines.stock_code, lines.description, lines.price::text, lines.quantity)
            order by lines.line_number
        )
    from (
        select * from orders where invoice ~ '^[0-9]{1,15}$' order by invoice::bigint desc limit %s
    ) as orders
    inner join order_lines as lines on lines.invoice = orders.invoice
    group by orders.invoice, orders.customer_id, orders.country
    order by orders.invoice::bigint
"""


def open_shop(connection: psycopg.Connection[TupleRow], *, seed: int, lines: int, start: datetime) -> Shop:
    """Return the shop as its database has it.

    Args:
        connection: to the database of the shop.
        seed: the same seed makes the same events from the same state.
        lines: how many lines an order has on average.
        start: the date of the first invoice of an empty shop.
    """
    catalogue = make_catalogue(
        Settings(rows=100_000, seed=seed, start=date(2011, 12, 1), months=1, unusable_share=0, price_list=False)
    )
    products = [
        Product(code, catalogue.texts[int(text)], Decimal(int(price)) / UNITS)
        for code, text, price in zip(catalogue.codes, catalogue.old_text, catalogue.price[:, 0], strict=False)
    ]
    ((last, now),) = connection.execute(LAST).fetchall()
    number = FIRST_INVOICE if last is None else int(last) + 1
    found = [
        Order(
            invoice,
            customer,
            country,
            [(Product(code, text, Decimal(price)), quantity) for code, text, price, quantity in listed],
        )
        for invoice, customer, country, listed in connection.execute(OPEN, [MOST_OPEN])
    ]
    return Shop(products, dict(COUNTRIES), Random(f"{seed} {number}"), number, now or start, lines, found)


def serve(
    connection: psycopg.Connection[TupleRow],
    shop: Shop,
    *,
    rate: float,
    seconds: float | None,
    stop: Callable[[], bool],
) -> Counter[str]:
    """Let things happen, each in its own transaction.

    Args:
        connection: to the database of the shop, in autocommit mode.
        shop: what happens.
        rate: events a second.
        seconds: how long; without an end if None. The number of events is exact, whatever the machine can do.
        stop: asked whether to end earlier.

    Returns:
        The number of events of each kind, and of rows that they changed.
    """
    done, began = Counter[str](), time.monotonic()
    events = None if seconds is None else round(rate * seconds)
    number = 0
    while not stop() and (events is None or number < events):
        ahead = number / rate - (time.monotonic() - began)
        if ahead > 0:
            time.sleep(min(ahead, 0.1))
            continue
        event = shop.event()
        connection.execute(event.statement, event.parameters, prepare=True)
        done.update({event.kind: 1, "rows": event.rows})
        number += 1
    return done
