"""`make published` is readable where a release changed many relations, and JSON for programs."""

from datetime import datetime, timezone

import pytest
from click.testing import CliRunner
from dbt_project import environment
from harness import Database

from scripts.release import current, main, readable, with_the_present_state


def test_many_relations_are_counted_and_listed_below() -> None:
    """One line of 500 characters hides how much has changed."""
    names = ", ".join(f"gold.a_long_name_{number}" for number in range(20))
    first, *listed = readable(f"It changed {names}.", 80).splitlines()
    assert first == "It changed 20 relations of gold:"
    assert max(map(len, listed)) <= 80
    assert ", ".join(f"gold.{name.strip()}" for name in " ".join(listed).split(",")) == names


@pytest.mark.parametrize("line", ["It changed gold.a, gold.b.", "It changed .", "Release 1 is published since today."])
def test_other_lines_stay(line: str) -> None:
    """The words are those of the engine."""
    assert readable(line, 80) == line


@pytest.mark.parametrize(
    ("kind", "words"),
    [("rollback", ", a rollback of release 2 that has succeeded."), ("publish", " UTC.")],
)
def test_a_second_rollback_says_what_the_first_has_done(kind: str, words: str) -> None:
    """After a kill, "nothing to go back to" alone would read as if the rollback had failed."""
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    release = {"release_id": 3, "kind": kind, "published_at": since, "rolled_back": 2}
    told = with_the_present_state("there is nothing to go back to.", release)
    assert told.startswith("there is nothing to go back to. Readers see release 3, published 2026-01-02 03:04:05 UTC")
    assert told.endswith(words)
    assert with_the_present_state("nothing was published yet.", None) == "nothing was published yet."


def test_the_release_is_printed_as_json(built: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that waits for a release should not read prose."""
    for name, value in environment(built.name).items():
        monkeypatch.setenv(name, value)
    release = current()
    assert release["release_id"] == 1
    assert "gold.fct_sales" in str(release["changed_models"]).replace('"', "")
    assert CliRunner().invoke(main, ["published", "--json"]).exit_code == 0
    assert "goes with `published` only" in CliRunner().invoke(main, ["rollback", "--json"]).output
