"""Which categories the products are in, as time goes by, and how the buying department writes them down."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scripts.generate.chance import Ints, Mask, Stream, chosen, generator, pick_weighted

# What the things in descriptions are; the last ones are those of the odd products.
CATEGORIES: dict[str, str] = {
    "Bags": "LUNCH BAG|JUMBO BAG|PURSE|UMBRELLA|SHOULDER BAG",
    "Candles": "T-LIGHT HOLDER|CANDLE IN JAR",
    "Christmas": "BAUBLE|CHRISTMAS TREE STAR|ADVENT CALENDAR|STOCKING|PAPER CHAIN KIT|REINDEER|SNOWFLAKE",
    "Garden": "DOORMAT|WATERING CAN|BIRD HOUSE",
    "Home decor": 'PHOTO FRAME|WALL CLOCK|SIGN, SMALL|RECORD FRAME 7"|DRAWER KNOB|ASHTRAY',
    "Jewellery": "JEWELLERY BOX|NECKLACE, BOXED|KEY RING",
    "Kitchen": "CAKE STAND|MUG|COFFEE CUP & SAUCER|BREAD BIN|TRAY|BOWL",
    "Party and wrapping": "BUNTING|GIFT WRAP|SET/6 PAPER CUPS|PACK OF 12 TISSUES|RIBBON REEL|BAG",
    "Stationery": "NOTEBOOK|PENCILS TUBE|MAGNETS",
    "Storage": "STORAGE TIN|SEWING BOX|SET OF 3 TINS",
    "Textiles": "TEA TOWEL|CUSHION COVER|HOT WATER BOTTLE|APRON|MATCH ALL CUSHIONS",
    "Toys": "PLAYING CARDS|CHALKBOARD|CHALKBOARD/EASEL",
}
NAMES = tuple(CATEGORIES)
CATEGORY_OF = {thing: place for place, things in enumerate(CATEGORIES.values()) for thing in things.split("|")}

SEVERAL = 8  # one product in so many is in several categories, and never none
THREE_SHARE = 0.25  # of them are in three
MOVERS = 100  # one product in so many moves to another category, and never none
GAINERS, LOSERS = 60, 8  # one in so many of those in one category gains another, of those in several loses the last
RETURNING_SHARE = 0.3  # of all these are later where they were before

Categories = tuple[int, ...]  # places in NAMES, the main one first


def canonical(categories: Categories) -> str:
    """Write categories as a warehouse should know them."""
    return "; ".join(NAMES[place] for place in categories)


# How categories are written in a cell, and how often where they are several and where there is one. A cell may also
# leave the category out.
FORMS: tuple[Callable[[Categories], str | None], ...] = (
    canonical,
    lambda categories: canonical(categories).replace("; ", ";"),
    lambda categories: canonical((*categories, categories[0])),
    lambda categories: f" {canonical(categories).replace('; ', ' ;  ')} ",
    lambda categories: None,
)
UNSAID = len(FORMS) - 1
SEVERAL_FORMS = [0.70, 0.10, 0.09, 0.09, 0.02]
SINGLE_FORMS = [0.96, 0.0, 0.01, 0.015, 0.015]


@dataclass(frozen=True)
class Assortment:
    """A product is a place in these arrays.

    Attributes:
        ranges: what categories a product can be in; equal ones have one place.
        stays: places in `ranges`, three a product, in order of time.
        moves: the months from which the second and the third hold; never reached for most.
    """

    ranges: tuple[Categories, ...]
    stays: Ints
    moves: Ints

    def at(self, month: int) -> Ints:
        """Return the range of each product in a month."""
        stay = (self.moves <= month).sum(axis=1)
        ranges: Ints = self.stays[np.arange(len(stay)), stay]
        return ranges

    def draw_forms(self, rng: np.random.Generator, ranges: Ints, *, must_say: Mask) -> Ints:
        """Draw how each of some ranges is written in its cell."""
        several = np.array([len(categories) > 1 for categories in self.ranges])[ranges]
        forms = np.where(
            several, pick_weighted(rng, SEVERAL_FORMS, len(ranges)), pick_weighted(rng, SINGLE_FORMS, len(ranges))
        )
        return np.where(must_say & (forms == UNSAID), 0, forms)

    def cell(self, place: int, form: int) -> str | None:
        """Write a range in a form."""
        return FORMS[form](self.ranges[place])


def make_assortment(seed: int, descriptions: list[str], old: Ints, changes_at: list[int], never: int) -> Assortment:
    """Make the assortment of a run.

    Args:
        seed: of the run.
        descriptions: what each product is called; the last words say what it is.
        old: the products that are in the range from the start on; the others change nothing.
        changes_at: the months in which a category may change.
        never: a month that is never reached.
    """
    rng = generator(seed, Stream.ASSORTMENT)
    size = len(descriptions)
    first: list[Categories] = [(CATEGORY_OF[text.split(" ", 2)[-1]],) for text in descriptions]
    for product in rng.choice(size, max(1, size // SEVERAL), replace=False).tolist():
        more = rng.choice(np.arange(1, len(NAMES)), 2 if rng.random() < THREE_SHARE else 1, replace=False)
        first[product] += tuple((first[product][0] + more) % len(NAMES))
    second = first.copy()
    moves = np.full((size, 2), never)
    if changes_at:
        changing = _change_some(rng, second, old)
        moves[changing, 0] = rng.choice(changes_at, len(changing))
    third = second.copy()
    returning = np.flatnonzero((moves[:, 0] < max(changes_at, default=0)) & chosen(rng, RETURNING_SHARE, size))
    for product in returning.tolist():
        third[product] = first[product]
        moves[product, 1] = rng.choice([month for month in changes_at if month > moves[product, 0]])
    ranges = sorted({*first, *second})
    place_of = {categories: place for place, categories in enumerate(ranges)}
    stays = np.array([[place_of[stay] for stay in three] for three in zip(first, second, third, strict=True)])
    return Assortment(tuple(ranges), stays, moves)


def _change_some(rng: np.random.Generator, stays: list[Categories], old: Ints) -> Ints:
    """Let some products move to another category, gain one, or lose one; return which."""
    mixed = rng.permutation(old)
    movers = mixed[: max(1, len(old) // MOVERS)].tolist()
    rest = mixed[len(movers) :].tolist()
    single = [product for product in rest if len(stays[product]) == 1]
    several = [product for product in rest if len(stays[product]) > 1]
    gainers, losers = (
        products[: max(1, len(products) // part)] for products, part in ((single, GAINERS), (several, LOSERS))
    )
    for product in (*movers, *gainers):
        main, *others = stays[product]
        another = int(rng.choice([place for place in range(len(NAMES)) if place not in stays[product]]))
        stays[product] = (another, *others) if product in movers else (main, another)
    for product in losers:
        stays[product] = stays[product][:-1]
    return np.sort(np.array([*movers, *gainers, *losers], dtype=np.int64))
