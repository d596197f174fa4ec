"""`scripts/dbt_tuning/templates.py` keeps compiled templates from one build to the next."""

from pathlib import Path

import pytest
from dbt.clients.jinja import get_rendered
from dbt_common.clients import jinja

from scripts.dbt_tuning import templates
from scripts.dbt_tuning.templates import TemplateCache, keep_templates

SOURCE = "{% set twice = number ~ number %}{{ twice }}"


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that collects the templates that dbt compiles. The fixture restores dbt's method after the test."""
    anew, sources = jinja.MacroFuzzEnvironment.compile, []

    def compile_anew(self, source, *more, **options):
        sources.append(source)
        return anew(self, source, *more, **options)

    monkeypatch.setattr(jinja.MacroFuzzEnvironment, "compile", compile_anew)
    return sources


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a missing file in a missing folder."""
    return tmp_path / "target" / "compiled_templates"


def build(monkeypatch: pytest.MonkeyPatch, path: Path, *sources: str, native: bool = False) -> list[object]:
    """Render these templates as a build does, and return the results."""
    with monkeypatch.context() as of_build:
        of_build.setattr(jinja.MacroFuzzEnvironment, "compile", jinja.MacroFuzzEnvironment.compile)
        cache = TemplateCache(path)
        keep_templates(cache)
        said = [get_rendered(source, {"number": 1}, native=native) for source in sources]
        cache.write()
        return said


def test_next_build_compiles_nothing(monkeypatch, path, compiled) -> None:
    """A daily build compiled the same 400 templates as the build before, which took a fourth of its time in Python."""
    first, second = build(monkeypatch, path, SOURCE, SOURCE), build(monkeypatch, path, SOURCE)
    assert (first, second, compiled) == (["11", "11"], ["11"], [SOURCE])


def test_new_template_is_compiled_and_kept_with_the_others(monkeypatch, path, compiled) -> None:
    """An edited model must run with its edit, and the build must not compile the rest of the project again."""
    edited = SOURCE + "{{ number }}"
    said = [build(monkeypatch, path, *sources) for sources in ([SOURCE], [edited], [SOURCE, edited])]
    assert (said, compiled) == ([["11"], ["111"], ["11", "111"]], [SOURCE, edited])


def test_text_and_values_are_kept_apart(monkeypatch, path) -> None:
    """The same template compiles to different code: to a text in a model, to a value in a configuration."""
    assert build(monkeypatch, path, SOURCE) == build(monkeypatch, path, SOURCE) == ["11"]
    native = "{{ [number] | as_native }}"
    text, value = build(monkeypatch, path, native), build(monkeypatch, path, native, native=True)
    assert (text, value) == (["[1]"], [[1]])


def test_part_of_a_file_is_passed_over(monkeypatch, path, compiled) -> None:
    """Python does not verify compiled code, so a damaged file would end the build without a message."""
    build(monkeypatch, path, SOURCE)
    path.write_bytes(path.read_bytes()[:-1])
    assert build(monkeypatch, path, SOURCE) == build(monkeypatch, path, SOURCE) == ["11"]
    assert compiled == [SOURCE, SOURCE]


def test_other_version_compiles_anew(monkeypatch, path, compiled) -> None:
    """Another dbt compiles a template to other code, and another Python cannot run this code."""
    build(monkeypatch, path, SOURCE)
    monkeypatch.setattr(templates, "MADE_BY", ("dbt-postgres",))
    build(monkeypatch, path, SOURCE)
    assert compiled == [SOURCE, SOURCE]


def test_file_does_not_grow_for_ever(monkeypatch, path, compiled) -> None:
    """Each edit of a model adds a template to the file."""
    monkeypatch.setattr(templates, "MOST_KEPT", 1)
    edited = SOURCE + "{{ number }}"
    for source in (SOURCE, edited, SOURCE):
        build(monkeypatch, path, source)
    assert compiled == [SOURCE, edited, SOURCE]


def test_file_that_cannot_be_written_stops_no_build(monkeypatch, path, compiled) -> None:
    """The file only saves time, so a build must succeed without it."""
    path.parent.write_text("no folder")
    assert build(monkeypatch, path, SOURCE) == ["11"]


def test_macros_are_compiled_for_whoever_debugs_them(monkeypatch, path, compiled) -> None:
    """With DBT_MACRO_DEBUGGING, the developer needs the code of macros in files, which dbt writes when it compiles."""
    build(monkeypatch, path, SOURCE)
    monkeypatch.setattr(jinja, "MACRO_DEBUGGING", True)
    build(monkeypatch, path, SOURCE)
    assert compiled == [SOURCE, SOURCE]
