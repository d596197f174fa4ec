"""Names and files that must not stop the landing of others."""

import os
import socket
from pathlib import Path

from corpus import HEADER, Case, csv, sale, sales


def named(name: bytes, content: str) -> "object":
    """Return what writes a file whose name is not UTF-8."""
    return lambda path: Path(os.fsdecode(os.fsencode(path.parent) + b"/" + name)).write_text(content)


def listening(path: Path) -> None:
    """Make a socket."""
    here = Path.cwd()
    # The path of a socket must be short.
    os.chdir(path.parent)
    try:
        socket.socket(socket.AF_UNIX).bind(path.name)
    finally:
        os.chdir(here)


CASES = [
    Case("hostile_bytes_\\xff.csv", named(b"hostile_bytes_\xff.csv", csv(sale(140001))), rows=[sale(140001)]),
    Case("hostile_line\\nbreak.csv", named(b"hostile_line\nbreak.csv", csv(sale(140002))), rows=[sale(140002)]),
    Case("hostile_escape_\\x1b[31m.csv", named(b"hostile_escape_\x1b[31m.csv", csv(sale(140003))), rows=[sale(140003)]),
    Case("hostile_bidi_\\u202evsc.csv", named("hostile_bidi_\u202evsc.csv".encode(), csv(sale(140004))),
         rows=[sale(140004)]),
    Case("hostile_refused_\\x07.csv", named(b"hostile_refused_\x07.csv", ""), "refused", "the file is empty"),
    Case("hostile_link_to_itself.csv", lambda path: path.symlink_to(path), "refused",
         "cannot be read: Too many levels of symbolic links"),
    Case("hostile_link_to_nothing.csv", lambda path: path.symlink_to(path.parent / "nothing"), "refused",
         "cannot be read: No such file or directory"),
    Case("hostile_pipe.csv", os.mkfifo, "refused", "no regular file, but a pipe, a socket or a device"),
    Case("hostile_pipe.xlsx", os.mkfifo, "refused", "no regular file"),
    Case("hostile_socket.csv", listening, "refused", "no regular file"),
    Case("hostile_binary.csv", b"\x7fELF\x02\x01\x01\0\n\0\0\n", "refused", "line 1 is no text"),
    Case("hostile_wide.csv", HEADER + "".join(f",c{n}" for n in range(2000)) + "\n", "refused",
         "2,008 columns are more than the 1,500"),
    sales("hostile_zz_after.csv", sale(140099)),
]  # fmt: skip
