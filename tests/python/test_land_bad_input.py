"""Whatever comes: one line that names the file and the cause, nothing half landed, and the other files land."""

import gzip
import os
import random
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from scripts.errors import Refusal
from scripts.land import land
from scripts.land.results import refusals
from scripts.paths import PROJECT_ROOT

NAMES = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
HEADER = f"{NAMES}\n".encode()
ROW = b"1,85123A,LANTERN,6,2010-12-01 08:26:00,2.55,17850,UK\n"
GARBAGE = random.Random(1).randbytes(100_000)
PROTECTED = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(999)
PACKED = gzip.compress(HEADER + random.Random(1).randbytes(50_000).hex().encode())

BAD = {
    "bad.csv: the file is empty.": ("bad.csv", b""),
    "bad.csv: the first row is no header of any table of the contract; found 1, 85123A, ": ("bad.csv", ROW * 9),
    "bad.csv: the header is not UTF-8: byte 0xf5.": ("bad.csv", GARBAGE),
    "bad.csv: line 1 is no text: it holds the control character 0x02.": ("bad.csv", b"\x7fELF\x02\x01\x01\0\n\0\0\n"),
    "bad.parquet: not a readable Parquet file: ": ("bad.parquet", GARBAGE),
    "bad.xlsx: not a whole zip file: ": ("bad.xlsx", GARBAGE),
    "bad.zip: not a whole zip file: ": ("bad.zip", GARBAGE),
    "bad.csv.zst: not a whole zstd file: ": ("bad.csv.zst", GARBAGE),
    "bad.csv.gz: not a whole gzip file: ": ("bad.csv.gz", GARBAGE),
    "bad.csv.gz: not a whole gzip file: Compressed": ("bad.csv.gz", PACKED[:30_000]),
    "bad.jsonl: no line is a JSON object with a value: ": ("bad.jsonl", GARBAGE),
    "bad.xlsx: the workbook is protected by a password, or ": (
        "bad.xlsx",
        PROTECTED,
    ),
    "bad.csv: line 3 is longer than 8 MiB.": ("bad.csv", HEADER + ROW + b"x" * 50_000_000),
    "bad.csv: the header has no end: ": ("bad.csv", b"x" * 50_000_000),
    "bad.jsonl: line 1 is longer than 8 MiB.": ("bad.jsonl", b'{"InvoiceNo": "' + b"x" * 50_000_000),
    "bad.csv: 20 of 21 rows cannot be read, more than 0.01 of them: line 3: a NUL byte, ": (
        "bad.csv",
        HEADER + ROW + ROW.replace(b"LANTERN", b"\0") * 20,
    ),
    "bad.csv: 20 of 21 rows cannot be read, more than 0.01 of them: line 3: byte 0xed is not UTF-8; ": (
        "bad.csv",
        HEADER + ROW.replace(b"LANTERN", "Ä".encode()) + ROW.replace(b"LANTERN", b"\xed\xa0\x80\x81") * 20,
    ),
    "bad.csv: two columns mean 'invoice': 'InvoiceNo' and 'InvoiceNo'.": (
        "bad.csv",
        b"InvoiceNo," + HEADER,
    ),
    "bad.csv: 5,008 columns are more than the 1,500 that a table can take; ": (
        "bad.csv",
        HEADER.strip() + b"".join(b",c%d" % n for n in range(5000)) + b"\n",
    ),
}


