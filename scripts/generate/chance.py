"""Random streams, and drawing from weighted tables: all chance in the generator comes through here."""

from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


class Stream(IntEnum):
    """What a random stream is for. Streams are independent: more draws in one never shift another."""

    CALENDAR = 0
    CATALOGUE = 1
    CUSTOMERS = 2
    TRADE = 3
    DIRT = 4
    PRICE_LIST = 5
    ASSORTMENT = 6
    FAULTS = 7
    PROFILES = 8


def generator(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """Return the random generator of a stream, and of a place in it (a day and a shift, say)."""
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(stream, *place))))


def pick(rng: np.random.Generator, cumulative: Floats, size: int) -> Ints:
    """Draw places in a table by its cumulative weights."""
    drawn: Ints = np.searchsorted(cumulative, rng.random(size) * cumulative[-1], side="right")
    return np.minimum(drawn, len(cumulative) - 1)


def pick_weighted(rng: np.random.Generator, weights: ArrayLike, size: int) -> Ints:
    """Draw places in a table by its weights."""
    return pick(rng, np.cumsum(np.asarray(weights, dtype=np.float64)), size)


def chosen(rng: np.random.Generator, probability: float, size: int) -> Mask:
    """Say yes, for each of so many, with a probability."""
    return rng.random(size) < probability
