"""From tokens to terms: the longest phrase of the vocabulary at each place, with all of its meanings."""

import re
from datetime import date
from typing import Any, NamedTuple

from scripts.ask.nearest import containing, nearest
from scripts.ask.outcome import Json, asked_back, refused
from scripts.ask.text import Token, joined

QUARTER = re.compile(r"q([1-4])|([1-4])q")
HALF = re.compile(r"h([12])")
ORDINAL = re.compile(r"([0-9]{1,4})(st|nd|rd|th)")
YEARS = range(1900, 2101)
LARGEST_NUMBER = 9999


class Vocabulary:
    """What the grammar knows, as `vocabulary.json` ships it.

    Attributes:
        first_day: the first day with data; None if there is none.
        last_day: the last day with data.
        metrics: by name: `label`, `unit`, `good` and `by`, the dimensions that it goes with.
        dimensions: by name: `label`, `asked` (the words for it that mean nothing else), `as` and `numbers`.
        words: the meanings of each phrase.
        longest: the number of words of the longest phrase.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.first_day = date.fromisoformat(content["first_day"]) if content["first_day"] else None
        self.last_day = date.fromisoformat(content["last_day"]) if content["last_day"] else None
        self.metrics: dict[str, Json] = content["metrics"]
        self.dimensions: dict[str, Json] = content["dimensions"]
        self.words: dict[str, list[Json]] = content["words"]
        self.longest = max((phrase.count(" ") + 1 for phrase in self.words), default=1)


class Term(NamedTuple):
    """A phrase of a question.

    Attributes:
        start: the number of its first token.
        end: the number of the token after its last one.
        words: the phrase.
        meanings: what it can mean; each has `is`, its kind.
    """

    start: int
    end: int
    words: str
    meanings: list[Json]

    def all(self, kind: str) -> list[Json]:
        """Return the meanings of a kind."""
        return [meaning for meaning in self.meanings if meaning["is"] == kind]

    def one(self, kind: str) -> Json | None:
        """Return the first meaning of a kind, or None."""
        return next((meaning for meaning in self.meanings if meaning["is"] == kind), None)

    def has(self, *kinds: str) -> bool:
        """Return whether the term has a meaning of one of these kinds."""
        return any(meaning["is"] in kinds for meaning in self.meanings)


def terms_of(parts: list[Token], vocabulary: Vocabulary) -> list[Term]:
    """Return the terms of a question.

    Args:
        parts: its tokens.
        vocabulary: what the grammar knows.

    Raises:
        Outcome: a word is unknown. The nearest known words come with it, none of them is taken.
    """
    found: list[Term] = []
    position = 0
    while position < len(parts):
        term = _term(parts, position, vocabulary)
        found.append(term)
        position = term.end
    _refuse_unknown(found, parts, vocabulary)
    return found


def _term(parts: list[Token], start: int, vocabulary: Vocabulary) -> Term:
    kind, text = parts[start]
    if kind == "comma":
        return Term(start, start + 1, text, [{"is": "and"}, {"is": "comma"}])
    if kind == "dash":
        return Term(start, start + 1, text, [{"is": "to"}])
    if kind != "word":
        return Term(start, start + 1, text, [{"is": "month_number" if kind == "month" else kind}])
    for end in range(min(len(parts), start + vocabulary.longest), start, -1):
        if all(part.kind == "word" for part in parts[start:end]):
            words = " ".join(part.text for part in parts[start:end])
            meanings = list(vocabulary.words.get(words, ())) if words in vocabulary.words else []
            if end == start + 1:
                meanings += _built_in(text)
            if meanings:
                return Term(start, end, words, meanings)
    return Term(start, start + 1, text, [])


def _built_in(text: str) -> list[Json]:
    ordinal, quarter, half = ORDINAL.fullmatch(text), QUARTER.fullmatch(text), HALF.fullmatch(text)
    if ordinal:
        return [{"is": "number", "n": int(ordinal[1]), "ordinal": True}]
    if quarter:
        return [{"is": "quarter", "n": int(quarter[1] or quarter[2])}]
    if half:
        return [{"is": "half_year", "n": int(half[1])}]
    if not re.fullmatch("[0-9]{1,9}", text):
        return []
    number = int(text)
    year = [{"is": "year", "n": number}] if len(text) == len("2011") and number in YEARS else []
    return [*year, {"is": "number", "n": number, "ordinal": False}]


def _refuse_unknown(found: list[Term], parts: list[Token], vocabulary: Vocabulary) -> None:
    # Unknown words side by side are one name that is not known.
    runs: list[tuple[int, int]] = []
    for term in found:
        if not term.meanings and runs and runs[-1][1] == term.start:
            runs[-1] = (runs[-1][0], term.end)
        elif not term.meanings:
            runs.append((term.start, term.end))
    if not runs:
        return
    unknown = [" ".join(part.text for part in parts[start:end]) for start, end in runs]
    known = sorted(vocabulary.words)
    near = {words: nearest(words, vocabulary.words) or containing(words, known) for words in unknown}
    named = ", ".join(f'"{words}"' for words in unknown)
    (start, end), *more = runs
    if near[unknown[0]] and not more:
        choices = [
            {"words": words, "question": joined([*parts[:start], Token("word", words), *parts[end:]])}
            for words in near[unknown[0]]
        ]
        raise asked_back("unknown_word", f"The word {named} is unknown. Did you mean one of these?", choices)
    word, is_ = ("word", "is") if len(unknown) == 1 else ("words", "are")
    suggested = "; ".join(
        f'near "{words}": ' + ", ".join(f'"{each}"' for each in others) for words, others in near.items() if others
    )
    raise refused(
        "unknown_word",
        f"The {word} {named} {is_} unknown, and a question is answered only if all of it is understood"
        + (f" ({suggested})." if suggested else "."),
        words=unknown,
    )
