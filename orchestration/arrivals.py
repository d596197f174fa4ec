"""The files of the landing folder: whether they are complete, and which of them are of a day."""

import hashlib
from pathlib import Path

from scripts.errors import Refusal
from scripts.land.files.discovery import FORMATS, discover, format_of, shown

# Where the files of a day may be: below the landing folder itself, or in this folder of it.
DAILY = "daily"


def state_of(folder: Path) -> str | None:
    """Return a text that differs if a file arrives, grows, changes or leaves; None if there is no file to land.

    Args:
        folder: the landing folder.

    Raises:
        Refusal: the folder does not exist.
    """
    digest = hashlib.sha256()
    deliveries = [each for each in discover([folder], may_be_empty=True).deliveries if not each.problem]
    for delivery in deliveries:
        digest.update(f"{delivery.name}\0{delivery.size}\0{delivery.changed_ns}\n".encode())
    return digest.hexdigest() if deliveries else None


def files_of_day(folder: Path, day: str) -> Path:
    """Return what was delivered for a day: `2011-01-04.csv` (any format that lands), or a folder `2011-01-04`.

    Args:
        folder: the landing folder; the file may also be in its folder `daily`.
        day: the day, as `2011-01-04`.

    Raises:
        Refusal: nothing was delivered for the day, or more than one file that is not in a folder of the day.
    """
    found = [
        path
        for parent in (folder, folder / DAILY)
        if parent.is_dir()
        for path in sorted(parent.iterdir())
        if (path.name == day and path.is_dir()) or (path.name.partition(".")[0] == day and format_of(path.name))
    ]
    if not found:
        formats = ", ".join(FORMATS)
        raise Refusal(
            f"{shown(folder)}: no file of {day}: put {DAILY}/{day}.csv (or {formats}) there. "
            "A day without sales is a file with a header and no rows."
        )
    if len(found) > 1:
        names = ", ".join(shown(path.relative_to(folder)) for path in found)
        raise Refusal(f"{shown(folder)}: several files of {day}: {names}. Move them into one folder {DAILY}/{day}.")
    return found[0]
