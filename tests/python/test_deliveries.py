"""Which files supply an invoice, if files are parts of one export, or if numbers are used again."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import psycopg
import pytest
from dbt_project import Dbt, copy_of_project
from harness import Database

from scripts.errors import Refusal
from scripts.land import land
from scripts.land.contract import read_contract
from scripts.paths import PROJECT_ROOT

HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
CONTRACT = Path("models/staging/retail/_retail__sources.yml")
SELECTED = ("--select", "+int_lines_classified", "int_deliveries_superseded", "+int_lines_quarantined")
COMPARED = ("int_invoices_supplied", "int_lines_classified", "int_deliveries_superseded", "stg_retail__transactions")


def lines(invoice: str, day: str, **quantities: int) -> str:
    """Return lines of an invoice, one for each product with its quantity."""
    moment = datetime.fromisoformat(f"{day} 09:00:00")
    return "".join(
        f"{invoice},{code},LANTERN,{quantity},{moment},1.00,17850,EIRE\n" for code, quantity in quantities.items()
    )


# Each step lands files, then builds. The invoices 1 to 3 are of an export in parts, 7 and 8 of a till.
STEPS: tuple[dict[str, str], ...] = (
    {
        "2010 part 1.csv": lines("536361", "2010-01-04", A=1, B=1) + lines("536362", "2010-01-05", A=1),
        "till.csv": lines("536367", "2010-01-05", A=1) + lines("536368", "2010-01-05", A=1),
    },
    {
        "2010 part 2.csv": lines("536362", "2010-01-05", B=2) + lines("536363", "2010-01-06", A=1),
        "till_a_year_later.csv": lines("536367", "2011-03-01", C=3),
    },
    {
        # The first part again: one invoice differs, one is left out.
        "again/2010 part 1.csv": lines("536362", "2010-01-05", A=5),
        "till_late.csv": lines("536367", "2009-06-01", D=4) + lines("536368", "2010-02-01", A=2),
    },
    {
        "correction.csv": lines("536362", "2010-01-05", E=7),
        # Between two uses of the number, within 90 days of each: one use from the first to the last.
        "till_correction.csv": lines("536367", "2010-03-20", A=9),
    },
)
Supplied = dict[str, dict[str, int]]
# The quantities of each invoice after each step.
EXPECTED: tuple[Supplied, ...] = (
    {"536361": {"A": 1, "B": 1}, "536362": {"A": 1}, "536367": {"A": 1}, "536368": {"A": 1}},
    {
        "536361": {"A": 1, "B": 1},
        "536362": {"A": 1, "B": 2},
        "536363": {"A": 1},
        "536367": {"A": 1},
        "536367~2": {"C": 3},
        "536368": {"A": 1},
    },
    {
        "536361": {"A": 1, "B": 1},
        "536362": {"A": 5, "B": 2},
        "536363": {"A": 1},
        "536367": {"D": 4},
        "536367~2": {"A": 1},
        "536367~3": {"C": 3},
        "536368": {"A": 2},
    },
    {
        "536361": {"A": 1, "B": 1},
        "536362": {"E": 7},
        "536363": {"A": 1},
        "536367": {"D": 4},
        "536367~2": {"A": 9},
        "536367~3": {"C": 3},
        "536368": {"A": 2},
    },
)


class Story(NamedTuple):
    """What silver held after each step, incrementally, and at the end after a full build."""

    steps: list[Supplied]
    incremental: dict[str, object]
    full: dict[str, object]
    taken_away: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def story(work_on, dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Live through all steps in one warehouse."""
    project = copy_of_project(tmp_path_factory.mktemp("deliveries") / "project")
    contract = project / CONTRACT
    contract.write_text(declaring("deliveries: parts", "invoice_numbers: {reused_after: 90 days}"))
    folder = tmp_path_factory.mktemp("steps")
    with work_on() as database:
        steps = []
        for files in STEPS:
            for name, content in files.items():
                path = folder / name
                path.parent.mkdir(exist_ok=True)
                path.write_text(HEADER + content)
                root = folder / "again" if name.startswith("again/") else folder
                assert land([root / path.name], database.url, contract=contract).of("landed")
            build(dbt, project)
            steps.append(supplied(database))
        incremental = state(database)
        build(dbt, project, "--full-refresh")
        yield Story(steps, incremental, state(database), taken_away(database))


def declaring(*rules: str) -> str:
    """Return the contract with some rules for the landing of lines, which come first in it."""
    first = "landing:\n"
    added = "".join(f"{' ' * 14}{rule}\n" for rule in rules)
    return (PROJECT_ROOT / CONTRACT).read_text().replace(first, first + added, 1)


def build(dbt: Dbt, project: Path, *options: str) -> None:
    kinds = [option for kind in ("test", "unit_test") for option in ("--exclude-resource-type", kind)]
    outcomes = dbt("build", *SELECTED, *kinds, *options, project=project)
    outcomes |= dbt("test", "--select", "assert_every_line_is_somewhere", project=project)
    failed = {name: outcome.message for name, outcome in outcomes.items() if outcome.status not in ("success", "pass")}
    assert not failed


def supplied(database: Database) -> Supplied:
    found: Supplied = {}
    with psycopg.connect(database.url) as session:
        for invoice, code, quantity in session.execute(
            "select invoice_number, stock_code, quantity from silver.int_lines_classified order by 1, 2"
        ):
            found.setdefault(invoice, {})[code] = quantity
    return found


def state(database: Database) -> dict[str, object]:
    with psycopg.connect(database.url) as session:
        return {
            name: session.execute(f"select * from silver.{name} as rows order by rows::text").fetchall()
            for name in COMPARED
        }


def taken_away(database: Database) -> list[tuple[str, int, int]]:
    with psycopg.connect(database.url) as session:
        return session.execute(
            """
            select superseded.invoice_number, superseded.lines::integer, superseded.lines_taken_away::integer
            from silver.int_deliveries_superseded as superseded
            order by superseded.invoice_number, superseded.delivery_id
            """
        ).fetchall()


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_an_invoice_has_the_lines_of_its_parts_and_of_its_use(story: Story, step: int) -> None:
    """Lines beyond the end of a part, and the earlier invoice of a number that is used again, must stay in gold."""
    assert story.steps[step] == EXPECTED[step]


def test_incremental_builds_end_like_a_full_one(story: Story) -> None:
    """A part that comes again touches invoices that it lacks, and a late line touches other uses of its number."""
    assert story.incremental == story.full


def test_what_a_delivery_took_away_is_told(story: Story) -> None:
    """Lines that leave gold because a later delivery lacks them were corrected on purpose, or lost."""
    assert story.taken_away == [
        # The first part, before it came again; then the export, before the correction.
        ("536362", 1, 1),
        ("536362", 2, 2),
        ("536367~2", 1, 1),
        ("536368", 1, 1),
    ]


def test_the_contract_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    """A declaration that is misspelt would be ignored in silence, and invoices would be cut in two."""
    contract = tmp_path / "sources.yml"
    contract.write_text(declaring("invoice_numbers: {reused_after: 3 months}"))
    with pytest.raises(Refusal, match="reused_after"):
        read_contract(contract)
