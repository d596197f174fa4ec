"""`make new` writes a mart that builds, passes its tests and follows the conventions at once."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import yaml
from click.testing import CliRunner
from dbt_project import Dbt, copy_of_project, environment
from harness import Database

from scripts.errors import Refusal
from scripts.lint.dbt_parts import EVERYTHING
from scripts.paths import PROJECT_ROOT
from scripts.scaffold.__main__ import main
from scripts.scaffold.mart import create

BIN = Path(sys.executable).parent


def run(command: list[object], project: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(part) for part in command],
        cwd=project,
        # The conventions import scripts/, which a copy of the project does not have.
        env=os.environ | environment() | {"PYTHONPATH": str(PROJECT_ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_mart_builds_and_passes_the_conventions(copy_of_built: Database, dbt: Dbt, tmp_path: Path) -> None:
    """A template that the project's own tools refuse teaches nothing."""
    project = copy_of_project(tmp_path / "project")
    shutil.copy(PROJECT_ROOT / ".sqlfluff", project / ".sqlfluff")
    # The checks of the conventions lie among the tests in Python.
    shutil.copytree(PROJECT_ROOT / "tests" / "conventions", project / "tests" / "conventions", dirs_exist_ok=True)
    sql, _ = create(project, "top_customers", "marketing")
    taken_over, _ = create(
        project, "customer_countries", "finance", ["customer_id", "country_name", "net_amount", "quantity"]
    )
    built = {
        name: outcome.status
        for name, outcome in dbt("build", "--select", "top_customers", "customer_countries", project=project).items()
    }
    assert built == {
        "top_customers": "success",
        "top_customers_obeys_its_rules": "pass",
        "top_customers_sums_each_month": "pass",
        "customer_countries": "success",
        "customer_countries_obeys_its_rules": "pass",
        "customer_countries_sums_its_lines": "pass",
    }
    # The conventions look at the manifest of this parse.
    parsed = run([BIN / "dbt", "--quiet", "parse", "--no-partial-parse", "--warn-error", *EVERYTHING], project)
    assert (parsed.returncode, parsed.stdout) == (0, "")
    with psycopg.connect(copy_of_built.url) as session:
        mart = session.execute("select sum(net_amount) from gold_candidate.top_customers").fetchone()
        fact = session.execute("select sum(net_amount) from gold.fct_sales").fetchone()
        of_customers = session.execute(
            "select sum(net_amount), sum(quantity) from gold_candidate.customer_countries"
        ).fetchone()
        lines_of_customers = session.execute(
            "select sum(net_amount), sum(quantity) from gold.fct_sales where customer_key <> -1"
        ).fetchone()
    assert mart == fact
    assert of_customers == lines_of_customers
    styled = run([BIN / "sqlfluff", "lint", "--disable-progress-bar", sql, taken_over], project)
    assert styled.returncode == 0, styled.stdout
    if (BIN / "dbt-bouncer").exists():
        conventional = run([BIN / "dbt-bouncer", "run"], project)
        assert conventional.returncode == 0, conventional.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return the parts of a project that a new mart reads."""
    folder = tmp_path / "project"
    shutil.copytree(PROJECT_ROOT / "models", folder / "models")
    return folder


def state(project: Path) -> dict[str, str]:
    return {str(path): path.read_text() for path in sorted(project.rglob("*")) if path.is_file()}


@pytest.mark.parametrize(
    ("name", "domain", "reason"),
    [
        ("top_customers", "sales", "DOMAIN=sales is no folder of models/marts: give one of finance, marketing"),
        ("top_customers", "core", "DOMAIN=core is no folder of models/marts"),
        ("TopCustomers", "marketing", "MART=TopCustomers will not do"),
        ("fct_customers", "marketing", "MART=fct_customers will not do"),
        ("", "", "bridge_, snp_); DOMAIN= is no folder of models/marts"),
        ("../escape", "marketing", "MART=../escape will not do"),
        ("daily_sales", "marketing", "MART=daily_sales is taken by models/marts/finance/daily_sales.sql"),
    ],
)
def test_a_name_or_domain_that_will_not_do_writes_nothing(project: Path, name: str, domain: str, reason: str) -> None:
    """Half a mart would stop every command of dbt."""
    before = state(project)
    with pytest.raises(Refusal, match=re.escape(reason)):
        create(project, name, domain)
    assert state(project) == before


def test_a_second_call_changes_nothing(project: Path) -> None:
    """A repeated command must not overwrite the work that began from the template."""
    create(project, "top_customers", "marketing")
    before = state(project)
    with pytest.raises(Refusal, match=r"taken by models/marts/marketing/top_customers\.sql"):
        create(project, "top_customers", "finance")
    assert state(project) == before


def test_columns_keep_what_is_known_of_them(project: Path) -> None:
    """A description that is written a second time soon says something else."""
    sql, properties = create(project, "customer_countries", "finance", ["customer_id", "net_amount"])
    (model,) = yaml.safe_load((project / properties).read_text())["models"]
    (dimension,) = yaml.safe_load((project / "models/marts/core/dim_customer.yml").read_text())["models"]
    (origin,) = (column for column in dimension["columns"] if column["name"] == "customer_id")
    customer, amount = model["columns"]
    assert (customer["description"], customer["data_type"]) == (origin["description"], origin["data_type"])
    assert customer["config"]["meta"]["pii"] == origin["config"]["meta"]["pii"] == "quasi"
    assert amount["description"] == 'Sum of `net_amount` of `fct_sales`: {{ doc("net_amount") }}'
    assert "sum(fct_sales.net_amount)::numeric(24, 4) as net_amount" in (project / sql).read_text()


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        (["net_amont"], "COLUMNS: no model has a column 'net_amont'; did you mean net_amount"),
        (["net_revenue"], "COLUMNS: no model has a column 'net_revenue' (net_revenue is a metric: "),
        (["net_amount"], "COLUMNS: all of them are summed up; add the columns of the grain"),
        (
            ["sold_days", "months_since_first"],
            "COLUMNS: no model has sold_days, months_since_first or joins what has them by one key",
        ),
        (["120"], "COLUMNS: no model has a column '120'; models/marts/core/README.md lists the columns."),
    ],
)
def test_a_column_that_will_not_do_writes_nothing(project: Path, columns: list[str], reason: str) -> None:
    """An invented column would pass the parser and fail in the build."""
    before = state(project)
    with pytest.raises(Refusal, match=re.escape(reason)):
        create(project, "top_customers", "marketing", columns)
    assert state(project) == before


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "give what is new: MART=name DOMAIN=folder, or SOURCE=name FILE=path."),
        (["--mart=a", "--source=b"], "give one of the two: MART=name"),
        (["--mart=top_customers", "--domain=finance", "--file=a.csv"], "FILE=a.csv is of a source"),
        (["--source=budgets"], "SOURCE=budgets needs one of its files"),
        (["--source=budgets", "--domain=finance", "--file=a.csv"], "DOMAIN and COLUMNS are of a mart"),
        (["--source=Budgets!", "--file=README.md"], "Budgets!"),
    ],
)
def test_a_call_that_will_not_do_is_one_line(arguments: list[str], reason: str) -> None:
    """Two things in one call, or none, are a slip of the keyboard, and the line shows both forms."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 1
    assert done.output.startswith("Error: ")
    assert reason in done.output
    assert done.output.count("\n") == 1


def test_the_width_of_the_terminal_is_no_column() -> None:
    """Some shells export COLUMNS, and make takes it for its own."""
    told = subprocess.run(
        ["make", "--dry-run", "new", "MART=top_customers", "DOMAIN=finance"],
        cwd=PROJECT_ROOT,
        env=os.environ | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "120" not in told.stdout
