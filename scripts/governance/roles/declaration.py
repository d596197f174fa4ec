"""Read `roles.yml`, the declaration of the roles and their rights."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

ROLES_FILE = PROJECT_ROOT / "roles.yml"

NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
ATTRIBUTES = ("login",)
KEYS = {"purpose", "rights", "functions", "attributes", "member_of", "managed_elsewhere"}
RIGHT_KEYS = {"schema", "relations", "except"}


@dataclass(frozen=True)
class Right:
    """A right to read relations, or to execute functions, of a schema.

    Attributes:
        kind: `relation` or `function`.
        schema: the schema.
        names: names or patterns, in which `*` stands for any text.
        excluded: patterns of relations that the right does not cover.
    """

    kind: str
    schema: str
    names: tuple[str, ...]
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True)
class Role:
    """A declared role.

    Attributes:
        name: its name.
        purpose: what it is for; the server shows it as the comment of the role.
        rights: what it may read and execute.
        attributes: what the role itself may do, such as `login`.
        member_of: the roles whose rights it has, or may take.
        managed_elsewhere: whether other code grants the rights of the role.
    """

    name: str
    purpose: str
    rights: tuple[Right, ...] = ()
    attributes: tuple[str, ...] = ()
    member_of: tuple[str, ...] = ()
    managed_elsewhere: bool = False


def read_roles(file: Path = ROLES_FILE) -> tuple[Role, ...]:
    """Return the roles that a file declares.

    Raises:
        Refusal: the file is missing or not valid; the message says where.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise Refusal(f"{file.name}: cannot be read: {' '.join(str(error).split())}.") from error
    declared = content.get("roles") if isinstance(content, dict) else None
    if not isinstance(declared, dict) or not declared:
        raise Refusal(f"{file.name}: declares no roles: give them below the key `roles`.")
    return tuple(_role(file.name, name, given) for name, given in declared.items())


def _role(file: str, name: object, given: object) -> Role:
    place = f"{file}: role {name!r}"
    if not isinstance(name, str) or not NAME.fullmatch(name) or name.startswith("pg_"):
        raise Refusal(f"{place} is no name of a role: write lower case letters, digits and underscores.")
    if not isinstance(given, dict) or not isinstance(given.get("purpose"), str):
        raise Refusal(f"{place} has no `purpose`: say in one sentence what the role is for.")
    _refuse_others(place, given, KEYS)
    attributes = _texts(place, given, "attributes")
    if unknown := [attribute for attribute in attributes if attribute not in ATTRIBUTES]:
        raise Refusal(f"{place}: attribute {unknown[0]!r} is not allowed: only {', '.join(ATTRIBUTES)} is.")
    return Role(
        name,
        given["purpose"],
        tuple(
            right
            for key, kind in (("rights", "relation"), ("functions", "function"))
            for right in _rights(place, given.get(key) or [], key, kind)
        ),
        attributes,
        _texts(place, given, "member_of"),
        given.get("managed_elsewhere") is True,
    )


def _rights(place: str, given: object, key: str, kind: str) -> list[Right]:
    if not isinstance(given, list):
        raise Refusal(f"{place}: `{key}` is no list: give `- {{schema: gold, relations: [...]}}`.")
    rights = []
    for entry in given:
        listed = "relations" if kind == "relation" else "functions"
        if not isinstance(entry, dict) or not isinstance(entry.get("schema"), str) or not entry.get(listed):
            raise Refusal(f"{place}: an entry of `{key}` lacks `schema` or `{listed}`: {entry!r}.")
        _refuse_others(f"{place}: {key}", entry, {"schema", listed, "except"})
        rights.append(Right(kind, entry["schema"], _texts(place, entry, listed), _texts(place, entry, "except")))
    return rights


def _texts(place: str, given: dict[str, Any], key: str) -> tuple[str, ...]:
    values = given.get(key) or []
    if not isinstance(values, list) or not all(isinstance(value, str) and value for value in values):
        raise Refusal(f"{place}: `{key}` is no list of texts.")
    return tuple(values)


def _refuse_others(place: str, given: dict[str, Any], known: set[str]) -> None:
    if others := sorted(str(key) for key in given if key not in known):
        raise Refusal(f"{place}: `{others[0]}` means nothing here: write one of {', '.join(sorted(known))}.")
