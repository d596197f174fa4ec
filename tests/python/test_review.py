"""`make review` reports what a change of code does, all of it and nothing else: a catalogue of changes, in one tree."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import psycopg
import pytest
import review_changes
from conftest import Database
from dbt_project import environment, without_settings
from review_changes import MARTS, WITH_EFFECT, WITHOUT_EFFECT

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT
from scripts.review import code, release

GIT = ("git", "-c", "user.name=tests", "-c", "user.email=tests@example.com", "-c", "commit.gpgsign=false")
# What readers had, of marts that only these tests have.
RELEASED = """
    create view gold.worded_1 as select 'a'::text as one, 'before'::text as word;
    create view gold.worded_2 as table gold.worded_1;
    create view gold.worded_3 as table gold.worded_1;
    create view gold.versioned as select 'a'::text as one, 'b'::text as old_name;
"""


# A review while which a release of the same code is published: the first comparison is of a release that is gone.
OVERTAKEN = """
import json, sys
from scripts import connection
from scripts.review.running import Review

class Overtaken(Review):
    comparisons = 0

    def _compare(self, found):
        report = super()._compare(found)
        self.comparisons += 1
        if self.comparisons == 1:
            with connection.connect(autocommit=True, name="release") as session:
                session.execute(sys.argv[2])
        return report

print(json.dumps(Overtaken(sys.argv[1], with_uncommitted=True).report().as_json(), default=str))
"""
BETWEEN = """
    insert into audit.runs
    select (jsonb_populate_record(runs, jsonb_build_object('invocation_id', 'between', 'started_at', now()))).*
    from audit.runs
    where command like 'dbt build%'
    order by started_at desc
    limit 1;

    insert into audit.releases overriding system value
    select (jsonb_populate_record(releases, jsonb_build_object('release_id', 2))).* from audit.releases
