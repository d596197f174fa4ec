"""What waits in quarantine comes back: once it is mended, each line is in gold once, and on record for ever."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from dbt_project import Dbt, Outcome, copy_of_project, replace
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
SHORT_LINE = LINE.replace("10:00", "11:00").replace(",EIRE", "")


def two_lines(invoice: str, quantity: str) -> str:
    """Return a good line of an invoice and another with some quantity."""
    return LINE.format(invoice, "2") + LINE.format(invoice, quantity)


# An invoice a file. Its first line is good, the second waits.
FILES = {
    "good.csv": LINE.format("536365", "2"),
    "thousands.csv": two_lines("536366", "1_000"),
    "nameless.csv": LINE.format("536367", "2") + LINE.format("", "3"),
    "many.csv": two_lines("536368", "many"),
    "some.csv": two_lines("536369", "some"),
    "few.csv": two_lines("536370", "few"),
}
# What comes when the lines are mended.
CORRECTIONS = {
    "corrected.csv": two_lines("536368", "1000"),
    "no_better.csv": two_lines("536369", "lots"),
    "fixed.csv": two_lines("536370", "5"),
    # The last line ends before its country.
    "short.csv": LINE.format("536371", "2") + LINE.format("536372", "2") + SHORT_LINE.format("536372", "5"),
}


class Recorded(NamedTuple):
    """What the record says of a line: what it was, what released it last, and how often it was released."""

    file: str
    line: int
    reasons: str
    released: str | None = None
    by: str | None = None
    times: int = 0


THOUSANDS = Recorded("thousands.csv", 3, "quantity_not_an_integer")
NAMELESS = Recorded("nameless.csv", 3, "invoice_number_missing")
MANY, SOME, FEW, NO_BETTER = (
    THOUSANDS._replace(file=name) for name in ("many.csv", "some.csv", "few.csv", "no_better.csv")
)


class Moment(NamedTuple):
    """What there was after a build.

    Attributes:
        record: the record of quarantine, by file.
        lines: of each invoice in gold, the quantities and the file of each.
        state: a fingerprint of everything that is built.
    """

    record: dict[str, Recorded]
    lines: dict[str, list[tuple[int, str]]]
    state: dict[str, dict[str, tuple[int, int]]]


class Story(NamedTuple):
    """Builds of one warehouse, each of which changes what waits.

    Attributes:
        moments: what there was after each build.
        replayed: how many rejected rows of each file the replay loaded.
        states_of_many: the states of the line of `many.csv` in the snapshot when all was undone: what released it, and
            whether the state is the present one.
    """

    moments: dict[str, Moment]
    replayed: list[int]
    states_of_many: list[tuple[str | None, bool]]


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


def record(database: Database) -> dict[str, Recorded]:
    """Return the record by file, none of which has two bad lines; it must be closed and dated as it says."""
    rows = found(
        database,
        """
        select
            file_name,
            file_line,
            quarantine_reasons,
            release_kind,
            released_by_file_name,
            times_released,
            is_waiting = (release_kind is null)
            and is_waiting = (released_at is null)
            and first_seen_at < quarantined_at
            and coalesce(quarantined_at < released_at, true)
            and days_waited = 0
        from silver.quarantine_log
        """,
    )
    assert all(is_sound for *_, is_sound in rows), rows
    recorded = {row[0]: Recorded(*row[:-1]) for row in rows}
    assert len(recorded) == len(rows)
    return recorded


def look(database: Database) -> Moment:
    """Read what there is."""
    lines: dict[str, list[tuple[int, str]]] = {}
    query = """
        select sales.invoice_number, sales.quantity, files.name
        from gold.fct_sales as sales
        inner join bronze.landed_files as files on sales.file_id = files.file_id
        order by sales.quantity
    """
    for invoice, *line in found(database, query):
        lines.setdefault(invoice, []).append(tuple(line))
    state = {schema: fingerprints(database.url, schema) for schema in ("silver", "history", "gold")}
    return Moment(record(database), lines, state)


def deliver(files: dict[str, str], database: Database, folder: Path) -> None:
    """Land files."""
    for name, text in files.items():
        (folder / name).write_text(HEADER + text)
    landed = land([folder / name for name in files], database.url, max_reject_share=1)
    assert len(landed.of("landed")) == len(files)


def project_with(change: tuple[str, str], folder: Path) -> Path:
    """Copy the project, with a change of the model that types lines."""
    project = copy_of_project(folder / "project")
    replace(project / "models/staging/retail/stg_retail__transactions.sql", change)
    return project


@pytest.fixture(scope="module")
def waiting(keep, work_on, dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Database:
    """Land files with lines that cannot be used, and build once, for others to go on from."""
    with work_on() as database:
        deliver(FILES, database, tmp_path_factory.mktemp("waiting"))
        build(dbt)
        return keep(database, WAITING)


@pytest.fixture
def warehouse(waiting: Database, work_on) -> Iterator[Database]:
    with work_on(waiting) as database:
        yield database


@pytest.fixture(scope="module")
def story(waiting: Database, work_on, dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Mend each line in another way at once; build again; and undo what was mended, or go on from it."""
    folder = tmp_path_factory.mktemp("story")
    typed = "safe_integer('delivered_lines.quantity'"
    tolerant = project_with((typed, """safe_integer("replace(delivered_lines.quantity, '_', '')\""""), folder)
    moments = {"waiting": look(waiting)}
    with work_on(waiting) as database:
        deliver(CORRECTIONS, database, folder)
        take_back(database.url, "nameless.csv")
        build(dbt, project=tolerant)
        moments["mended"] = look(database)
        build(dbt, project=tolerant)
        moments["built again"] = look(database)
        build(dbt, "--full-refresh", project=tolerant)
        moments["built anew"] = look(database)

        # the rule is as it was, and so is the first correction; the third is corrected again
        take_back(database.url, "corrected.csv")
        deliver({"again.csv": LINE.format("536370", "7")}, database, folder)
        take_back(database.url, "few.csv")
        take_back(database.url, "fixed.csv")
        replayed = [file.rows_loaded for file in replay(database.url, contract=contract_for_short_lines(folder)).files]
        build(dbt)
        moments["undone"] = look(database)
        states = found(
            database,
            """
            select release_kind, dbt_valid_to is null
            from history.snp_quarantine_versions
            where file_name = 'many.csv'
            order by dbt_valid_from
            """,
        )

        other_reason = project_with(("'quantity_not_an_integer'", "'quantity_not_a_number'"), folder / "reason")
        build(dbt, project=other_reason)
        moments["named otherwise"] = look(database)
    return Story(moments, replayed, states)


