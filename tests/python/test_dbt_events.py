"""`scripts/dbt_tuning/events.py`: the events that dbt fires in a build."""

from pathlib import Path

import pytest
from dbt.events.types import JinjaLogDebug, JinjaLogInfo, JinjaLogWarning
from dbt_common.events.base_types import EventLevel
from dbt_common.events.logger import LineFormat, LoggerConfig
from dbt_common.exceptions.events import EventCompilationError

from scripts.dbt_tuning.events import SelectiveEventManager

WORDS = "a word"


@pytest.fixture
def told() -> list[str]:
    """Give a list to which names of events are added as they are told."""
    return []


def manager(
    told: list[str], *, followed: str = "NodeFinished", log: Path | None = None, level: str = "info"
) -> SelectiveEventManager:
    """Make what a build gives dbt, with a log if one is named."""
    made = SelectiveEventManager({followed})
    made.add_callback(lambda message: told.append(message.info.name))
    if log:
        made.add_logger(
            LoggerConfig(
                name=str(log), line_format=LineFormat.DebugText, level=EventLevel(level), output_file_name=str(log)
            )
        )
    return made


def test_what_the_log_does_not_take_is_not_worded(told, tmp_path) -> None:
    """Four of five events of a build are for a log of another level; to word them took 0.3 s of each."""
    events = manager(told, log=tmp_path / "log")
    for event in (JinjaLogDebug(msg="at length"), JinjaLogInfo(msg=WORDS)):
        events.fire_event(event)
    assert told == ["JinjaLogInfo"]
    assert (tmp_path / "log").read_text().rstrip().endswith(WORDS)


def test_what_is_followed_is_told_whatever_its_level(told) -> None:
    """The bar of a build moves by an event that no log takes."""
    manager(told, followed="JinjaLogDebug").fire_event(JinjaLogDebug(msg=WORDS))
    assert told == ["JinjaLogDebug"]


def test_level_of_the_moment_counts(told) -> None:
    """Some events get another level than their own from dbt, such as what it found out about a failure."""
    manager(told).fire_event(JinjaLogDebug(msg=WORDS), level=EventLevel.ERROR)
    manager(told).fire_event(JinjaLogInfo(msg=WORDS), level=EventLevel.DEBUG)
    assert told == ["JinjaLogDebug"]


def test_log_for_debugging_gets_all(told, tmp_path) -> None:
    """Whoever looks for a fault sets DBT_DEBUG, and needs each statement."""
    manager(told, log=tmp_path / "log", level="debug").fire_event(JinjaLogDebug(msg=WORDS))
    assert WORDS in (tmp_path / "log").read_text()


def test_warning_can_still_be_made_an_error(told) -> None:
    """A project may be strict: warnings become errors where they are fired, before anybody is told."""
    strict = manager(told)
    strict.warn_error = True
    with pytest.raises(EventCompilationError):
        strict.fire_event(JinjaLogWarning(msg=WORDS), force_warn_or_error_handling=True)
