"""Tell a regression from noise: a rank test of Mann and Whitney, the size of the effect, the rounds that it needs.

Times of builds have a long tail, because other programs delay some of them. Ranks do not care how long the tail is,
where means would.
"""

import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import count, product
from typing import NamedTuple, TypeVar

SIGNIFICANT = 0.05
# Less is no regression, even if hundreds of rounds prove it.
SMALLEST_EFFECT = 0.02
# The probability that a real effect is found in the rounds that it needs.
POWER = 0.9
# Up to this many values the test counts all orders, ties included; above, it uses the normal distribution.
MOST_COUNTED = 40
# Equal rounds are luck, as no machine is that steady.
LEAST_NOISE = 0.001
NORMAL = statistics.NormalDist()

Key = TypeVar("Key")


class Difference(NamedTuple):
    """How two sets of rounds differ.

    Attributes:
        effect: by which share the second is slower: 0.2 is 20 % slower.
        p: the probability of such a difference by chance, of this test alone.
        adjusted: the probability, as one of all tests that were made at once.
        rounds: the number of rounds of the first and of the second.
        needed: the number of rounds of each that shows an effect of this size.
        shown: the smallest effect that these rounds show.
    """

    effect: float
    p: float
    adjusted: float
    rounds: tuple[int, int]
    needed: int
    shown: float

    @property
    def verdict(self) -> str:
        """Return `slower`, `faster`, or `not told apart from noise`."""
        if self.adjusted > SIGNIFICANT or abs(self.effect) < SMALLEST_EFFECT:
            return "not told apart from noise"
        return "slower" if self.effect > 0 else "faster"


def compare(pairs: Mapping[Key, tuple[Sequence[float], Sequence[float]]]) -> dict[Key, Difference]:
    """Compare the rounds of two commits, for all measurements at once.

    With many measurements, some differ by chance, so each probability is adjusted by the method of Holm.

    Args:
        pairs: the values of the first and of the second commit by measurement, all above 0.
    """
    chances = {key: mann_whitney(first, second) for key, (first, second) in pairs.items()}
    adjusted: dict[Key, float] = {}
    least = 0.0
    for place, key in enumerate(sorted(chances, key=lambda key: chances[key])):
        least = max(least, min(1.0, chances[key] * (len(chances) - place)))
        adjusted[key] = least
    level = SIGNIFICANT / max(1, len(pairs))
    found = {}
    for key, (first, second) in pairs.items():
        effect, spread, least_rounds = effect_of(first, second), noise(first, second), min(len(first), len(second))
        found[key] = Difference(
            effect=effect,
            p=chances[key],
            adjusted=adjusted[key],
            rounds=(len(first), len(second)),
            needed=rounds_needed(effect, spread, level),
            shown=smallest_shown(least_rounds, spread, level),
        )
    return found


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the probability, two-sided, that two samples of one distribution differ in their ranks as much as these.

    Args:
        first: values.
        second: other values.
    """
    ranks = _doubled_ranks([*first, *second])
    observed, expected = sum(ranks[: len(first)]), len(first) * (len(ranks) + 1)
    if len(ranks) <= MOST_COUNTED:
        # How many choices of as many ranks have each sum.
        ways: list[dict[int, int]] = [{0: 1}, *({} for _ in first)]
        for rank in ranks:
            for size in range(len(first), 0, -1):
                for total, number in ways[size - 1].items():
                    ways[size][total + rank] = ways[size].get(total + rank, 0) + number
        sums = ways[len(first)]
        extreme = sum(number for total, number in sums.items() if abs(total - expected) >= abs(observed - expected))
        return extreme / sum(sums.values())
    spread = sum((rank - (len(ranks) + 1)) ** 2 for rank in ranks)
    variance = len(first) * len(second) / len(ranks) / (len(ranks) - 1) * spread
    if not variance:
        return 1.0
    # A step of the doubled sum is 1 or 2; half of it is the correction for continuity.
    distance = max(0.0, abs(observed - expected) - 1) / math.sqrt(variance)
    return 2 * (1 - NORMAL.cdf(distance))


def effect_of(first: Sequence[float], second: Sequence[float]) -> float:
    """Return by which share the second is slower: the median ratio of all pairs, less 1 (Hodges and Lehmann)."""
    return statistics.median(mine / theirs for theirs, mine in product(first, second)) - 1


def noise(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the spread of the rounds within each commit, as a share; infinite if there is one round of each."""
    logarithms = [[math.log(value) for value in values] for values in (first, second) if len(values) > 1]
    if not logarithms:
        return math.inf
    return max(math.sqrt(statistics.mean(map(statistics.variance, logarithms))), LEAST_NOISE)


def rounds_needed(effect: float, spread: float, level: float = SIGNIFICANT) -> int:
    """Return how many rounds of each commit show an effect, with a probability of `POWER` (Noether, 1987).

    Args:
        effect: by which share one commit is slower.
        spread: the spread of rounds of one commit, as a share.
        level: the probability of a false alarm.
    """
    superiority = NORMAL.cdf(abs(math.log1p(effect)) / (spread * math.sqrt(2)))
    fewest = next(rounds for rounds in count(2) if 2 / math.comb(2 * rounds, rounds) <= level)
    if superiority - 0.5 < 1e-3:  # noqa: PLR2004 - no effect, which no number of rounds shows
        return 10_000
    quantiles = NORMAL.inv_cdf(1 - level / 2) + NORMAL.inv_cdf(POWER)
    return max(fewest, math.ceil(quantiles**2 / (6 * (superiority - 0.5) ** 2)))


def smallest_shown(rounds: int, spread: float, level: float = SIGNIFICANT) -> float:
    """Return the smallest effect that a number of rounds shows; infinite if they are too few for any.

    Args:
        rounds: the rounds of each commit.
        spread: the spread of rounds of one commit, as a share.
        level: the probability of a false alarm.
    """
    effects = (share / 200 for share in range(1, 401))
    return next((effect for effect in effects if rounds_needed(effect, spread, level) <= rounds), math.inf)


def _doubled_ranks(values: Sequence[float]) -> list[int]:
    """Return twice the rank of each value, so that the mean rank of equal values is a whole number."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(values), start=1):
        places.setdefault(value, []).append(place)
    return [places[value][0] + places[value][-1] for value in values]
