"""The page answers questions as gold does, in a real browser, or says that it cannot."""

import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from browser import Visit
from harness import Database

from scripts.ask.calendar import GRAINS
from scripts.ask.session import Questions
from scripts.paths import PROJECT_ROOT

pytestmark = pytest.mark.dbt

ASKED = [
    each["ask"]
    for name in ("questions", "held_out")
    for each in map(json.loads, (PROJECT_ROOT / "tests" / "ask" / f"{name}.jsonl").read_text().splitlines())
    if "reads" in each and "needs" not in each
]
COMPUTE = """async (asked) => {
  const { needs } = Site.views.find(({ id }) => id === "ask");
  const tables = Object.fromEntries(await Promise.all(needs.map(async (name) => [name, await Site.data(name)])));
  const vocabulary = new Ask.Vocabulary(tables.vocabulary.get("vocabulary", 0));
  const answers = Answers.open(tables, vocabulary);
  return asked.map((question) => answers.answer(Ask.read(question, vocabulary).reading));
}"""


@pytest.fixture
def questions(built: Database) -> Iterator[Questions]:
    with psycopg.connect(built.url, autocommit=True) as session:
        yield Questions(session)


def cell(value: Any, unit: str) -> str:
    """Return a value of gold or of the page in one form; JavaScript has doubles, of about 15 digits."""
    if value is None:
        return ""
    if unit in GRAINS:
        return (
            value if isinstance(value, date) else date.fromordinal(date(1970, 1, 1).toordinal() + value)
        ).isoformat()
    return str(value) if unit == "text" else f"{float(Decimal(str(value))) + 0.0:.9g}"


def test_answers_of_the_page_are_those_of_gold(
    questions: Questions, site_file: Path, visit: Callable[..., Visit]
) -> None:
    """A figure that differs between the page and the command makes readers distrust both."""
    found = visit().show(site_file).page.evaluate(COMPUTE, ASKED)
    answered = {ask: each for ask, each in zip(ASKED, found, strict=True) if "obstacle" not in each}
    differ = []
    for ask, each in answered.items():
        table = questions.answer(questions.read(ask)["reading"])
        units = [column.unit for column in table.columns]
        of_gold, of_page = (
            sorted([cell(value, unit) for value, unit in zip(row, units, strict=True)] for row in rows)
            for rows in (table.rows, each["rows"])
        )
        if of_gold != of_page or [column.name for column in table.columns] != [
            each["name"] for each in each["columns"]
        ]:
            differ.append(ask)
    assert differ == []
    assert len(answered) > len(ASKED) / 2


def ask(seen: Visit, question: str) -> str:
    """Type a question, and return what the page says about it."""
    seen.page.fill("#question", question)
    seen.page.press("#question", "Enter")
    return seen.page.inner_text("#understood")


def test_a_question_is_answered_where_it_is_asked(site_file: Path, visit: Callable[..., Visit]) -> None:
    """A reader types a question and sees how it was understood, a chart and the numbers."""
    seen = visit().show(site_file, "#/ask")
    assert ask(seen, "return rate by country in 2011").startswith("Understood: Return rate; by Country; 2011")
    assert seen.page.inner_text("#answer table th:first-child").startswith("Country")
    assert seen.page.locator("#answer svg").count() >= 1
    assert seen.problems == []


def test_a_choice_is_asked_with_one_click(site_file: Path, visit: Callable[..., Visit]) -> None:
    """A question that is asked back must not have to be typed again."""
    seen = visit().show(site_file, "#/ask")
    assert "several definitions" in ask(seen, "revenue in 2011")
    seen.page.click("#understood button:has-text('Net revenue')")
    assert seen.page.inner_text("#understood").startswith("Understood: Net revenue; 2011")


def test_what_the_page_cannot_answer_names_the_command(site_file: Path, visit: Callable[..., Visit]) -> None:
    """The page holds sums, not all of gold; a wrong number is worse than a hint."""
    said = ask(visit().show(site_file, "#/ask"), "net revenue by current segment in 2011")
    assert 'make ask Q="net revenue by current segment in 2011"' in said


def test_a_question_cannot_become_a_part_of_the_page(site_file: Path, visit: Callable[..., Visit]) -> None:
    """A link to the page carries a question, and anyone can send a link."""
    seen = visit().show(site_file, "#/ask?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E%20orders")
    assert "no meaning" in seen.page.inner_text("#understood")
    assert (seen.page.locator("#view-ask img").count(), seen.problems) == (0, [])
