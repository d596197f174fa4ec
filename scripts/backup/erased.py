"""Who was erased since a backup. The backup still holds them, and a restore brings them back."""

import json
from datetime import datetime, timezone
from pathlib import Path

JOURNAL = "erased.jsonl"


def note_erasure(folder: Path, number: int) -> None:
    """Note beside the backups who was erased, if there is a folder of backups.

    Args:
        folder: the folder of backups.
        number: the number of the customer.
    """
    if folder.is_dir():
        entry = {"customer": number, "erased_at": datetime.now(timezone.utc).isoformat(timespec="seconds")}
        with (folder / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")


def erased_since(folder: Path, time: datetime) -> list[int]:
    """Return the customers who were erased after a time, by the note beside the backups.

    Args:
        folder: the folder of backups.
        time: such as the end of a backup.
    """
    journal = folder / JOURNAL
    entries = map(json.loads, journal.read_text(encoding="utf-8").splitlines()) if journal.is_file() else ()
    return sorted({entry["customer"] for entry in entries if datetime.fromisoformat(entry["erased_at"]) >= time})