def contract_for_short_lines(folder: Path) -> Path:
    """Write the contract of bronze, but with a country that may be missing at the end of a line."""
    before, country, after = CONTRACT.read_text().partition("          - name: country\n")
    optional = after.replace("required: true", "required: false", 1)
    contract = folder / "sources.yml"
    contract.write_text(re.sub(r"( +)formats: \[", r"\1short_rows: fill\n\g<0>", before) + country + optional)
    return contract


def test_what_waits_is_on_record_and_in_no_total(story: Story, waiting: Database) -> None:
    """All else here goes on from this, and says nothing if it is not so."""
    moment = story.moments["waiting"]
    assert moment.record == {line.file: line for line in (THOUSANDS, NAMELESS, MANY, SOME, FEW)}
    assert moment.lines == {f"{536365 + number}": [(2, name)] for number, name in enumerate(FILES)}
    assert found(
        waiting,
        """
        select count(*)
        from silver.quarantine_log as log
        inner join bronze.landed_files as files
            on log.file_id = files.file_id and log.first_seen_at = files.landed_at
        """,
    ) == [(5,)]


def test_a_changed_rule_lets_its_lines_in_once(story: Story) -> None:
    """Whoever mends a rule must not have to ask for the files again, and the line must not come twice."""
    moment = story.moments["mended"]
    assert moment.lines["536366"] == [(2, "thousands.csv"), (1000, "thousands.csv")]
    assert moment.record["thousands.csv"] == THOUSANDS._replace(released="rule_changed", times=1)


def test_a_corrected_delivery_lets_its_lines_in_once(story: Story) -> None:
    """The correction is in gold as a whole, and the line that it replaces nowhere but on record."""
    moment = story.moments["mended"]
    assert moment.lines["536368"] == [(2, "corrected.csv"), (1000, "corrected.csv")]
    assert moment.record["many.csv"] == MANY._replace(released="corrected_delivery", by="corrected.csv", times=1)


def test_a_file_that_is_taken_back_takes_its_lines_along(story: Story) -> None:
    """That its lines were set aside is all that is left of the file: bronze cannot give it again."""
    moment = story.moments["mended"]
    assert "536367" not in moment.lines
    assert moment.record["nameless.csv"] == NAMELESS._replace(released="file_taken_back", by="nameless.csv", times=1)


def test_a_correction_that_is_bad_itself_waits_in_its_place(story: Story) -> None:
    """One line is superseded, the other waits: counted as both, or as neither, it would break conservation."""
    moment = story.moments["mended"]
    assert moment.record["some.csv"] == SOME._replace(released="corrected_delivery", by="no_better.csv", times=1)
    assert moment.record["no_better.csv"] == NO_BETTER


