"""`make new SOURCE=...`: the files of a new source work at once, and no row of it can get lost without a word."""

import json
import re
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from dbt_project import Dbt, Outcome, copy_of_project
from harness import Database

from scripts.build.report import reports_of
from scripts.errors import Refusal
from scripts.land import land
from scripts.land.contract import CONTRACT as CONTRACT_OF_PROJECT
from scripts.land.contract import read_contract
from scripts.paths import PROJECT_ROOT
from scripts.scaffold.columns import read_content
from scripts.scaffold.source import new_source

CONTRACT = CONTRACT_OF_PROJECT.relative_to(PROJECT_ROOT)
BUDGET = "".join(
    [
        "Month,Country,Budget GBP\n",
        *(f"{2010 + month // 12}-{month % 12 + 1:02},Spain,{month * 100}.50\n" for month in range(24)),
        *(f"{2010 + month // 12}-{month % 12 + 1:02},EIRE,{month * 10}\n" for month in range(24)),
        "2011-13,Spain,abc\n",
    ]
)
CHECK = "budgets_are_typed_or_quarantined"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of the contract alone, which is all that a new source changes."""
    (tmp_path / "project" / CONTRACT).parent.mkdir(parents=True)
    (tmp_path / "project" / CONTRACT).write_text(CONTRACT_OF_PROJECT.read_text())
    return tmp_path / "project"


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def decide(project: Path) -> None:
    """Decide, as the user has to, that no column is about a person."""
    text = (project / CONTRACT).read_text()
    decided = text.replace("pii: undecided", "pii: none").replace("purpose: undecided", "purpose: reporting")
    (project / CONTRACT).write_text(decided)


def files(project: Path) -> dict[str, str]:
    return {str(path.relative_to(project)): path.read_text() for path in project.rglob("*") if path.is_file()}


# What is written


def test_a_new_source_only_adds_to_the_contract(project: Path, tmp_path: Path) -> None:
    """The contract is edited by hand, so its comments, anchors and order must stay as they are."""
    told = new_source(written(tmp_path / "budget.csv", BUDGET), "budgets", project)
    before, after = CONTRACT_OF_PROJECT.read_text(), (project / CONTRACT).read_text()
    start = after.index("      - name: budgets\n")
    end = after.index("      - name: landed_files\n")
    assert after[:start] + after[end:] == before
    assert "              of 49 rows, 1 will be quarantined: 'abc'" in told
    assert files(project).keys() == {
        str(CONTRACT),
        "models/staging/retail/stg_retail__budgets.sql",
        "models/staging/retail/stg_retail__budgets.yml",
        "models/intermediate/quarantine/int_budgets_quarantined.sql",
        "models/intermediate/quarantine/int_budgets_quarantined.yml",
    }


def test_a_second_new_source_follows_the_first(project: Path, tmp_path: Path) -> None:
    """Each call reads a contract that the call before has written."""
    new_source(written(tmp_path / "budget.csv", BUDGET), "budgets", project)
    decide(project)
    new_source(written(tmp_path / "Store Visits.csv", "Store,Visitors\nA1,5\nB2,6\n"), None, project)
    decide(project)
    tables = [landing.table for landing in read_contract(project / CONTRACT).landings]
    assert tables[-2:] == ["budgets", "store_visits"]


def test_nothing_lands_before_the_columns_are_decided_upon(project: Path, tmp_path: Path) -> None:
    """Personal data that land as anything else are copied to where nobody looks for them."""
    file = written(tmp_path / "budget.csv", BUDGET)
    new_source(file, "budgets", project)
    with pytest.raises(Refusal) as refusal:
        land([file], "postgresql://nowhere.invalid/x", contract=project / CONTRACT)
    told = refusal.value.message.splitlines()
    assert [line.split(": ")[1].split(".")[-1] for line in told] == ["month", "country", "budget_gbp"]
    assert all("pii and purpose undecided; choose pii: direct, quasi, none" in line for line in told)


def test_files_of_every_format_are_read(tmp_path: Path) -> None:
    """Whatever the loader reads may be a new source, with the same columns."""
    import polars as pl  # noqa: PLC0415  # slow to import

    rows = {"Till No": ["007", "008"], "Opened": ["2011-02-01 08:30:00", "2011-02-02 09:00:00"], "Float": ["1.5", "20"]}
    frame = pl.DataFrame(rows)
    frame.write_parquet(tmp_path / "a.parquet")
    frame.write_excel(tmp_path / "a.xlsx")
    frame.write_ndjson(tmp_path / "a.jsonl")
    frame.write_csv(tmp_path / "a.csv", separator=";")
    found = [read_content(tmp_path / f"a.{ending}") for ending in ("csv", "jsonl", "xlsx", "parquet")]
    assert [content.format for content in found] == ["csv", "jsonl", "xlsx", "parquet"]
    assert len({content.columns for content in found}) == 1
    assert [(column.name, column.kind) for column in found[0].columns] == [
        ("till_no", "text"),
        ("opened", "timestamp"),
        ("float", "decimal"),
    ]


KINDS = {
    "whole numbers": (["1", "-20", "3.0"], ("integer", "", 0)),
    "larger than an integer": (["1", "3000000000"], ("decimal", "", 2)),
    "codes": (["0012", "0013"], ("text", "", 0)),
    "money": (["1", "2.5", "-.125"], ("decimal", "", 3)),
    "one bad of ten": ([*map(str, range(9)), "abc"], ("integer", "", 0)),
    "two bad of ten": ([*map(str, range(8)), "abc", "def"], ("text", "", 0)),
    "days": (["2011-02-01", "2011-02-28"], ("date", "YYYY-MM-DD", 0)),
    "days at midnight": (["2011-02-01 00:00:00", "2011-02-28"], ("date", "YYYY-MM-DD", 0)),
    "moments": (["2011-02-01 00:00:00", "2011-02-28T10:30"], ("timestamp", "", 0)),
    "months": (["2011-02", "2011-12"], ("date", "YYYY-MM", 0)),
    "British days": (["01/02/2011", "28/02/2011"], ("date", "DD/MM/YYYY", 0)),
    "American days": (["02/01/2011", "02/28/2011"], ("date", "MM/DD/YYYY", 0)),
    "German days": (["28.02.2011"], ("date", "DD.MM.YYYY", 0)),
    "nothing": (["", " "], ("text", "", 0)),
}


@pytest.mark.parametrize("case", KINDS)
def test_a_type_is_told_from_most_values(case: str, tmp_path: Path) -> None:
    """A type that is too wide lets bad values pass, and one that is too narrow sends good rows to quarantine."""
    values, expected = KINDS[case]
    lines = "".join(f"{value},x\n" for value in values)
    column = read_content(written(tmp_path / "a.csv", f"Value,Other\n{lines}")).columns[0]
    assert (column.kind, column.date_format, column.scale) == expected


def test_names_are_safe_in_sql_and_told_apart(tmp_path: Path) -> None:
    """A column that is called `order` or `file_id` would break the models, or be taken for another one."""
    header = "Order,FileID,UnitPrice,Prix d'été,2011,_line,unit price "
    columns = read_content(written(tmp_path / "a.csv", f"{header}\n{'x,' * 6}x\n")).columns
    assert [column.name for column in columns] == [
        "order_value",
        "file_id_value",
        "unit_price",
        "prix_d_ete",
        "column_2011",
        "line",
        "unit_price_7",
    ]


# What is refused

REFUSED = {
    "gone.csv: no such": ("gone.csv", None, None),
    "bad.csv: the file is empty.": ("bad.csv", "", None),
    "bad.csv: the file has a header but no rows": ("bad.csv", "Month,Country\n", None),
    "bad.csv: the first row is no header, as it holds the value '2011-01'": (
        "bad.csv",
        "2011-01,Spain\n2011-02,EIRE\n",
        None,
    ),
    "bad.csv: a column has no name in the first row": ("bad.csv", "Month,\n2011-02,EIRE\n", None),
    "bad.csv: two columns are called 'Month'": ("bad.csv", "Month,Month\n2011-02,2011-02\n", None),
    "bad.csv: the column '{{ x }}' has the marks of a template": ("bad.csv", "Month,{{ x }}\n2011-02,2011-02\n", None),
    "bad.xlsx: not a whole zip file": ("bad.xlsx", "Month\n", None),
    "bad.txt: ": ("bad.txt", "Month\n2011-02\n", None),
    "the contract has a table 'products' already": ("bad.csv", BUDGET, "products"),
    "the contract has a table 'landed_files' already": ("bad.csv", BUDGET, "landed_files"),
    "'Budgets 2011' is no name of a table": ("bad.csv", BUDGET, "Budgets 2011"),
    "gives no name for a table": ("2011.csv", BUDGET, None),
    "the table 'products' of the contract takes this file: land it": (
        "list.csv",
        "StockCode,Category,Cost,EffectiveDate\n85123A,Bags,1.05,2011-01-01\n",
        None,
    ),
}


@pytest.mark.parametrize("message", REFUSED)
def test_a_file_that_is_no_new_source_is_refused_in_one_line(message: str, project: Path, tmp_path: Path) -> None:
    """The user must see what is wrong, and half a source would break every command of dbt."""
    name, text, table = REFUSED[message]
    if text is not None:
        written(tmp_path / name, text)
    before = files(project)
    with pytest.raises(Refusal) as refusal:
        new_source(tmp_path / name, table, project)
    assert message in refusal.value.message
    assert "\n" not in refusal.value.message
    assert files(project) == before


def test_no_file_is_overwritten(project: Path, tmp_path: Path) -> None:
    """A staging model that somebody has written is not lost, even if the contract does not know it yet."""
    (project / "models/staging/retail/stg_retail__budgets.sql").write_text("select 1")
    before = files(project)
    with pytest.raises(Refusal, match=r"stg_retail__budgets\.sql would be overwritten"):
        new_source(written(tmp_path / "budgets.csv", BUDGET), None, project)
    assert files(project) == before


def test_the_loader_says_how_a_new_source_begins(database: Database, tmp_path: Path) -> None:
    """A newcomer lands a file before there is a contract for it, and must not look for the guide."""
    (file,) = land([written(tmp_path / "budget.csv", BUDGET)], database.url).files
    assert file.outcome == "refused"
    assert re.fullmatch(
        r"missing required column .*; found Month, Country, Budget GBP; a new kind of file begins with "
        r"`make new SOURCE=\.\.\. FILE=\.\.\.`",
        file.detail,
    )


# What works


class Built(NamedTuple):
    """A warehouse with a new source.

    Attributes:
        url: of the database.
        outcomes: of `dbt build` for the new source.
        meta: the `config: meta:` of the model of its quarantine.
    """

    url: str
    outcomes: dict[str, Outcome]
    meta: dict[str, object]


@pytest.fixture(scope="module")
def budgets(work_on, dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Built]:
    """Do what the command tells to do next, on an empty warehouse: land the file, and build the new models."""
    folder = tmp_path_factory.mktemp("new")
    project = copy_of_project(folder / "project")
    file = written(folder / "budget.csv", BUDGET)
    new_source(file, "budgets", project)
    decide(project)
    with work_on() as database:
        landed = land([file], database.url, contract=project / CONTRACT)
        assert [file.outcome for file in landed.files] == ["landed"]
        outcomes = dbt("build", "--select", "stg_retail__budgets+", project=project)
        nodes = json.loads((project / "target" / "manifest.json").read_text())["nodes"]
        meta = nodes["model.retail_warehouse.int_budgets_quarantined"]["config"]["meta"]
        yield Built(database.url, outcomes, meta)


@pytest.fixture
def session(budgets: Built) -> Iterator[psycopg.Connection]:
    """A session whose changes are undone."""
    with psycopg.connect(budgets.url) as session:
        yield session
        session.rollback()


def test_a_new_source_builds_at_once(budgets: Built) -> None:
    """The files of a scaffold are worth nothing if the first build fails."""
    assert {
        name: outcome.message for name, outcome in budgets.outcomes.items() if outcome.status not in ("success", "pass")
    } == {}
    assert budgets.outcomes.keys() == {
        "stg_retail__budgets",
        "int_budgets_quarantined",
        "stg_budgets_types_or_sets_aside",
        "quarantined_budgets_show_the_row_as_it_came",
        CHECK,
    }


def test_good_rows_are_typed_and_the_bad_row_waits(session: psycopg.Connection) -> None:
    """Of 49 rows, one is bad: it must be in quarantine as it came, and in no total."""
    usable = "select count(*), min(month_date)::text, sum(budget_gbp) from silver.stg_retail__budgets where is_usable"
    total = sum(month * 100.5 - month * 0.5 + 0.5 + month * 10 for month in range(24))
    assert session.execute(usable).fetchone() == (48, "2010-01-01", total)
    waiting = (
        "select file_name, file_line, month, country, budget_gbp, quarantine_reasons from silver.quarantined_budgets"
    )
    assert session.execute(waiting).fetchall() == [
        ("budget.csv", 50, "2011-13", "Spain", "abc", "month_not_a_date, budget_gbp_not_a_number")
    ]


def test_the_build_reports_what_waits(budgets: Built, session: psycopg.Connection) -> None:
    """A build that says `Quarantined 0 lines` while a row of a new source waits is not to be believed."""
    (report,) = reports_of("int_budgets_quarantined", budgets.meta)
    assert report.label == "Quarantined"
    assert report.rows(session, ("silver", "quarantined_budgets"), datetime.now(timezone.utc)) == [
        "1 budgets, see silver.quarantined_budgets: 1 month_not_a_date + budget_gbp_not_a_number"
    ]


FAULTS = {
    "the quarantine loses its row": ("quarantined_budgets", "where false", "unusable, but not in quarantine"),
    "a good row is in quarantine, too": (
        "quarantined_budgets",
        "union all select file_id, 2, file_name, quarantine_reasons, month, country, budget_gbp, first_seen_at"
        " from given",
        "typed and quarantined",
    ),
    "the model leaves the bad row out": ("stg_retail__budgets", "where is_usable", "neither typed nor quarantined"),
    "the model doubles a row": (
        "stg_retail__budgets",
        "union all select * from given where file_line = 2",
        "typed twice",
    ),
    "a bad value becomes null without a reason": (
        "stg_retail__budgets",
        "where is_usable union all select file_id, file_line, '2011-12-01', country, budget_gbp, true, ''"
        " from given where not is_usable",
        "typed without its budget_gbp",
    ),
    "a bad row has no reason": (
        "stg_retail__budgets",
        "where is_usable union all select file_id, file_line, month_date, country, budget_gbp, false, ''"
        " from given where not is_usable",
        "reasons do not agree with is_usable",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_the_check_finds_a_row_that_gets_lost(fault: str, budgets: Built, session: psycopg.Connection) -> None:
    """Whoever changes the models of a new source by hand must not be able to lose a row."""
    relation, change, problem = FAULTS[fault]
    (definition,) = session.execute("select pg_get_viewdef(%s::regclass)", [f"silver.{relation}"]).fetchone()
    given = definition.rstrip(";")
    session.execute(f"create or replace view silver.{relation} as with given as ({given}) select * from given {change}")
    found = session.execute(budgets.outcomes[CHECK].sql).fetchall()
    assert problem in {row[-1] for row in found}, found
