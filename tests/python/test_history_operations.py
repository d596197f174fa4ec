"""History in operation: asked as of any time, withdrawn from, lost, given another attribute, and fed with bad input."""

import re
from datetime import datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg
import pytest
from dbt_project import Dbt, Outcome, copy_of_project, replace
from harness import Database
from psycopg.rows import dict_row
from warehouse_state import BOOKKEEPING, fingerprints

from scripts.land import land
from scripts.paths import PROJECT_ROOT

HEADER = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country\n"
Rows = list[tuple[Any, ...]]

# The columns of each function that answers as of a system time, and the snapshot behind it.
CUSTOMER_COLUMNS = "customer_id, country_name, segment, valid_from, valid_to, is_current"
PRODUCT_COLUMNS = (
    "stock_code, description, product_class, category, categories, price_band, valid_from, valid_to, is_current"
)
DIMENSIONS = {"dim_customer": CUSTOMER_COLUMNS, "dim_product": PRODUCT_COLUMNS}
VERSIONS = {
    "snp_customer_versions": "customer_id, valid_from, country_name, segment",
    "snp_product_versions": "stock_code, valid_from, description, product_class, categories, price_band",
}


def rows(session: psycopg.Connection, query: str) -> Rows:
    return session.execute(query.encode()).fetchall()


def gold(database: Database) -> dict[str, tuple[int, int]]:
    """Return a fingerprint of each relation of gold, without what tells which file supplied a row."""
    return fingerprints(database.url, without=BOOKKEEPING)


def dimensions(session: psycopg.Connection) -> dict[str, Rows]:
    """Return the dimensions as they are served, without the unknown member."""
    return {
        name: rows(
            session,
            f"select {columns} from gold.{name} where {columns.split(',')[0]} is not null order by 1, valid_from",
        )
        for name, columns in DIMENSIONS.items()
    }


def as_known(session: psycopg.Connection, known_at: datetime) -> dict[str, Rows]:
    """Return the dimensions as the functions answer of some time."""
    return {
        name: session.execute(
            f"select {columns} from gold.{name}_as_known(%s) order by 1, valid_from".encode(), [known_at]
        ).fetchall()
        for name, columns in DIMENSIONS.items()
    }


def history(session: psycopg.Connection) -> dict[str, Rows]:
    """Return each row of the snapshots: key, when it was no longer known, and all the rest."""
    query = "select dbt_scd_id, dbt_valid_to, to_jsonb(row) - 'dbt_valid_to' from history.{} as row"
    return {snapshot: rows(session, query.format(snapshot)) for snapshot in VERSIONS}


def known_now(session: psycopg.Connection) -> dict[str, set[tuple]]:
    """Return the versions that are known now."""
    query = "select {} from history.{} where dbt_valid_to is null"
    return {snapshot: set(rows(session, query.format(columns, snapshot))) for snapshot, columns in VERSIONS.items()}


def build(dbt: Dbt, *arguments: str, project: Path = PROJECT_ROOT) -> dict[str, Outcome]:
    """Build all but unit tests, which have to succeed."""
    outcomes = dbt("build", "--exclude-resource-type", "unit_test", *arguments, project=project)
    good = ("success", "pass", "warn", "no-op")
    assert not {name: outcome.message for name, outcome in outcomes.items() if outcome.status not in good}
    return outcomes


# A file comes, is taken back, and comes again


class Moment(NamedTuple):
    """What was served at one moment, after one build."""

    at: datetime
    served: dict[str, Rows]
    gold: dict[str, tuple[int, int]]
    history: dict[str, Rows]
    versions: dict[str, set[tuple]]


class Story(NamedTuple):
    """Four builds of one warehouse, and what the functions answered after the last of them."""

    moments: dict[str, Moment]
    answers: dict[str, dict[str, Rows]]
    answers_elsewhere: dict[str, dict[str, Rows]]
    answer_before: dict[str, Rows]
    analysis: list[dict[str, Any]]
    beliefs: dict[tuple, list[tuple[datetime, datetime | None]]]


MOMENTS = ("built", "landed", "withdrawn", "landed again")


