"""`make lint` runs each part that a change can fail, and explains its rules; ordinary SQL is welcome everywhere."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from dbt_project import copy_of_project, environment
from harness import Database

from scripts.errors import Refusal
from scripts.lint.__main__ import DBT, PYTHON, READERS, RENDERED, REVISION, TYPED, Lint, main
from scripts.lint.changes import Files, changed_since, named
from scripts.lint.part import explained, reasons
from scripts.paths import PROJECT_ROOT

# Three marts as three people write them: in capitals with `using` and numbers, with leading commas, with short aliases.
COUNTRY_MONTHS = """\
{{ config(unique_key=['month', 'country_name']) }}

SELECT
    date_trunc('month', s.invoiced_on)::date AS month,
    c.country_name,
    SUM(s.net_amount) AS net_amount,
    count(DISTINCT s.invoice_number) orders
FROM {{ ref('fct_sales') }} s
JOIN {{ ref('dim_country') }} c USING (country_key)
GROUP BY 1, 2
ORDER BY 3 DESC
"""
WEEKDAY_SALES = """\
{{ config(unique_key='day') }}

with sales as (
  select * from {{ ref('fct_sales') }}
),

by_day as (
  select
    extract(isodow from invoiced_on)::int as day
    , sum(quantity) as units
    , sum(net_amount) as net_amount
  from sales
  where line_type = 'sale'
  group by day
)

select day, units, net_amount, units / nullif(sum(units) over (), 0) as share
from by_day
"""
BEST_CUSTOMERS = """\
{{ config(unique_key='customer_durable_key') }}

with ranked as (

    select
        c.customer_durable_key,
        sum(s.net_amount) as net_amount,
        max(s.invoiced_on) as last_order_date,
        case when sum(s.net_amount) > 1000 then 'large' else 'small' end as size
    from {{ ref('fct_sales') }} as s
    left join {{ ref('dim_customer') }} as c on s.customer_key = c.customer_key
    where s.line_type != 'postage'
    group by c.customer_durable_key

)

select customer_durable_key, net_amount, last_order_date, size
from ranked
where net_amount > 0
"""


def sqlfluff(command: str, project: Path, *files: Path | str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("sqlfluff"), command, "--disable-progress-bar", *files],
        cwd=project,
        env=os.environ | environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the project with the configuration of sqlfluff."""
    folder = copy_of_project(tmp_path_factory.mktemp("lint") / "project")
    shutil.copy(PROJECT_ROOT / ".sqlfluff", folder / ".sqlfluff")
    return folder


@pytest.mark.dbt
def test_fix_mends_ordinary_sql(copy_of_built: Database, project: Path) -> None:
    """A newcomer's first model must not fail for habits that dbt's own guides have."""
    styles = {
        "models/marts/marketing/country_months.sql": COUNTRY_MONTHS,
        "models/marts/marketing/weekday_sales.sql": WEEKDAY_SALES,
        "models/marts/core/best_customers.sql": BEST_CUSTOMERS,
    }
    for file, style in styles.items():
        (project / file).write_text(style)
    fixed = sqlfluff("fix", project, *styles)
    assert fixed.returncode == 0, fixed.stdout
    linted = sqlfluff("lint", project, *styles)
    assert linted.returncode == 0, linted.stdout


