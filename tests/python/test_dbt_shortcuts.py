"""`scripts/dbt_tuning/shortcuts.py`: what dbt makes by a shortcut is what it makes without."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from dbt.artifacts.schemas import base
from dbt.context.macros import MacroNamespace
from dbt_common import behavior_flags
from dbt_common.clients import agate_helper

from scripts.dbt_tuning import shortcuts
from scripts.paths import PROJECT_ROOT

# Two classes, of which one is converted.
CLASSES = """
from scripts.dbt_tuning.shortcuts import convert_lazily
convert_lazily()
from dataclasses import dataclass
from mashumaro.mixins.dict import DataClassDictMixin
@dataclass
class Inner(DataClassDictMixin):
    number: int
@dataclass
class Outer(DataClassDictMixin):
    inner: list[Inner]
print(Outer.from_dict({"inner": [{"number": "1"}]}), Outer([Inner(2)]).to_dict())
"""


@pytest.fixture
def by_dbt() -> Iterator[SimpleNamespace]:
    """Take the shortcuts in a test that asks for it, and give dbt's own ways back after it."""
    places = [
        (behavior_flags.BehaviorFlagRendered, "_default_source"),
        (MacroNamespace, "__getitem__"),
        (MacroNamespace, "__iter__"),
        (base, "write_json"),
        (agate_helper, "build_type_tester"),
    ]
    own = [(place, name, vars(place)[name]) for place, name in places]
    yield SimpleNamespace(leave=shortcuts.take_shortcuts)
    for place, name, way in own:
        setattr(place, name, way)


def test_caller_is_the_one_that_dbt_finds(by_dbt) -> None:
    """A warning about a flag names the adapter that has it."""

    def source() -> str:
        flags = behavior_flags.Behavior([{"name": "flag", "default": False, "description": "A flag."}], {})
        return flags._flags[0]._behavior_change_event.flag_source

    found = source()
    by_dbt.leave()
    assert source() == found == __name__


def test_macro_of_the_project_wins(by_dbt) -> None:
    """A project overrides macros of packages and of dbt by name; the wrong one would be called in silence."""
    names = ("local", "root", "package", "dbt")
    everywhere = [{name: (place, name) for name in names[: index + 1]} for index, place in enumerate(names)]
    local, root, package, internal = everywhere
    namespace = MacroNamespace(root, local, internal, {"package": package})
    found = dict(namespace)
    by_dbt.leave()
    namespace = MacroNamespace(root, local, internal, {"package": package})
    assert dict(namespace) == found
    assert found == {"local": ("local", "local"), "root": ("root", "root"), "package": package, "dbt": internal}
    assert (len(namespace), "nowhere" in namespace, namespace.get("nowhere")) == (len(found), False, None)


def test_artifacts_are_written_as_dbt_writes_them(by_dbt, tmp_path: Path) -> None:
    """Tools read manifest.json and run_results.json."""
    data = {
        "text": "£ ü \u2028",
        "number": 1.5,
        "price": Decimal("2.10"),
        "at": datetime(2011, 12, 9, 12),
        "none": None,
    }
    base.write_json(str(tmp_path / "first" / "own.json"), data)
    by_dbt.leave()
    base.write_json(str(tmp_path / "second" / "shortcut.json"), data)
    own, shortcut = (tmp_path / name for name in ("first/own.json", "second/shortcut.json"))
    assert shortcut.read_bytes() == own.read_bytes()


def test_answers_have_the_same_types(by_dbt) -> None:
    """Macros compare and format what a query says: a number that came as a text would be another thing."""
    answers = [
        ([{"a": "1", "b": 1, "c": None}], ["a", "b", "c"]),
        ([{"a": 1, "b": Decimal("1.5"), "c": date(2011, 12, 9)}], ["a", "b", "c"]),
        (
            [{"a": datetime(2011, 12, 9, 12), "b": True, "c": [1, 2]}, {"a": None, "b": None, "c": None}],
            ["a", "b", "c"],
        ),
        ([], ["a"]),
        ([{"a": "", "b": "null", "c": "2011-12-09"}], ["a", "b", "c"]),
    ]

    def tables() -> list[tuple[list[str], list[tuple]]]:
        made = [agate_helper.table_from_data_flat(*answer) for answer in answers * 2]
        return [
            ([type(kind).__name__ for kind in table.column_types], [tuple(row) for row in table.rows]) for table in made
        ]

    own = tables()
    by_dbt.leave()
    assert tables() == own


def test_classes_convert_as_before() -> None:
    """What is converted later is converted the same way."""
    command = [sys.executable, "-c", CLASSES]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "Outer(inner=[Inner(number=1)]) {'inner': [{'number': 2}]}\n", done.stderr
