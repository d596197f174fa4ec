"""What happens in the shop: orders are placed, changed, corrected, cancelled and returned, reproducible by seed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random
from typing import NamedTuple

# Of a hundred events.
PLACED, CHANGED, CORRECTED, CANCELLED = 70, 15, 5, 5
# The invoice of a return, as in the files of the shop.
CANCELLATION = "C"
ANONYMOUS_SHARE = 0.1
MOST_OPEN = 2_000
FIRST_CUSTOMER, CUSTOMERS = 12_346, 5_000
BETWEEN_ORDERS = timedelta(seconds=30)
FEWEST_LEFT = 10

PLACE = """
    with placed as (insert into orders values (%s, %s, %s, %s))
    insert into order_lines
    select %s, t.line_number, t.stock_code, t.description, t.quantity, t.price
    from unnest(%s::text[], %s::text[], %s::integer[], %s::numeric[])
        with ordinality as t (stock_code, description, quantity, price, line_number)
"""
CHANGE = "update order_lines set quantity = %s where invoice = %s and line_number = %s"
CORRECT = "update orders set customer_id = %s, country = %s where invoice = %s"
CANCEL = "delete from orders where invoice = %s"


class Product(NamedTuple):
    """What is sold, and for how much."""

    stock_code: str
    description: str
    price: Decimal


class Event(NamedTuple):
    """Something that happens: a statement, its parameters, and the number of rows that it changes."""

    kind: str
    statement: str
    parameters: Sequence[object]
    rows: int


@dataclass
class Order:
    """An order that may still change."""

    invoice: str
    customer: int | None
    country: str
    lines: list[tuple[Product, int]]


@dataclass
class Shop:
    """The state of the shop that its next event depends on.

    Attributes:
        products: what is sold; the first sell best.
        countries: where customers live, with weights.
        chance: makes all choices.
        next_number: the number of the next invoice.
        now: the date of the next invoice.
        lines: how many lines an order has on average.
        open: the orders that may still change.
    """

    products: Sequence[Product]
    countries: dict[str, float]
    chance: Random
    next_number: int
    now: datetime
    lines: int = 5
    open: list[Order] = field(default_factory=list)

    def event(self) -> Event:
        """Return what happens next."""
        kind = self.chance.randrange(100)
        if kind < PLACED or len(self.open) < FEWEST_LEFT:
            return self._place()
        order = self.open[self.chance.randrange(len(self.open))]
        if kind < PLACED + CHANGED:
            return self._change(order)
        if kind < PLACED + CHANGED + CORRECTED:
            return self._correct(order)
        self.open.remove(order)
        if kind < PLACED + CHANGED + CORRECTED + CANCELLED:
            return Event("cancelled", CANCEL, [order.invoice], 1 + len(order.lines))
        return self._return(order)

    def _place(self) -> Event:
        self.now += BETWEEN_ORDERS
        order = Order(str(self.next_number), self._customer(), self._country(), [])
        for _ in range(self.chance.randint(1, 2 * self.lines - 1)):
            # The best sellers come first.
            place = int(len(self.products) * self.chance.random() ** 2)
            order.lines.append((self.products[place], self.chance.choice((1, 2, 3, 4, 6, 12, 24))))
        self.next_number += 1
        self.open.append(order)
        if len(self.open) > MOST_OPEN:
            self.open.pop(0)
        return self._placing("placed", order)

    def _return(self, order: Order) -> Event:
        """Take some lines back, by an invoice of its own."""
        self.now += BETWEEN_ORDERS
        taken = [(product, -quantity) for product, quantity in order.lines[: self.chance.randint(1, len(order.lines))]]
        invoice = f"{CANCELLATION}{self.next_number}"
        self.next_number += 1
        return self._placing("returned", Order(invoice, order.customer, order.country, taken))

    def _placing(self, kind: str, order: Order) -> Event:
        products, quantities = zip(*order.lines, strict=True)
        columns = [[product[place] for product in products] for place in range(3)]
        head = [order.invoice, order.customer, order.country, self.now]
        parameters = [*head, order.invoice, columns[0], columns[1], list(quantities), columns[2]]
        return Event(kind, PLACE, parameters, 1 + len(order.lines))

    def _change(self, order: Order) -> Event:
        place = self.chance.randrange(len(order.lines))
        product, quantity = order.lines[place]
        order.lines[place] = product, quantity + self.chance.randint(1, 6)
        return Event("changed", CHANGE, [order.lines[place][1], order.invoice, place + 1], 1)

    def _correct(self, order: Order) -> Event:
        order.customer, order.country = self._customer(), self._country()
        return Event("corrected", CORRECT, [order.customer, order.country, order.invoice], 1)

    def _customer(self) -> int | None:
        if self.chance.random() < ANONYMOUS_SHARE:
            return None
        return FIRST_CUSTOMER + self.chance.randrange(CUSTOMERS)

    def _country(self) -> str:
        return self.chance.choices(list(self.countries), list(self.countries.values()))[0]
