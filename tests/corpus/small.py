"""Files with few rows, or none."""

from corpus import Case, csv, sale, sales

CASES = [
    sales("small_one.csv", sale(100001)),
    Case("small_nothing.csv", b"", "refused", "the file is empty"),
    Case(
        "small_bad_quantity.csv",
        csv(sale(100002), sale(100003, quantity="x")),
        rows=[sale(100002), "? quantity_not_an_integer"],
        why="A line that cannot be typed waits, and the other lines count.",
    ),
    Case(
        "small_prices.csv",
        "StockCode,Category,Cost,ListPrice,EffectiveDate\nSMALL1,Bags,1.25,,2010-12-01\n",
        rows=["SMALL1|Bags|1.25||2010-12-01"],
    ),
]
