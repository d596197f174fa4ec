"""What waits in quarantine comes back: once it is mended, each line is in gold once, and on record for ever."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from dbt_project import Dbt, Outcome, copy_of_project
from harness import Database
from warehouse_state import fingerprints, take_back

from scripts.land import land
from scripts.land.contract import CONTRACT
from scripts.land.replay import replay
from scripts.paths import PROJECT_ROOT

WAITING = "retail_waiting"
CHECK = "assert_quarantine_is_worked_off"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
LINE = "{},85123A,LANTERN,{},2010-12-01 10:00:00,1.25,17850,EIRE\n"
# The first line of an invoice is good, the second waits.
FILES = {
    "good.csv": LINE.format("536365", "2"),
    "thousands.csv": LINE.format("536366", "2") + LINE.format("536366", '"1,000"'),
    "nameless.csv": LINE.format("536367", "2") + LINE.format("", "3"),
}
CORRECTION = LINE.format("536366", "2") + LINE.format("536366", "1000")


class Recorded(NamedTuple):
    """What the record says of a line: what it was, and what released it."""

    file: str
    line: int
    reasons: str
    released: str | None
    by: str | None


THOUSANDS = Recorded("thousands.csv", 3, "quantity_not_an_integer", None, None)
NAMELESS = Recorded("nameless.csv", 3, "invoice_number_missing", None, None)


def build(
    dbt: Dbt, *options: str, project: Path = PROJECT_ROOT, but: frozenset[str] = frozenset()
) -> dict[str, Outcome]:
    """Build with all checks, which have to pass, the one on conservation among them."""
    outcomes = dbt("build", "--exclude-resource-type", "unit_test", *options, project=project)
    bad = {name: each for name, each in outcomes.items() if each.status not in ("success", "pass", "no-op")}
    assert bad.keys() <= but, bad
    assert outcomes["assert_every_line_is_somewhere"].status == "pass"
    return outcomes


def found(database: Database, query: str) -> list[tuple]:
    with psycopg.connect(database.url) as session:
        return session.execute(query.encode()).fetchall()


def record(database: Database) -> list[Recorded]:
    """Return the record, which must be closed and dated as it says; file by file."""
    rows = found(
        database,
        """
        select
            file_name,
            file_line,
            quarantine_reasons,
            release_kind,
            released_by_file_name,
            is_waiting = (release_kind is null)
            and is_waiting = (released_at is null)
            and first_seen_at < quarantined_at
            and coalesce(quarantined_at < released_at, true)
            and days_waited = 0
        from silver.quarantine_log
        order by file_id, file_line
        """,
    )
    assert all(is_sound for *_, is_sound in rows), rows
    return [Recorded(*row) for *row, _ in rows]


def lines(database: Database, invoice: str) -> list[tuple[int, str]]:
    """Return the quantities of an invoice in gold, and the file of each."""
    return found(
        database,
        f"""
        select sales.quantity, files.name
        from gold.fct_sales as sales
        inner join bronze.landed_files as files on sales.file_id = files.file_id
        where sales.invoice_number = '{invoice}'
        order by sales.quantity
        """,
    )


def state(database: Database) -> dict[str, dict[str, tuple[int, int]]]:
    """Return a fingerprint of everything that is built."""
    return {schema: fingerprints(database.url, schema) for schema in ("silver", "history", "gold")}


@pytest.fixture(scope="module")
def waiting(keep, work_on, dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Land three files, with two lines that cannot be used, and build once, for each test to go on from."""
    folder = tmp_path_factory.mktemp("waiting")
    for name, text in FILES.items():
        (folder / name).write_text(HEADER + text)
    with work_on() as database:
        land([folder / name for name in FILES], database.url)
        build(dbt)
        return keep(database, WAITING)


@pytest.fixture
def warehouse(waiting: Database, work_on) -> Iterator[Database]:
    with work_on(waiting) as database:
        yield database


@pytest.fixture
def deliver(warehouse: Database, tmp_path: Path) -> Callable[[str, str], None]:
    """Land one more file."""

    def deliver(name: str, text: str) -> None:
        (tmp_path / name).write_text(HEADER + text)
        assert land([tmp_path / name], warehouse.url).of("landed")

    return deliver


