"""Each question in words has one reading, or is refused or asked back, and answers are those of hand-written SQL."""

import io
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from browser import browser, chromium  # noqa: F401  # fixtures
from click.testing import CliRunner
from harness import Database
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.console import Console

from scripts.ask import __main__ as command
from scripts.ask import reading as readings
from scripts.ask import show, vocabulary
from scripts.ask.answer import Column, Table
from scripts.ask.session import Questions
from scripts.ask.terms import Vocabulary
from scripts.paths import PROJECT_ROOT, socket_dir

FOLDER = PROJECT_ROOT / "tests" / "ask"
# A line is a question. `reads` is its one right reading, in full. `sql` is an independent statement with the rows of
# the answer. `comes_to` is why it has no single reading: `refused`, or `asked_back` with the questions that it may
# mean. `needs` names metrics without which the question means something else. The questions are asked of the sample,
# whose last day is 30 November 2011. The held-out ones were written before the grammar.
KNOWN, HELD_OUT = (
    {each["ask"]: each for each in map(json.loads, (FOLDER / f"{name}.jsonl").read_text().splitlines())}
    for name in ("questions", "held_out")
)
ALL = KNOWN | HELD_OUT
ANSWERED = {ask: each for ask, each in ALL.items() if "reads" in each}
# What only an attacker or an accident types.
HOSTILE = (
    "'; drop table gold.fct_sales; --",
    "orders' or '1'='1",
    "orders in {{ env_var('PGPASSWORD') }}",
    "orders\x00",
    "orders in \u202egermany",
    "заказы в германии",
    "orders " * 2_000,
    "?" * 200,
    "\U0001f600",
    "orders in <script>alert(1)</script>",
    "orders 99999999999999999999",
    "orders between 2011-02-30 and 2011-03-01",
    "orders in the last 999999 years",
)


@pytest.fixture(scope="module")
def content(built: Database) -> dict[str, Any]:
    with psycopg.connect(built.url, autocommit=True) as session:
        return json.loads(json.dumps(vocabulary.content(session)))


@pytest.fixture(scope="module")
def words(content) -> Vocabulary:
    return Vocabulary(content)


@pytest.fixture
def questions(built: Database) -> Iterator[Questions]:
    with psycopg.connect(built.url, autocommit=True) as session:
        session.execute("set default_transaction_read_only to on")
        yield Questions(session)


@pytest.fixture
def command_on(server: str, monkeypatch: pytest.MonkeyPatch) -> Callable[[Database], None]:
    """Offer to make a database the target in use, under the name of a server of one's own."""

    def command_on(database: Database) -> None:
        values = {
            "HOST": str(socket_dir()),
            "PORT": "5432",
            "USER": "retail_builder",
            "PASSWORD": "-",
            "DATABASE": database.name,
        }
        for name, value in values.items():
            monkeypatch.setenv(f"PG{name}", value)
        monkeypatch.setenv("DBT_TARGET", "prod")

    return command_on


