"""What a build knows of the project is what its files say, whatever dbt remembers of an earlier parse."""

from pathlib import Path

import pytest
from dbt_project import Dbt, copy_of_project

from scripts.build.dbt import LOG_LEVELS, Project, parse
from scripts.errors import Refusal

DESCRIBED = "models/_docs/columns.md"
REPORTING = "models/intermediate/int_quarantine_logged.yml"


@pytest.fixture(scope="module")
def copied(dbt: Dbt, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A copy of the project, to edit, and the options that make dbt work there."""
    folder = tmp_path_factory.mktemp("copied")
    project = copy_of_project(folder / "project")
    folders = {"project-dir": project, "profiles-dir": project, "target-path": project / "target", "log-path": folder}
    return project, [*LOG_LEVELS, *(f"--{name}={path}" for name, path in folders.items())]


def test_a_build_knows_the_checks_after_an_edit_of_what_they_read(copied: tuple[Path, list[str]]) -> None:
    """Of checks on what was edited, dbt's partial parsing loses the YAML: each build after an edit would be refused."""
    project, options = copied

    def severities() -> dict[str, str]:
        manifest = parse(options)
        assert manifest is not None
        return {
            node.name: str(node.config.severity).lower()
            for node in manifest.nodes.values()
            if node.resource_type == "test" and node.name.startswith("assert_")
        }

    before = severities()
    text = (project / DESCRIBED).read_text()
    (project / DESCRIBED).write_text(text.replace("Key of the invoice", "Key of an invoice"))
    assert "warn" in before.values()
    assert severities() == before


def test_a_report_with_an_unknown_key_is_refused_before_the_build(copied: tuple[Path, list[str]]) -> None:
    """A misspelt key would be ignored, and nobody would miss the line that is not printed."""
    project, options = copied
    text = (project / REPORTING).read_text()
    (project / REPORTING).write_text(text.replace("label: Released", "label: Released\n          lable: Released"))
    with pytest.raises(Refusal, match=r"^model int_quarantine_logged: config\.meta\.report\.lable: unknown key\."):
        Project(options=options)