def withdrawal(file_id: int) -> str:
    """Return the SQL by which the documentation takes a file back."""
    page = PROJECT_ROOT / "docs" / "landing_files.md"
    block = re.search(r"```sql\n(.*?landed_files.*?)```", page.read_text(), re.DOTALL)
    assert block
    statements, numbers = re.subn(r"= 17\b", f"= {file_id}", block[1])
    assert numbers == 3
    return statements


@pytest.fixture(scope="module")
def story(built, work_on, dbt: Dbt) -> Story:
    """Land late sales that move a customer and bring a new customer and a new product; withdraw; land again."""
    moments: dict[str, Moment] = {}

    def look(name: str) -> None:
        at = session.execute("select clock_timestamp()").fetchone()[0]
        moments[name] = Moment(at, dimensions(session), gold(copy), history(session), known_now(session))

    with (
        work_on(built) as copy,
        psycopg.connect(copy.url, autocommit=True) as session,
        TemporaryDirectory(prefix="retail-") as folder,
    ):
        look("built")
        customer, day = session.execute(
            "select customer_id, min(invoiced_on) + 1 from silver.int_invoices_summed"
            " where customer_id is not null group by customer_id"
            " order by count(distinct invoiced_on) desc, customer_id limit 1"
        ).fetchone()
        wrong = rows(session, "select max(invoice_number) from gold.fct_invoices where not is_cancellation")[0][0]
        Path(folder, "late.csv").write_text(
            f"{HEADER}"
            f"998001,85123A,LANTERN,2,{day} 23:59:59,1.25,{customer},Iceland\n"
            f"998002,998001A,LATE LANTERN,2,{day} 12:00:00,1.25,99001,Spain\n"
            # a correction: once it is taken back, the delivery before it has to count again
            f"{wrong},85123A,LANTERN,2,{day} 12:00:00,1.25,99001,Spain\n"
        )
        for name in MOMENTS[1:]:
            if name == "withdrawn":
                file_id = session.execute("select max(file_id) from bronze.landed_files").fetchone()[0]
                session.execute(withdrawal(file_id))
            else:
                assert len(land([Path(folder)], copy.url).of("landed")) == 1
            build(dbt)
            look(name)

        answers = {name: as_known(session, moment.at) for name, moment in moments.items()}
        session.execute("set time zone 'Asia/Kolkata'")
        elsewhere = {name: as_known(session, moment.at) for name, moment in moments.items()}
        session.execute("reset time zone")
        first = "select min(dbt_valid_from) from history.{}"
        first_known_at = min(rows(session, first.format(snapshot))[0][0] for snapshot in VERSIONS)
        before = as_known(session, first_known_at.replace(tzinfo=timezone.utc) - timedelta(microseconds=1))
        analysis = dbt("compile", "--select", "customer_history_on_both_axes")["customer_history_on_both_axes"].sql
        with session.cursor(row_factory=dict_row) as cursor:
            states = cursor.execute(analysis.encode()).fetchall()
        beliefs: dict[tuple, list[tuple[datetime, datetime | None]]] = {}
        for snapshot, columns in VERSIONS.items():
            query = f"select dbt_valid_from, dbt_valid_to, {columns} from history.{snapshot} order by dbt_valid_from"
            for known_from, known_to, *version in rows(session, query):
                beliefs.setdefault((snapshot, *version), []).append((known_from, known_to))
    return Story(moments, answers, elsewhere, before, states, beliefs)


@pytest.fixture(scope="module")
def made(story: Story) -> set[tuple]:
    """Find the versions that the late file alone made, with the name of their snapshot before them."""
    found = {
        (snapshot, *version)
        for snapshot in VERSIONS
        for version in story.moments["landed"].versions[snapshot] - story.moments["built"].versions[snapshot]
    }
    assert {snapshot for snapshot, *_ in found} == set(VERSIONS)
    return found


@pytest.mark.parametrize("dimension", DIMENSIONS)
@pytest.mark.parametrize("moment", MOMENTS)
def test_dimension_is_told_as_it_was_known(moment: str, dimension: str, story: Story) -> None:
    """An auditor asks what last quarter's report was made from: it must be what was served then, row for row."""
    served = story.moments[moment].served[dimension]
    assert served
    assert story.answers[moment][dimension] == served


def test_what_was_served_differs_between_builds(story: Story) -> None:
    """Else the functions could answer with the present and be right."""
    for dimension in DIMENSIONS:
        assert story.moments["built"].served[dimension] != story.moments["landed"].served[dimension]


