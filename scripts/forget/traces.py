"""Remove a person from files that commands have written outside of the server."""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

# What dbt writes, and what the next command writes again: the variable that names the folder, and its usual name.
WORKING = {"DBT_TARGET_PATH": "target", "DBT_LOG_PATH": "logs"}
SERVER_LOGS = ("server.log", "server.previous.log")
# A folder with this file is code: the project, or a commit that `make review` has checked out under target/.
PROJECT = "dbt_project.yml"


def remove(number: int, texts: Sequence[str], home: Path, project: Path) -> list[str]:
    """Delete files that hold a person, and take the person's texts out of the logs of the server.

    Args:
        number: the number of the customer.
        texts: texts that name the person or reach them.
        home: the folder of the embedded server.
        project: the folder of the project.

    Returns:
        What was deleted, in words.
    """
    told = []
    for file in (project / "disclosures").glob(f"*customer-{number}.json*"):
        file.unlink()
        told.append(f"disclosures/{file.name}")
    if (project / "site").is_dir():
        # The page shows the versions of customers.
        shutil.rmtree(project / "site")
        told.append("site/ (run `make site` again)")
    needles = [text.encode() for text in texts]
    word = re.compile(rb"(?<![\w.-])%d(?![\w.-])" % number)
    for file, name in _files(project):
        content = file.read_bytes()
        if any(needle in content for needle in needles) or (_is_text(content) and word.search(content)):
            file.unlink()
            told.append(name)
    for name in SERVER_LOGS:
        told += _clean(home / name, needles)
    return told


def _files(project: Path) -> Iterator[tuple[Path, str]]:
    """Yield the files that dbt has written, with names to print. Code that is among them is none of these."""
    for variable, name in WORKING.items():
        working = Path(os.environ.get(variable) or project / name)
        for place, folders, files in os.walk(working):
            if PROJECT in files:
                folders[:] = [folder for folder in folders if folder in WORKING.values()]
                continue
            for file in (Path(place, each) for each in files):
                if not file.is_symlink():
                    yield file, str(name / file.relative_to(working))


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
