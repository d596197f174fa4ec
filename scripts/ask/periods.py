"""Time words of a question: days, months, ranges of them, and periods that count from the last day of the data."""

from datetime import date, timedelta
from typing import NamedTuple

from scripts.ask.calendar import MONTHS, Period, in_words, period_of, shifted, start_of
from scripts.ask.outcome import Outcome, asked_back, refused
from scripts.ask.terms import YEARS, Term, Vocabulary
from scripts.ask.text import Token, joined

LONGEST_DAY = 31
LAST_WEEK = 53
MOST_PERIODS = 1_000
CENTURY = 2_000


class Partial(NamedTuple):
    """A period whose year is missing.

    Attributes:
        grain: `day`, `month`, `quarter`, `half` or `week`.
        number: which month, quarter, half or week of the year; of a day, its month.
        day: the day of the month.
    """

    grain: str
    number: int
    day: int = 0


class Found(NamedTuple):
    """Time words and what they say.

    Attributes:
        next: the number of the term after them.
        period: the period, or one without a year.
        relative: whether it counts from the last day of the data.
        grain: the grain of `each of the last 3 months`.
    """

    next: int
    period: Period | Partial
    relative: bool = False


class Periods:
    """Reads time words.

    Args:
        terms: the terms of a question.
        parts: its tokens, for questions back.
        vocabulary: what the grammar knows; it has data.
        comparing: whether the question begins with `compare`, where `to` joins two periods instead of bounding one.
    """

    def __init__(
        self, terms: list[Term], parts: list[Token], vocabulary: Vocabulary, *, comparing: bool = False
    ) -> None:
        assert vocabulary.first_day and vocabulary.last_day
        self.terms = terms
        self.parts = parts
        self.first, self.last = vocabulary.first_day, vocabulary.last_day
        self.comparing = comparing

    def has(self, at: int, *kinds: str) -> bool:
        """Return whether a term exists and has a meaning of one of these kinds."""
        return at < len(self.terms) and self.terms[at].has(*kinds)

    def skip(self, at: int) -> int:
        """Return the number of the next term that is no filler."""
        while self.has(at, "filler", "the"):
            at += 1
        return at

    def number(self, at: int, kind: str = "number") -> int:
        """Return the number that a term is, or 0."""
        meaning = self.terms[at].one(kind) if at < len(self.terms) else None
        return int(meaning["n"]) if meaning else 0

    def bounded(self, at: int) -> Found | None:
        """Read a period with the words that bound it (`since`, `between`, ...), if there is one here.

        Args:
            at: the number of a term.

        Raises:
            Outcome: the words have several meanings, or none.
        """
        found = self._two_sided(at)
        for bound in ("since", "until", "before", "after"):
            if found is None and self.has(at, bound):
                found = self._one_sided(at, bound)
        return found or self._listed(at)

    def _two_sided(self, at: int) -> Found | None:
        if not self.has(at, "between", "from"):
            return None
        left = self.point(self.skip(at + 1))
        if left is None:
            return None
        joint = "and" if self.has(at, "between") else "to"
        right = self.point(self.skip(left.next + 1)) if self.has(left.next, joint) else None
        if right is not None:
            return self._range(at + 1, left, right)
        if self.has(at, "between"):
            raise refused("period", 'After "between", two days or periods are needed, with "and" between them.')
        if self.has(left.next, "onwards"):
            return self._since(at + 1, left._replace(next=left.next + 1))
        self._whole(at + 1, left)
        words = joined(self.parts[self.terms[at + 1].start : self.terms[left.next - 1].end])
        raise self.choose(at, left.next, f'"from {words}" has two meanings.', [f"in {words}", f"since {words}"])

    def choose(self, start: int, end: int, says: str, words: list[str], reason: str = "period") -> Outcome:
        """Return a question back about some terms.

        Args:
            start: the number of the first term.
            end: the number of the term after the last one.
            says: what has more than one meaning.
            words: what may stand in place of the terms.
            reason: the kind of the question back.
        """
        first, last = self.terms[start].start, self.terms[end - 1].end
        choices = [
            {"words": each, "question": joined([*self.parts[:first], Token("word", each), *self.parts[last:]])}
            for each in words
        ]
        return asked_back(reason, says, choices)

    def _one_sided(self, at: int, bound: str) -> Found | None:
        found = self.point(self.skip(at + 1))
        if found is None:
            return None
        if bound == "since":
            return self._since(at + 1, found)
        period = self._whole(at + 1, found)
        assert period.start and period.end
        one = timedelta(days=1)
        bounded = {
            "until": Period(None, period.end),
            "before": Period(None, period.start - one),
            "after": Period(period.end + one, None),
        }
        return Found(found.next, bounded[bound], found.relative)

    def _since(self, at: int, found: Found) -> Found:
        end = found.next + 1 if self.has(found.next, "onwards") and not self.point(found.next + 1) else found.next
        period = self._whole(at, found._replace(next=found.next))
        return Found(end, Period(period.start, None), found.relative)

    def _listed(self, at: int) -> Found | None:
        found = self.point(at)
        if found is None:
            return None
        if self.has(found.next, "onwards") and not self.has(found.next, "filler"):
            return self._since(at, found)
        after = self.skip(found.next + 1)
        if self.has(found.next, "to") and not self.comparing:
            right = self.point(after)
            if right is not None:
                return self._range(at, found, right)
        if self.has(found.next, "and") and not self.comparing:
            right = self.point(after)
            # After a comma, a year may belong to what follows: "november 2011, 2010 as well" is no list.
            if right is not None:
                return self._side_by_side(at, found, right)
        return Found(found.next, self._whole(at, found), found.relative)

    def _range(self, at: int, left: Found, right: Found) -> Found:
        start, end = self._completed(at, left, right)
        if not (start.start and end.end) or start.start > end.end:
            raise refused("period", "The period ends before it starts: exchange its two sides.")
        period = Period(start.start, end.end)
        whole = period_of(period.start, "year") if period.start else period
        if whole[:2] == period[:2]:
            period = whole
        return Found(right.next, period, left.relative or right.relative)

    def _side_by_side(self, at: int, left: Found, right: Found) -> Found:
        first, second = self._completed(at, left, right)
        assert first.start and first.end and second.start and second.end
        if first.start > second.start:
            first, second = second, first
        assert first.end and second.start
        if first.end + timedelta(days=1) != second.start:
            raise refused(
                "period",
                "The two periods do not follow each other, and an answer is of one period: "
                'ask twice, or compare them with "compared with".',
            )
        return Found(right.next, Period(first.start, second.end), left.relative or right.relative)

    def _completed(self, at: int, left: Found, right: Found) -> tuple[Period, Period]:
        if isinstance(left.period, Partial) and isinstance(right.period, Period) and right.period.end:
            return with_year(left.period, right.period.end.year), right.period
        if isinstance(left.period, Partial):
            year = self._year(at, right.next, left.period)
            return with_year(left.period, year), with_year(right.period, year)
        if isinstance(right.period, Partial):
            assert left.period.start
            end = complete(right.period, left.period.start.year)
            if end is None or (end.end and end.end < left.period.start):
                return left.period, self._whole(right.next - 1, right)
            return left.period, end
        return left.period, right.period

    def _whole(self, at: int, found: Found) -> Period:
        return with_year(found.period, self._year(at, found.next, found.period))

    def _year(self, at: int, end: int, period: Period | Partial) -> int:
        """Return the year of a period without one: the only possible one, or else ask for it."""
        if isinstance(period, Period):
            return 0
        years = [
            year
            for year in range(self.first.year, self.last.year + 1)
            for whole in [complete(period, year)]
            if whole and whole.start and whole.end and whole.end >= self.first and whole.start <= self.last
        ]
        words = joined(self.parts[self.terms[at].start : self.terms[end - 1].end])
        if not years:
            raise refused("period", f'"{words}" needs a year, and no year of the data has it.')
        if len(years) > 1:
            raise self.choose(
                at, end, f'"{words}" is in several years of the data.', [f"{words} {year}" for year in years]
            )
        return years[0]

    def point(self, at: int) -> Found | None:
        """Read a single day or calendar period, if there is one here.

        Args:
            at: the number of a term.

        Raises:
            Outcome: the words have several meanings, or name a day that does not exist.
        """
        if at >= len(self.terms):
            return None
        return self._written(at) or self._relative(at) or self._named(at)

    def _written(self, at: int) -> Found | None:
        term = self.terms[at]
        if term.has("date"):
            return Found(at + 1, self._day(*(int(part) for part in term.words.split("-"))))
        if term.has("month_number"):
            left, _, right = term.words.replace("/", "-").partition("-")
            year, month = (int(left), int(right)) if len(left) > len("11") else (int(right), int(left))
            return Found(at + 1, period_of(self._date(year, month, 1), "month"))
        if term.has("slashes"):
            return Found(at + 1, self._slashes(at))
        return None

    def _date(self, year: int, month: int, day: int) -> date:
        if year not in YEARS:
            raise refused("period", f"The year {year} is not from {YEARS[0]} to {YEARS[-1]}: give another one.")
        try:
            return date(year, month, day)
        except ValueError:
            raise no_such_day() from None

    def _day(self, year: int, month: int, day: int) -> Period:
        return period_of(self._date(year, month, day), "day")

    def _slashes(self, at: int) -> Period:
        text = self.terms[at].words
        first, second, third = (int(part) for part in text.replace("/", ".").split("."))
        if len(text.replace("/", ".").split(".")[0]) == len("2011"):
            return self._day(first, second, third)
        year = third + CENTURY if third < 100 else third  # noqa: PLR2004  # two digits
        readings = [(day, month) for day, month in ((first, second), (second, first)) if 1 <= month <= len(MONTHS)]
        if not readings:
            raise no_such_day()
        periods = [self._day(year, month, day) for day, month in (readings if first != second else readings[:1])]
        if len(periods) > 1:
            words = [in_words(period.start).lower() for period in periods if period.start]
            raise self.choose(at, at + 1, f'"{text}" is one of two days.', words)
        return periods[0]

    def _relative(self, at: int) -> Found | None:  # noqa: PLR0911  # a return for each way to say it
        term = self.terms[at]
        if term.has("last_day"):
            return Found(at + 1, period_of(self.last, "day"), relative=True)
        to_date = term.one("period_to_date")
        if to_date:
            return Found(at + 1, self._so_far(to_date["grain"]), relative=True)
        if not term.has("last", "this"):
            return None
        count = self.number(at + 1)
        grain = self.terms[at + 1 + bool(count)].one("grain") if at + 1 + bool(count) < len(self.terms) else None
        end = at + 2 + bool(count)
        if grain is None or grain["grain"] == "period":
            return None
        name = grain["grain"]
        if term.has("this") and not count:
            return Found(end, self._so_far(name), relative=True)
        if not term.has("last") or count > MOST_PERIODS:
            return None
        return Found(end, self._last(name, count), relative=True)

    def _so_far(self, grain: str) -> Period:
        return Period(start_of(self.last, grain), self.last, grain)

    def _last(self, grain: str, count: int) -> Period:
        if grain == "day":
            # The last 7 days include the last day of the data; "last day" alone is that day.
            return Period(self.last - timedelta(days=max(count, 1) - 1), self.last, "days" if count > 1 else "day")
        start = shifted(start_of(self.last, grain), grain, -max(count, 1))
        return Period(start, start_of(self.last, grain) - timedelta(days=1), grain if count <= 1 else "days")

    def _named(self, at: int) -> Found | None:
        found = self.partial(at)
        if found is None:
            year = self.number(at, "year")
            if not year:
                return None
            inner = self.partial(at + 1)
            # "2011 november"
            if inner is not None and isinstance(inner.period, Partial) and not self._year_after(inner.next):
                return Found(inner.next, with_year(inner.period, year))
            return Found(at + 1, period_of(date(year, 1, 1), "year"))
        if isinstance(found.period, Period):
            return found
        after = self._year_after(found.next)
        if after:
            end, year = after
            return Found(end, with_year(found.period, year), relative=not self.number(end - 1, "year"))
        return found

    def _year_after(self, at: int) -> tuple[int, int] | None:
        at = self.skip(at + 1 if self.has(at, "comma") else at)
        year = self.number(at, "year")
        if year:
            return at + 1, year
        grain = self.terms[at + 1].one("grain") if self.has(at, "last", "this") and at + 1 < len(self.terms) else None
        if grain is None or grain["grain"] != "year":
            return None
        return at + 2, self.last.year - (not self.has(at, "this") or self.terms[at].has("last"))

    def partial(self, at: int) -> Found | None:  # noqa: PLR0911  # a return for each kind of period
        """Read a period without its year, if there is one here.

        Args:
            at: the number of a term.

        Raises:
            Outcome: the words have several meanings.
        """
        if at >= len(self.terms):
            return None
        term = self.terms[at]
        number, after = self.number(at), self.skip(at + 1)
        if term.has("quarter"):
            return Found(at + 1, Partial("quarter", self.number(at, "quarter")))
        if term.has("half_year"):
            return Found(at + 1, Partial("half", self.number(at, "half_year")))
        if 1 <= number <= LONGEST_DAY and self.number(after, "month"):
            return Found(after + 1, Partial("day", self.number(after, "month"), number))
        ordinal = term.one("number")
        if number and ordinal and ordinal["ordinal"]:
            if number <= 4 and self._grain(at + 1) == "quarter":  # noqa: PLR2004  # quarters
                return Found(at + 2, Partial("quarter", number))
            if number <= 2 and self.has(at + 1, "half"):  # noqa: PLR2004  # halves
                return Found(at + 2, Partial("half", number))
        if self._grain(at) == "quarter" and 1 <= self.number(at + 1) <= 4:  # noqa: PLR2004  # quarters
            return Found(at + 2, Partial("quarter", self.number(at + 1)))
        if self._grain(at) == "week" and 1 <= self.number(at + 1) <= LAST_WEEK:
            return Found(at + 2, Partial("week", self.number(at + 1)))
        month = self.number(at, "month")
        return self._month(at, month) if month else None

    def _grain(self, at: int) -> str:
        grain = self.terms[at].one("grain") if at < len(self.terms) else None
        return str(grain["grain"]) if grain else ""

    def _month(self, at: int, month: int) -> Found:
        after = at + 2 if self.has(at + 1, "the") else at + 1
        number = self.terms[after].one("number") if after < len(self.terms) else None
        if number is None or not 1 <= number["n"] <= LONGEST_DAY or self.has(after, "year"):
            return Found(at + 1, Partial("month", month))
        day = Partial("day", month, number["n"])
        if number["ordinal"] or self._year_after(after + 1):
            return Found(after + 1, day)
        years = range(self.first.year, self.last.year + 1)
        words = [f"{MONTHS[month - 1]} {CENTURY + day.day}".lower()] if CENTURY + day.day in years else []
        words += [
            in_words(whole.start).lower()
            for year in years
            for whole in [complete(day, year)]
            if whole and whole.start and self.first <= whole.start <= self.last
        ]
        text = joined(self.parts[self.terms[at].start : self.terms[after].end])
        if not words:
            raise refused("period", f'"{text}" needs a year, and no year of the data has it.')
        raise self.choose(at, after + 1, f'"{text}" is a month of a year, or a day of a month.', words)


def no_such_day() -> Outcome:
    """Return the refusal of a day such as the 31st of February."""
    return refused("period", "The question names a day that no calendar has: give another one.")


def with_year(period: Period | Partial, year: int) -> Period:
    """Return a period with its year.

    Args:
        period: the period, which may have a year already.
        year: the year, if not.

    Raises:
        Outcome: the year has no such day or week.
    """
    found = period if isinstance(period, Period) else complete(period, year)
    if found is None:
        raise no_such_day()
    return found


def complete(partial: Partial, year: int) -> Period | None:
    """Return a period with its year, or None if that year has no such day or week.

    Args:
        partial: the period.
        year: the year.
    """
    try:
        if partial.grain == "day":
            return period_of(date(year, partial.number, partial.day), "day")
        if partial.grain == "week":
            return period_of(date.fromisocalendar(year, partial.number, 1), "week")
    except ValueError:
        return None
    months = {"month": 1, "quarter": 3, "half": 6}[partial.grain]
    return period_of(date(year, (partial.number - 1) * months + 1, 1), partial.grain)
