"""What a build knows of the project is what its files say, whatever dbt remembers of an earlier parse."""

from pathlib import Path
from textwrap import dedent

import pytest
from dbt_project import replace

from scripts.build import dbt as building
from scripts.build.dbt import LOG_LEVELS, Project, parse
from scripts.errors import Refusal

# A parse of the whole project takes ten seconds, and dbt treats a project of one model and one check alike.
FILES = {
    "dbt_project.yml": """
        name: little
        version: 1.0.0
        profile: little
        flags: {send_anonymous_usage_stats: false}
    """,
    "profiles.yml": """
        little:
          target: none
          outputs:
            none: {type: postgres, host: nowhere, port: 5432, user: me, password: secret, dbname: none, schema: none}
    """,
    "models/invoices.sql": "select 1 as invoice_number",
    "models/invoices.yml": """
        models:
          - name: invoices
            description: '{{ doc("invoices") }}'
            config:
              meta:
                report:
                  label: Invoices
                  query: select 1
    """,
    "models/docs.md": "{% docs invoices %}Key of the invoice{% enddocs %}",
    "tests/assert_invoices.sql": "select * from {{ ref('invoices') }}",
    # Where dbt loses this file, the check has the severity `error`.
    "tests/assert_invoices.yml": """
        data_tests:
          - name: assert_invoices
            config: {severity: warn}
    """,
}

pytestmark = pytest.mark.dbt


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """Write a project in a temporary folder; return the options that make dbt work there."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(dedent(text))
    folders = {"project-dir": tmp_path, "profiles-dir": tmp_path, "target-path": tmp_path / "target"}
    # Other tests of this process set DBT_TARGET.
    others = [f"--log-path={tmp_path}", "--target=none"]
    return [*LOG_LEVELS, *(f"--{name}={path}" for name, path in folders.items()), *others]


def severity(options: list[str]) -> str:
    """Parse; return the severity of the check."""
    manifest = parse(options)
    assert manifest is not None
    return str(manifest.nodes["test.little.assert_invoices"].config.severity).lower()


@pytest.mark.parametrize("is_noticed", [True, False], ids=["the loss is noticed", "the loss is not noticed"])
def test_a_build_knows_the_checks_after_an_edit_of_what_they_read(
    is_noticed: bool, options: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of checks on what was edited, dbt's partial parsing loses the YAML: each build after an edit would be refused."""
    assert severity(options) == "warn"
    replace(tmp_path / "models/docs.md", ("the invoice", "an invoice"))
    if not is_noticed:
        monkeypatch.setattr(building, "_has_forgotten_checks", lambda _: False)
    assert severity(options) == ("warn" if is_noticed else "error")


def test_a_report_with_an_unknown_key_is_refused_before_the_build(options: list[str], tmp_path: Path) -> None:
    """A misspelt key would be ignored, and nobody would miss the line that is not printed."""
    replace(tmp_path / "models/invoices.yml", ("label: Invoices", "label: Invoices\n          lable: Invoices"))
    with pytest.raises(Refusal, match=r"^model invoices: config\.meta\.report\.lable: unknown key\."):
        Project(options=options)


SOURCE = """
    sources:
      - name: raw
        schema: bronze
        tables:
          - name: budgets
            config:
              freshness: {warn_after: {count: 7, period: day}}
              meta: {landing: {formats: [csv]}}
            data_tests:
              - holds_what_the_ledger_says: {name: budgets_hold_what_the_ledger_says}
              - every_row_is_typed_or_quarantined: {name: budgets_are_typed_or_quarantined}
          - name: ledger
"""


@pytest.mark.parametrize(
    ("change", "lacking"),
    [
        (("every_row_is_typed_or_quarantined", "not_empty"), "the check every_row_is_typed_or_quarantined"),
        (("freshness: {warn_after: {count: 7, period: day}}", "freshness: null"), "freshness"),
        (("landing: {formats: [csv]}", "colour: red"), None),
        (("count: 7", "count: 8"), None),
    ],
    ids=["no check", "no freshness", "takes no files", "lacks nothing"],
)
def test_a_source_that_may_lose_rows_is_refused_before_the_build(
    change: tuple[str, str], lacking: str | None, options: list[str], tmp_path: Path
) -> None:
    """A row that is neither typed nor in quarantine would be missing, and the build would pass."""
    (tmp_path / "models/_raw__sources.yml").write_text(dedent(SOURCE))
    checks = ("holds_what_the_ledger_says", "every_row_is_typed_or_quarantined", "not_empty")
    tests = "\n".join(f"{{% test {name}(model) %}}select 1 as row where false{{% endtest %}}" for name in checks)
    (tmp_path / "macros").mkdir()
    (tmp_path / "macros/tests.sql").write_text(tests)
    replace(tmp_path / "models/_raw__sources.yml", change)
    if lacking is None:
        Project(options=options)
        return
    told = rf"^models/_raw__sources\.yml: the table budgets receives files, but lacks {lacking}: [^\n]*$"
    with pytest.raises(Refusal, match=told):
        Project(options=options)
