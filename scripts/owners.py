"""`make owners`: write .github/CODEOWNERS from the groups of dbt, so that GitHub asks a model's owners for reviews.

A folder belongs to the group that `dbt_project.yml` gives it, a file to the groups of what it declares. A resource
without a group belongs to the groups of what it depends on, as a semantic model to that of its model. Everything else
belongs to the platform.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import click
import yaml

from scripts import artifacts
from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

CODEOWNERS = PROJECT_ROOT / ".github" / "CODEOWNERS"
PLATFORM = "platform"
HANDLE = "github"
KINDS = ("nodes", "functions", "semantic_models", "metrics", "saved_queries")
HEADER = """\
# Written by `make owners` from the groups of models/_groups.yml; the last line that fits a file counts.
# Of several owners of a file, GitHub asks all, and one has to agree.
"""


def codeowners(manifest: Mapping[str, Any], project: Mapping[str, Any]) -> str:
    """Return the text of CODEOWNERS.

    Args:
        manifest: dbt's manifest.
        project: the content of dbt_project.yml.

    Raises:
        Refusal: a group has no handle.
    """
    handles = _handles(manifest)
    folders = {"": PLATFORM} | dict(_folders(project))
    of_file = _owners(manifest, project["name"])
    lines = [f"* {handles[PLATFORM]}", *(f"/{folder}/ {handles[group]}" for folder, group in folders.items() if folder)]
    for path, groups in _patterns(of_file):
        within = max((folder for folder in folders if path.startswith(f"{folder}/") or not folder), key=len)
        if groups != {folders[within]}:
            lines.append(f"/{path} {' '.join(sorted(handles[group] for group in groups))}")
    return "\n".join([HEADER, *lines, ""])


def _handles(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return the team of each group on GitHub."""
    handles = {group["name"]: group["owner"].get(HANDLE, "") for group in manifest["groups"].values()}
    for name, handle in handles.items():
        if not isinstance(handle, str) or not handle.startswith("@") or " " in handle:
            raise Refusal(
                f"models/_groups.yml: the owner of the group {name} has no team on GitHub;"
                f' add {HANDLE}: "@organization/team".'
            )
    return handles


def _folders(project: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the folders of models to which dbt_project.yml gives another group than that of the folder above."""

    def below(path: PurePosixPath, settings: Mapping[str, Any], inherited: str) -> Iterator[tuple[str, str]]:
        group = settings.get("+group", inherited)
        if group != inherited:
            yield str(path), group
        for name, content in settings.items():
            if isinstance(content, dict) and not name.startswith("+"):
                yield from below(path / name, content, group)

    yield from below(PurePosixPath("models"), project["models"][project["name"]], PLATFORM)


def _owners(manifest: Mapping[str, Any], package: str) -> dict[str, set[str]]:
    """Return the groups of each file that declares something."""
    resources = {key: each for kind in KINDS for key, each in manifest.get(kind, {}).items()}

    def groups(resource: Mapping[str, Any], seen: frozenset[str] = frozenset()) -> set[str]:
        own = resource.get("group") or (resource.get("config") or {}).get("group")
        if own:
            return {own}
        parents = set((resource.get("depends_on") or {}).get("nodes") or ()) - seen
        found = [groups(resources[key], seen | parents) for key in sorted(parents) if key in resources]
        return set().union(*found) or {PLATFORM}

    of_file: defaultdict[str, set[str]] = defaultdict(set)
    for resource in resources.values():
        path = resource["original_file_path"]
        # A generic test lies in the YAML of its model.
        is_generic = resource["resource_type"] == "test" and not path.endswith(".sql")
        if resource["package_name"] == package and resource["resource_type"] != "operation" and not is_generic:
            for file in (path, (resource.get("patch_path") or "").partition("://")[2]):
                of_file[file] |= groups(resource) if file else set()
    of_file.pop("", None)
    return dict(of_file)


def _patterns(of_file: Mapping[str, set[str]]) -> Iterator[tuple[str, set[str]]]:
    """Yield a pattern for each file, or for a model and its YAML together."""
    alike = defaultdict(list)
    for file in of_file:
        alike[str(PurePosixPath(file).with_suffix(""))].append(file)
    for stem, files in sorted(alike.items()):
        if len(files) > 1 and len({frozenset(of_file[file]) for file in files}) == 1:
            yield f"{stem}.*", of_file[files[0]]
        else:
            yield from ((file, of_file[file]) for file in sorted(files))


@click.command()
def main() -> None:
    """Write .github/CODEOWNERS from the groups of the project."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    text = codeowners(artifacts.parsed(), project)
    CODEOWNERS.parent.mkdir(exist_ok=True)
    CODEOWNERS.write_text(text, encoding="utf-8")
    click.echo(f"Wrote       {CODEOWNERS.relative_to(PROJECT_ROOT)}")


if __name__ == "__main__":
    main(prog_name="python -m scripts.owners")
