"""Read workbooks and Parquet files in a process apart, with bounds of memory and time.

A file that breaks its library, or a bound, ends that process: the file is refused, and the others land. One process
serves one file after the other, because the start of one takes as long as landing a hundred small CSV files.
"""

import atexit
import contextlib
import fcntl
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from scripts.errors import Refusal
from scripts.land.files.unpack import fingerprint
from scripts.land.readers.child import LENGTHS
from scripts.land.rows import Batch, NeedsCare, Reject
from scripts.paths import PROJECT_ROOT

# A workbook of a million rows and eight columns takes 1 GiB, because the library reads a sheet whole.
MEMORY = 2 << 30
# The most seconds that an answer takes, and how many more for each MB of the file.
PATIENCE, PATIENCE_PER_MB = 60.0, 10.0
# A process that has read a larger file ends, which frees its memory.
LARGE = 8 << 20
PIPE = 1 << 20
# The largest message about a table or a batch.
LONGEST_ANSWER = 256 << 20
# These variables hold the address and the password of the database.
SECRET = ("PG", "DBT_")

_idle: list["_Process"] = []


class ReaderApart:
    """A file that is read in a process apart.

    Attributes:
        format: `xlsx` or `parquet`.
        remarks: `zip`, if the file is in a zip file.
    """

    def __init__(self, path: Path, file_format: str, *, careful: bool) -> None:
        """Open a file.

        Args:
            path: the file.
            file_format: its format.
            careful: whether to use a new process. Otherwise one that has read other files may serve.

        Raises:
            Refusal: the file is not of its format, or unpacks to too much.
            NeedsCare: the process ended, which may be due to an earlier file.
            OSError: the file cannot be read.
        """
        self.format = file_format
        self._path = path
        self._size = path.stat().st_size
        self._process = _Process() if careful or not _idle else _idle.pop()
        self._process.patience = PATIENCE + PATIENCE_PER_MB * self._size / 1_000_000
        self._is_at_rest = True
        try:
            opened, _ = self.ask({"do": "open", "path": str(path.absolute()), "format": file_format})
        except BaseException:
            self.close()
            raise
        self.remarks = tuple(map(str, opened["remarks"]))

    def tables(self) -> "Iterator[TableApart]":
        """Return the tables. Read or leave each table before the next."""
        while "end" not in (told := self.ask({"do": "table"})[0]):
            yield TableApart(self, told)

    def digest(self) -> str:
        """Return the SHA-256 of the file as it is now, in hexadecimal."""
        return fingerprint(self._path)

    def close(self) -> None:
        """Keep the process for the next file, unless it is in the middle of this one."""
        process = self._process
        if self._is_at_rest and process.is_alive and self._size <= LARGE:
            process.is_new = False
            _idle.append(process)
        else:
            process.end()

    def ask(self, command: dict[str, Any]) -> tuple[dict[str, Any], bytearray]:
        """Send a command, and return the answer."""
        self._is_at_rest = False
        self._process.send(command)
        answer = self.receive()
        self._is_at_rest = True
        return answer

    def receive(self) -> tuple[dict[str, Any], bytearray]:
        """Return the next answer.

        Raises:
            Refusal: the file is damaged or breaks a bound.
            NeedsCare: the process ended, which may be due to an earlier file.
            OSError: the file cannot be read.
        """
        answer, data = self._process.receive()
        if "refused" in answer:
            self._is_at_rest = True
            raise Refusal(str(answer["refused"]))
        if "unreadable" in answer:
            self._is_at_rest = True
            raise OSError(0, str(answer["unreadable"]))
        if "failed" in answer:
            self._process.end()
            raise Refusal(f"cannot be read, because the library of its format fails: {answer['failed']}")
        return answer, data

    def rows_begin(self, command: dict[str, Any]) -> None:
        """Send the command for rows, whose answers follow."""
        self._is_at_rest = False
        self._process.send(command)

    def rows_end(self) -> None:
        """Record that all answers were received."""
        self._is_at_rest = True


