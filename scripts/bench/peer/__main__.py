"""`python -m scripts.bench.peer FILES DATABASE WORK`: the peer's landing, in a process of its own."""

import sys
from pathlib import Path

from scripts.bench.peer.landing import land

if __name__ == "__main__":
    files, database, work = sys.argv[1:]
    land(Path(files), database, Path(work))
