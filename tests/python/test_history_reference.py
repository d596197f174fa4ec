"""The reference that the warehouse's history is held against must be right itself; that takes no database to see."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from history_reference import (
    NOT_RATED,
    CustomerVersion,
    Entry,
    Line,
    ProductVersion,
    Rating,
    by_country,
    current_lines,
    fifths,
    in_order_of_time,
    tell,
)
from history_stories import Story, stories
from hypothesis import given, settings
from hypothesis import strategies as st

ONE = Line("536365", "22423", "LANTERN", 2, datetime(2010, 1, 14, 9), Decimal("1.5"), 12346, "France")


def entry(category: str | None, day: date) -> Entry:
    return Entry("22423", category, Decimal("0.5"), None, day)


def customers(*lines: Line) -> list[tuple[str, str, str]]:
    return [(str(v.valid_from), v.country_name, v.segment) for v in tell([lines]).customers]


def products(
    lines: Sequence[Line], entries: Sequence[Entry] = ()
) -> list[tuple[str, str | None, str | None, str | None]]:
    return [(str(day), *rest) for _, day, *rest in tell([tuple(lines), tuple(entries)]).products]


def test_a_later_delivery_supplies_all_lines_of_its_invoice() -> None:
    """A correction with fewer lines takes lines back, and leaves other invoices alone."""
    other, corrected = replace(ONE, invoice="536366"), replace(ONE, quantity=1)
    assert current_lines([(ONE, ONE, other), (corrected,)]) == [corrected, other]


def test_a_move_there_and_back_is_three_versions() -> None:
    """The country that a customer returns to must not merge with the one that he left."""
    days = (
        ("France", date(2010, 1, 2)),
        ("EIRE", date(2010, 1, 14)),
        ("EIRE", date(2010, 1, 15)),
        ("France", date(2010, 1, 20)),
    )
    lines = [
        replace(ONE, invoice=str(day), invoiced_at=datetime(*day.timetuple()[:3]), country=country)
        for country, day in days
    ]
    assert customers(*lines) == [
        ("2010-01-02", "France", NOT_RATED),
        ("2010-01-14", "EIRE", NOT_RATED),
        ("2010-01-20", "France", NOT_RATED),
    ]


def test_the_last_line_of_a_day_has_the_say() -> None:
    """A day has one country: of several in one second, that of the greatest number, `C` above all digits."""
    lines = [
        replace(ONE, invoice="2", country="EIRE"),
        replace(ONE, invoice="C1", country="Germany"),
        replace(ONE, invoice="C1", country="Spain"),
        replace(ONE, invoice="9", country="France"),
        replace(ONE, invoice="D", country="USA", invoiced_at=datetime(2010, 1, 14, 8)),
    ]
    assert [line.country for line in in_order_of_time(lines)] == ["USA", "EIRE", "France", "Spain", "Germany"]
    assert customers(*lines) == [("2010-01-14", "Germany", NOT_RATED)]


def test_a_segment_holds_from_the_day_after_its_month() -> None:
    """A month that is not over says nothing yet; it is over when anybody buys on its last day or later."""
    assert customers(ONE, replace(ONE, customer_id=None, invoice="2", invoiced_at=datetime(2010, 1, 30, 9))) == [
        ("2010-01-14", "France", NOT_RATED)
    ]
    assert customers(ONE, replace(ONE, customer_id=None, invoice="2", invoiced_at=datetime(2010, 1, 31, 9))) == [
        ("2010-01-14", "France", NOT_RATED),
        ("2010-02-01", "France", "Hibernating"),
    ]


def test_a_move_on_the_day_of_a_new_segment_is_one_version() -> None:
    """Two changes of one day are one version, or a version would hold for no time at all."""
    moved = replace(ONE, invoice="2", invoiced_at=datetime(2010, 2, 1, 9), country="EIRE")
    assert customers(ONE, moved) == [("2010-01-14", "France", NOT_RATED), ("2010-02-01", "EIRE", "Hibernating")]


def test_who_has_not_bought_is_not_rated() -> None:
    """A customer who only ever got something back would otherwise push others up."""
    returned = replace(ONE, invoice="C1", quantity=-1, customer_id=12347)
    told = tell([(ONE, returned, replace(ONE, invoice="3", invoiced_at=datetime(2010, 2, 2)))])
    assert [version for version in told.customers if version.customer_id == 12347] == [
        CustomerVersion(12347, date(2010, 1, 14), "France", NOT_RATED)
    ]
    assert told.ratings == [Rating(12346, date(2010, 1, 31), 17, 1, Decimal("3.0"), 1, 1, 1, "Hibernating")]


def test_orders_leave_the_window_after_twelve_months() -> None:
    """Frequency is of a year, recency of all time."""
    later = [
        replace(ONE, invoice=str(month), customer_id=None, invoiced_at=datetime(2011, month, 28)) for month in (1, 2)
    ]
    ratings = {rating.month_end: rating for rating in tell([(ONE, *later)]).ratings}
    assert [ratings[date(2010, 12, 31)].frequency, ratings[date(2011, 1, 31)].frequency] == [1, 0]
    assert ratings[date(2011, 1, 31)].recency_days == 382


def test_an_invoice_of_two_months_is_one_order() -> None:
    """One that was entered over the end of a month is not two; it is of the month in which it began."""
    lines = ONE, replace(ONE, invoiced_at=datetime(2010, 2, 28, 9))
    assert [rating.frequency for rating in tell([lines]).ratings] == [1, 1]


def test_equal_values_get_equal_scores() -> None:
    """Fifths by rank: nobody is worse for standing later in the alphabet."""
    assert fifths({1: 10, 2: 10, 3: 20, 4: 30, 5: 40, 6: 50}) == {1: 1, 2: 1, 3: 3, 4: 4, 5: 5, 6: 5}
    assert fifths({1: 10}) == {1: 1}


def test_a_country_that_stays_is_one_version_whatever_the_segment() -> None:
    """Whoever asks for countries only does not want to see segments change."""
    first, second = date(2010, 1, 1), date(2010, 2, 1)
    assert by_country(
        [
            CustomerVersion(1, first, "EIRE", "New"),
            CustomerVersion(1, second, "EIRE", "Loyal"),
            CustomerVersion(2, first, "EIRE", "New"),
        ]
    ) == [(1, first, "EIRE"), (2, first, "EIRE")]


def test_most_charged_lines_name_a_product_from_the_first_of_the_month() -> None:
    """A note, a line without price, or one misspelt line must not rename a product."""
    free = replace(ONE, description="GIVEN", unit_price=Decimal(0))
    note = replace(ONE, description="damaged")
    lines = [ONE, ONE, replace(ONE, description="LANTERM"), *[free] * 3, *[note] * 3]
    renamed = replace(ONE, description="RED LANTERN", invoiced_at=datetime(2010, 3, 14))
    assert products([*lines, renamed]) == [
        ("2010-01-01", "LANTERN", None, "1 to below 2"),
        ("2010-03-01", "RED LANTERN", None, "1 to below 2"),
    ]


def test_what_was_never_sold_goes_by_all_its_lines() -> None:
    """A charge that is only ever deducted has a name all the same."""
    assert products([replace(ONE, quantity=-1)]) == [("2010-01-01", "LANTERN", None, None)]


def test_the_usual_price_decides_the_band_and_the_lower_of_equals() -> None:
    """One sale at a reduced price is no change of the product; a price on the bound is of the band above."""
    dear = replace(ONE, unit_price=Decimal(2))
    assert products([ONE, dear, dear]) == [("2010-01-01", "LANTERN", None, "2 to below 5")]
    assert products([ONE, dear]) == [("2010-01-01", "LANTERN", None, "1 to below 2")]


def test_what_is_first_heard_has_always_been_so() -> None:
    """The first name, price or category reaches back to the product's first line."""
    written_off = replace(ONE, description=None, unit_price=Decimal(0), invoiced_at=datetime(2009, 12, 2))
    later = replace(ONE, invoice="536366", invoiced_at=datetime(2010, 1, 20))
    assert products([written_off, ONE, later], [entry("Garden", date(2010, 1, 20))]) == [
        ("2009-12-01", "LANTERN", "Garden", "1 to below 2")
    ]


