"""Files with few rows, or none."""

from corpus import HEADER, Case, csv, sale, sales

GOOD = sale(100001)

CASES = [
    sales("small_one.csv", GOOD),
    Case("small_one_again.csv", csv(GOOD), "skipped", "already landed as small_one.csv"),
    Case("small_nothing.csv", b"", "refused", "the file is empty"),
    Case("small_nothing.jsonl", b"", "refused", "the file is empty"),
    Case("small_blank_lines.csv", b"\n\n\r\n", "refused", "the file holds blank lines only"),
    Case("small_header_a.csv", HEADER + "\n", says="it has a header but no rows", why="The shop was closed that day."),
    Case("small_header_b.csv", HEADER + "\n", "skipped", "already landed as small_header_a.csv"),
    Case("small_header_c.csv", HEADER, says="it has a header but no rows"),
    Case("small_header_d.csv", HEADER + "\r\n\r\n", says="it has a header but no rows"),
    Case("small_header_e.csv", HEADER.replace(",", ";"), says="read as semicolon; it has a header but no rows"),
    Case("small_one_of_five_bad.csv", csv(*(sale(100010 + n) for n in range(4)), "too|few"),
         rows=[sale(100010 + n) for n in range(4)], why="One bad row is no share of a file."),
    Case("small_19_bad.csv", csv(sale(100020), *["too|few"] * 19), rows=[sale(100020)]),
    Case("small_20_bad.csv", csv(sale(100021), *["too|few"] * 20), "refused",
         "20 of 21 rows cannot be read, more than 0.01 of them: line 3: 2 fields instead of 8"),
    Case("small_all_bad.csv", csv("few", "too|few"), "refused", "2 of 2 rows cannot be read"),
    Case("small_bad_quantity.csv", csv(sale(100002), sale(100003, quantity="x")),
         rows=[sale(100002), "? quantity_not_an_integer"],
         why="A line that cannot be typed waits, and the other lines count."),
    Case("small_no_line_end.csv", csv(sale(100004)).rstrip("\n"), rows=[sale(100004)]),
    Case("small_prices.csv", "StockCode,Category,Cost,ListPrice,EffectiveDate\nSMALL1,Bags,1.25,,2010-12-01\n",
         rows=["SMALL1|Bags|1.25||2010-12-01"]),
]  # fmt: skip
