"""`make star`: write the diagram of the star schema to `docs/star_schema.md`, from the keys of the contracts."""

from collections.abc import Iterable
from typing import Any

import click

from scripts import artifacts
from scripts.artifacts import Manifest
from scripts.paths import PROJECT_ROOT
from scripts.privacy import keep_private
from scripts.site.keys import ForeignKey, foreign_keys, name_of, primary_key

PAGE = PROJECT_ROOT / "docs" / "star_schema.md"
HEADER = """# The star schema as a diagram

<!-- Written by `make star` from the keys that the contracts of gold declare: change those. -->

Each line leads from a foreign key to the row that it refers to; its label is the column. The diagram shows only the
columns of keys. `make site` draws it with links to all that is known of each of them.
The README of the [marts](../models/marts/core/README.md) explains grains, and right and wrong joins.

"""


@click.command()
def main() -> None:
    """Write the diagram of the star schema."""
    keep_private()
    PAGE.write_text(page(artifacts.parsed()))
    click.echo(f"Wrote       {PAGE.relative_to(PROJECT_ROOT)}")


def page(project: Manifest) -> str:
    """Return the page with the diagram, in Mermaid.

    Args:
        project: dbt's manifest of the project.
    """
    nodes = {name: node for node in project["nodes"].values() if _is_gold(node) and (name := name_of(node))}
    keys = [key for _, node in sorted(nodes.items()) for key in foreign_keys(project, node)]
    drawn = {name for key in keys for name in (key.relation, key.to)}
    lines = ["```mermaid", "erDiagram"]
    for name in sorted(drawn):
        lines += [f"    {_short(name)} {{", *_columns(nodes[name], name, keys), "    }"]
    lines += [
        f"    {_short(key.relation)} {_ends(nodes[key.relation], key)} {_short(key.to)} : {key.column}" for key in keys
    ]
    others = [f"`{_short(name)}`" for name in sorted(nodes) if name not in drawn]
    rest = f"\nNo foreign key is declared of, or to: {', '.join(others)}.\n" if others else ""
    return HEADER + "\n".join([*lines, "```", ""]) + rest


def _is_gold(node: dict[str, Any]) -> bool:
    return bool(node["resource_type"] == "model" and name_of(node).startswith("gold."))


def _columns(node: dict[str, Any], name: str, keys: Iterable[ForeignKey]) -> list[str]:
    refers = {key.column: key for key in keys if key.relation == name}
    referred = {key.to_column for key in keys if key.to == name}
    lines = []
    for column in node["columns"].values():
        kinds = [kind for kind, of in (("PK", primary_key(node)), ("FK", refers)) if column["name"] in of]
        if kinds or column["name"] in referred:
            type_name = column["data_type"].split("(")[0].replace(" ", "_")
            lines.append(f"        {type_name} {column['name']} {', '.join(kinds)}".rstrip())
    return lines


def _ends(node: dict[str, Any], key: ForeignKey) -> str:
    """Return the line of Mermaid: many rows refer to exactly one, or to one at most if the column may be null."""
    constraints = {each["type"] for each in node["columns"][key.column].get("constraints") or []}
    is_required = "not_null" in constraints or key.column in primary_key(node)
    return "}o--||" if is_required else "}o--o|"


def _short(name: str) -> str:
    return name.rsplit(".", 1)[-1]


if __name__ == "__main__":
    main(prog_name="python -m scripts.site.star")
