"""Files of other countries and programs: how they write dates, numbers, keys, names and missing values."""

from corpus import PRODUCTS_HEADER, Case, csv, sale, sales

PLAIN, AMERICAN, BRITISH = "2010-12-01 08:26:00", "12/1/2010 8:26", "1.12.2010 08:26"
PROOF, PROVED = "12/13/2010 9:02", "2010-12-13 09:02:00"


def dated(
    name: str, invoice: int, written: tuple[str, ...], read: tuple[str | None, ...], says: str, *, why: str = ""
) -> Case:
    """Return a case of a file with these dates; None for a date that waits in quarantine."""
    rows = [sale(invoice + number, invoiced_at=text) for number, text in enumerate(written)]
    expected = [
        "? invoice_date_not_a_timestamp" if value is None else sale(invoice + number, invoiced_at=value)
        for number, value in enumerate(read)
    ]
    return sales(name, *rows, expected=expected, says=says, why=why)


def undecided(name: str, invoice: int, *written: str, says: str) -> Case:
    """Return a case of a file whose dates are refused."""
    rows = [sale(invoice + number, invoiced_at=text) for number, text in enumerate(written)]
    return Case(name, csv(*rows), "refused", says)


def priced(name: str, invoice: int, prices: dict[str, str | None], says: str = "", why: str = "") -> Case:
    """Return a case of a file with semicolons: its prices as written and as read; None for one that waits."""
    rows = [sale(invoice + number, unit_price=text) for number, text in enumerate(prices)]
    expected = [
        "? unit_price_not_a_number" if value is None else sale(invoice + number, unit_price=value)
        for number, value in enumerate(prices.values())
    ]
    return Case(name, csv(*rows, delimiter=";"), says=says, rows=expected, why=why)


def counted(name: str, invoice: int, quantities: dict[str, int | None], says: str = "") -> Case:
    """Return a case of a file with semicolons: its quantities as written and as read; None for one that waits."""
    rows = [sale(invoice + number, quantity=text, unit_price=3) for number, text in enumerate(quantities)]
    expected = [
        "? quantity_not_an_integer" if value is None else sale(invoice + number, quantity=value, unit_price=3)
        for number, value in enumerate(quantities.values())
    ]
    return Case(name, csv(*rows, delimiter=";"), says=says, rows=expected)


