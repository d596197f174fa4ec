"""The known words that are nearest to an unknown one."""

from collections.abc import Iterable, Mapping
from typing import Any

from rapidfuzz.distance import Indel

MOST = 3
# Below this similarity, 0 to 1, a suggestion is no help.
LEAST = 0.75


def nearest(words: str, known: Mapping[str, Any]) -> list[str]:
    """Return the known phrases most like some words, the most similar first, then in order of the alphabet.

    `ask.js` measures the same: insertions and deletions, as a share of the letters of both. Of two phrases that mean
    the same, such as singular and plural, only the nearer one is returned.

    Args:
        words: unknown words of a question.
        known: phrases of the vocabulary, with their meanings.
    """
    rated = [
        (Indel.normalized_similarity(words, phrase, score_cutoff=LEAST), phrase)
        for phrase, meanings in known.items()
        if any(meaning["is"] != "filler" for meaning in meanings)
    ]
    best = sorted((-round(rating, 9), phrase) for rating, phrase in rated if rating >= LEAST)
    found: dict[str, str] = {}
    for _, phrase in best:
        found.setdefault(_gist(known[phrase]), phrase)
    return list(found.values())[:MOST]


def _gist(meanings: list[dict[str, Any]]) -> str:
    first = meanings[0]
    return "/".join(str(first.get(key, "")) for key in ("is", "name", "dimension", "value", "grain", "n", "order"))


def containing(words: str, known: Iterable[str]) -> list[str]:
    """Return known phrases that contain all of some words, the shortest first.

    Args:
        words: unknown words of a question.
        known: phrases of the vocabulary.
    """
    wanted = words.split()
    found = [phrase for phrase in known if all(word in phrase.split() for word in wanted)]
    return sorted(found, key=lambda phrase: (len(phrase), phrase))[:MOST]
