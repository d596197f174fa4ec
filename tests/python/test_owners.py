"""`make owners` gives each file to the team of its group, and refuses a group without a team."""

from typing import Any

import pytest

from scripts.errors import Refusal
from scripts.owners import HEADER, codeowners

PROJECT = {
    "name": "little",
    "models": {
        "little": {"+group": "platform", "+schema": "x", "marts": {"finance": {"+group": "finance"}, "core": {}}}
    },
}


def node(path: str, group: str | None = None, **more: Any) -> dict[str, Any]:
    fields = {"original_file_path": path, "resource_type": "model", "package_name": "little", "group": group}
    return fields | {"patch_path": None} | more


def manifest(nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    groups = {name: {"name": name, "owner": {"github": f"@a/{name}"}} for name in ("finance", "marketing", "platform")}
    return {"groups": groups, "nodes": nodes} | more


def owners(nodes: dict[str, Any], **more: Any) -> list[str]:
    text = codeowners(manifest(nodes, **more), PROJECT)
    assert text.startswith(HEADER)
    return text.removeprefix(HEADER).split("\n")[1:-1]


FOLDERS = ["* @a/platform", "/models/marts/finance/ @a/finance"]


def test_a_file_in_the_folder_of_its_group_needs_no_line() -> None:
    """A line a file would change with each new model."""
    at_home = {"a": node("models/marts/finance/a.sql", "finance"), "b": node("models/staging/b.sql", "platform")}
    assert owners(at_home) == FOLDERS


def test_a_model_elsewhere_has_one_line_for_its_sql_and_yaml() -> None:
    """The YAML holds the contract, so it has the same owner."""
    model = node("models/marts/core/fct.sql", "finance", patch_path="little://models/marts/core/fct.yml")
    assert owners({"a": model}) == [*FOLDERS, "/models/marts/core/fct.* @a/finance"]


def test_an_exception_follows_its_folder() -> None:
    """GitHub takes the last line that fits."""
    lines = owners({"a": node("models/marts/finance/lent.sql", "marketing")})
    assert lines == [*FOLDERS, "/models/marts/finance/lent.sql @a/marketing"]


def test_a_file_of_several_groups_has_several_owners() -> None:
    """A file of metrics belongs to all teams whose metrics it holds."""
    metrics = {name: node("models/semantic/m.yml", name) for name in ("marketing", "finance")}
    assert owners({}, metrics=metrics)[-1] == "/models/semantic/m.yml @a/finance @a/marketing"


def test_a_resource_without_a_group_belongs_to_what_it_depends_on() -> None:
    """A semantic model has no group of its own."""
    model = {"fct": node("models/marts/finance/fct.sql", "finance")}
    semantic = {"s": node("models/semantic/s.yml", depends_on={"nodes": ["fct"]})}
    assert owners(model, semantic_models=semantic)[-1] == "/models/semantic/s.yml @a/finance"


def test_generic_tests_and_other_packages_own_no_file() -> None:
    """The owner of a check is asked when it fails, and the owner of the model when its YAML changes."""
    check = node("models/staging/b.yml", "finance", resource_type="test")
    foreign = node("models/elsewhere.sql", "finance", package_name="dbt_utils")
    assert owners({"a": check, "b": foreign}) == FOLDERS


@pytest.mark.parametrize("handle", [None, "", "finance", "@a/b @a/c", 7])
def test_a_group_without_a_team_is_refused(handle: Any) -> None:
    """A review that nobody is asked for looks like one that nobody wanted."""
    broken = manifest({})
    broken["groups"]["finance"]["owner"] = {"name": "Finance"} | ({} if handle is None else {"github": handle})
    with pytest.raises(
        Refusal, match=r"^models/_groups\.yml: the owner of the group finance has no team on GitHub"
    ) as told:
        codeowners(broken, PROJECT)
    assert "\n" not in told.value.message
