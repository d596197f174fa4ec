"""Remove a person from files that commands have written outside of the server."""

import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from scripts.paths import PROJECT_ROOT

# What dbt and the checks write, and what the next command writes again.
WORKING = ("target", "logs")
DISCLOSURES, SITE = PROJECT_ROOT / "disclosures", PROJECT_ROOT / "site"
SERVER_LOGS = ("server.log", "server.previous.log")


def remove(number: int, texts: Sequence[str], home: Path) -> list[str]:
    """Delete files that hold a person, and take the person's texts out of the logs of the server.

    Args:
        number: the number of the customer.
        texts: texts that name the person or reach them.
        home: the folder of the embedded server.

    Returns:
        What was deleted, in words.
    """
    told = []
    for file in DISCLOSURES.glob(f"*customer-{number}.json*"):
        file.unlink()
        told.append(f"{_shown(file)}")
    if SITE.is_dir():
        # The page shows the versions of customers.
        shutil.rmtree(SITE)
        told.append("site/ (run `make site` again)")
    needles = [text.encode() for text in texts]
    word = re.compile(rb"(?<![\w.-])%d(?![\w.-])" % number)
    for file in _files():
        content = file.read_bytes()
        if any(needle in content for needle in needles) or (_is_text(content) and word.search(content)):
            file.unlink()
            told.append(_shown(file))
    for name in SERVER_LOGS:
        told += _clean(home / name, needles)
    return told


def _files() -> Iterator[Path]:
    for name in WORKING:
        yield from (path for path in (PROJECT_ROOT / name).rglob("*") if path.is_file() and not path.is_symlink())


def _clean(log: Path, needles: Sequence[bytes]) -> list[str]:
    """Overwrite texts in a file in its place and length, because the server goes on writing at its end."""
    if not log.is_file():
        return []
    content = cleaned = log.read_bytes()
    for needle in needles:
        cleaned = cleaned.replace(needle, b"*" * len(needle))
    if cleaned == content:
        return []
    with log.open("r+b") as file:
        file.write(cleaned)
    return [f"lines of {log.name}"]


def _is_text(content: bytes) -> bool:
    return b"\0" not in content[:4096]


def _shown(path: Path) -> str:
    return str(path.relative_to(PROJECT_ROOT))
