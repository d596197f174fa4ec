"""CSV files whose header or layout is not the usual one."""

from corpus import HEADER, Case, csv, sale, sales

COLUMNS = HEADER.split(",")


def spelled(number: int, header: str, *, says: str = "", delimiter: str = ",") -> Case:
    """Return a file of one row under another header."""
    name = f"header_spelled_{number:02}.csv"
    return Case(name, csv(sale(110000 + number), header=header, delimiter=delimiter), says=says,
                rows=[sale(110000 + number)])  # fmt: skip


def titled(number: int, above: str, *, delimiter: str = ",", lines: int = 1) -> Case:
    """Return a file of one row with lines above its header."""
    plural = "s" if lines > 1 else ""
    text = above + csv(sale(111000 + number), delimiter=delimiter)
    return Case(f"header_titled_{number:02}.csv", text, says=f"{lines} line{plural} above the header passed over",
                rows=[sale(111000 + number)])  # fmt: skip


def closed(number: int, text: str, *rows: str) -> Case:
    """Return a file whose rows end with a delimiter."""
    return Case(f"header_closed_{number:02}.csv", text, says="trailing-delimiter", rows=rows)


CLOSED = [sale(112000 + number) for number in range(20)]

CASES = [
    spelled(1, HEADER.upper()),
    spelled(2, HEADER.lower()),
    spelled(3, "Invoice No.,Stock Code,Description,Quantity,Invoice Date,Unit Price,Customer-ID,Country"),
    spelled(4, "invoice_no,stock_code,description,quantity,invoice_date,unit_price,customer_id,country"),
    spelled(5, "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,Unit Price (£),CustomerID,Country"),
    spelled(6, "InvoiceNo,StockCode,Description,Quantity [pcs],InvoiceDate,unit-price [GBP],CustomerID,Country"),
    spelled(7, ' Invoice ,Stock Code ,Description, Quantity,Invoice  Date,Price,Customer ID:,Country*'),
    spelled(8, "Invoice #,Stock/Code,Description,Quantity,Invoice.Date,Price £,Customer\u00a0ID,Country"),
    spelled(9, "\u200bInvoice,StockCode,Description,Quantity,InvoiceDate,Price (pounds),Customer ID,Country"),
    Case("header_dollars.csv", csv(sale(110101), header=HEADER.replace("Price", "Price ($)")), "refused",
         "missing required column 'unit_price'", why="Dollars are no pounds."),
    Case("header_two_prices.csv", csv(sale(110102) + "|1", header=f"{HEADER},Unit Price (GBP)"), "refused",
         "two columns mean 'unit_price'"),
    titled(1, "Sales report\n"),
    titled(2, "Sales report\n\nMarch 2011\n", lines=3),
    titled(3, "Report,March 2011,,,,,,\n"),
    titled(4, "sep=;\n", delimiter=";"),
    titled(5, "sep=,\n"),
    titled(6, '"Sales report\nof the shop"\n'),
    titled(7, "Sales; by line, March\n", delimiter="\t"),
    titled(8, "".join(f"Line {n} of the title\n" for n in range(1, 19)), lines=18),
    Case("header_blank_above.csv", "\n\r\n" + csv(sale(111101)), rows=[sale(111101)]),
    Case("header_too_far.csv", "title\n" * 20 + csv(sale(111102)), "refused",
         "the first row is no header of any table of the contract"),
    Case("header_below_rows.csv", csv(sale(111103), header=sale(111104).replace("|", ",")) + csv(sale(111105)), "refused",
         "rows stand above its header (Invoice, StockCode, Description, ...)", why="Rows are no title."),
    Case("header_titled_incomplete.csv", "Sales\n" + csv(sale(111106), header=HEADER.replace("Quantity", "Qty")), "refused",
         "missing required column 'quantity'", why="The message is about the header, not about the title."),
    closed(1, csv(CLOSED[0] + "|", header=HEADER + ","), CLOSED[0]),
    closed(2, csv(CLOSED[1] + "|", CLOSED[2] + "|"), CLOSED[1], CLOSED[2]),
    closed(3, csv(CLOSED[3], header=HEADER + ","), CLOSED[3]),
    closed(4, csv(CLOSED[4] + "|", header=HEADER + ",", delimiter=";", end="\r\n"), CLOSED[4]),
    closed(5, csv(CLOSED[5] + "|", "", CLOSED[6] + "|", CLOSED[7], header=HEADER + ","), *CLOSED[5:8]),
    closed(6, csv(sale(112100, description='"A, ""B"""') + "|", header=HEADER + ","), sale(112100, description='A, "B"')),
    closed(7, csv(sale(112101, country="") + "|", CLOSED[8] + "|"), sale(112101, country=""), CLOSED[8]),
    Case("header_nameless_kept.csv", csv(CLOSED[9] + "|x", header=HEADER + ","),
         says="new columns kept in _extra: column 9", rows=[CLOSED[9]], why="A value is never dropped."),
    Case("header_not_closed.csv", csv(CLOSED[10], CLOSED[11] + "|"), rows=[CLOSED[10]],
         why="One row with a field too many is broken: its fields may have moved."),
    Case("header_cr.csv", csv(sale(113001), sale(113002), end="\r"), rows=[sale(113001), sale(113002)]),
    Case("header_cr_no_end.csv", csv(sale(113003), sale(113004), end="\r").rstrip("\r"),
         rows=[sale(113003), sale(113004)]),
    Case("header_cr_many.csv", csv(*(sale(113100 + n) for n in range(900)), end="\r"),
         rows=[sale(113100 + n) for n in range(900)]),
    Case("header_crlf.csv", csv(sale(113005), sale(113006), end="\r\n"), rows=[sale(113005), sale(113006)]),
    Case("header_again.csv", csv(sale(114001)) + csv(sale(114002), sale(114003)), says="1 repeated header passed over",
         rows=[sale(114001), sale(114002), sale(114003)]),
    Case("header_again_first.csv", HEADER + "\n" + csv(sale(114004)), says="1 repeated header passed over",
         rows=[sale(114004)]),
    Case("header_again_last.csv", csv(sale(114005)) + HEADER, says="1 repeated header passed over", rows=[sale(114005)]),
    Case("header_again_often.csv", "".join(csv(sale(114010 + n), delimiter="\t") for n in range(4)),
         says="3 repeated headers passed over", rows=[sale(114010 + n) for n in range(4)]),
    Case("header_again_only.csv", (HEADER + "\r\n") * 2, says="it has a header but no rows"),
    Case("header_again_closed.csv", csv(sale(114020) + "|", header=HEADER + ",", delimiter=";") + csv(
         sale(114021) + "|", header=HEADER + ",", delimiter=";"), says="1 repeated header passed over",
         rows=[sale(114020), sale(114021)]),
    Case("header_total.csv", csv(sale(115001), "Total|||6||2.55||"),
         rows=[sale(115001), "? stock_code_missing, invoice_date_not_a_timestamp"]),
    Case("header_escape.csv", csv(sale(115002) + "|x", header=HEADER + ",\x1b[31mred"), "refused",
         "line 1 is no text: it holds the control character 0x1b"),
    Case("header_bidi.csv", csv(sale(115003) + "|x", header=HEADER + ",\u202egro.live"),
         says="new columns kept in _extra: \\u202egro.live", rows=[sale(115003)]),
    Case("header_bidi_unknown.csv", "\u202eabc,def\n1,2\n", "refused", "found \\u202eabc, def"),
    sales("header_name_\\x1b[31m.csv", sale(115004)),
    sales("header_name_[red]x[b].csv", sale(115005)),
    Case("header_comma_in_quotes.csv", csv(sale(115006, description='"LANTERN, RED"')),
         rows=[sale(115006, description="LANTERN, RED")]),
    Case("header_cell_error.csv", csv(sale(116001, quantity="#N/A"), sale(116002, description="#REF!"),
                                      sale(116003, customer_id="#VALUE! "), sale(116004, description="#1 LANTERN")),
         rows=["? error_in_cell, quantity_not_an_integer", "? error_in_cell",
               "? error_in_cell, customer_id_not_an_integer", sale(116004, description="#1 LANTERN")],
         why="A name of `#N/A` is no name, and what broke the cell may have broken the line."),
    Case("header_cell_error_prices.csv", "StockCode,Category,Cost,ListPrice,EffectiveDate\nERR1,#NAME?,1,2,2010-12-01\n",
         rows=["? error_in_cell"]),
]  # fmt: skip