class TableApart:
    """A table of a file that is read apart.

    Attributes:
        name: the name of the sheet; empty for Parquet.
        hidden: whether the sheet is hidden.
        candidates: the rows that may be the header.
        header: the one that is.
        delimiter: the delimiter of the batches.
        notes: remarks about the rows, once they are read.
    """

    delimiter = b","

    def __init__(self, reader: ReaderApart, told: dict[str, Any]) -> None:
        self._reader = reader
        self.name = str(told["name"])
        self.hidden = bool(told["hidden"])
        self.candidates: Sequence[list[str]] = [list(map(str, names)) for names in told["candidates"]]
        self.notes: Sequence[str] = ()
        self.begin_at(0)

    def begin_at(self, place: int) -> None:
        """Take a candidate for the header. The rows begin below it."""
        self._place = place
        self.header = self.candidates[place]

    def batches(
        self, file_id: int, *, careful: bool, fewest: int | None = None, time_zone: str | None = None
    ) -> Iterator[Batch]:
        """Read the rows.

        Args:
            file_id: the number to stamp on every row.
            careful: whether to reject the rows that the server would refuse.
            fewest: ignored, because a missing cell is an empty cell.
            time_zone: the zone to which times with an offset are converted.
        """
        reader = self._reader
        reader.rows_begin(
            {"do": "rows", "place": self._place, "file_id": file_id, "careful": careful, "time_zone": time_zone}
        )
        answer, data = reader.receive()
        while "end" not in answer:
            rejects = [Reject(int(line), str(raw), str(reason)) for line, raw, reason in answer["rejects"]]
            yield Batch(data, int(answer["loaded"]), rejects, int(answer["consumed"]))
            answer, data = reader.receive()
        reader.rows_end()
        self.notes = list(map(str, answer["notes"]))


class _Process:
    """A process of `child`.

    Attributes:
        is_new: whether it has read no other file.
        patience: the most seconds that an answer takes.
    """

    def __init__(self) -> None:
        self.is_new = True
        self.patience = PATIENCE
        environment = {name: value for name, value in os.environ.items() if not name.startswith(SECRET)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scripts.land.readers.child", str(MEMORY)],
            cwd=PROJECT_ROOT,
            env=environment | {"POLARS_MAX_THREADS": "2", "RUST_BACKTRACE": "0"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        assert self._process.stdin and self._process.stdout and self._process.stderr
        self._commands, self._answers, self._errors = (
            self._process.stdin.fileno(),
            self._process.stdout.fileno(),
            self._process.stderr.fileno(),
        )
        os.set_blocking(self._errors, False)
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        if hasattr(fcntl, "F_SETPIPE_SZ"):
            # A batch is larger than a pipe. The limit of the system may be lower.
            with contextlib.suppress(OSError):
                fcntl.fcntl(self._answers, fcntl.F_SETPIPE_SZ, PIPE)

    @property
    def is_alive(self) -> bool:
        """Return whether the process runs."""
        return self._process.poll() is None

    def send(self, command: dict[str, Any]) -> None:
        """Send a command."""
        try:
            os.write(self._commands, json.dumps(command).encode() + b"\n")
        except BrokenPipeError:
            raise self._ended() from None

    def receive(self) -> tuple[dict[str, Any], bytearray]:
        """Return the next answer: an object, and bytes.

        Raises:
            Refusal: it takes too long, or the process ended.
            NeedsCare: the process ended, which may be due to an earlier file.
        """
        deadline = time.monotonic() + self.patience
        described, attached = LENGTHS.unpack(self._read(LENGTHS.size, deadline))
        if described + attached > LONGEST_ANSWER:
            self.end()
            raise Refusal("some of its rows are too long together")
        answer = json.loads(self._read(described, deadline))
        return answer, self._read(attached, deadline)

    def end(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe:
                pipe.close()

    def _read(self, size: int, deadline: float) -> bytearray:
        data = bytearray(size)
        view, at = memoryview(data), 0
        while at < size:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                self.end()
                raise Refusal(f"reading it was given up after {self.patience:.0f} s without a result")
            count = os.readv(self._answers, [view[at:]])
            if not count:
                raise self._ended()
            at += count
        return data

    def _ended(self) -> Exception:
        """Return why there is no answer: the process has ended."""
        self._process.wait()
        said = b""
        with contextlib.suppress(BlockingIOError, ValueError):
            said = os.read(self._errors, 1 << 16)
        self.end()
        if not self.is_new:
            return NeedsCare()
        if b"memory" in said or self._process.returncode == -signal.SIGKILL:
            return Refusal(f"reading it takes more than the {MEMORY >> 20:,} MiB of memory that a file may take")
        return Refusal(f"cannot be read, because the library of its format ended ({_ending(self._process.returncode)})")


def _ending(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def dismiss() -> None:
    """End the processes that wait for a file."""
    while _idle:
        _idle.pop().end()


atexit.register(dismiss)
