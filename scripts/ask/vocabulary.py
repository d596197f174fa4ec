"""The vocabulary: the words of the grammar, of the metrics and dimensions, and of the values in the release."""

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from scripts import connection
from scripts.ask.outcome import Json
from scripts.ask.terms import Vocabulary
from scripts.ask.text import words_of
from scripts.metrics.catalogue import Catalogue, Dimension, Metric, catalogue

GRAMMAR = Path(__file__).with_name("words.json")
# The two versions of a dimension, as their labels tell them apart.
VERSIONS = {" (as it was)": "was", " (as it is)": "is"}
# Other ways to say which version.
SAID = {
    "was": ("{} as it was", "{} as they were", "{} at the time"),
    "is": ("current {}", "{} now", "{} as it is", "{} as it is now"),
}
# Dimensions whose values a question can name without naming the dimension.
NAMED_ALONE = (
    "country__country_name",
    "country__region",
    "customer__segment",
    "customer__current_segment",
    "product__category",
    "product__current_category",
    "product__current_description",
    "product__stock_code",
    "date__weekday",
    "line__line_type",
)
# Their values are words of the calendar or true and false, or questions name products as they are.
TRUE_OR_FALSE = ("date__is_weekend", "date__is_bank_holiday")
WITHOUT_VALUES = ("date__month_name", "product__description", *TRUE_OR_FALSE)
SHORTEST_NAME = 2
# Of dimensions with more values, such as products, none is taken for a part of another.
MOST_COMPARED = 100


def vocabulary(session: psycopg.Connection) -> Vocabulary:
    """Return the vocabulary of the release.

    Args:
        session: a session that can read gold.

    Raises:
        Refusal: no release exists.
    """
    return Vocabulary(content(session))


def content(session: psycopg.Connection) -> Json:
    """Return the vocabulary of the release as JSON, as the page ships it.

    Args:
        session: a session that can read gold.

    Raises:
        Refusal: no release exists.
    """
    known = catalogue()
    first, last = _days(session)
    dimensions = {name: known.dimensions[name] for name in _asked(known)}
    words = Words()
    words.add_grammar(json.loads(GRAMMAR.read_text()))
    for name, metric in known.metrics.items():
        words.add_metric(name, metric)
    metrics = {
        name: _metric(metric, list(dimensions), words) for name, metric in known.metrics.items() if words.knows(name)
    }
    described = words.add_dimensions(dimensions)
    for name, dimension in dimensions.items():
        described[name]["numbers"] = words.add_values(name, _values(session, dimension))
    return {
        "first_day": first,
        "last_day": last,
        "metrics": metrics,
        "dimensions": described,
        "words": words.sorted(),
    }