def comes_to(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome in the form of the test set."""
    if outcome["status"] == "understood":
        return {"reads": outcome["reading"]}
    found = {"status": outcome["status"], "reason": outcome["reason"]}
    if "choices" in outcome:
        found["questions"] = [choice["question"] for choice in outcome["choices"]]
    return {"comes_to": found | ({"words": outcome["words"]} if "words" in outcome else {})}


def fitting(asked: dict[str, Any], words: Vocabulary) -> dict[str, Any]:
    """Return the questions whose metrics the project has."""
    return {ask: each for ask, each in asked.items() if set(each.get("needs", ())) <= set(words.metrics)}


def expected(each: dict[str, Any]) -> dict[str, Any]:
    return {key: each[key] for key in ("reads", "comes_to") if key in each}


def test_there_are_enough_questions() -> None:
    """A set that shrinks would pass as easily as one that is right."""
    assert (len(KNOWN), len(HELD_OUT)) == (140, 60)
    assert sum("reads" in each for each in KNOWN.values()) >= 80
    assert sum("comes_to" in each for each in KNOWN.values()) >= 40
    assert sum("sql" in each for each in KNOWN.values()) >= 50


@pytest.mark.parametrize("asked", [KNOWN, HELD_OUT], ids=["known", "held out"])
def test_each_question_has_its_reading(words, asked: dict[str, Any]) -> None:
    """An answer to another question than the one asked is worse than none."""
    found = {ask: comes_to(readings.read(ask, words)) for ask in fitting(asked, words)}
    assert {ask: each for ask, each in found.items() if each != expected(asked[ask])} == {}


def test_answers_are_those_of_sql(questions: Questions) -> None:
    """A question that is understood, but answered with another number, does the most harm."""
    differ = []
    for ask, each in KNOWN.items():
        if "sql" in each:
            table = questions.answer(questions.read(ask)["reading"])
            right = questions.session.execute(each["sql"]).fetchall()
            if plain(table.rows) != plain(right) or not right:
                differ.append(ask)
    assert differ == []


def plain(rows: list[tuple[Any, ...]]) -> list[list[str]]:
    """Return rows in one order, with numbers to ten decimals."""

    def text(value: Any) -> str:
        is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
        return str(Decimal(value).quantize(Decimal("1e-10"))) if is_number else str(value)

    return sorted([text(value) for value in row] for row in rows)


def test_every_understood_question_is_answered(questions: Questions) -> None:
    """A reading that the metrics cannot compute would end in an error in place of an answer."""
    unanswered = []
    for ask, each in fitting(ANSWERED, questions.vocabulary).items():
        if "sql" not in each and not questions.answer(each["reads"]).columns:
            unanswered.append(ask)
    assert unanswered == []


def test_choices_lead_on(words) -> None:
    """A question that is asked back, and whose choices are refused, is a dead end."""
    dead = [
        (ask, question)
        for ask, each in fitting(ALL, words).items()
        for question in each.get("comes_to", {}).get("questions", ())
        if readings.read(question, words)["status"] == "refused"
    ]
    assert dead == []


def test_choices_differ(words) -> None:
    """Two choices with one reading would make the reader choose between nothing."""
    same = []
    for ask, each in fitting(ALL, words).items():
        found = [
            json.dumps(readings.read(question, words)["reading"])
            for question in each.get("comes_to", {}).get("questions", ())
            if readings.read(question, words)["status"] == "understood"
        ]
        if len(found) != len(set(found)):
            same.append(ask)
    assert same == []


def test_no_word_is_left_out(words) -> None:
    """An answer that ignores a word of the question answers another question."""
    ignored = []
    for ask in ANSWERED:
        parts = ask.split()
        for place in (0, len(parts) // 2, len(parts)):
            spoilt = " ".join([*parts[:place], "zyzzyx", *parts[place:]])
            if readings.read(spoilt, words)["status"] == "understood":
                ignored.append(spoilt)
    assert ignored == []


def test_a_wrong_letter_is_asked_back(words) -> None:
    """A typing error that is silently mended may be another name: Australia is not Austria."""
    taken = [
        spoilt
        for spoilt in (
            "orders in austrlia",
            "orders in germny",
            "ordrs in 2011",
            "net revnue by month",
            "orders in marsh 2011",
        )
        if readings.read(spoilt, words)["status"] != "asked_back"
    ]
    assert taken == []


@pytest.mark.parametrize("question", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_questions_are_refused_in_words(words, question: str) -> None:
    """A question comes from anybody; it must reach neither a parser of SQL nor the terminal as it is."""
    outcome = readings.read(question, words)
    assert outcome["status"] == "refused"
    assert outcome["says"].endswith((".", ". "))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_text_has_an_outcome(words, data) -> None:
    """A traceback tells a reader nothing, and a service that it kills answers nobody else."""
    pool = st.sampled_from(sorted(words.words)) | st.sampled_from(
        ["2011", "31", "november", ",", "-", "05/06/2011", "q3"]
    )
    text = data.draw(st.text(max_size=60) | st.lists(pool, max_size=9).map(" ".join))
    assert readings.read(text, words)["status"] in ("understood", "asked_back", "refused")


def test_empty_release_is_told_in_words(content) -> None:
    """A warehouse without a line has no last day from which "last month" could count."""
    outcome = readings.read("orders last month", Vocabulary(content | {"first_day": None, "last_day": None}))
    assert (outcome["status"], outcome["reason"]) == ("refused", "no_data")


def test_values_of_two_dimensions_are_asked_back(content) -> None:
    """Georgia is a country and a state: whoever guesses is wrong half of the time."""
    georgia = [
        {"is": "value", "dimension": name, "value": "Georgia", "qualified": False}
        for name in ("country__country_name", "country__region")
    ]
    words = Vocabulary(content | {"words": content["words"] | {"georgia": georgia}})
    outcome = readings.read("orders in Georgia", words)
    assert [choice["question"] for choice in outcome["choices"]] == [
        "orders in country georgia",
        "orders in region georgia",
    ]


def read_in_javascript(
    content: dict[str, Any], asked: list[str], folder: Path, chromium_of: Any
) -> list[dict[str, Any]]:
    """Return what `ask.js` makes of questions, in Node.js, or else in a browser."""
    script = (PROJECT_ROOT / "scripts" / "ask" / "ask.js").read_text()
    if node := shutil.which("node"):
        (folder / "input.json").write_text(json.dumps([content, asked]))
        program = (
            f"{script}\nconst [content, asked] = JSON.parse(require('fs').readFileSync(process.argv[1], 'utf8'));"
            "const known = new Ask.Vocabulary(content);"
            "process.stdout.write(JSON.stringify(asked.map((question) => Ask.read(question, known))));"
        )
        done = subprocess.run(
            [node, "-e", program, str(folder / "input.json")], capture_output=True, text=True, check=True
        )
        return json.loads(done.stdout)
    page = chromium_of().new_page()
    page.add_script_tag(content=f"{script}\nwindow.Ask = Ask;")
    return page.evaluate(
        "([content, asked]) => asked.map((question) => Ask.read(question, new Ask.Vocabulary(content)))",
        [content, asked],
    )


def test_javascript_reads_the_same(content, words, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The page and the command must never answer one question in two ways."""
    asked = [*ALL, *(question for question in HOSTILE if "\x00" not in question)]
    asked += [question for each in ALL.values() for question in each.get("comes_to", {}).get("questions", ())]
    asked += [f"{ask} compared with last year" for ask in ANSWERED]
    found = read_in_javascript(content, asked, tmp_path, lambda: request.getfixturevalue("browser"))
    differ = [ask for ask, each in zip(asked, found, strict=True) if each != readings.read(ask, words)]
    assert differ == []


def test_make_hands_the_question_over_unread(tmp_path: Path) -> None:
    """A question with a quote or a dollar must not become a command of the shell or of make."""
    (tmp_path / "python").write_text('#!/bin/sh\nprintf "%s" "$ASK_QUESTION" > "$0.asked"\n')
    (tmp_path / "python").chmod(0o755)
    trap = tmp_path / "trapped"
    question = f"""a"b'c `touch {trap}` $(touch {trap}) $(shell touch {trap}) ; touch {trap} # \\ %"""
    subprocess.run(
        ["make", "--silent", "ask", f"BIN={tmp_path}", f"Q={question}"],
        cwd=PROJECT_ROOT,
        check=True,
        capture_output=True,
    )
    assert not trap.exists()
    assert (tmp_path / "python.asked").read_text() == question


def test_exit_codes_tell_programs_what_happened(built: Database, command_on: Callable[[Database], None]) -> None:
    """A program must tell an answer from a question back, and both from a refusal."""
    command_on(built)
    asked = ("orders in 2011", "revenue in 2011", "orders in narnia")
    results = [CliRunner().invoke(command.main, ["--json", question]) for question in asked]
    assert [result.exit_code for result in results] == [0, 3, 4], [result.output for result in results]


def test_a_prompt_answers_line_by_line(built: Database, command_on: Callable[[Database], None]) -> None:
    """A second question must not wait for another start of Python."""
    command_on(built)
    lines = "orders in 2011\n\nrevenue\norders in 2010\n"
    result = CliRunner().invoke(command.main, ["--json"], input=lines)
    assert [json.loads(line)["status"] for line in result.stdout.splitlines()] == ["answered", "asked_back", "answered"]


def test_without_a_release_it_says_so(database: Database, command_on: Callable[[Database], None]) -> None:
    """Whoever asks before the first build must learn what to do."""
    command_on(database)
    result = CliRunner().invoke(command.main, ["orders in 2011"])
    assert result.exit_code == 1
    assert "make build" in result.output


def test_a_session_can_only_read(questions: Questions) -> None:
    """The rights of the session are the last guard, should a question ever reach SQL."""
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        questions.session.execute("create table gold.trap ()")


def test_the_terminal_gets_no_control_characters() -> None:
    """A description in the data could otherwise move the cursor or hide a line."""
    table = Table(
        (Column("product", "Product", "text"), Column("units", "Units", "count")),
        [("\x1b[2Jred mug\u202e", 3), ("[bold]mug[/bold]", -1)],
        ("select 1",),
        1,
        0.1,
    )
    console = Console(file=io.StringIO(), width=200)
    show.show(console, "Units", table)
    shown = console.file.getvalue()
    assert not re.search("[\x1b\u202e]", shown)
    assert "[bold]mug[/bold]" in shown


def test_a_series_and_a_list_are_drawn() -> None:
    """A reader sees the shape of an answer before its numbers."""
    day = Column("month", "Month", "month")
    units = Column("units", "Units", "count")
    months = [(f"2011-{month:02}-01", month) for month in range(1, 9)]
    assert show.series(Table((day, units), months, (), 1, 0.0)) == "▁▂▃▄▅▆▇█"
    assert [show.bar(value, 24.0) for value in (24.0, 12.0, 0.125, 0.0)] == ["█" * 24, "█" * 12, "▏", ""]
