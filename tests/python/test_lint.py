"""`make lint` runs every part and explains its rules; ordinary SQL is welcome in the marts of the domains."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from dbt_project import copy_of_project, environment
from harness import Database

from scripts import lint
from scripts.errors import Refusal
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


def sqlfluff(command: str, project: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("sqlfluff"), command, "--disable-progress-bar", *files],
        cwd=project,
        env=os.environ | environment(),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.dbt
def test_fix_mends_ordinary_marts_of_a_domain(copy_of_built: Database, tmp_path: Path) -> None:
    """A newcomer's first mart must not fail for habits that dbt's own guides have; core is stricter."""
    project = copy_of_project(tmp_path / "project")
    for name in (".sqlfluff", "models/marts/.sqlfluff", "models/marts/core/.sqlfluff"):
        shutil.copy(PROJECT_ROOT / name, project / name)
    marts, core = project / "models/marts/marketing", project / "models/marts/core/country_months_of_core.sql"
    styles = {"country_months": COUNTRY_MONTHS, "weekday_sales": WEEKDAY_SALES, "best_customers": BEST_CUSTOMERS}
    files = [marts / f"{name}.sql" for name in styles]
    for file, style in zip(files, styles.values(), strict=True):
        file.write_text(style)
    core.write_text(COUNTRY_MONTHS)
    fixed = sqlfluff("fix", project, *files)
    assert fixed.returncode == 0, fixed.stdout
    linted = sqlfluff("lint", project, *files, core)
    failed = [line for line in linted.stdout.splitlines() if line.endswith("FAIL")]
    assert len(failed) == 1, linted.stdout
    assert core.name in failed[0]
    assert {"AL07", "AM06", "RF04", "ST07"} <= set(lint.codes(linted.stdout))


def test_a_part_that_fails_does_not_hide_the_next(tmp_path: Path) -> None:
    """One refusal after the other costs a round each."""
    bad = tmp_path / "bad.py"
    bad.write_text("import os\nx = {  }\n")
    status = {part.name: part.status for part in lint.Lint([str(bad)]).run()}
    assert [name for name, each in status.items() if each == "failed"] == ["ruff check", "ruff format"]
    assert status["sqlfluff"] == "skipped: no file for it"


def test_every_rule_that_the_project_chose_gives_its_reason() -> None:
    """A rule without a reason looks like a whim, and its reader switches the linter off."""
    why = lint.reasons((PROJECT_ROOT / ".sqlfluff").read_text())
    assert {"AL07", "AM06", "CP01", "CV01", "CV11", "CV13", "LT05", "RF04", "RF07", "ST05"} <= set(why)
    found = "L:   1 | P:   1 | AL07 | Avoid.\nL:   2 | P:   1 | AM05 | Join."
    assert list(lint.explained(found, why)) == [
        f"AL07: {why['AL07']}.",
        "`.venv/bin/sqlfluff rules` explains AM05.",
    ]


def test_a_file_that_is_not_there_is_refused() -> None:
    """A typing error must not look like a file without faults."""
    with pytest.raises(Refusal, match=r"models/nope\.sql: no such file"):
        lint.named_files(["models/nope.sql"])
