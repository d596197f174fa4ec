"""What a question can come to, besides a reading: a refusal, or a question back."""

from typing import Any

# As JSON: Python and JavaScript have to agree on all of it.
Json = dict[str, Any]


class Outcome(Exception):
    """A question has no single reading.

    Attributes:
        content: what to tell, as JSON: `status` (`refused` or `asked_back`), `reason`, `says` and more.
    """

    def __init__(self, content: Json) -> None:
        super().__init__(content["says"])
        self.content = content


def refused(reason: str, says: str, **more: list[str]) -> Outcome:
    """Return a refusal.

    Args:
        reason: its kind, for programs.
        says: what is wrong and what to do, in one sentence for people.
        more: what belongs to the kind.
    """
    return Outcome({"status": "refused", "reason": reason, "says": says} | more)


def asked_back(reason: str, says: str, choices: list[Json]) -> Outcome:
    """Return a question back.

    Args:
        reason: its kind, for programs.
        says: what has more than one meaning.
        choices: `words` (what it may mean) and `question` (what to ask instead) of each.
    """
    return Outcome({"status": "asked_back", "reason": reason, "says": says, "choices": choices})