@pytest.mark.dbt
def test_one_process_finds_what_the_tools_find_alone(copy_of_built: Database, project: Path) -> None:
    """A quicker way to start the tools must not overlook a fault."""
    folder = project / "models/marts/finance"
    (folder / "hasty.sql").write_text("SELECT  sum( net_amount ) n\nFROM {{ ref('fct_sales') }} WHERE 1=1\n")
    (folder / "broken.sql").write_text("select from where {{ ref('fct_sales') }}\n")
    files = ["models/marts/finance/hasty.sql", "models/marts/finance/broken.sql"]
    alone = sqlfluff("lint", project, "--format", "json", *files)
    expected = {
        f"{file['filepath']}:{fault['start_line_no']}:{fault['start_line_pos']}: {fault['code']}"
        for file in json.loads(alone.stdout[alone.stdout.index("[{") :])
        for fault in file["violations"]
    }
    assert {line.rpartition(": ")[2] for line in expected} >= {"CP01", "PRS"}
    done = subprocess.run(
        [sys.executable, "-m", "scripts.lint.dbt_parts", *files],
        cwd=project,
        env=os.environ | environment() | {"PYTHONPATH": str(PROJECT_ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    parts = {part["name"]: part for part in map(json.loads, done.stdout.splitlines())}
    assert parts["dbt parse"]["status"] == "passed", parts["dbt parse"]["output"]
    lines = parts["sqlfluff"]["output"].splitlines()
    assert {" ".join(line.split(" ")[:2]) for line in lines if line.startswith("models/")} == expected


def test_a_part_that_fails_does_not_hide_the_next(tmp_path: Path) -> None:
    """One refusal after the other costs a round each."""
    bad = tmp_path / "bad.py"
    bad.write_text("import os\nx = {  }\n")
    status = {part.name: part.status for part in Lint(Files([str(bad)], [], "are named")).run()}
    assert [name for name, each in status.items() if each == "failed"] == ["ruff check", "ruff format"]
    assert status["sqlfluff"] == "skipped: no file for it"


def test_every_rule_that_the_project_chose_gives_its_reason() -> None:
    """A rule without a reason looks like a whim, and its reader switches the linter off."""
    why = reasons((PROJECT_ROOT / ".sqlfluff").read_text())
    assert set(why) == {"CP01", "CP02", "CP03", "CP04", "CP05", "LT05", "RF07"}
    assert list(explained({"AM05", "LT05"}, why)) == [
        f"LT05: {why['LT05']}.",
        "`.venv/bin/sqlfluff rules` explains AM05.",
    ]


def test_one_file_says_how_sql_is_written() -> None:
    """A rule that holds in one folder and not in the next is learned twice."""
    tracked = subprocess.run(
        ["git", "ls-files", "*.sqlfluff"], cwd=PROJECT_ROOT, capture_output=True, text=True, check=True
    )
    assert tracked.stdout.split() == [".sqlfluff"]


@pytest.mark.skipif(not Path(sys.executable).with_name("dbt-bouncer").exists(), reason="needs Python 3.11")
def test_a_model_without_a_reader_only_warns() -> None:
    """A branch adds a mart before it knows all readers, and a staging model before its first mart."""
    checks = yaml.safe_load((PROJECT_ROOT / "dbt-bouncer.yml").read_text())["manifest_checks"]
    warning = {check["name"] for check in checks if check.get("severity") == "warn"}
    assert warning == {
        "check_model_has_exposure",
        "check_model_min_downstream_models",
        "check_source_not_orphaned",
    }


@pytest.mark.parametrize(
    ("files", "deleted", "needed"),
    [
        (["docs/history.md"], [], set()),
        (["tests/python/test_lint.py"], [], {"ruff"}),
        (["scripts/paths.py"], [], {"ruff", "mypy"}),
        ([], ["scripts/paths.py"], {"mypy"}),
        (["models/marts/finance/daily_sales.sql"], [], {"dbt", "sqlfluff", "bouncer"}),
        (["models/marts/finance/daily_sales.yml"], [], {"dbt", "bouncer"}),
        ([], ["models/marts/finance/daily_sales.sql"], {"dbt", "bouncer"}),
        (["macros/events.sql"], [], {"dbt", "bouncer"}),
        (["packages/pg_wap/models/runs/ops_runs.sql"], [], {"dbt", "bouncer", "package"}),
        (["packages/pg_wap/README.md"], [], set()),
        (["dbt-bouncer.yml"], [], {"bouncer"}),
        ([".sqlfluff"], [], {"sqlfluff"}),
        (["migrations/versions/new.sql"], [], {"squawk"}),
    ],
)
def test_only_tools_that_a_change_can_fail_run(files: list[str], deleted: list[str], needed: set[str]) -> None:
    """An answer after minutes is not waited for, and a tool that does not run overlooks a fault."""
    tools = Lint(Files(files, deleted, "are named"))
    runs = {
        "ruff": tools.checked(PYTHON) != [],
        "mypy": tools.touches(TYPED),
        "squawk": tools.checked(REVISION) != [],
        "sqlfluff": tools.checked(RENDERED) != [],
        "dbt": tools.touches(DBT),
        "bouncer": tools.touches(*READERS["dbt-bouncer"]),
        "package": tools.touches(*READERS["dbt-bouncer, pg_wap"]),
    }
    assert {name for name, does_run in runs.items() if does_run} == needed


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Return git in a working copy of its own, on a branch with a commit more than main."""
    for variable in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setattr("scripts.lint.changes.PROJECT_ROOT", tmp_path)

    def git(*arguments: str) -> str:
        identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
        done = subprocess.run(["git", *identity, *arguments], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    git("init", "--quiet", "--initial-branch", "main")
    for name in ("kept.sql", "gone.sql", "old.sql"):
        (tmp_path / name).write_text(f"select '{name}'\n")
    git("add", ".")
    git("commit", "--quiet", "--message", "first")
    git("switch", "--quiet", "--create", "branch")
    return git


def test_changed_are_commits_edits_new_and_deleted_files(clone: Callable[..., str], tmp_path: Path) -> None:
    """A file that is overlooked fails after the merge."""
    assert changed_since("main")[:2] == ([], [])
    (tmp_path / "committed.sql").write_text("select 1\n")
    clone("mv", "old.sql", "renamed.sql")
    clone("add", ".")
    clone("commit", "--quiet", "--message", "second")
    (tmp_path / "kept.sql").write_text("select 2\n")
    (tmp_path / "new.sql").write_text("select 3\n")
    (tmp_path / "gone.sql").unlink()
    present, deleted, _ = changed_since("main")
    assert sorted(present) == ["committed.sql", "kept.sql", "new.sql", "renamed.sql"]
    assert sorted(deleted) == ["gone.sql", "old.sql"]


@pytest.mark.parametrize("base", ["nope", "--help", "", "main..branch"])
def test_a_base_that_git_does_not_know_is_refused(clone: Callable[..., str], base: str) -> None:
    """A typing error must not look like a branch without changes."""
    with pytest.raises(Refusal, match=rf"^BASE={base}: git knows no such branch or commit"):
        changed_since(base)


def test_a_folder_without_git_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a downloaded archive, nothing is known to have changed."""
    monkeypatch.setattr("scripts.lint.changes.PROJECT_ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(Refusal, match="check all: ALL=1"):
        changed_since("main")


def test_nothing_to_do_is_one_line(clone: Callable[..., str]) -> None:
    """Silence would look like a check that passed."""
    done = CliRunner().invoke(main, [])
    assert (done.exit_code, done.output) == (
        0,
        "No file differs from main, so there is nothing to do. ALL=1 takes the whole project.\n",
    )


@pytest.mark.parametrize(("target", "whole"), [("lint", False), ("fix", False), ("test", True), ("check", True)])
def test_only_tests_check_the_whole_project(target: str, whole: bool) -> None:
    """A merge must hold for all files, and a developer waits only for the changed ones."""
    told = subprocess.run(
        ["make", "--dry-run", "--always-make", target],
        cwd=PROJECT_ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("MAKE")},
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in told.stdout.splitlines() if "-m scripts.lint" in line)
    assert ("--all" in line) == whole


def test_a_file_that_is_not_there_is_refused() -> None:
    """A typing error must not look like a file without faults."""
    with pytest.raises(Refusal, match=r"models/nope\.sql: no such file"):
        named(["models/nope.sql"])