def test_nothing_was_known_before_the_first_build(story: Story) -> None:
    """What nobody knew yet must not be told as if somebody had."""
    assert story.answer_before == {dimension: [] for dimension in DIMENSIONS}


def test_time_zone_of_the_session_does_not_matter(story: Story) -> None:
    """Two analysts who ask of the same moment must read the same rows, wherever they sit."""
    assert story.answers_elsewhere == story.answers


def test_withdrawn_file_leaves_gold_as_if_it_never_came(story: Story) -> None:
    """A file that should not have come must not live on in keys, versions or scores."""
    assert story.moments["withdrawn"].gold == story.moments["built"].gold


def test_withdrawal_closes_what_the_file_alone_made(story: Story, made: set[tuple]) -> None:
    """What is no longer in bronze is no longer believed, but that it was believed stays on record."""
    withdrawn = {(snapshot, *row) for snapshot, found in story.moments["withdrawn"].versions.items() for row in found}
    assert not made & withdrawn
    for version in made:
        (known_from, known_to), *_ = story.beliefs[version]
        assert story.moments["built"].at < known_from.replace(tzinfo=timezone.utc) < story.moments["landed"].at
        assert story.moments["landed"].at < known_to.replace(tzinfo=timezone.utc) < story.moments["withdrawn"].at


def test_landing_again_makes_versions_known_again_as_new_rows(story: Story, made: set[tuple]) -> None:
    """In between they were not believed; one row over the whole time would claim that they were."""
    for version in made:
        first, *others = story.beliefs[version]
        assert len(others) == 1
        known_from, known_to = others[0]
        assert known_to is None
        assert known_from > first[1]
        assert known_from.replace(tzinfo=timezone.utc) > story.moments["withdrawn"].at


def test_landing_again_gives_the_same_gold(story: Story) -> None:
    """Keys that analysts have stored must find their rows again."""
    assert story.moments["landed again"].gold == story.moments["landed"].gold


@pytest.mark.parametrize("moment", MOMENTS)
def test_analysis_of_both_axes_tells_what_was_known(moment: str, story: Story) -> None:
    """It is shown to those who do not believe a number: at every moment it has to agree with what was served."""
    corrected = {state["customer_id"] for state in story.analysis}
    at = story.moments[moment].at.replace(tzinfo=None)
    told = [
        (*(state[name] for name in CUSTOMER_COLUMNS.split(", ")[:-1]), state["valid_to"].year == 9999)
        for state in story.analysis
        if state["known_from"] <= at and (state["known_to"] is None or at < state["known_to"])
    ]
    served = [version for version in story.moments[moment].served["dim_customer"] if version[0] in corrected]
    assert served
    assert sorted(told) == sorted(served)


def test_analysis_of_both_axes_finds_all_whose_past_was_changed(story: Story) -> None:
    """A version put in between changes the past as much as one that is taken away, though no row is closed for it."""
    told = {state["customer_id"] for state in story.analysis}
    changed = set()
    for earlier, later in pairwise(story.moments.values()):
        gone = set(earlier.served["dim_customer"]) - set(later.served["dim_customer"])
        changed |= {customer_id for customer_id, *_, valid_to, _ in gone if valid_to.year != 9999}
    assert changed
    assert changed <= told
    assert len(told) < len({version[0] for version in story.moments["built"].served["dim_customer"]})


def test_analysis_of_both_axes_marks_the_newest_belief_of_each_version(story: Story) -> None:
    """Among several states of one version, the reader must see at once which one counts."""
    states: dict[int, list[dict[str, Any]]] = {}
    for state in story.analysis:
        states.setdefault(state["customer_key"], []).append(state)
    assert max(map(len, states.values())) > 1
    for found in states.values():
        newest = max(found, key=lambda state: state["known_from"])
        assert [state for state in found if state["is_newest_belief"]] == [newest]


@pytest.mark.parametrize("snapshot", VERSIONS)
def test_what_was_known_is_never_rewritten(snapshot: str, story: Story) -> None:
    """A row of the past may be closed, once; anything else would change what reports were made from."""
    for earlier, later in pairwise(story.moments.values()):
        now = {key: (known_to, rest) for key, known_to, rest in later.history[snapshot]}
        for key, known_to, rest in earlier.history[snapshot]:
            assert now[key][1] == rest
            assert known_to is None or now[key][0] == known_to


