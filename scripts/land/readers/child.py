"""The process that reads workbooks and Parquet files, for `apart`.

The libraries of these formats may end the process, or need memory and time without bounds, if a file is made for it. So
they work here: with little memory, no right to write files, and no password of the database.

Each command is a line of JSON on standard input. Each answer on standard output is the length of a JSON object, the
length of the bytes that follow it, the object, and the bytes. The module imports a library when a file needs it.
"""

import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Union

from scripts.errors import Refusal

if TYPE_CHECKING:
    from scripts.land.readers.parquet import ParquetReader
    from scripts.land.readers.xlsx import Sheet, XlsxReader

LENGTHS = struct.Struct(">II")

Answer = tuple[dict[str, Any], bytes | bytearray]


def main(memory: int) -> None:
    """Serve commands until standard input ends.

    Args:
        memory: the most memory that the process may take, in bytes.
    """
    answers = _alone(memory)
    open_file: _OpenFile | None = None
    for line in sys.stdin.buffer:
        command = json.loads(line)
        try:
            if command["do"] == "open":
                open_file = _OpenFile(command["path"], command["format"])
                _send(answers, {"remarks": list(open_file.reader.remarks)})
            elif open_file and command["do"] == "table":
                _send(answers, open_file.table())
            elif open_file and command["do"] == "rows":
                for answer in open_file.rows(command):
                    _send(answers, *answer)
        except BrokenPipeError:
            return
        except Refusal as refusal:
            _send(answers, {"refused": refusal.message})
        except MemoryError:
            _send(
                answers,
                {"refused": f"reading it takes more than the {memory >> 20:,} MiB of memory that a file may take"},
            )
        except OSError as error:
            _send(answers, {"unreadable": error.strerror or str(error)})
        except BaseException as error:
            _send(answers, {"failed": f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"})


class _OpenFile:
    def __init__(self, path: str, file_format: str) -> None:
        self.reader = _open(Path(path), file_format)
        self._tables: Iterator[ParquetReader | Sheet] = iter(self.reader.tables())
        self._table: ParquetReader | Sheet | None = None

    def table(self) -> dict[str, Any]:
        """Go to the next table, and describe it."""
        # Free the rows, because the next sheet needs the memory.
        self._table = None
        self._table = next(self._tables, None)
        if self._table is None:
            return {"end": True}
        return {"name": self._table.name, "hidden": self._table.hidden, "candidates": self._table.candidates}

    def rows(self, command: dict[str, Any]) -> Iterator[Answer]:
        """Yield the rows of the table at hand."""
        table = self._table
        assert table is not None
        table.begin_at(command["place"])
        for batch in table.batches(command["file_id"], careful=command["careful"], time_zone=command["time_zone"]):
            rejects = [(reject.line, reject.raw, reject.reason) for reject in batch.rejects]
            yield {"loaded": batch.loaded, "rejects": rejects, "consumed": batch.consumed}, batch.data
        yield {"end": True, "notes": list(table.notes)}, b""


def _open(path: Path, file_format: str) -> Union["XlsxReader", "ParquetReader"]:
    if file_format == "xlsx":
        from scripts.land.readers.xlsx import XlsxReader  # noqa: PLC0415  # slow to import

        return XlsxReader(path)
    from scripts.land.readers.parquet import ParquetReader  # noqa: PLC0415  # slow to import

    return ParquetReader(path)


def _send(answers: BinaryIO, answer: dict[str, Any], data: bytes | bytearray = b"") -> None:
    text = json.dumps(answer).encode()
    answers.write(LENGTHS.pack(len(text), len(data)) + text)
    answers.write(data)
    answers.flush()


def _alone(memory: int) -> BinaryIO:
    """Limit this process, and return what is sent to the parent. Anything that a library prints goes nowhere."""
    # The parent ends this process when it is interrupted itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for limit, most in ((resource.RLIMIT_DATA, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        allowed = resource.getrlimit(limit)[1]
        resource.setrlimit(limit, (most if allowed == resource.RLIM_INFINITY else min(most, allowed),) * 2)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    return answers


if __name__ == "__main__":
    main(int(sys.argv[1]))