"""


class Tree(NamedTuple):
    """A copy of the project under git, and the warehouse that was released from its first commit."""

    folder: Path
    base: str
    database: Database

    def git(self, *arguments: str) -> str:
        """Run git, and return what it says."""
        done = subprocess.run([*GIT, *arguments], cwd=self.folder, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def commit(self) -> str:
        """Commit all files; return the commit."""
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "a state")
        return self.git("rev-parse", "HEAD")

    def review(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the command."""
        return subprocess.run(
            [sys.executable, "-m", "scripts.review", *options],
            cwd=self.folder,
            env=without_settings() | environment() | {"PWD": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """Ask the warehouse."""
        with psycopg.connect(self.database.url, autocommit=True) as session:
            found = session.execute(query.encode())
            return found.fetchall() if found.description else []


@pytest.fixture(scope="module")
def tree(built: Database, work_on: Callable[..., AbstractContextManager[Database]]) -> Iterator[Tree]:
    """Copy the project and the built warehouse, and let the release be of the first commit of the copy."""
    with TemporaryDirectory(prefix="retail-") as parent, work_on(built) as database:
        folder = Path(parent) / "project"
        listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
        for name in subprocess.run(listed, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True).stdout.split(
            "\n"
        ):
            if name and (PROJECT_ROOT / name).is_file():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(PROJECT_ROOT / name, folder / name)
        shutil.copytree(PROJECT_ROOT / "dbt_packages", folder / "dbt_packages", symlinks=True)
        review_changes.prepare(folder)
        tree = Tree(folder, "", database)
        tree.git("init", "--quiet", "--initial-branch", "main")
        tree = tree._replace(base=tree.commit())
        tree.ask(f"update audit.runs set git_commit = '{tree.base[:12]}'")
        tree.ask(RELEASED)
        tree.ask(
            "create schema desk; create view desk.months as select month_start, lines from gold.monthly_product_sales"
        )
        yield tree


@pytest.fixture(scope="module")
def report(tree: Tree) -> dict[str, Any]:
    """Make all changes of the catalogue, and review them at once."""
    review_changes.apply(tree.folder, WITHOUT_EFFECT | WITH_EFFECT)
    tree.commit()
    done = tree.review("--base", tree.base)
    assert done.returncode == 0, done.stderr + done.stdout
    found: dict[str, Any] = json.loads((tree.folder / "target" / "review" / "review.json").read_text())
    return found


def change_of(report: dict[str, Any], name: str) -> list[str] | None:
    """Return what the report says of a node."""
    return next((change["what"] for change in report["changes"] if change["name"] == name), None)


def rows_of(report: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what becomes of the rows of a relation of gold."""
    ((found),) = [each for each in report["rows"] if each["relation"] == f"gold.{name}"]
    return {"status": found["status"], "problem": found["problem"], **found["found"]}


def check_of(report: dict[str, Any], name: str) -> list[tuple[str, str]]:
    """Return what the report says of a check."""
    return [(check["what"], check["detail"]) for check in report["checks"] if check["name"] == name]


def risks_of(report: dict[str, Any], kind: str) -> list[str]:
    """Return the risks of a kind."""
    return [risk["text"] for risk in report["risks"] if risk["kind"] == kind]


# What each change must lead to.
EXPECTED: dict[str, Callable[[dict[str, Any]], bool]] = {
    "a new column": lambda report: rows_of(report, "monthly_customer_orders")["columns_added"] == ["lines"],
    "its contract, with a mark of personal data": lambda report: (
        change_of(report, "monthly_customer_orders") == ["query", "contract"]
        and "monthly_customer_orders.lines: none before, quasi now." in risks_of(report, "personal data")
    ),
    "a rule that is gone": lambda report: (
        check_of(report, "monthly_customer_orders.orders_have_lines") == [("gone", "")]
    ),
    "another join": lambda report: (
        change_of(report, "monthly_segment_moves") == ["query"]
        and rows_of(report, "monthly_segment_moves")["rows_gone"] > 0
    ),
    "a filter that is gone": lambda report: (
        rows_of(report, "monthly_customer_orders")["rows_added"] > 0
        and check_of(report, "monthly_customer_orders_obeys_its_rules")[0][0] == "fails"
    ),
    "another type": lambda report: (
        rows_of(report, "monthly_product_sales")["columns_retyped"]
        == [{"name": "lines", "before": "integer", "after": "bigint"}]
    ),
    "its contract": lambda report: any("desk.months reads it" in text for text in risks_of(report, "readers break")),
    "a number that moves": lambda report: (
        [column["name"] for column in rows_of(report, "monthly_product_sales")["columns"]] == ["net_amount"]
        and rows_of(report, "monthly_product_sales")["rows_added"] == 0
    ),
    "a row of a seed": lambda report: (
        change_of(report, "uk_bank_holidays") == ["rows of the seed"]
        and rows_of(report, "dim_date")["columns"] == [{"name": "uk_bank_holiday_name", "rows": 1}]
    ),
    "a check that is gone": lambda report: check_of(report, "assert_known_incidents_are_valid") == [("gone", "")],
    "a severity": lambda report: (
        check_of(report, "assert_one_version_is_current") == [("weakened", "severity error → warn")]
    ),
    "a threshold": lambda report: (
        risks_of(report, "variable") == ["max_lines_taken_away: 20 before, 500 now."]
        and check_of(report, "assert_deliveries_take_little_away") == [("changed", "another query")]
    ),
    "a condition of a check": lambda report: (
        check_of(report, "dim_customer_history_has_no_gaps")
        == [("weakened", "where customer_key <> -1 → customer_key > 0")]
    ),
    "a new check": lambda report: check_of(report, "assert_shops_sell") == [("new", "")],
    "a new mart": lambda report: (
        change_of(report, "sales_of_days") == ["new"] and rows_of(report, "sales_of_days")["status"] == "new"
    ),
    "a mart that is gone": lambda report: (
        change_of(report, "short_lived") == ["gone"] and rows_of(report, "short_lived")["status"] == "gone"
    ),
    "another primary key": lambda report: (
        "its primary key changes from (one) to (one, two)" in rows_of(report, "regrained")["problem"]
    ),
    "a macro of three models": lambda report: all(
        change_of(report, f"worded_{number}") == ["query"]
        and rows_of(report, f"worded_{number}")["columns"] == [{"name": "word", "rows": 1}]
        for number in (1, 2, 3)
    ),
    "a model that gets versions": lambda report: rows_of(report, "versioned")["status"] == "equal",
    "its newer version": lambda report: (
        change_of(report, "versioned.v2") == ["new"] and rows_of(report, "versioned_v2")["status"] == "new"
    ),
    "its earlier version": lambda report: (
        change_of(report, "versioned.v1") == ["contract", "settings: alias, materialized, unique_key"]
    ),
    "an index": lambda report: (
        change_of(report, "daily_sales") == ["settings: indexes"]
        and rows_of(report, "daily_sales")["status"] == "equal"
    ),
    "a constraint": lambda report: (
        change_of(report, "fct_product_sold_days") == ["contract"]
        and rows_of(report, "fct_product_sold_days")["status"] == "equal"
    ),
    "the incremental build": lambda report: change_of(report, "customer_rfm") == ["incremental build: touched_by"],
    "a query of a dashboard": lambda report: change_of(report, "revenue_by_definition") == ["query"],
    "a function": lambda report: change_of(report, "dim_product_as_known") == ["query"],
    "a metric of another measure": lambda report: (
        [(metric["what"], metric["owner"]) for metric in report["metrics"] if metric["name"] == "gross_revenue"]
        == [("defined anew", "finance")]
    ),
    "personal data": lambda report: (
        change_of(report, "dim_customer_profile") == ["query"]
        and "dim_customer_profile" not in report["built"]
        and "dim_customer_profile is not built, as a review copies no personal data."
        in risks_of(report, "personal data")
    ),
    "a revision that locks": lambda report: any("9001_lock.up.sql" in text for text in risks_of(report, "locks")),
}


@pytest.mark.parametrize("change", WITH_EFFECT)
def test_a_change_is_reported_as_what_it_is(report: dict[str, Any], change: str) -> None:
    """What a report leaves out or calls by another name is merged unseen."""
    assert EXPECTED[change](report), json.dumps(report, indent=1)[:20000]


def test_nothing_else_is_reported(report: dict[str, Any]) -> None:
    """A report with false alarms is not read: comments, layout, names of CTEs and aliases change nothing."""
    changed = {change["name"] for change in report["changes"] if change["kind"] != "test"}
    assert changed == {
        *(
            "monthly_customer_orders",
            "monthly_segment_moves",
            "monthly_product_sales",
            "uk_bank_holidays",
            "daily_sales",
        ),
        *("sales_of_days", "short_lived", "regrained", "worded_1", "worded_2", "worded_3", "fct_product_sold_days"),
        *("versioned.v1", "versioned.v2"),
        *("customer_rfm", "revenue_by_definition", "dim_product_as_known", "dim_customer_profile"),
    }
    assert {"bridge_product_category", "dim_country", "dim_rfm_band", "fct_invoices", "metric_days"} <= {
        *report["unchanged"]
    }
    moved = {each["relation"].removeprefix("gold.") for each in report["rows"] if each["status"] != "equal"}
    assert moved == {
        *("monthly_customer_orders", "monthly_segment_moves", "monthly_product_sales", "dim_date"),
        *("sales_of_days", "short_lived", "regrained", "worded_1", "worded_2", "worded_3", "versioned_v2"),
    }
    assert report["problems"] == {}
    assert {check["name"] for check in report["checks"]} == {
        *("monthly_customer_orders.orders_have_lines", "assert_known_incidents_are_valid", "assert_shops_sell"),
        *("assert_one_version_is_current", "assert_deliveries_take_little_away", "dim_customer_history_has_no_gaps"),
        # These fail by the join, the number that moves and the filter.
        *("assert_customer_months_add_up_to_facts", "assert_gold_adds_up_to_silver"),
        "monthly_customer_orders_obeys_its_rules",
    }


def test_examples_show_no_personal_data(tree: Tree, report: dict[str, Any]) -> None:
    """The report goes to a pull request, where everyone reads it."""
    told = (tree.folder / "target" / "review" / "review.md").read_text()
    assert "customer_durable_key=(personal data)" in told
    hidden = {
        str((row["before"] or row["after"])["customer_durable_key"])
        for row in rows_of(report, "monthly_customer_orders")["examples"]
    }
    assert hidden - {"-1"} == set() or not any(value in told for value in hidden - {"-1"})


def test_the_release_is_as_it_was(tree: Tree, report: dict[str, Any]) -> None:
    """A review that writes to what it reviews would be the accident that it is there to prevent."""
    assert report["release"]["number"] == 1
    assert tree.ask("select count(*) from audit.runs") == [(1,)]
    assert tree.ask("select distinct uk_bank_holiday_name from gold.dim_date where date_day = '2010-01-01'") == [
        ("New Year's Day",)
    ]


def test_a_page_shows_the_report(tree: Tree, report: dict[str, Any]) -> None:
    """Not every reviewer reads Markdown; the page needs no server and nothing from the network."""
    page = (tree.folder / "target" / "review" / "review.html").read_text()
    assert f"<title>{report['verdict']}</title>" in page
    assert "<td><code>gold.monthly_product_sales</code></td>" in page
    assert "http" not in page.replace("</html>", "")


def test_who_has_to_approve_is_asked(tree: Tree, report: dict[str, Any]) -> None:
    """A number of finance that marketing changes is not marketing's to approve."""
    assert report["owners"] == ["finance", "marketing", "merchandising", "platform"] or set(report["owners"]) >= {
        "finance",
        "marketing",
        "merchandising",
    }


# What is refused


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--base", "nowhere"], "BASE=nowhere: git finds no commit that it shares with this branch"),
    ],
)
def test_a_wrong_base_is_refused(tree: Tree, report: dict[str, Any], options: list[str], message: str) -> None:
    """Compared with the wrong base, every difference is somebody else's."""
    done = tree.review(*options)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_uncommitted_files_are_refused(tree: Tree, report: dict[str, Any]) -> None:
    """Nobody can repeat a review of files that exist on one desk only."""
    path = tree.folder / "models" / "marts" / "finance" / "daily_sales.sql"
    text = path.read_text()
    path.write_text(f"{text}\n")
    try:
        done = tree.review("--base", tree.base)
    finally:
        path.write_text(text)
    assert "are not committed, such as models/marts/finance/daily_sales.sql (1 in all)" in done.stderr
    assert "DIRTY=1" in done.stderr


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        ("update audit.runs set git_commit = '{base}-dirty'", "was built from files that were not committed"),
        ("update audit.runs set git_commit = null", "does not say which commit built it"),
        ("update audit.runs set git_commit = 'abcdefabcdef'", "which git does not know here"),
        ("update audit.runs set git_commit = '{other}'", "files of the base differ from it, such as"),
        ("update audit.releases set kind = 'rollback'", "is a rollback"),
        ("truncate audit.releases cascade", "there is no release to compare with"),
        ("drop table audit.releases cascade", "there is no release to compare with"),
        ("insert into audit.int_lines_classified__changes default values", "was not released"),
        (
            "update audit.runs set status = 'running'; insert into audit.writer select invocation_id from audit.runs",
            "the warehouse is being built",
        ),
    ],
)
def test_a_release_that_is_not_of_the_base_is_refused(tree: Tree, damage: str, message: str) -> None:
    """Differences between the release and the base would be taken for those of the branch."""
    base = code.git("rev-parse", "HEAD")
    other = code.git("log", "-1", "--format=%p", "--", "models")
    compared = code.Code("main", base, base, is_dirty=False, behind=0, files=())
    with psycopg.connect(tree.database.url) as session, session.transaction(force_rollback=True):
        session.execute(damage.format(base=base[:12], other=other).encode())
        with pytest.raises(Refusal, match=re.escape(message)):
            release.refuse_another_base(release.present(session), compared)