@pytest.mark.parametrize("moment", ["built again", "built anew"])
def test_what_was_released_is_released_once(moment: str, story: Story) -> None:
    """A build with nothing new, and one from scratch, must neither release a line again nor forget its release."""
    assert story.moments[moment] == story.moments["mended"]


def test_a_rule_that_is_taken_back_takes_its_lines_back(story: Story) -> None:
    """A release that did not last must not be taken for one, nor be forgotten."""
    moment = story.moments["undone"]
    assert moment.lines["536366"] == [(2, "thousands.csv")]
    assert moment.record["thousands.csv"] == THOUSANDS._replace(times=1)


def test_a_correction_that_is_taken_back_sets_the_line_aside_again(story: Story) -> None:
    """The delivery before it counts again, with its bad line, and both the release and its end are on record."""
    moment = story.moments["undone"]
    assert moment.lines["536368"] == [(2, "many.csv")]
    assert moment.record["many.csv"] == MANY._replace(times=1)
    assert story.states_of_many == [(None, False), ("corrected_delivery", False), (None, True)]


def test_what_released_a_line_stays_on_record(story: Story) -> None:
    """Later corrections, and files that go, are news of the invoice, but not of how the line was released."""
    moment = story.moments["undone"]
    assert moment.lines["536370"] == [(7, "again.csv")]
    assert moment.record["few.csv"] == FEW._replace(released="corrected_delivery", by="fixed.csv", times=1)


def test_a_mended_contract_lets_rejected_rows_in_once(story: Story) -> None:
    """Rows come to a file that was built before, beside lines of it, and invoices, that are as they were."""
    assert story.replayed == [1]
    for moment in ("mended", "undone"):
        assert story.moments[moment].lines["536371"] == [(2, "short.csv")]
    assert story.moments["mended"].lines["536372"] == [(2, "short.csv")]
    assert story.moments["undone"].lines["536372"] == [(2, "short.csv"), (5, "short.csv")]


def test_a_new_reason_is_no_release(story: Story) -> None:
    """A line that becomes bad in another way waits as long as before."""
    waiting = {name: line for name, line in story.moments["undone"].record.items() if line.released is None}
    assert waiting.keys() == {"thousands.csv", "many.csv", "no_better.csv"}
    for name, line in waiting.items():
        assert story.moments["named otherwise"].record[name] == line._replace(reasons="quantity_not_a_number")


def test_lines_that_wait_too_long_are_told_and_then_fail_the_build(
    warehouse: Database, dbt: Dbt, tmp_path: Path
) -> None:
    """A line that nobody mends is money that nobody sees; the age is that since the file landed, in any build."""

    def age(days: int, *files: str) -> None:
        with psycopg.connect(warehouse.url) as session:
            session.execute(
                "update bronze.landed_files set landed_at = now() - make_interval(days => %s) where name = any(%s)",
                [days, list(files)],
            )

    age(13, *FILES)
    age(15, "thousands.csv", "nameless.csv")
    outcome = build(dbt, but=frozenset({CHECK}))[CHECK]
    assert (outcome.status, outcome.failures) == ("warn", 2)
    age(91, "thousands.csv", "nameless.csv")
    served = fingerprints(warehouse.url)
    deliver({"new.csv": LINE.format("536399", "2")}, warehouse, tmp_path)
    outcomes = dbt("build", "--exclude-resource-type", "unit_test")
    assert (outcomes[CHECK].status, outcomes[CHECK].failures) == ("fail", 2)
    assert found(warehouse, f"select days_waiting, is_error from audit.{CHECK}") == [(91, True)] * 2
    assert fingerprints(warehouse.url) == served
    deliver({"corrected.csv": two_lines("536366", "1000")}, warehouse, tmp_path)
    take_back(warehouse.url, "nameless.csv")
    assert build(dbt)[CHECK].status == "pass"
    assert found(warehouse, "select quantity from gold.fct_sales where invoice_number = '536399'") == [(2,)]
    mended = found(warehouse, "select file_name, release_kind from silver.quarantine_log where not is_waiting")
    assert dict(mended) == {"thousands.csv": "corrected_delivery", "nameless.csv": "file_taken_back"}


def test_age_counts_though_nothing_lands(warehouse: Database, dbt: Dbt) -> None:
    """A delta build looks at what came, but a line grows older by itself: here the days that are allowed pass."""
    allowed = "{quarantine_warn_days: 0, quarantine_fail_days: 0}"
    outcomes = dbt("build", "--exclude-resource-type", "unit_test", "--vars", allowed)
    assert (outcomes[CHECK].status, outcomes[CHECK].failures) == ("fail", len(FILES) - 1)
