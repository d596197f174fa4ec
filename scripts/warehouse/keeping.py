"""What the server does beyond serving: backups, a standby, or following another server.

The choice is in the file `keeping.json` of the warehouse folder, so that every start finds it again. Without the file,
the server writes no more to its log than a crash needs.
"""

import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from scripts.errors import Refusal

FILE = "keeping.json"


@dataclass(frozen=True)
class Keeping:
    """What a warehouse folder keeps safe, and how.

    Attributes:
        archive: the folder into which the server copies its write-ahead log, for restores to a point in time.
        standby: the folder of the standby that follows this server.
        primary: the folder of the server that this standby follows.
        replaced_by: the folder of the standby that took over from this server, which must not start again.
    """

    archive: str | None = None
    standby: str | None = None
    primary: str | None = None
    replaced_by: str | None = None

    @property
    def is_durable(self) -> bool:
        """Whether the log must suffice for another server to repeat all writes."""
        return bool(self.archive or self.standby or self.primary)


def read(home: Path) -> Keeping:
    """Return the choice of a warehouse folder.

    Raises:
        Refusal: the file is damaged.
    """
    path = home / FILE
    try:
        return Keeping(**json.loads(path.read_text()))
    except FileNotFoundError:
        return Keeping()
    except (ValueError, TypeError) as error:
        raise Refusal(
            f"{path} cannot be read: {' '.join(str(error).split())}; delete it, then run `make backup` or "
            "`make standby`."
        ) from error


def write(home: Path, keeping: Keeping) -> None:
    """Write the choice of a warehouse folder, or delete the file if nothing is chosen."""
    path = home / FILE
    if keeping == Keeping():
        path.unlink(missing_ok=True)
        return
    unfinished = path.with_suffix(".new")
    with unfinished.open("w") as file:
        json.dump({name: value for name, value in asdict(keeping).items() if value is not None}, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def change(home: Path, **changes: str | None) -> Keeping:
    """Change parts of the choice of a warehouse folder, and return the whole."""
    keeping = replace(read(home), **changes)
    write(home, keeping)
    return keeping