CASES = [
    # Dates
    dated("dialect_us.csv", 160001, (AMERICAN, PROOF), (PLAIN, PROVED), "dates read as month, day, year, proved by"),
    Case("dialect_us_windows.csv", csv(sale(160011, invoiced_at=PROOF, description="£ LANTERN")).encode("cp1252"),
         says="read as windows-1252; dates read as month, day, year",
         rows=[sale(160011, invoiced_at=PROVED, description="£ LANTERN")], why="The best known copy of the data."),
    dated("dialect_us_am_pm.csv", 160021, ("12/1/2010 8:26 AM", "12/13/2010 9:02:00 pm", "12/13/2010 13:02 PM"),
          (PLAIN, "2010-12-13 21:02:00", None), "month, day, year"),
    dated("dialect_us_short_years.csv", 160031, ("12/1/10 8:26", "12/13/10 9:02"), (PLAIN, PROVED), "month, day, year"),
    dated("dialect_gb.csv", 160041, ("01-12-2010 08:26", "13-12-2010 09:02"), (PLAIN, PROVED), "day, month, year"),
    dated("dialect_de.csv", 160051, (BRITISH, "13.12.2010 9:02"), (PLAIN, PROVED), "day, month, year"),
    dated("dialect_gb_short_years.csv", 160061, ("1/12/10 8:26", "13/12/10 9:02"), (PLAIN, PROVED), "day, month, year",
          why="A day of one digit proves that the year of two digits stands last."),
    dated("dialect_year_first.csv", 160071, ("2010/12/1 8:26", "2010.12.13 9:02", "2010-12-1"),
          (PLAIN, PROVED, "2010-12-01 00:00:00"), ""),
    dated("dialect_no_day.csv", 160081, (PROOF, "2/30/2010", "12/1-2010", "yesterday", ""), (PROVED, *[None] * 4), ""),
    dated("dialect_iso_among_us.csv", 160091, (PROOF, PLAIN), (PROVED, PLAIN), "month, day, year"),
    dated("dialect_one_slip.csv", 160101, (*[PROOF] * 100, "13/12/2010 9:02"), (*[PROVED] * 100, None),
          "1 of them contradict it"),
    undecided("dialect_undecided.csv", 160301, AMERICAN,
              says="its date '12/1/2010 8:26' is 2010-01-12 (dmy) or 2010-12-01 (mdy), and no date of the file decides"),
    undecided("dialect_short_years_undecided.csv", 160302, "13/12/10",
              says="its date '13/12/10' is 2010-12-13 (dmy) or 2013-12-10 (ymd)"),
    undecided("dialect_mixed_dates.csv", 160303, "13/12/2010", PROOF, says="its dates are mixed"),
    # Offsets
    dated("dialect_offset.csv", 160311,
          ("2010-12-01T08:26:00Z", "2010-07-01T08:26:00Z", "2010-07-01 08:26+0100", "2010-12-01 08:26:00.5-05:00"),
          (PLAIN, "2010-07-01 09:26:00", "2010-07-01 08:26:00", "2010-12-01 13:26:00.5"), ""),
    dated("dialect_offset_of_a_day.csv", 160321, (PLAIN, "2010-12-01+05:00", "2010-12-01Z"), (PLAIN, None, None), "",
          why="PostgreSQL would drop the offset in silence."),
    # Numbers
    priced("dialect_comma.csv", 160401, {"2,55": "2.55", "1.234,50": "1234.5", "1.234": "1234", "3": "3"},
           "decimals read with the mark ',', proved by '2,55'"),
    priced("dialect_thousands.csv", 160411, {"2.55": "2.55", "1,234.50": "1234.5", "1,234": "1234"},
           "decimals read with the mark '.', proved by '2.55'"),
    priced("dialect_comma_among_points.csv", 160425, {"2.55": "2.55", "2,950": None}, "numbers such as '2,950' fit two",
           why="A comma among points may be a slip, and the price a thousand times too high."),
    priced("dialect_ambiguous.csv", 160421, {"1,234": None, "3": "3"}, "numbers such as '1,234' fit two readings"),
    priced("dialect_few_commas.csv", 160431, {"2.55": "2.55", "2.95": "2.95", "2,55": None}, "numbers are mixed"),
    priced("dialect_zero_comma.csv", 160441, {"0,125": "0.125"}, "proved by '0,125'"),
    Case("dialect_mixed_numbers.csv",
         csv(*(sale(160451 + n, unit_price=p) for n, p in enumerate(["2,5", "3,5", "2.5"])), delimiter=";"), "refused",
         "its numbers are mixed: '2,5' and '2.5'"),
    priced("dialect_pounds.csv", 160461, {"£2.55": "2.55", "2.55 GBP": "2.55", "-£3": "-3", "$2.55": None, "2.55 €": None},
           why="An amount in another currency is another amount."),
    priced("dialect_brackets.csv", 160471, {"(3)": "-3", "5-": "-5", "+4": "4", "\u22122": "-2", "(3": None, "-5-": None}),
    priced("dialect_blanks.csv", 160481,
           {"1\u00a0234.50": "1234.5", "1\u2009234": "1234", "1\u202f234": "1234", "1'234.5": "1234.5", "12 34": None}),
    priced("dialect_exponents.csv", 160491, {"1e3": "1000", "2.55E+00": "2.55", "1e": None}),
    priced("dialect_missing_price.csv", 160501, {"NULL": None, "nan": None, "-": None, "": None}),
    priced("dialect_too_exact.csv", 160511, {"2.55555": None, "2.55000": "2.55"}),
    counted("dialect_quantities.csv", 160521, {"12.0": 12, "12.00": 12, "1.5": None, "1.000": None, "(3)": -3, "1 000": 1000}),
    counted("dialect_quantities_comma.csv", 160531, {"1.000": 1000, "1.234.567": 1234567, "2,0": 2, "2,5": None}),
    counted("dialect_missing_quantity.csv", 160541, {"NULL": None, "None": None, "n/a": None}),
    # Keys and names
    sales("dialect_invisible.csv", sale("160\u200b601", stock_code="85123\u00adA\ufeff", description="LAN\u2060TERN",
                                        country="Fran\u200dce"), expected=[sale(160601)]),
    sales("dialect_marks_of_direction.csv", sale("\u200e160602\u200f", country="\u202aFrance\u202c"), expected=[sale(160602)]),
    sales("dialect_odd_blanks.csv", sale("160603\u202f", description="RED\u00a0\u2003LANTERN", country="\u3000France"),
          expected=[sale(160603, description="RED LANTERN")]),
    sales("dialect_many_blanks.csv", sale(" 160604 ", description=" RED   LANTERN "),
          expected=[sale(160604, description="RED LANTERN")]),
    sales("dialect_tabs.csv", sale("160605\t", description="RED\tLANTERN"),
          expected=[sale(160605, description="RED LANTERN")]),
    Case("dialect_lines_in_a_cell.csv", csv(sale(160606, description='"RED\nLANTERN"')),
         rows=[sale(160606, description="RED LANTERN")]),
    sales("dialect_composed.csv", sale(160607, description="CAFE\u0301"), sale(160608, description="CAF\u00c9"),
          expected=[sale(160607, description="CAF\u00c9"), sale(160608, description="CAF\u00c9")],
          why="Both look alike, and would be two names."),
    sales("dialect_blank_key.csv", sale("\u200b\u00a0"), expected=["? invoice_number_missing"]),
    # Missing values
    *(
        sales(f"dialect_missing_{number}.csv", sale(160701 + number, description=word, customer_id=word, country=word),
              expected=[sale(160701 + number, description="", customer_id="", country="")])
        for number, word in enumerate(["NULL", "None", "N/A", "nan", "NaT", "-", "<NA>", " null "])
    ),
    sales("dialect_not_missing.csv", sale(160711, description="NANA", country="Nauru"), sale(160712, description="--")),
    sales("dialect_unknown_customer.csv", sale(160713, customer_id="unknown"), expected=["? customer_id_not_an_integer"]),
    sales("dialect_missing_invoice.csv", sale("NULL"), expected=["? invoice_number_missing"]),
    sales("dialect_missing_code.csv", sale(160714, stock_code="None"), expected=["? stock_code_missing"]),
    # Codes that a spreadsheet destroyed land, and a check finds them.
    sales("dialect_spreadsheet.csv", sale(160715, stock_code="1E+05"), sale(160716, stock_code="8.5123E4")),
    # Price lists
    Case("dialect_prices_de.csv",
         csv("D1|Bags|1,25|NULL|13.12.2010", "D2|Bags|1.000,50|2,5|1.12.2010", header=PRODUCTS_HEADER, delimiter=";"),
         says="day, month, year", rows=["D1|Bags|1.25||2010-12-13", "D2|Bags|1000.5|2.5|2010-12-01"]),
    Case("dialect_prices_undecided.csv", csv("D3|Bags|1.25||1/12/2010", header=PRODUCTS_HEADER), "refused",
         "its date '1/12/2010' is 2010-12-01 (dmy) or 2010-01-12 (mdy)"),
]  # fmt: skip
