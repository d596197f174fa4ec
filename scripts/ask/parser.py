"""From the terms of a question to a draft: what is counted, by what, of which rows, when, in which order."""

from dataclasses import dataclass, field
from datetime import date

from scripts.ask.calendar import Period, earlier, in_words, just_before
from scripts.ask.nearest import containing
from scripts.ask.outcome import refused
from scripts.ask.periods import Periods
from scripts.ask.terms import Term, Vocabulary
from scripts.ask.text import Token, joined


@dataclass
class Values:
    """Values of a dimension that rows must have, or must not have.

    Attributes:
        terms: the terms of the values.
        excluded: whether rows must not have them.
        qualifier: the term of the dimension, where the question names it (`segment new`).
        versus: whether the question compares the values with each other.
    """

    terms: list[Term]
    excluded: bool = False
    qualifier: Term | None = None
    versus: bool = False


@dataclass
class Draft:
    """A question whose every term has a place, but perhaps more than one meaning.

    Attributes:
        metrics: terms of metrics.
        either: terms that are a metric or a dimension.
        by: terms of dimensions to group by.
        bare: those of `by` without a word such as `by`; of these, the number (`country`, `countries`) counts.
        grains: periods to group by.
        values: conditions.
        period: the days; None if the question names none.
        relative: whether a period counts from the last day of the data.
        rank: `highest`, `lowest`, `best` or `worst`, if the question asks for an order.
        rank_words: the words of it.
        top: how many rows, 0 if the question does not say.
        how_many: whether the question asks how many of something there are.
        over_time: the word that asks for a series, such as `trend`.
        compare: the other period.
        shift: by which period to go back for the other period; "" if the question names the period itself.
        version: `was` or `is`, and its term.
    """

    metrics: list[Term] = field(default_factory=list)
    either: list[Term] = field(default_factory=list)
    by: list[Term] = field(default_factory=list)
    bare: list[Term] = field(default_factory=list)
    grains: list[tuple[str, Term]] = field(default_factory=list)
    values: list[Values] = field(default_factory=list)
    period: Period | None = None
    relative: bool = False
    rank: str = ""
    rank_words: str = ""
    top: int = 0
    how_many: bool = False
    over_time: str = ""
    compare: Period | None = None
    shift: str = ""
    version: tuple[str, Term] | None = None


