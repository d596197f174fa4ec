"""What a build knows of the project is what its files say, whatever dbt remembers of an earlier parse."""

from pathlib import Path

from dbt_project import copy_of_project

from scripts.build import LOG_LEVELS, Clock, load_dbt

DESCRIBED = "models/_docs/columns.md"


def test_a_build_knows_the_checks_after_an_edit_of_what_they_read(dbt, tmp_path: Path) -> None:
    """Of checks on what was edited, dbt's partial parsing loses the YAML: each build after an edit would be refused."""
    project = copy_of_project(tmp_path / "project")
    folders = {"project-dir": project, "profiles-dir": project, "target-path": project / "target", "log-path": tmp_path}
    options = [*LOG_LEVELS, *(f"--{name}={folder}" for name, folder in folders.items())]

    def severities() -> dict[str, str]:
        manifest = load_dbt(options, Clock())
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