# A snapshot is lost


class Loss(NamedTuple):
    """What was there before a snapshot was dropped, what the next build said, and what was there then."""

    warnings: list[str]
    later_warnings: list[str]
    lost_at: datetime
    gold: tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]
    versions: tuple[dict[str, set[tuple]], dict[str, set[tuple]]]
    first_known_at: datetime


@pytest.fixture(scope="module")
def loss(built, work_on, dbt: Dbt) -> Loss:
    """Drop the snapshot of customers, as somebody does by accident, and build what comes after it."""
    with work_on(built) as copy, psycopg.connect(copy.url, autocommit=True) as session:
        before = gold(copy), known_now(session)
        session.execute("drop table history.snp_customer_versions")
        lost_at = session.execute("select clock_timestamp()").fetchone()[0]
        build(dbt, "--select", "snp_customer_versions+")
        warnings = dbt.warnings
        after = gold(copy), known_now(session)
        first_known_at = session.execute("select min(dbt_valid_from) from history.snp_customer_versions").fetchone()[0]
        build(dbt, "--select", "snp_customer_versions")
        return Loss(
            warnings,
            dbt.warnings,
            lost_at,
            (before[0], after[0]),
            (before[1], after[1]),
            first_known_at.replace(tzinfo=timezone.utc),
        )


def test_lost_snapshot_is_told(loss: Loss) -> None:
    """Gold looks as ever, so whoever dropped it would never learn that nobody can be asked about last year any more."""
    assert loss.warnings == [
        "history.snp_customer_versions is missing although gold.dim_customer was built from it: it is built "
        "again with all versions and their dates, but what was believed before is lost and system time starts again."
    ]


def test_snapshot_that_is_there_is_not_told(loss: Loss) -> None:
    """A warning that always comes is read by nobody."""
    assert loss.later_warnings == []


def test_lost_snapshot_comes_back_with_its_dates(loss: Loss) -> None:
    """Valid time is in bronze: losing a table must not shift the past to today."""
    assert loss.versions[1] == loss.versions[0]


def test_gold_does_not_show_that_a_snapshot_was_lost(loss: Loss) -> None:
    """Reports go on as if nothing had happened."""
    assert loss.gold[1] == loss.gold[0]


def test_system_time_starts_anew_after_a_loss(loss: Loss) -> None:
    """To claim that all of it has been known for long would be made up."""
    assert loss.first_known_at > loss.lost_at


# A tracked attribute is added


class Change(NamedTuple):
    """Before and after an attribute was added to the versions of customers."""

    changed_at: datetime
    rows_before: int
    past: Rows
    present: Rows
    known_before: tuple[Rows, Rows]
    gold: tuple[dict[str, tuple[int, int]], dict[str, tuple[int, int]]]
    columns: list[str]
    rows_after_another_build: int


def add_attribute(project: Path) -> None:
    """Follow the recipe of docs/history.md, with an attribute that a country decides."""
    tracked = ("['country_name', 'segment']", "['country_name', 'segment', 'is_domestic']")
    versions = project / "models/intermediate/int_customer_versions.sql"
    derived = "country_name = 'United Kingdom' as is_domestic"
    versions.write_text(f"select *, {derived} from (\n{versions.read_text()}\n) as versions\n")
    replace(
        project / "snapshots/snp_customer_versions.yml",
        ("check_cols: [country_name, segment]", "check_cols: [country_name, segment, is_domestic]"),
    )
    replace(
        project / "models/marts/core/dim_customer.sql",
        tracked,
        ("        versions.segment,\n", "        versions.segment,\n        versions.is_domestic,\n"),
        ("        'Unknown' as segment,\n", "        'Unknown' as segment,\n        null::boolean as is_domestic,\n"),
        ("        segment,\n\n", "        segment,\n        is_domestic,\n\n"),
    )
    replace(
        project / "models/marts/core/dim_customer.yml",
        (
            "      - name: first_purchase_date\n",
            "      - name: is_domestic\n        data_type: boolean\n      - name: first_purchase_date\n",
        ),
    )
    replace(
        project / "functions/dim_customer_as_known.sql",
        tracked,
        ("        segment,\n\n", "        segment,\n        is_domestic,\n\n"),
    )
    replace(project / "functions/dim_customer_as_known.yml", ("segment text,", "segment text, is_domestic boolean,"))