class Words:
    """Collects the meanings of phrases."""

    def __init__(self) -> None:
        self._meanings: dict[str, list[Json]] = {}
        self._other_names: dict[str, dict[str, list[str]]] = {}
        self._claims: dict[str, list[str]] = {}
        self._few: dict[str, list[str]] = {}

    def sorted(self) -> dict[str, list[Json]]:
        """Return the meanings of all phrases in order of the alphabet, so that the same release gives the same."""
        return dict(sorted(self._meanings.items()))

    def add(self, phrase: str, meaning: Json) -> None:
        """Add a meaning to a phrase, once.

        Args:
            phrase: in any spelling.
            meaning: what it can mean.
        """
        words = words_of(phrase)
        if words and meaning not in self._meanings.setdefault(words, []):
            self._meanings[words].append(meaning)

    def _says_when(self, words: str) -> bool:
        """Return whether a phrase contains time words, such as `last year`: these mean a period, of any metric."""
        parts = words.split()
        for start in range(len(parts)):
            for end in range(start + 1, len(parts) + 1):
                meanings = self._meanings.get(" ".join(parts[start:end]), ())
                if any(meaning["is"] in ("period_to_date", "shift", "before_that", "all_time") for meaning in meanings):
                    return True
        kinds = [{meaning["is"] for meaning in self._meanings.get(part, ())} for part in parts]
        number = re.compile("[0-9]+")
        return any(
            "last" in first and ("grain" in second or number.fullmatch(parts[place + 1]))
            for place, (first, second) in enumerate(pairwise(kinds))
        )

    def knows(self, metric: str) -> bool:
        """Return whether a phrase means a metric and nothing else.

        Args:
            metric: its name.
        """
        meaning = {"is": "metric", "name": metric}
        return any(meanings == [meaning] for meanings in self._meanings.values())

    def is_clear(self, words: str) -> bool:
        """Return whether a phrase has one meaning.

        Args:
            words: the phrase.
        """
        return len(self._meanings.get(words, ())) == 1

    def add_grammar(self, grammar: dict[str, Any]) -> None:
        """Add the words of `words.json`.

        Args:
            grammar: by kind, its phrases, or phrases by what they mean.
        """
        self._other_names = grammar.pop("value")
        self._claims = grammar.pop("metric")
        for kind, phrases in grammar.items():
            meanings = phrases.items() if isinstance(phrases, dict) else [("", phrases)]
            for value, spellings in meanings:
                for phrase in spellings:
                    self.add(phrase, _grammatical(kind, value))

    def add_metric(self, name: str, metric: Metric) -> None:
        """Add the label, the name and the synonyms of a metric.

        Args:
            name: its name.
            metric: the metric.
        """
        for phrase in (metric.label, name, *metric.synonyms, *self._claims.get(name, ())):
            if self._says_when(words_of(phrase)):
                continue
            self.add(phrase, {"is": "metric", "name": name})
            self.add(plural(phrase), {"is": "metric", "name": name})
            if phrase.lower().startswith("average "):
                self.add(f"avg {phrase[len('average ') :]}", {"is": "metric", "name": name})
            if metric.unit == "count":
                self.add(f"{phrase} count", {"is": "metric", "name": name})

    def add_dimensions(self, dimensions: dict[str, Dimension]) -> dict[str, Json]:
        """Add the labels, names and synonyms of dimensions. A word for both versions of one means each of them.

        Args:
            dimensions: by name.

        Returns:
            What the vocabulary holds about each.
        """
        described = {}
        versions = {name: _version(dimension) for name, dimension in dimensions.items()}
        for name, dimension in dimensions.items():
            base, version = versions[name]
            others = [each for each, found in versions.items() if found[0] == base]
            label = base.lower() if version else dimension.label
            alone = [label, name.split("__")[-1] if name.count("__") == 1 else ""]
            spoken = [label, *dimension.synonyms, *([] if version == "is" else alone)]
            for phrase in [words_of(each) for each in spoken if each]:
                explicit = phrase.startswith("current ") or phrase.endswith((" now", " today"))
                means = [name] if explicit or version != "was" else others
                self._add_dimension(phrase, means)
            for phrase in SAID.get(version, ()):
                self._add_dimension(phrase.format(words_of(label)), [name], with_plural=False)
            described[name] = {
                "label": dimension.label,
                "asked": SAID[version][0].format(words_of(label)) if len(others) > 1 else words_of(label),
                "as": version,
            }
        return described

    def _add_dimension(self, phrase: str, names: list[str], *, with_plural: bool = True) -> None:
        for name in names:
            self.add(phrase, {"is": "dimension", "name": name, "many": False})
            if with_plural:
                self.add(plural(phrase), {"is": "dimension", "name": name, "many": True})

    def add_values(self, name: str, values: Iterable[str]) -> bool:
        """Add the values of a dimension, unless they are numbers, which no word stands for.

        Args:
            name: the dimension.
            values: its values.

        Returns:
            Whether they are numbers.
        """
        found = list(values)
        self._few[name] = found if len(found) < MOST_COMPARED else []
        for value, phrases in self._other_names.get(name, {}).items():
            if value not in found and name in TRUE_OR_FALSE:
                for phrase in phrases:
                    self.add(phrase, {"is": "value", "dimension": name, "value": value, "qualified": False})
        if found and all(re.fullmatch(r"-?[0-9]+", value) for value in found):
            return True
        for value in found:
            spellings = [value, *self._other_names.get(name, {}).get(value, [])]
            if name in NAMED_ALONE and value[:1].isalpha() and " " not in value and name != "product__stock_code":
                spellings.append(plural(value))
            for spelling in spellings:
                self.add(spelling, self._value(name, value, words_of(spelling)))
        return False

    def _is_part(self, name: str, value: str) -> bool:
        """Return whether a value of one word is a part of other values: `Europe` is not all of Europe."""
        return " " not in value and any(value in other.split() for other in self._few.get(name, ()) if other != value)

    def _value(self, name: str, value: str, words: str) -> Json:
        # A description of one word, or a word that means something else, counts only after its dimension.
        taken = any(meaning["is"] != "value" for meaning in self._meanings.get(words, ()))
        short = name == "product__current_description" and words.count(" ") + 1 < SHORTEST_NAME
        return {
            "is": "value",
            "dimension": name,
            "value": value,
            "qualified": taken or short or name not in NAMED_ALONE or self._is_part(name, value),
        }