def landed(database) -> list[str]:
    with psycopg.connect(database.url) as session:
        known = "select file_id from bronze.landed_files"
        orphans = session.execute(f"select count(*) from bronze.transactions where _file_id not in ({known})")
        assert orphans.fetchone() == (0,)
        names = session.execute("select name from bronze.landed_files order by file_id").fetchall()
        return [name for (name,) in names]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with good files before and behind the place of a bad one."""
    for place, name in enumerate(["a.csv", "c.csv", "d.csv"], 1):
        (tmp_path / name).write_bytes(HEADER + ROW * place)
    return tmp_path


@pytest.mark.parametrize(("message", "file"), BAD.items(), ids=range(len(BAD)))
def test_a_bad_file_is_told_in_one_line_and_the_others_land(database, folder, message, file):
    """Somebody reads this line at six in the morning, and it is all that this somebody has."""
    name, content = file
    (folder / name).write_bytes(content)
    (told,) = refusals(land([folder], database.url).files)
    assert told.startswith(message)
    assert "\n" not in told
    assert len(told) < 500
    assert landed(database) == ["a.csv", "c.csv", "d.csv"]


@pytest.mark.parametrize("what", ["folder", "file"])
def test_what_may_not_be_read_is_told_and_the_others_land(database, folder, monkeypatch, what):
    """Rights are wrong every other day; nobody should have to find out which by trying."""
    closed = folder / "closed"
    closed.mkdir()
    (closed / "b.csv").write_bytes(HEADER + ROW * 7)
    # The tests may run as root, whom no right of a file keeps out.
    target, forbidden = (os, closed) if what == "folder" else (Path, closed / "b.csv")
    name = "scandir" if what == "folder" else "open"
    original = getattr(target, name)

    def refusing(path, *rest, **more):
        if Path(path) == forbidden:
            raise PermissionError(13, "Permission denied", str(path))
        return original(path, *rest, **more)

    monkeypatch.setattr(target, name, refusing)
    (told,) = refusals(land([folder], database.url).files)
    monkeypatch.undo()
    expected = f"{closed}: the folder cannot be read" if what == "folder" else "closed/b.csv: cannot be read"
    assert told == f"{expected}: Permission denied."
    assert landed(database) == ["a.csv", "c.csv", "d.csv"]


def test_a_full_disk_is_told_and_smaller_files_land(database, folder):
    """The one big file that does not fit must not keep back the small ones that do."""
    land([folder / "a.csv"], database.url)
    with psycopg.connect(database.url) as session:
        session.execute(
            """
            create function bronze.no_room() returns trigger language plpgsql as $$
            begin
                if (select count(*) from arrived) = 2 then
                    raise 'could not extend file: No space left on device' using errcode = 'disk_full';
                end if;
                return null;
            end $$;
            create trigger no_room after insert on bronze.transactions
            referencing new table as arrived for each statement execute function bronze.no_room();
            """
        )
    (told,) = refusals(land([folder], database.url).files)
    assert told.startswith("c.csv: the server does not take it: could not extend file: No space left on device")
    assert landed(database) == ["a.csv", "d.csv"]


def test_a_server_lost_in_the_middle_is_told_and_the_rest_lands_later(database, folder):
    """What the line promises must be true: the same command goes on from where it was."""
    (folder / "b.csv").write_bytes(HEADER + ROW * 40_000)

    class Cutting:
        def start(self, total: int) -> None:
            pass

        def advance(self, name: str, consumed: int, rows: int) -> None:
            if name == "b.csv":
                with psycopg.connect(database.url, autocommit=True) as session:
                    session.execute(
                        "select pg_terminate_backend(pid, 1000) from pg_stat_activity"
                        " where application_name = 'scripts.land' and datname = current_database()"
                    )

    with pytest.raises(Refusal) as refusal:
        land([folder], database.url, progress=Cutting())
    assert refusal.value.message.startswith("b.csv: the database gave up: ")
    assert "\n" not in refusal.value.message
    assert landed(database) == ["a.csv"]
    report = land([folder], database.url)
    assert [file.outcome for file in report.files] == ["skipped", "landed", "landed", "landed"]


PEAK = """
import resource, sys
from pathlib import Path
from scripts.land import land
(file,) = land([Path(sys.argv[1])], sys.argv[2]).files
assert file.outcome == "landed", file.detail
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 if sys.platform == "linux" else 1024))
"""


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.jsonl"])
def test_memory_does_not_grow_with_the_file(database, tmp_path, name):
    """A file of 2 GB must not take 2 GB of memory."""

    def peak(rows: int) -> int:
        content = HEADER + ROW * rows
        if name == "a.jsonl":
            record = dict(zip(NAMES.split(","), ROW.decode().strip().split(","), strict=True))
            content = f"{record}\n".replace("'", '"').encode() * (rows // 4)
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        command = [sys.executable, "-c", PEAK, str(path), database.url]
        return int(subprocess.run(command, cwd=PROJECT_ROOT, check=True, capture_output=True).stdout)

    assert peak(400_000) - peak(4) < 12_000  # kilobytes, of a file of 22,000