@pytest.fixture(scope="module")
def change(built, work_on, dbt: Dbt) -> Change:
    """Add an attribute to a copy of the project, and build what comes after it."""
    count = "select count(*) from history.snp_customer_versions"
    with (
        work_on(built) as copy,
        psycopg.connect(copy.url, autocommit=True) as session,
        TemporaryDirectory(prefix="retail-") as folder,
    ):
        project = copy_of_project(Path(folder) / "project")
        add_attribute(project)
        rows_before = rows(session, count)[0][0]
        gold_before = gold(copy)
        changed_at = session.execute("select clock_timestamp()").fetchone()[0]
        known_before = as_known(session, changed_at)["dim_customer"]
        build(dbt, "--select", "int_customer_versions+", project=project)
        gold_after = fingerprints(copy.url, without=BOOKKEEPING | {"is_domestic"})
        known_after = as_known(session, changed_at)["dim_customer"]
        answer = session.execute("select * from gold.dim_customer_as_known(now()) limit 0")
        columns = [column.name for column in answer.description]
        state = "select country_name, is_domestic from history.snp_customer_versions where dbt_valid_to is {} null"
        past, present = rows(session, state.format("not")), rows(session, state.format(""))
        build(dbt, "--select", "snp_customer_versions", project=project)
        return Change(
            changed_at,
            rows_before,
            past,
            present,
            (known_before, known_after),
            (gold_before, gold_after),
            columns,
            rows(session, count)[0][0],
        )


def test_rows_from_before_an_attribute_stay_without_it(change: Change) -> None:
    """What was known then was known without it; to fill it in would rewrite the past."""
    assert len(change.past) == change.rows_before
    assert {is_domestic for _, is_domestic in change.past} == {None}


def test_versions_have_their_new_attribute_from_now_on(change: Change) -> None:
    """All versions get it, those of years ago too: it is derived from bronze, which has all of it."""
    assert len(change.present) == change.rows_before
    assert {(country == "United Kingdom") == is_domestic for country, is_domestic in change.present} == {True}


def test_gold_keeps_its_keys_when_an_attribute_is_added(change: Change) -> None:
    """Versions that begin on the same days have the same keys; every fact and every other column stays as it was."""
    assert change.gold[1] == change.gold[0]


def test_past_is_still_told_after_an_attribute_was_added(change: Change) -> None:
    """A change of the model must not take the answer to an auditor's question away."""
    assert change.known_before[0]
    assert change.known_before[1] == change.known_before[0]


def test_function_takes_other_columns(change: Change) -> None:
    """PostgreSQL refuses to replace a function by one with other columns; the build must not."""
    assert change.columns == [
        "customer_id",
        "country_name",
        "segment",
        "is_domestic",
        *CUSTOMER_COLUMNS.split(", ")[3:],
    ]


def test_all_versions_become_known_anew_only_once(change: Change) -> None:
    """A column that is new closes every row; at each build, that would fill the disk with equal rows."""
    assert change.rows_after_another_build == 2 * change.rows_before


# The time zone


def test_gold_does_not_depend_on_the_time_zone(copy_of_built: Database, dbt: Dbt) -> None:
    """Months begin when the calendar says so, also where clocks went forward at its first midnight (Syria, 2011)."""
    before = gold(copy_of_built)
    with psycopg.connect(copy_of_built.url, autocommit=True) as session:
        session.execute(f"alter database {copy_of_built.name} set timezone to 'Asia/Damascus'")
    build(dbt, "--full-refresh")
    assert gold(copy_of_built) == before


# The documentation

EXAMPLES = re.findall(r"```sql\n(.*?)```", (PROJECT_ROOT / "docs/history.md").read_text(), re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=range(1, len(EXAMPLES) + 1))
def test_example_of_the_documentation_answers(example: str, built) -> None:
    """The first query that an analyst copies has to work, and to show something."""
    with psycopg.connect(built.url) as session:
        answer = rows(session, example)
    # what was known on a day of last summer depends on today
    assert answer or "_as_known('20" in example