def test_categories_change_on_their_day() -> None:
    """A product moves on the day that the list says, and an entry without category moves nothing."""
    listed = [
        entry("Home", date(2009, 1, 1)),
        entry(" Garden ;Home;;Garden", date(2009, 2, 1)),
        entry(None, date(2010, 1, 10)),
        entry("Garden; Home", date(2010, 1, 12)),
        entry("Home", date(2010, 1, 20)),
        # announced, and not yet true when the data end
        entry("Kitchen", date(2010, 1, 31)),
    ]
    later = replace(ONE, invoice="536366", invoiced_at=datetime(2010, 1, 30))
    assert [(str(v.valid_from), v.categories) for v in tell([(ONE, later), tuple(listed)]).products] == [
        ("2010-01-01", "Garden; Home"),
        ("2010-01-20", "Home"),
    ]


def test_an_entry_landed_later_corrects_the_one_of_its_day() -> None:
    """Also one that takes the category away."""
    wrong, corrected = entry("Garden", date(2010, 1, 1)), entry(None, date(2010, 1, 1))
    assert tell([(wrong,), (corrected,), (ONE,)]).products == [
        ProductVersion("22423", date(2010, 1, 1), "LANTERN", None, "1 to below 2")
    ]


@settings(deadline=None)
@given(story=stories())
def test_the_order_of_arrival_does_not_show(story: Story) -> None:
    """If the reference itself depended on the order of files that agree, the warehouse could not be held against it."""
    arrived = [file for batch in story.batches for file in batch]
    assert sorted(arrived, key=story.files.index) == list(story.files)
    assert tell(arrived) == tell(story.files)


@settings(deadline=None)
@given(story=stories(), random=st.randoms())
def test_the_order_of_rows_does_not_show(story: Story, random) -> None:
    """Nor may the order of rows within a file."""
    shuffled = [tuple(random.sample(file, len(file))) for file in story.files]
    assert tell(shuffled) == tell(story.files)
