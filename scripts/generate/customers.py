"""Who buys: customers, where they live, and the few who move."""

from dataclasses import dataclass

import numpy as np

from scripts.generate.chance import Floats, Ints, Stream, chosen, generator, pick, pick_weighted
from scripts.generate.plan import Plan

# Share of customers by country, per thousand, roughly as in the real data.
COUNTRIES: dict[str, float] = {
    "United Kingdom": 905.0,
    "Germany": 22.0,
    "France": 19.0,
    "Spain": 7.0,
    "Belgium": 6.0,
    "Portugal": 5.0,
    "Switzerland": 5.0,
    "EIRE": 4.0,
    "Netherlands": 3.0,
    "Italy": 3.5,
    "Finland": 3.0,
    "Sweden": 3.0,
    "Austria": 2.5,
    "Norway": 2.3,
    "Denmark": 2.2,
    "Channel Islands": 2.2,
    "Australia": 2.2,
    "Cyprus": 2.0,
    "Japan": 2.0,
    "USA": 1.7,
    "Poland": 1.3,
    "Unspecified": 1.2,
    "Greece": 1.0,
    "Israel": 0.9,
    "Canada": 0.9,
    "Hong Kong": 0.7,
    "United Arab Emirates": 0.7,
    "Bahrain": 0.6,
    "Malta": 0.5,
    "Singapore": 0.4,
    "Iceland": 0.4,
    "RSA": 0.4,
    "European Community": 0.3,
    "Lithuania": 0.3,
    "Thailand": 0.3,
    "Korea": 0.3,
    "Brazil": 0.3,
    "West Indies": 0.3,
    "Lebanon": 0.3,
    "Bermuda": 0.3,
    "Nigeria": 0.3,
    "Czech Republic": 0.3,
    "Saudi Arabia": 0.3,
}
NAMES = tuple(COUNTRIES)
HOME = NAMES.index("United Kingdom")
CARRIAGE_COUNTRIES = np.array([NAMES.index("EIRE"), NAMES.index("Channel Islands")])

FIRST_ID = 12_346
ID_GAP = 1.35  # not every number was given out
FEWEST_CUSTOMERS, CUSTOMERS_BY_ROOT = 5, 6  # 6,000 customers at a million rows, as in the real data
# How often customers buy: Zipf-Mandelbrot, fitted to the invoice counts of the real customers.
ZIPF_SHIFT, ZIPF_POWER = 3.0, 0.7
CUSTOMERS_FOR_A_MOVE = 30
MOVERS, FEWEST_MOVERS = 400, 3  # one customer in so many moves, and never fewer
RETURNING_SHARE = 0.3  # movers who move back; one always does
FAR_ABROAD = 400  # with so many customers, every country has one
ANONYMOUS_ABROAD = 0.02
NEVER = 10**9


@dataclass(frozen=True)
class Customers:
    """A customer is a place in these arrays.

    Attributes:
        ids: the number by which a customer is known.
        stays: places in `NAMES`, three a customer, in order of time.
        moves: the days of the plan on which the second and the third stay begin.
        movers: the customers who are to move.
        activity: cumulative weights of how often they buy.
    """

    ids: Ints
    stays: Ints
    moves: Ints
    movers: Ints
    activity: Floats

    def buyers(self, rng: np.random.Generator, size: int) -> Ints:
        """Draw customers as often as they buy."""
        return pick(rng, self.activity, size)

    def country_of(self, customer: Ints, day: int) -> Ints:
        """Return where customers live on a day of the plan."""
        stay = (self.moves[customer] <= day).sum(axis=1)
        country: Ints = self.stays[customer, stay]
        return country


def anonymous_country(rng: np.random.Generator, size: int) -> Ints:
    """Draw the country of sales without a customer: nearly all at home."""
    abroad = chosen(rng, ANONYMOUS_ABROAD, size)
    return np.where(abroad, pick_weighted(rng, list(COUNTRIES.values())[1:], size) + 1, HOME)


def make_customers(plan: Plan) -> Customers:
    """Make the customers of a run."""
    rng = generator(plan.settings.seed, Stream.CUSTOMERS)
    size = max(FEWEST_CUSTOMERS, int(CUSTOMERS_BY_ROOT * plan.settings.rows**0.5))
    ids = FIRST_ID + np.sort(rng.choice(int(size * ID_GAP), size, replace=False))
    country = pick_weighted(rng, list(COUNTRIES.values()), size)
    if size >= FAR_ABROAD:
        country[rng.choice(size // 2, len(NAMES), replace=False)] = np.arange(len(NAMES))
    stays = np.repeat(country[:, None], 3, axis=1)
    moves = np.full((size, 2), NEVER, dtype=np.int64)
    movers = _let_some_move(rng, stays, moves, plan)
    activity = np.cumsum((np.arange(size) + ZIPF_SHIFT) ** -ZIPF_POWER)
    return Customers(ids=rng.permutation(ids), stays=stays, moves=moves, movers=movers, activity=activity)


def _let_some_move(rng: np.random.Generator, stays: Ints, moves: Ints, plan: Plan) -> Ints:
    """Move some of the most frequent buyers, who are seen in both places, in the middle of the span.

    A move is on the boundary of a day: nobody has two countries on one day.
    """
    size, last = len(stays), plan.days[-1].index
    if size < CUSTOMERS_FOR_A_MOVE:
        return np.empty(0, dtype=np.int64)
    movers = rng.choice(size // 10, max(FEWEST_MOVERS, size // MOVERS), replace=False)
    away = rng.integers(1, len(NAMES), len(movers))
    away = np.where(away == stays[movers, 0], HOME, away)
    moves[movers, 0] = rng.integers(last // 5, last * 3 // 5 + 1, len(movers))
    stays[movers, 1] = stays[movers, 2] = away
    returns = chosen(rng, RETURNING_SHARE, len(movers))
    returns[movers.argmin()] = True  # who buys most often is seen in each place
    back = movers[returns]
    moves[back, 1] = moves[back, 0] + rng.integers(last // 6 + 1, last // 3 + 2, len(back))
    stays[back, 2] = stays[back, 0]
    return np.sort(movers)
