"""Find out how a file writes its dates and numbers: the order of day, month and year, and the mark before decimals.

Bronze keeps every text as delivered. The ledger keeps the reading of the file, and silver types the texts by it.

The first rows of a file show whether its texts need a reading at all. Most files are plain, and cost nothing more. For
any other file, every row is evidence, unless the contract declares the reading. A file that fits two readings alike is
refused, because a guess would be a wrong date in silence.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from functools import lru_cache
from itertools import islice

from scripts.errors import Refusal
from scripts.land.contract import Landing
from scripts.land.header import Fit
from scripts.land.readers.csv_fields import LONGEST_RECORD
from scripts.land.rows import Batch

# Reading 200 rows takes 0.2 ms.
FIRST_ROWS, FIRST_BYTES = 200, 1 << 15
# A reading is proved although some rows contradict it, if they are at most this share of the rows that prove it.
CONTRADICTIONS = 0.01

ORDERS = {"mdy": "month, day, year", "dmy": "day, month, year", "ymd": "year, month, day"}
DATE = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4}|[0-9]{1,2})(?![0-9])")
# A number as people and spreadsheets write it: digits with marks, behind and before signs, brackets and currencies.
NUMBER = re.compile(r"[^0-9.,A-DF-Za-df-z]*([0-9.,'\u2019\s]*[0-9])[.,]?(?:[eE][-+]?[0-9]+)?[^0-9.,]*")
THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:[.,][0-9]{3})+")

TWO, CENTURY = 2, 2000

csv.field_size_limit(LONGEST_RECORD)

# The readings that a text fits. Of a date also whether all of them give the same day, of a number whether it has a
# comma.
Fits = tuple[frozenset[str], bool]


@dataclass
class Evidence:
    """What the texts of a file say about one part of its reading.

    Attributes:
        fits_of: returns the readings that a text fits; none for a text that says nothing.
        is_unusual: returns whether a text that fits a reading also needs one.
        counts: how many texts fit which readings.
        examples: the first text of each.
        is_needed: whether the first rows have a text that needs a reading, so that all rows are evidence.
    """

    fits_of: Callable[[str], Fits | None]
    is_unusual: Callable[[str], bool]
    counts: Counter[Fits] = field(default_factory=Counter)
    examples: dict[Fits, str] = field(default_factory=dict)
    is_needed: bool = False

    def add(self, texts: Mapping[str, int]) -> None:
        """Add texts, each with the number of its rows."""
        for text, rows in texts.items():
            fits = self.fits_of(text)
            if fits:
                self.counts[fits] += rows
                self.examples.setdefault(fits, text)

    def against(self, reading: str) -> int:
        """Return how many rows contradict a reading."""
        return sum(rows for (readings, _), rows in self.counts.items() if reading not in readings)

    def example(self, *, for_: str, against: str) -> str:
        """Return the first text that fits one reading and not the other."""
        found = (text for (readings, _), text in self.examples.items() if for_ in readings and against not in readings)
        return next(found, "")

    def ranked(self) -> list[str]:
        """Return all readings, the one with the fewest contradictions first."""
        known = sorted(frozenset[str]().union(*(readings for readings, _ in self.counts)))
        return sorted(known, key=self.against)


class Survey:
    """The reading of one file, as declared in the contract or proved by its rows."""

    def __init__(self, landing: Landing, name: str) -> None:
        self._declared = _declared(landing, name)
        self._kinds = {column.name: column.reads_as for column in landing.columns if column.reads_as}
        self._dates, self._numbers = Evidence(_orders, _is_date), Evidence(_marks, _is_marked)

    @property
    def needs_all_rows(self) -> bool:
        """Return whether the first rows are not plain, so that all rows must be looked at."""
        return self._dates.is_needed or self._numbers.is_needed

    def first_look(self, fitting: Fit, delimiter: bytes, batch: Batch) -> None:
        """Look at the first rows of a table."""
        is_cut = len(batch.data) > FIRST_BYTES
        rows = list(islice(_rows(batch.data[:FIRST_BYTES], delimiter), FIRST_ROWS))
        for evidence, texts in self._texts(fitting, rows[:-1] if is_cut else rows):
            evidence.is_needed |= any(evidence.fits_of(text) for text in texts if evidence.is_unusual(text))

    def look(self, fitting: Fit, delimiter: bytes, batch: Batch) -> None:
        """Add all rows of a batch to the evidence."""
        for evidence, texts in self._texts(fitting, _rows(batch.data, delimiter)):
            if evidence.is_needed:
                evidence.add(texts)

    def watch(self, fitting: Fit, delimiter: bytes, batches: Iterator[Batch]) -> Iterator[Batch]:
        """Pass the batches of a table on, and look at as many of their rows as need be."""
        is_first = True
        for batch in batches:
            if is_first:
                self.first_look(fitting, delimiter, batch)
            is_first = is_first and not batch.loaded
            if self.needs_all_rows:
                self.look(fitting, delimiter, batch)
            yield batch

    def conclude(self) -> tuple[dict[str, str] | None, list[str]]:
        """Return the reading of the file, None if it is plain, and remarks about it.

        Raises:
            Refusal: the rows fit two readings alike, or contradict each other.
        """
        reading, remarks = dict(self._declared), list[str]()
        if self._dates.counts:
            order, remark = _order(self._dates)
            reading["date_order"] = order
            remarks.append(remark)
        if self._numbers.counts:
            mark, remark = _mark(self._numbers)
            if mark:
                reading["decimal_mark"] = mark
            remarks += [remark] if remark else []
        return reading or None, remarks

    def _texts(self, fitting: Fit, rows: Iterable[Sequence[str]]) -> Iterator[tuple[Evidence, Counter[str]]]:
        """Yield the texts of rows whose reading is not declared, with the number of rows of each."""
        found = []
        for key, kinds, evidence in (
            ("date_order", ("date", "timestamp"), self._dates),
            ("decimal_mark", ("integer", "decimal"), self._numbers),
        ):
            places = [at for at, column in enumerate(fitting.columns) if column and self._kinds.get(column) in kinds]
            if places and key not in self._declared:
                found.append((evidence, places, list[str]()))
        if not found:
            return
        for row in rows:
            for _, places, texts in found:
                # The server refuses a file with a row that is too short.
                texts += [row[place] for place in places if place < len(row)]
        for evidence, _, texts in found:
            yield evidence, Counter(texts)


def _declared(landing: Landing, name: str) -> dict[str, str]:
    """Return what the contract declares for a file: the first pattern that fits its name, else its table."""
    found: dict[str, str] = {}
    for declared in landing.readings:
        if any(fnmatchcase(each, declared.files) for each in (name, name.rpartition("/")[2])):
            found = {**declared.reading, **found}
    return {**landing.reading, **found}


def _rows(data: bytes | bytearray, delimiter: bytes) -> Iterator[Sequence[str]]:
    text = io.StringIO(data.decode(errors="replace"), newline="")
    # Before Python 3.11, a NUL byte is an error here. The server refuses such rows.
    with suppress(csv.Error):
        yield from csv.reader(text, delimiter=delimiter.decode())


def _is_date(_text: str) -> bool:
    return True


def _is_marked(text: str) -> bool:
    return "," in text or text.count(".") > 1


@lru_cache(1 << 14)
def _orders(text: str) -> Fits | None:
    """Return the orders that a date fits. A year of four digits in front fits any, and says nothing."""
    readings = _dates_of(text)
    return (frozenset(readings), len(set(readings.values())) == 1) if readings else None


def _dates_of(text: str) -> dict[str, date]:
    """Return the day that a text means in each order that it fits. A year of two digits is one of this century."""
    match = DATE.match(text.strip())
    if not match:
        return {}
    first, _, second, third = match.groups()
    parts = {"mdy": (third, first, second), "dmy": (third, second, first)}
    if len(first) == TWO and len(third) <= TWO:
        parts["ymd"] = (first, second, third)
    found = {}
    for order, (year, month, day) in parts.items():
        if len(year) > 1:
            with suppress(ValueError):
                found[order] = date(int(year) + (CENTURY if len(year) == TWO else 0), int(month), int(day))
    return found


@lru_cache(1 << 14)
def _marks(text: str) -> Fits | None:
    """Return the marks of decimals that a number fits. A number without marks, or like `1.234`, says nothing."""
    match = NUMBER.fullmatch(text)
    core = re.sub(r"[^0-9.,]", "", match[1]) if match else ""
    commas, points = core.count(","), core.count(".")
    if commas and points:
        mark = max(",.", key=core.rfind)
        whole, _, fraction = core.rpartition(mark)
        proved = bool(THOUSANDS.fullmatch(whole)) and mark not in whole and fraction.isdigit()
        return (frozenset(mark), True) if proved else None
    mark = "," if commas else "."
    if commas + points == 1:
        if not THOUSANDS.fullmatch(core):
            return frozenset(mark), bool(commas)
        # Prices such as 1.234 are usual, so a point proves nothing, but a comma needs a proof.
        return (frozenset(",."), True) if commas else None
    other = "." if commas else ","
    return (frozenset(other), bool(commas)) if commas + points and THOUSANDS.fullmatch(core) else None


def _order(dates: Evidence) -> tuple[str, str]:
    """Return the order of dates, and a remark that says why.

    Raises:
        Refusal: the dates fit two orders alike, or contradict each other.
    """
    best, *others = dates.ranked()
    wrong = dates.against(best)
    for other in others:
        if wrong > CONTRADICTIONS * dates.against(other):
            one, two = dates.example(for_=best, against=other), dates.example(for_=other, against=best)
            raise Refusal(
                f"its dates are mixed: {one!r} fits {best}, and {two!r} fits {other}; part the file, or declare "
                "`date_order` for it in the contract"
            )
    alike = [order for order in others if dates.against(order) == wrong]
    doubtful = next((text for (_, is_same), text in dates.examples.items() if not is_same), "")
    if alike and doubtful:
        days = _dates_of(doubtful)
        readings = " or ".join(f"{days[order]} ({order})" for order in (best, *alike) if order in days)
        raise Refusal(
            f"its date {doubtful!r} is {readings}, and no date of the file decides; declare `date_order` for the file "
            "in the contract"
        )
    proof = next(filter(None, (dates.example(for_=best, against=other) for other in others)), "")
    remark = f"dates read as {ORDERS[best]}{f', proved by {proof!r}' if proof else ''}"
    return best, remark + (f"; {wrong:,} of them contradict it" if wrong else "")


def _mark(numbers: Evidence) -> tuple[str | None, str]:
    """Return the mark before decimals, None if it is not proved, and a remark that says why.

    Raises:
        Refusal: the numbers contradict each other, and most of them have a comma.
    """
    comma, point = numbers.against("."), numbers.against(",")
    doubtful = next((text for (readings, _), text in numbers.examples.items() if len(readings) > 1), "")
    # In a file of points, a comma may still be a slip: only a comma between thousands shows what the others mean.
    shows_thousands = (frozenset("."), True) in numbers.counts
    if doubtful and not comma and not shows_thousands:
        return (
            None,
            f"numbers such as {doubtful!r} fit two readings: declare `decimal_mark` for the file in the contract",
        )
    best, other = (",", ".") if comma >= point else (".", ",")
    wrong, proof = min(comma, point), numbers.example(for_=best, against=other)
    if wrong <= CONTRADICTIONS * max(comma, point) and (best == "," or not doubtful or shows_thousands):
        remark = f"decimals read with the mark {best!r}, proved by {proof!r}"
        return best, remark + (f"; {wrong:,} numbers contradict it" if wrong else "")
    mixed = f"numbers are mixed: {proof!r} and {numbers.example(for_=other, against=best)!r}"
    if best == ",":
        raise Refusal(f"its {mixed}; part the file, or declare `decimal_mark` for it in the contract")
    return None, f"{mixed}; those with a comma go to quarantine"