def plural(phrase: str) -> str:
    """Return a phrase with its last word in the plural.

    Args:
        phrase: a name or label.
    """
    if phrase.endswith("y") and phrase[-2:-1] not in "aeiou":
        return f"{phrase[:-1]}ies"
    if phrase.endswith(("s", "x", "ch", "sh")):
        return phrase if phrase.endswith("s") else f"{phrase}es"
    return f"{phrase}s"


def _grammatical(kind: str, value: str) -> Json:
    if kind == "month":
        return {"is": kind, "n": int(value)}
    if kind in ("number", "ordinal"):
        return {"is": "number", "n": int(value), "ordinal": kind == "ordinal"}
    if kind in ("grain", "every", "shift", "before_that", "period_to_date"):
        return {"is": kind, "grain": value}
    if kind == "rank":
        return {"is": kind, "order": value}
    if kind == "beyond":
        return {"is": kind, "says": value}
    return {"is": kind}


def _asked(known: Catalogue) -> list[str]:
    """Return the dimensions that a question can name: those of the facts' own rows, each by its shortest path."""
    found = []
    for name, dimension in known.dimensions.items():
        if name.count("__") != 1 or (dimension.is_time and not dimension.synonyms):
            continue
        found.append(name)
    return found


def _metric(metric: Metric, dimensions: list[str], words: Words) -> Json:
    phrases = [words_of(phrase) for phrase in (metric.label, *metric.synonyms, metric.name)]
    return {
        "label": metric.label,
        "asked": next((phrase for phrase in phrases if words.is_clear(phrase)), phrases[0]),
        "unit": metric.unit,
        "good": metric.good,
        "by": [name for name in dimensions if name in metric.dimensions],
    }


def _version(dimension: Dimension) -> tuple[str, str]:
    for ending, version in VERSIONS.items():
        if dimension.label.endswith(ending):
            return dimension.label.removesuffix(ending), version
    return dimension.label, ""


def _days(session: psycopg.Connection) -> list[str | None]:
    query = sql.SQL("select min(date_day), max(date_day) from {}").format(
        sql.Identifier(connection.schema_of("gold"), "fct_sales")
    )
    found = session.execute(query).fetchone() or (None, None)
    return [day.isoformat() if day else None for day in found]


def _values(session: psycopg.Connection, dimension: Dimension) -> list[str]:
    if dimension.is_time or dimension.relation is None or dimension.name in WITHOUT_VALUES:
        return []
    # Names and expressions of the project's own YAML, not of a question.
    query = f"select distinct ({dimension.expression})::text as value from {dimension.relation} order by value"
    return [value for (value,) in session.execute(query.encode()).fetchall() if value is not None]
