"""The result of one tool of `make lint`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

# A comment of .sqlfluff that gives the reason for a rule, and its further lines.
REASON = re.compile(r"^# (?P<code>[A-Z]{2}\d\d): (?P<reason>.+(?:\n# {2}.+)*)", re.MULTILINE)


@dataclass
class Part:
    """One tool of `make lint`.

    Attributes:
        name: its name in the summary.
        status: `passed`, `failed`, or `skipped` and why.
        output: what the tool found.
        seconds: how long the tool took.
    """

    name: str
    status: str = "skipped: no file for it"
    output: str = ""
    seconds: float = 0.0


def reasons(config: str) -> dict[str, str]:
    """Return the reasons for rules that a configuration of sqlfluff gives in its comments.

    Args:
        config: the text of the configuration.
    """
    return {
        found["code"]: " ".join(found["reason"].replace("\n#", " ").split()).rstrip(".")
        for found in REASON.finditer(config)
    }


def explained(codes: set[str], why: dict[str, str]) -> Iterator[str]:
    """Yield the reason of each rule, or where to read it.

    Args:
        codes: the codes of the rules of sqlfluff that failed.
        why: the reasons by the codes of the rules.
    """
    yield from (f"{code}: {why[code]}." for code in sorted(codes) if code in why)
    if others := sorted(code for code in codes if code not in why):
        yield f"`.venv/bin/sqlfluff rules` explains {', '.join(others)}."