@pytest.fixture(scope="module")
def tolerant(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project, with a rule that takes a comma between thousands."""
    project = copy_of_project(tmp_path_factory.mktemp("tolerant") / "project")
    model = project / "models/staging/retail/stg_retail__transactions.sql"
    rule, changed = "safe_integer('quantity')", """safe_integer("replace(quantity, ',', '')")"""
    text = model.read_text()
    assert rule in text
    model.write_text(text.replace(rule, changed))
    return project


def test_what_waits_is_on_record_and_in_no_total(waiting: Database) -> None:
    """Each test here goes on from this, and says nothing if it is not so."""
    assert record(waiting) == [THOUSANDS, NAMELESS]
    assert lines(waiting, "536366") == [(2, "thousands.csv")]
    assert found(
        waiting,
        """
        select count(*)
        from silver.quarantine_log as log
        inner join bronze.landed_files as files
            on log.file_id = files.file_id and log.first_seen_at = files.landed_at
        """,
    ) == [(2,)]


def test_a_changed_rule_lets_its_lines_in_once(warehouse: Database, dbt: Dbt, tolerant: Path) -> None:
    """Whoever mends a rule must not have to ask for the files again, and the line must not come twice."""
    build(dbt, project=tolerant)
    released = [THOUSANDS._replace(released="rule_changed"), NAMELESS]
    for options in ([], ["--full-refresh"]):
        assert lines(warehouse, "536366") == [(2, "thousands.csv"), (1000, "thousands.csv")]
        assert record(warehouse) == released
        before = state(warehouse)
        build(dbt, *options, project=tolerant)
        assert state(warehouse) == before


def test_a_rule_that_is_taken_back_takes_its_lines_back(warehouse: Database, dbt: Dbt, tolerant: Path) -> None:
    """A release that did not last must not be taken for one, nor be forgotten."""
    build(dbt, project=tolerant)
    build(dbt)
    assert lines(warehouse, "536366") == [(2, "thousands.csv")]
    assert record(warehouse) == [THOUSANDS, NAMELESS]
    assert found(warehouse, "select times_released from silver.quarantine_log order by file_id") == [(1,), (0,)]


def test_a_corrected_delivery_lets_its_lines_in_once(warehouse: Database, dbt: Dbt, deliver) -> None:
    """The correction is in gold as a whole, and the line that it replaces nowhere but on record."""
    deliver("corrected.csv", CORRECTION)
    build(dbt)
    released = [THOUSANDS._replace(released="corrected_delivery", by="corrected.csv"), NAMELESS]
    for options in ([], ["--full-refresh"]):
        assert lines(warehouse, "536366") == [(2, "corrected.csv"), (1000, "corrected.csv")]
        assert record(warehouse) == released
        before = state(warehouse)
        build(dbt, *options)
        assert state(warehouse) == before


def test_a_file_that_is_taken_back_takes_its_lines_along(warehouse: Database, dbt: Dbt) -> None:
    """That its lines were set aside is all that is left of the file: bronze cannot give it again."""
    take_back(warehouse.url, "nameless.csv")
    build(dbt)
    released = [THOUSANDS, NAMELESS._replace(released="file_taken_back", by="nameless.csv")]
    for options in ([], ["--full-refresh"]):
        assert lines(warehouse, "536367") == []
        assert record(warehouse) == released
        before = state(warehouse)
        build(dbt, *options)
        assert state(warehouse) == before


def test_a_correction_that_is_taken_back_sets_the_line_aside_again(warehouse: Database, dbt: Dbt, deliver) -> None:
    """The delivery before it counts again, with its bad line, and both the release and its end are on record."""
    deliver("corrected.csv", CORRECTION)
    build(dbt)
    take_back(warehouse.url, "corrected.csv")
    build(dbt)
    assert lines(warehouse, "536366") == [(2, "thousands.csv")]
    assert record(warehouse) == [THOUSANDS, NAMELESS]
    assert found(
        warehouse,
        """
        select release_kind, dbt_valid_to is null
        from history.snp_quarantine_versions
        where file_name = 'thousands.csv'
        order by dbt_valid_from
        """,
    ) == [(None, False), ("corrected_delivery", False), (None, True)]


def test_what_released_a_line_stays_on_record(warehouse: Database, dbt: Dbt, deliver) -> None:
    """Later corrections, and files that go, are news of the invoice, but not of how the line was released."""
    deliver("corrected.csv", CORRECTION)
    build(dbt)
    deliver("again.csv", LINE.format("536366", "7"))
    take_back(warehouse.url, "thousands.csv")
    take_back(warehouse.url, "corrected.csv")
    build(dbt)
    assert lines(warehouse, "536366") == [(7, "again.csv")]
    assert record(warehouse) == [THOUSANDS._replace(released="corrected_delivery", by="corrected.csv"), NAMELESS]


def test_a_correction_that_is_bad_itself_waits_in_its_place(warehouse: Database, dbt: Dbt, deliver) -> None:
    """One line is superseded, the other waits: counted as both, or as neither, it would break conservation."""
    deliver("no_better.csv", LINE.format("536366", "2") + LINE.format("536366", "lots"))
    build(dbt)
    assert record(warehouse) == [
        THOUSANDS._replace(released="corrected_delivery", by="no_better.csv"),
        NAMELESS,
        THOUSANDS._replace(file="no_better.csv"),
    ]


def test_a_mended_contract_lets_rejected_rows_in_once(warehouse: Database, dbt: Dbt, tmp_path: Path) -> None:
    """Rows come to a file that was built before, beside lines of it, and invoices, that are as they were."""
    short = LINE.replace("10:00", "11:00").replace(",EIRE", "")
    (tmp_path / "short.csv").write_text(
        HEADER + LINE.format("536370", "2") + LINE.format("536371", "2") + short.format("536371", "5")
    )
    land([tmp_path / "short.csv"], warehouse.url, max_reject_share=1)
    build(dbt)
    assert lines(warehouse, "536371") == [(2, "short.csv")]
    before, country, after = CONTRACT.read_text().partition("          - name: country\n")
    optional = after.replace("required: true", "required: false", 1)
    contract = tmp_path / "sources.yml"
    contract.write_text(re.sub(r"( +)formats: \[", r"\1short_rows: fill\n\g<0>", before) + country + optional)
    assert [file.rows_loaded for file in replay(warehouse.url, contract=contract).files] == [1]
    build(dbt)
    assert lines(warehouse, "536370") == [(2, "short.csv")]
    assert lines(warehouse, "536371") == [(2, "short.csv"), (5, "short.csv")]


def test_a_new_reason_is_no_release(warehouse: Database, dbt: Dbt, tmp_path: Path) -> None:
    """A line that becomes bad in another way waits as long as before."""
    project = copy_of_project(tmp_path / "project")
    model = project / "models/staging/retail/stg_retail__transactions.sql"
    model.write_text(model.read_text().replace("'quantity_not_an_integer'", "'quantity_not_a_number'"))
    build(dbt, project=project)
    assert record(warehouse) == [THOUSANDS._replace(reasons="quantity_not_a_number"), NAMELESS]
    assert found(warehouse, "select distinct times_released from silver.quarantine_log") == [(0,)]


def test_lines_that_wait_too_long_are_told_and_then_fail_the_build(warehouse: Database, dbt: Dbt, deliver) -> None:
    """A line that nobody mends is money that nobody sees; the age is that since the file landed, in any build."""

    def age(days: int) -> None:
        with psycopg.connect(warehouse.url) as session:
            session.execute("update bronze.landed_files set landed_at = now() - make_interval(days => %s)", [days])

    age(13)
    assert build(dbt)[CHECK].status == "pass"
    age(15)
    outcome = build(dbt, but=frozenset({CHECK}))[CHECK]
    assert (outcome.status, outcome.failures) == ("warn", 2)
    age(91)
    served = fingerprints(warehouse.url)
    deliver("new.csv", LINE.format("536399", "2"))
    outcomes = dbt("build", "--exclude-resource-type", "unit_test")
    assert (outcomes[CHECK].status, outcomes[CHECK].failures) == ("fail", 2)
    assert found(warehouse, f"select days_waiting, is_error from audit.{CHECK}") == [(91, True)] * 2
    assert fingerprints(warehouse.url) == served
    deliver("corrected.csv", CORRECTION)
    take_back(warehouse.url, "nameless.csv")
    assert build(dbt)[CHECK].status == "pass"
    assert lines(warehouse, "536399") == [(2, "new.csv")]
    assert [line.released for line in record(warehouse)] == ["corrected_delivery", "file_taken_back"]


def test_age_counts_though_nothing_lands(warehouse: Database, dbt: Dbt) -> None:
    """A delta build looks at what came, but a line grows older by itself: here the days that are allowed pass."""
    allowed = "{quarantine_warn_days: 0, quarantine_fail_days: 0}"
    outcomes = dbt("build", "--exclude-resource-type", "unit_test", "--vars", allowed)
    assert (outcomes[CHECK].status, outcomes[CHECK].failures) == ("fail", 2)
