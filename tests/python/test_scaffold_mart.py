"""`make new-mart` writes a mart that builds, passes its tests and follows the conventions at once."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
from dbt_project import Dbt, copy_of_project, environment
from harness import Database

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT
from scripts.scaffold.mart import EXPOSURES, create

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
    sql, _, _ = create(project, "top_customers", "marketing")
    parsed = run([BIN / "dbt", "--quiet", "parse", "--no-partial-parse", "--warn-error"], project)
    assert (parsed.returncode, parsed.stdout) == (0, "")
    built = {
        name: outcome.status for name, outcome in dbt("build", "--select", "top_customers", project=project).items()
    }
    assert built == {
        "top_customers": "success",
        "top_customers_obeys_its_rules": "pass",
        "top_customers_sums_each_month": "pass",
    }
    with psycopg.connect(copy_of_built.url) as session:
        mart = session.execute("select sum(net_amount) from gold_candidate.top_customers").fetchone()
        fact = session.execute("select sum(net_amount) from gold.fct_sales").fetchone()
    assert mart == fact
    styled = run([BIN / "sqlfluff", "lint", "--disable-progress-bar", sql], project)
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
        ("TopCustomers", "marketing", "NAME=TopCustomers will not do"),
        ("fct_customers", "marketing", "NAME=fct_customers will not do"),
        ("", "", "bridge_, snp_); DOMAIN= is no folder of models/marts"),
        ("../escape", "marketing", "NAME=../escape will not do"),
        ("daily_sales", "marketing", "NAME=daily_sales is taken by models/marts/finance/daily_sales.sql"),
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


def test_a_mart_without_a_group_belongs_to_the_platform(project: Path) -> None:
    """Each reader names an owner who is asked before the mart changes."""
    create(project, "late_files", "monitoring")
    assert (
        (project / EXPOSURES)
        .read_text()
        .endswith(
            "    owner:\n      name: Data platform\n      email: platform@example.com\n"
            "    depends_on:\n      - ref('late_files')\n"
        )
    )
