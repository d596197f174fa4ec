"""Keep what commands write from other users of the machine: files, logs and dbt's artifacts may hold raw rows."""

import os
from contextlib import suppress

from scripts.errors import Refusal
from scripts.paths import PROJECT_ROOT

PRIVATE, OTHERS = 0o700, 0o077
# dbt writes here, also when users call it themselves.
FOLDERS = ("target", "logs")


def keep_private() -> None:
    """Make new files readable by this user only, and close dbt's folders to others.

    Closing a folder also closes the files that are in it already.

    Raises:
        Refusal: one of the folders is a symbolic link, so the folder behind it would be closed.
    """
    os.umask(OTHERS)
    for name in FOLDERS:
        folder = PROJECT_ROOT / name
        if folder.is_symlink():
            raise Refusal(
                f"{folder} is a symbolic link: remove it; DBT_TARGET_PATH and DBT_LOG_PATH name folders elsewhere."
            )
        # A folder of another user, or a project that cannot be written: dbt says so when it matters.
        with suppress(OSError):
            folder.mkdir(exist_ok=True)
            folder.chmod(PRIVATE)