class Parser:
    """Gives each term of a question its place.

    Args:
        terms: the terms.
        parts: the tokens.
        vocabulary: what the grammar knows; it has data.
    """

    def __init__(self, terms: list[Term], parts: list[Token], vocabulary: Vocabulary) -> None:
        self.terms = terms
        self.parts = parts
        self.vocabulary = vocabulary
        self.comparing = any(term.has("comparing") for term in terms)
        self.periods = Periods(terms, parts, vocabulary, comparing=self.comparing)
        self.draft = Draft()
        # Whether the term before joins what follows to what was said: `and`, a comma, `versus`.
        self.joined = False
        self.asked_how_many = False
        # What `versus` compares: the last values, or periods.
        self.last_values: Values | None = None

    def has(self, at: int, *kinds: str) -> bool:
        """Return whether a term exists and has a meaning of one of these kinds."""
        return at < len(self.terms) and self.terms[at].has(*kinds)

    def parse(self) -> Draft:
        """Return the draft.

        Raises:
            Outcome: a term has no place, or time words have several meanings.
        """
        self._refuse_beyond()
        at = 0
        steps = (
            self._comparison,
            self._period,
            self._exclusion,
            self._grouping,
            self._every,
            self._ranking,
            self._number_of_rows,
            self._version,
            self._metric,
            self._values,
            self._dimension,
            self._joint,
            self._filler,
        )
        while at < len(self.terms):
            end = next((end for step in steps if (end := step(at)) > at), 0)
            if not end:
                raise self._unused(at)
            at = end
        return self.draft

    def _unused(self, at: int) -> Exception:
        term, words = self.terms[at], self.terms[at].words
        names = sorted({value["dimension"] for value in term.all("value")})
        if names:
            asked = [f"{self.vocabulary.dimensions[name]['asked']} {words}" for name in names]
            wider = [phrase for phrase in containing(words, self.vocabulary.words) if phrase != words]
            return self.periods.choose(
                at, at + 1, f'"{words}" needs the name of what it is.', [*asked, *wider], "value"
            )
        return refused(
            "unused_word",
            f'The word "{words}" has no use at its place, and a question is answered only if all of it is understood: '
            "leave it out, or say it in another way.",
            words=[words],
        )

    def _refuse_beyond(self) -> None:
        assert self.vocabulary.last_day
        for term in self.terms:
            meaning = term.meanings[0]
            if meaning["is"] == "beyond":
                says = meaning["says"].replace("{last_day}", in_words(self.vocabulary.last_day))
                raise refused("beyond", f'"{term.words}" {says}.', words=[term.words])

    # Comparisons

    def _comparison(self, at: int) -> int:  # noqa: PLR0911  # a return for each way to compare
        shift = self.terms[at].one("shift")
        if shift:
            return self._compare_shift(at + 1, shift["grain"])
        if self.has(at, "comparing") and not self.has(at, "compare"):
            return at + 1
        explicit = self.has(at, "compare")
        if not explicit and not (self.comparing and self.has(at, "with", "to", "and")):
            return at
        after = self.periods.skip(at + 1)
        while self.has(after, "with", "to", "compare", "filler", "the"):
            after += 1
        end = self._compare_with(after, explicit=explicit)
        if end:
            return end
        if explicit and self.comparing and not self.draft.metrics and self.has(at, "comparing"):
            return at + 1
        if explicit and self.draft.metrics and self.has(after, "metric"):
            self.joined = True
            return after
        if explicit:
            raise refused(
                "comparison",
                f'After "{self.terms[at].words}", say with what: "last year", "the previous month", a period, '
                "or another value of the same kind.",
            )
        return at

    def _compare_with(self, at: int, *, explicit: bool) -> int:
        same = self.has(at, "same")
        if same:
            at = self.periods.skip(at + 1)
        if at >= len(self.terms):
            return 0
        before = self.terms[at].one("before_that")
        if before:
            return self._compare_shift(at + 1, before["grain"])
        grain = self.terms[at + 1].one("grain") if self.has(at, "last") and at + 1 < len(self.terms) else None
        if grain:
            return self._compare_shift(at + 2, grain["grain"])
        if self.draft.period is not None or self.draft.grains:
            found = self.periods.bounded(at)
            if found:
                return self._compare_period(at, found.next, found.period)
        if not same and self.last_values is not None and (explicit or self.comparing):
            end, values = self._value_list(at)
            if values:
                self.last_values.terms += values.terms
                self.last_values.versus = True
                self.last_values.qualifier = self.last_values.qualifier or values.qualifier
                return end
        return 0

    def _compare_period(self, at: int, end: int, period: Period | object) -> int:
        assert isinstance(period, Period)
        base = self.draft.period
        if base is None or self.draft.compare or not (period.start and period.end):
            raise refused("comparison", "Two periods can be compared, each with a first and a last day: name both.")
        words = joined(self.parts[self.terms[at].start : self.terms[end - 1].end])
        if period.grain == "year" and base.grain in ("day", "week", "month", "quarter", "half") and base.start:
            shifted = earlier(base, "year", base.start.year - period.start.year)
            raise self.periods.choose(
                at,
                end,
                f'"{words}" is the whole year, or the same days of that year.',
                [f"1 january {words} to 31 december {words}", _span(shifted)],
            )
        self.draft.compare = period
        self.joined = False
        return end

    def _compare_shift(self, end: int, grain: str) -> int:
        if self.draft.compare or self.draft.shift:
            raise refused("comparison", "A question compares with one other period: leave one of them out.")
        self.draft.shift = grain
        self.joined = False
        return end

    # Periods

    def _period(self, at: int) -> int:
        if self.has(at, "all_time"):
            return at + 1
        found = self.periods.bounded(at)
        if found is None:
            return at
        assert isinstance(found.period, Period)
        if self.draft.period is not None:
            raise refused(
                "period",
                'The question names two periods: name one, or compare them with "compared with".',
            )
        self.draft.period, self.draft.relative = found.period, found.relative
        self.joined = False
        return found.next

    # Groups

    def _grouping(self, at: int) -> int:
        if not self.has(at, "by"):
            return at
        end = at
        while self.has(end, "by", "and") or end == at:
            after = self.periods.skip(end + 1)
            while self.has(after, "by"):
                after = self.periods.skip(after + 1)
            taken = self._group(after)
            if not taken:
                break
            end = taken
        if end > at:
            self.joined = False
            return end
        after = self.periods.skip(at + 1)
        # "top 10 products by net revenue": the metric that ranks.
        if self.has(after, "metric") and not self.draft.metrics:
            self.joined = True
            return after
        return at

    def _group(self, at: int) -> int:
        if at >= len(self.terms):
            return 0
        term = self.terms[at]
        if term.has("dimension"):
            self.draft.by.append(term)
            return at + 1
        grain = term.one("grain")
        if grain and grain["grain"] != "period" and not self._is_period(at):
            self.draft.grains.append((grain["grain"], term))
            return at + 1
        # "each of the last 3 months"
        spoken = self.terms[at + 2].one("grain") if term.has("last") and at + 2 < len(self.terms) else None
        if spoken and self.periods.number(at + 1) and not self.draft.period:
            self.draft.grains.append((spoken["grain"], term))
            return self._period(at)
        return 0

    def _is_period(self, at: int) -> bool:
        found = self.periods.partial(at)
        return found is not None and found.next > at + 1

    def _every(self, at: int) -> int:
        every = self.terms[at].one("every")
        if every is None:
            return at
        self.draft.grains.append((every["grain"], self.terms[at]))
        self.joined = False
        return at + 1

    # Order

    def _ranking(self, at: int) -> int:
        number, word = (self.periods.number(at), at + 1) if self._counts(at) else (0, at)
        rank = self.terms[word].one("rank") if word < len(self.terms) else None
        if rank is None:
            return at
        if self.draft.rank:
            raise refused(
                "order",
                f'The question asks for two orders, "{self.draft.rank_words}" and '
                f'"{self.terms[word].words}": ask for one.',
            )
        end = word + 1
        if not number and self._counts(self.periods.skip(end)) and not self.periods.point(self.periods.skip(end)):
            end = self.periods.skip(end)
            number, end = self.periods.number(end), end + 1
            if not number:
                raise refused("order", "A list of 0 rows says nothing: ask for 1 or more.")
        self.draft.rank, self.draft.rank_words = rank["order"], self.terms[word].words
        self.draft.top = number or self.draft.top
        return end

    def _number_of_rows(self, at: int) -> int:
        """Take the number of "which 5 countries had the most orders"."""
        if not self._counts(at) or self.draft.top or not self.has(at + 1, "dimension", "grain"):
            return at
        self.draft.top = self.periods.number(at)
        return at + 1 if self.draft.top else at

    def _counts(self, at: int) -> bool:
        meaning = self.terms[at].one("number") if at < len(self.terms) else None
        return meaning is not None and not meaning["ordinal"]

    def _version(self, at: int) -> int:
        for kind, version in (("as_was", "was"), ("as_is", "is")):
            if self.has(at, kind):
                if self.draft.version and self.draft.version[0] != version:
                    raise refused("version", 'Say either "as it was" or "as it is now", not both.')
                self.draft.version = (version, self.terms[at])
                return at + 1
        return at

    # Metrics, values, dimensions

    def _metric(self, at: int) -> int:
        term = self.terms[at]
        if not term.has("metric"):
            return at
        if term.has("dimension") and not (self.joined and self.draft.metrics) and not self.asked_how_many:
            self.draft.either.append(term)
        elif self.draft.metrics and not self.joined and not self.asked_how_many:
            raise refused(
                "metrics",
                f'The question names two metrics, "{self.draft.metrics[-1].words}" and "{term.words}": put "and" '
                "between them if you want both, or leave one out.",
            )
        else:
            self.draft.metrics.append(term)
        self.joined = self.asked_how_many = False
        return at + 1

    def _exclusion(self, at: int) -> int:
        if not self.has(at, "not"):
            return at
        end, values = self._value_list(self.periods.skip(at + 1))
        if values is None:
            return at
        values.excluded = True
        self.draft.values.append(values)
        self.joined = False
        return end

    def _values(self, at: int) -> int:
        end, values = self._value_list(at)
        if values is None:
            return at
        self.draft.values.append(values)
        self.last_values = values
        self.joined = False
        return end

    def _value_list(self, at: int) -> tuple[int, Values | None]:
        values = Values([])
        after = self.periods.skip(at + 1)
        if self.has(at, "dimension") and self._is_value_of(after, self.terms[at]):
            values.qualifier, at = self.terms[at], after
        end = at
        while self._is_value_of(at, values.qualifier):
            values.terms.append(self.terms[at])
            end = at + 1
            if not self.has(end, "and", "or") or (self.comparing and not self.has(end, "comma")):
                break
            at = self.periods.skip(end + 1)
            while self.has(at, "and", "or"):
                at = self.periods.skip(at + 1)
        if not values.terms:
            return end, None
        if values.qualifier is None and self.has(end, "dimension") and self._names(end, values):
            values.qualifier = self.terms[end]
            end += 1
        return end, values

    def _is_value_of(self, at: int, qualifier: Term | None) -> bool:
        if at >= len(self.terms):
            return False
        term = self.terms[at]
        if qualifier is None:
            return any(not value["qualified"] for value in term.all("value"))
        names = {meaning["name"] for meaning in qualifier.all("dimension")}
        numbers = any(self.vocabulary.dimensions[name]["numbers"] for name in names) and term.has("number")
        return numbers or any(value["dimension"] in names for value in term.all("value"))

    def _names(self, at: int, values: Values) -> bool:
        names = {meaning["name"] for meaning in self.terms[at].all("dimension")}
        return all(any(value["dimension"] in names for value in term.all("value")) for term in values.terms)

    def _dimension(self, at: int) -> int:
        term = self.terms[at]
        if term.has("dimension"):
            if not self.draft.rank and not self.draft.top and not self.has(at - 1, "which") and not self._is_many(term):
                words = term.words
                says = f'"{words}" may be what to group by, or only a word: say "by {words}", or leave it out.'
                raise refused("unused_word", says, words=[words])
            self.draft.by.append(term)
            self.draft.bare.append(term)
            self.joined = False
            return at + 1
        grain = term.one("grain")
        if grain and grain["grain"] != "period" and (self.draft.rank or self.has(at - 1, "which")):
            self.draft.grains.append((grain["grain"], term))
            self.draft.bare.append(term)
            return at + 1
        return at

    def _is_many(self, term: Term) -> bool:
        return any(meaning["many"] for meaning in term.all("dimension"))

    def _joint(self, at: int) -> int:
        if self.has(at, "and"):
            self.joined = True
            return at + 1
        # "orders to germany"
        if self.has(at, "to", "from") and self._value_list(self.periods.skip(at + 1))[1]:
            return at + 1
        return at

    def _filler(self, at: int) -> int:
        if self.has(at, "how_many"):
            counted = self.periods.skip(at + 1)
            is_qualifier = counted < len(self.terms) and self._is_value_of(
                self.periods.skip(counted + 1), self.terms[counted]
            )
            if self.has(counted, "dimension", "grain") and not self.has(counted, "metric") and not is_qualifier:
                words = self.terms[counted].words
                raise refused("metric", f'No metric counts "{words}": ask for a metric by them.', words=[words])
            self.asked_how_many = self.draft.how_many = True
            return at + 1
        if self.has(at, "over_time"):
            self.draft.over_time = self.terms[at].words
            return at + 1
        return at + 1 if self.has(at, "filler", "the", "which") else at


def _span(period: Period) -> str:
    start, end = period.start or date.min, period.end or date.max
    return f"{in_words(start)} to {in_words(end)}".lower() if start != end else in_words(start).lower()


def previous(period: Period, grain: str) -> Period:
    """Return the period to compare with.

    Args:
        period: the period of the question, with both bounds.
        grain: by what to go back; `period`: to the days just before.
    """
    return just_before(period) if grain == "period" else earlier(period, grain)
