"""For any bytes, every good value survives and every row is accounted for."""

import csv
import io

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from scripts.land import land
from scripts.land.readers import csv as csv_reader
from scripts.land.readers.csv import CsvReader

COLUMNS = ["Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country"]
HEADER = ",".join(COLUMNS).encode()

letters = st.sampled_from(
    ["a", "Z", "0", " ", ",", '"', "\n", "\r", "\r\n", "\\", "\\.", "\t", ";", "é", "😀", "\x1a", "nan"]
)
texts = st.lists(letters, max_size=6).map("".join)
no_text = [b"too,few", b"a,b,c,d,e,f,g,h,i", b"\x81,b,c,d,e,f,g,h", b"a,b,\x00,d,e,f,g,h", b" ", b"\\."]


@st.composite
def fields(draw):
    """Draw one value and one way to write it."""
    value = draw(st.one_of(st.none(), texts))
    if value is None:
        return None, b""
    bare = bool(value) and not value.startswith('"') and not set(value) & set(",\r\n")
    if bare and draw(st.booleans()):
        return value, value.encode()
    return value, b'"' + value.encode().replace(b'"', b'""') + b'"'


@st.composite
def files(draw):
    """Draw a file, its values by line, and its broken lines."""
    line_end = draw(st.sampled_from([b"\n", b"\r\n"]))
    rows, good, bad = [HEADER], {}, []
    for line, broken in enumerate(draw(st.lists(st.sampled_from([False, False, True]), min_size=1, max_size=12)), 2):
        if broken:
            rows.append(draw(st.sampled_from(no_text)))
            bad.append(line)
        else:
            written = draw(st.lists(fields(), min_size=8, max_size=8))
            rows.append(b",".join(raw for _, raw in written))
            good[line] = tuple(value for value, _ in written)
    end = draw(st.sampled_from([b"", line_end]))
    return draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + line_end.join(rows) + end, good, bad


once_a_database = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def landed(database, path):
    report = land([path], database.url, max_reject_share=1)
    with psycopg.connect(database.url) as session:
        rows = session.execute("select * from bronze.transactions order by _line").fetchall()
        rejects = session.execute("select line from bronze.rejected_rows order by line").fetchall()
        ledger = session.execute("select rows_read, rows_loaded, rows_rejected from bronze.landed_files").fetchall()
        # `truncate` would be slower: it creates and syncs a file for each table and index.
        for table in ("transactions", "rejected_rows", "landed_files"):
            session.execute(f"delete from bronze.{table}")
    return report.files[0], {row[9]: row[:8] for row in rows}, [line for (line,) in rejects], ledger


@once_a_database
@given(file=files(), block=st.sampled_from([1, 7, 64, 1 << 17]))
def test_every_good_value_survives_and_every_row_is_accounted_for(database, tmp_path, monkeypatch, file, block):
    """Bronze promises this for all quotes, line breaks and encodings, and for blocks that end anywhere."""
    content, good, bad = file
    monkeypatch.setattr(csv_reader, "BLOCK", block)
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    result, rows, rejects, ledger = landed(database, path)
    assert result.outcome == "landed", result.detail
    assert rows == good
    assert rejects == bad
    assert ledger == [(len(good) + len(bad), len(good), len(bad))]


@once_a_database
@given(
    body=st.lists(st.sampled_from([b'"', b",", b"\n", b"\r", b"a", b"\x00", b"\xff", b"a,b,c,d,e,f,g,h"]), min_size=1),
    block=st.sampled_from([3, 1 << 17]),
)
def test_no_bytes_bring_it_down(database, tmp_path, monkeypatch, body, block):
    """Rows read equal rows loaded plus rows rejected, even in bytes without clear rows."""
    monkeypatch.setattr(csv_reader, "BLOCK", block)
    path = tmp_path / "a.csv"
    path.write_bytes(HEADER + b"\n" + b"".join(body))
    result, rows, rejects, ledger = landed(database, path)
    if result.outcome == "refused":
        assert (result.detail, ledger) == ("the file has a header but no rows", [])
    else:
        assert ledger == [(len(rows) + len(rejects), len(rows), len(rejects))]


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(texts, min_size=3, max_size=3), min_size=1),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    careful=st.booleans(),
)
def test_another_reader_reads_the_same(tmp_path_factory, rows, quoting, careful):
    """The loader must send the same rows to the server that Python's own CSV reader finds in the file."""
    text = io.StringIO()
    csv.writer(text, quoting=quoting, lineterminator="\r\n").writerows([["a", "b", "c"], *rows])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(text.getvalue().encode())
    reader = CsvReader(path)
    sent = b"".join(batch.data for batch in reader.batches(7, careful=careful)).decode()
    reader.close()
    expected = [[*row, "7", str(line)] for line, row in enumerate(rows, 2)]
    got = [[*fields, str(int(line))] for *fields, line in csv.reader(io.StringIO(sent, newline=""))]
    assert got == expected
