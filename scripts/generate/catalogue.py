"""What is sold: products with codes, descriptions, prices and seasons, and the codes that are no product."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import polars as pl

from scripts.generate.chance import Floats, Ints, Mask, Stream, chosen, generator, pick, pick_weighted
from scripts.generate.plan import Settings

UNITS = 10_000  # money is counted in ten-thousandths: prices have up to four decimals


class LineType(IntEnum):
    """What a line is; the names are those of the warehouse."""

    SALE = 0
    RETURN = 1
    SAMPLE = 2
    STOCK_ADJUSTMENT = 3
    POSTAGE = 4
    MANUAL = 5
    DISCOUNT = 6
    FEE = 7
    VOUCHER = 8
    TEST = 9
    BAD_DEBT = 10


# Codes that are no merchandise, as they are usually keyed in, with their usual description.
SPECIALS: dict[str, tuple[LineType, str]] = {
    "POST": (LineType.POSTAGE, "POSTAGE"),
    "DOT": (LineType.POSTAGE, "DOTCOM POSTAGE"),
    "C2": (LineType.POSTAGE, "CARRIAGE"),
    "C3": (LineType.POSTAGE, "CARRIAGE"),
    "M": (LineType.MANUAL, "Manual"),
    "D": (LineType.DISCOUNT, "Discount"),
    "S": (LineType.SAMPLE, "SAMPLES"),
    "B": (LineType.BAD_DEBT, "Adjust bad debt"),
    "BANK CHARGES": (LineType.FEE, "Bank Charges"),
    "AMAZONFEE": (LineType.FEE, "AMAZON FEE"),
    "CRUK": (LineType.FEE, "CRUK Commission"),
    "ADJUST": (LineType.STOCK_ADJUSTMENT, "Adjustment by john on stock count"),
    "ADJUST2": (LineType.STOCK_ADJUSTMENT, "Adjustment by Peter on stock count"),
    "TEST001": (LineType.TEST, "This is a test product."),
    "TEST002": (LineType.TEST, "This is a test product."),
    "GIFT": (LineType.VOUCHER, "Gift voucher"),
    **{
        f"gift_0001_{pounds}": (LineType.VOUCHER, f"Dotcomgiftshop Gift Voucher £{pounds}.00")
        for pounds in (10, 20, 30, 40, 50, 60, 70, 80, 90)
    },
}
# Merchandise whose codes look like the ones above, but are none of them. PADS cost a tenth of a penny.
ODD_PRODUCTS = {
    "DCGS0003": ("BOXED GLASS ASHTRAY", 25_500),
    "DCGS0004": ("HAYNES CAMPER SHOULDER BAG", 42_500),
    "DCGSSBOY": ("BOYS PARTY BAG", 32_900),
    "DCGSSGIRL": ("GIRLS PARTY BAG", 32_900),
    "SP1002": ("KID'S CHALKBOARD/EASEL", 29_500),
    "PADS": ("PADS TO MATCH ALL CUSHIONS", 10),
}
# What people write in place of a description when stock is written off, with weights;
# None is no note, which the older half delivers as the text `nan`.
NAN_NOTE = "nan"
NOTES: dict[str | None, int] = {
    NAN_NOTE: 50,
    None: 12,
    "check": 9,
    "?": 8,
    "damaged": 7,
    "damages": 4,
    "missing": 3,
    "lost": 2,
    "found": 2,
    "wet/rusty": 1,
    "thrown away": 1,
    "OOPS ! adjustment": 1,
    "incorrectly made-thrown away.": 1,
}


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split("|"))


COLOURS = _words("RED|BLUE|PINK|WHITE|GREEN|IVORY|BLACK|SILVER|CREAM|PURPLE|YELLOW|TURQUOISE|GOLD|NATURAL")
PATTERNS = _words(
    "RETROSPOT|POLKADOT|HEART|ROSE|SPACEBOY|WOODLAND|DOILEY|PAISLEY|GINGHAM|BUTTERFLY|STRAWBERRY|OWL|"
    "BAROQUE|REGENCY|SKULL|DAISY|TOADSTOOL|LOVEBIRD|ZINC|ENAMEL|WICKER|GLASS|WOODEN|METAL|CERAMIC|FELT"
)
THINGS = _words(
    "T-LIGHT HOLDER|LUNCH BAG|CAKE STAND|PHOTO FRAME|JUMBO BAG|BUNTING|MUG|TEA TOWEL|DOORMAT|WALL CLOCK|"
    "CUSHION COVER|STORAGE TIN|GIFT WRAP|NOTEBOOK|HOT WATER BOTTLE|APRON|COFFEE CUP & SAUCER|JEWELLERY BOX|"
    "NECKLACE, BOXED|KEY RING|PENCILS TUBE|SEWING BOX|BREAD BIN|WATERING CAN|BIRD HOUSE|PLAYING CARDS|"
    'SET OF 3 TINS|SET/6 PAPER CUPS|PACK OF 12 TISSUES|SIGN, SMALL|RECORD FRAME 7"|CANDLE IN JAR|'
    "CHALKBOARD|MAGNETS|DRAWER KNOB|UMBRELLA|PURSE|TRAY|RIBBON REEL|BOWL"
)
CHRISTMAS_THINGS = _words("BAUBLE|CHRISTMAS TREE STAR|ADVENT CALENDAR|STOCKING|PAPER CHAIN KIT|REINDEER|SNOWFLAKE")

# Price points in pence: what a shop writes on its labels.
CHEAP_POINTS = (12, 19, 29, 39, 42, 55, 65, 72, 85, 95, 106, 125, 145, 165, 195, 210, 255, 295, 345, 375, 425, 465)
DEAR_POINTS = (495, 545, 595, 675, 795, 850, 995, 1095, 1275, 1495, 1675, 1995, 2495, 2995, 3995)
POINTS = np.array((*CHEAP_POINTS, *DEAR_POINTS)) * (UNITS // 100)
MEDIAN_PRICE, PRICE_SIGMA = 2.1, 0.95  # log-normal, as measured on the real lines

FEWEST_PRODUCTS, PRODUCTS_BY_ROOT = 20, 5  # 5,000 products at a million rows, as in the real data
CHRISTMAS_SHARE = 0.12
FESTIVE_FROM, FESTIVE_FACTORS = 9, (3.0, 0.15)  # Christmas goods sell from September on, and hardly before
LATE_SHARE = 0.25  # products that enter the range after the start
RENAMED_SHARE = 0.02
MISSPELT_SHARE = 0.10  # products of which a few lines carry another description
TRAILING_BLANK_SHARE = 0.2  # products whose description always ends in a blank
FINE_PRICE_SHARE = 0.01  # prices of three or four decimals: a penny for eight
STEP_CHANCE = 0.05  # a product's price changes every 20 months on average
SUFFIXED_SHARE = 0.25  # products that are one of a family: 85123A, 85123B
# Popularity: a Zipf-Mandelbrot law with a tail that dies out, fitted to the line counts of the real codes.
ZIPF_SHIFT, ZIPF_POWER, TAIL = 3.0, 0.32, 0.33


@dataclass(frozen=True)
class Catalogue:
    """Products first, then special codes: a code is its place in these arrays.

    Attributes:
        products: how many of the codes are products.
        codes: each code as it is usually keyed in.
        special: the place of each special code by its name.
        special_type: line type by place, for special codes; SALE for products.
        texts: every description, note and misspelling; descriptions are places in it.
        old_text: the description of each code at the start.
        new_text: its description from the month of its renaming on.
        rename_month: that month; never reached for most.
        misspelt_text: another description that a few lines carry, -1 for none.
        trailing_blank: whether the usual description ends in a blank.
        price: price of each product by month, in units.
        enters: the month from which each product is in the range.
        popularity: cumulative weights of the products by month.
        notes: places of the notes in the texts, and their cumulative weights.
        nan_text: the place of the text `nan`.
        missing_text: the place of no text at all.
    """

    products: int
    codes: tuple[str, ...]
    special: dict[str, int]
    special_type: Ints
    texts: pl.Series
    old_text: Ints
    new_text: Ints
    rename_month: Ints
    misspelt_text: Ints
    trailing_blank: Mask
    price: Ints
    enters: Ints
    popularity: Floats
    notes: tuple[Ints, Floats]
    nan_text: int
    missing_text: int

    def goods(self, rng: np.random.Generator, month: int, size: int) -> Ints:
        """Draw products as they sell in a month."""
        return pick(rng, self.popularity[month], size)

    def text_of(self, code: Ints, month: int) -> Ints:
        """Return the usual descriptions of codes in a month."""
        return np.where(self.rename_month[code] <= month, self.new_text[code], self.old_text[code])


def make_catalogue(settings: Settings) -> Catalogue:
    """Make the catalogue of a run."""
    rng = generator(settings.seed, Stream.CATALOGUE)
    products = max(FEWEST_PRODUCTS, int(PRODUCTS_BY_ROOT * settings.rows**0.5))
    festive = chosen(rng, CHRISTMAS_SHARE, products)
    codes = (*_product_codes(rng, products), *SPECIALS)
    total = len(codes)

    usual = [*_descriptions(rng, festive), *(text for _, text in SPECIALS.values())]
    price = _prices(rng, products, settings.months)
    for code, (text, units) in ODD_PRODUCTS.items():
        usual[codes.index(code)], price[codes.index(code)] = text, units
    renamed = _renamed(rng, products, settings.months)
    rename_month = np.full(total, settings.months, dtype=np.int64)
    rename_month[renamed] = rng.integers(1, max(2, settings.months), len(renamed))
    misspelt = np.flatnonzero(chosen(rng, MISSPELT_SHARE, products))
    texts = [*usual, *(f"VINTAGE {usual[n]}" for n in renamed), *(usual[n].partition(" ")[2] for n in misspelt)]
    new_text = np.arange(total)
    new_text[renamed] = total + np.arange(len(renamed))
    misspelt_text = np.full(total, -1)
    misspelt_text[misspelt] = total + len(renamed) + np.arange(len(misspelt))

    trailing_blank = chosen(rng, TRAILING_BLANK_SHARE, total)
    enters = _entries(rng, products, settings.months)
    notes = len(texts) + np.arange(len(NOTES))
    places = dict(zip(NOTES, notes.tolist(), strict=True))
    return Catalogue(
        products=products,
        codes=codes,
        special={code: products + n for n, code in enumerate(SPECIALS)},
        special_type=np.array([LineType.SALE] * products + [kind for kind, _ in SPECIALS.values()]),
        texts=pl.Series([*texts, *NOTES], dtype=pl.String),
        old_text=np.arange(total),
        new_text=new_text,
        rename_month=rename_month,
        misspelt_text=misspelt_text,
        trailing_blank=trailing_blank,
        price=price,
        enters=enters,
        popularity=_popularity(festive, enters, settings),
        notes=(notes, np.cumsum(np.array(list(NOTES.values()), dtype=np.float64))),
        nan_text=places[NAN_NOTE],
        missing_text=places[None],
    )


def _product_codes(rng: np.random.Generator, products: int) -> list[str]:
    """Five digits, a quarter of them in families told apart by a letter; then the odd ones, in the middle ranks."""
    codes: list[str] = []
    for number in rng.permutation(np.arange(10_002, 90_215))[:products].tolist():
        if rng.random() < SUFFIXED_SHARE / 3:
            codes += [f"{number}{letter}" for letter in "ABCDEFGH"[: int(rng.integers(2, 7))]]
        else:
            codes.append(str(number))
    codes = [codes[n] for n in rng.permutation(products)]
    places = rng.choice(products, len(ODD_PRODUCTS), replace=False)
    for place, code in zip(np.sort(places).tolist(), ODD_PRODUCTS, strict=True):
        codes[place] = code
    return codes


def _descriptions(rng: np.random.Generator, festive: Mask) -> list[str]:
    size = len(festive)
    colour, pattern = rng.integers(len(COLOURS), size=size), rng.integers(len(PATTERNS), size=size)
    thing, gift = rng.integers(len(THINGS), size=size), rng.integers(len(CHRISTMAS_THINGS), size=size)
    rows = zip(colour.tolist(), pattern.tolist(), thing.tolist(), gift.tolist(), festive.tolist(), strict=True)
    return [f"{COLOURS[c]} {PATTERNS[p]} {CHRISTMAS_THINGS[g] if f else THINGS[t]}" for c, p, t, g, f in rows]


def _renamed(rng: np.random.Generator, products: int, months: int) -> Ints:
    """Choose products to rename, from the popular half, so that both names are seen."""
    if months == 1:
        return np.empty(0, dtype=np.int64)
    return np.sort(rng.choice(products // 2, max(1, int(products * RENAMED_SHARE)), replace=False))


def _prices(rng: np.random.Generator, products: int, months: int) -> Ints:
    wished = rng.lognormal(np.log(MEDIAN_PRICE * UNITS), PRICE_SIGMA, products)
    point = np.searchsorted(POINTS, wished)
    steps = pick_weighted(rng, [1, 2], products * months).reshape(products, months) * 2 - 1  # more rises than falls
    steps[~chosen(rng, STEP_CHANCE, products * months).reshape(products, months)] = 0
    steps[:, 0] = 0
    price: Ints = POINTS[np.clip(point[:, None] + np.cumsum(steps, axis=1), 0, len(POINTS) - 1)]
    fine = chosen(rng, FINE_PRICE_SHARE, products)
    return np.where(fine[:, None], price // 8, price)


def _entries(rng: np.random.Generator, products: int, months: int) -> Ints:
    """Choose the months in which products enter the range; the most popular one is always there."""
    late = chosen(rng, LATE_SHARE, products)
    enters = np.where(late, rng.integers(0, months, products), 0)
    enters[0] = 0
    return enters


def _popularity(festive: Mask, enters: Ints, settings: Settings) -> Floats:
    """Cumulative weights by month: a month a row, so that a draw is one search in one row."""
    size = len(festive)
    rank = np.arange(size)
    weight = (rank + ZIPF_SHIFT) ** -ZIPF_POWER * np.exp(-rank / (TAIL * size))
    months = np.arange(settings.months)
    in_season = (settings.start.month - 1 + months) % 12 + 1 >= FESTIVE_FROM
    seasonal = np.where(festive, np.where(in_season[:, None], *FESTIVE_FACTORS), 1.0)
    return np.cumsum(weight * seasonal * (months[:, None] >= enters), axis=1)


def months_of(settings: Settings) -> list[str]:
    """Return the calendar months of the time span as `YYYY-MM`."""
    first = settings.start.year * 12 + settings.start.month - 1
    return [f"{n // 12:04d}-{n % 12 + 1:02d}" for n in range(first, first + settings.months)]