def test_the_release_of_the_base_is_taken(tree: Tree) -> None:
    """A check that always refuses would pass the tests above."""
    base = code.git("rev-parse", "HEAD")
    compared = code.Code("main", base, base, is_dirty=False, behind=0, files=())
    with psycopg.connect(tree.database.url) as session, session.transaction(force_rollback=True):
        session.execute("update audit.runs set git_commit = %s", [base[:12]])
        release.refuse_another_base(release.present(session), compared)


def test_two_engineers_review_at_once_and_a_release_comes_between(tree: Tree, report: dict[str, Any]) -> None:
    """Each report is true to its own branch, and to the release that readers see at its end."""
    folders = [tree.folder.with_name(name) for name in ("one", "other")]
    for folder, name in zip(folders, ("worded_1", "worded_2"), strict=True):
        tree.git("worktree", "add", "--quiet", "--detach", str(folder), tree.base)
        shutil.copytree(tree.folder / "dbt_packages", folder / "dbt_packages", symlinks=True)
        file = folder / MARTS / "finance" / f"{name}.sql"
        file.write_text(
            file.read_text().replace("unique_key='one'", "unique_key='one', indexes=[{'columns': ['word']}]")
        )
    overtaken = [sys.executable, "-c", OVERTAKEN, tree.base, BETWEEN]
    plain = [sys.executable, "-m", "scripts.review", "--base", tree.base, "--dirty", "--json"]
    both = [
        subprocess.Popen(
            command,
            cwd=folder,
            env=without_settings() | environment() | {"PWD": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for command, folder in zip((overtaken, plain), folders, strict=True)
    ]
    answers = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], [said[-2000:] for _, said in answers]
    first, second = (json.loads(told) for told, _ in answers)
    assert [change["name"] for change in first["changes"]] == ["worded_1"]
    assert [change["name"] for change in second["changes"]] == ["worded_2"]
    assert first["release"]["number"] == 2, "compared again, with the release that came between"


def test_a_second_review_in_the_same_folder_waits_for_nobody(tree: Tree) -> None:
    """Both would build in the same schemas, and each would compare with half of the other."""
    with code.alone(), pytest.raises(Refusal, match="another review runs in this folder"), code.alone():
        pass
