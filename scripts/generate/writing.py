"""Writing the files: all of them or none."""

import fcntl
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import polars as pl

from scripts.errors import Refusal

TRUTH = "truth.json"
PARQUET_COLUMNS = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
CSV_COLUMNS = ("InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
ROWS_IN_A_PIECE = 250_000  # the Parquet file grows in pieces of at least this many rows
ROWS_IN_A_GROUP = 100_000


class ParquetPieces:
    """A Parquet file that is longer than memory: written in pieces, joined at the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.waiting: list[pl.DataFrame] = []
        self.rows = 0
        self.pieces: list[Path] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Add rows, in the Parquet dialect."""
        self.waiting.append(rows.rename(dict(zip(rows.columns, PARQUET_COLUMNS, strict=True))))
        self.rows += len(rows)
        if self.rows >= ROWS_IN_A_PIECE:
            self._flush()

    def finish(self, target: Path) -> None:
        """Join the pieces, in their order, into one file, and remove them."""
        self._flush()
        if self.pieces:
            pl.scan_parquet(self.pieces).sink_parquet(target, row_group_size=ROWS_IN_A_GROUP, maintain_order=True)
            shutil.rmtree(self.folder)

    def _flush(self) -> None:
        if self.rows:
            self.folder.mkdir(exist_ok=True)
            piece = self.folder / f"{len(self.pieces):06d}.parquet"
            pl.concat(self.waiting).write_parquet(piece)
            self.pieces.append(piece)
            self.waiting, self.rows = [], 0


def as_text(rows: pl.DataFrame) -> pl.DataFrame:
    """Turn rows into the CSV dialect: all text, customers as `17850.0`, missing notes empty."""
    return rows.with_columns(
        pl.col("text").replace("nan", None),
        pl.col("quantity").cast(pl.String),
        pl.col("price").cast(pl.String),
        pl.col("customer").cast(pl.Float64).cast(pl.String),
    )


def append_csv(rows: pl.DataFrame, path: Path, *, header: bool) -> None:
    """Add rows, in the CSV dialect, to a file."""
    named = rows.rename(dict(zip(rows.columns, CSV_COLUMNS, strict=True)))
    with path.open("ab") as file:
        named.write_csv(file, include_header=header)


@contextmanager
def whole_folder(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Give a folder to write into, and put it in the place of `out` when all went well.

    The folder is a hidden sibling, so that the last step is a rename. What a killed run
    left there is removed first.

    Args:
        out: the folder to make.
        overwrite: whether a folder that an earlier run made may be replaced.

    Raises:
        Refusal: `out` is taken, cannot be written, or the disk is full.
    """
    out = out.resolve()
    _check_target(out, overwrite=overwrite)
    partial = out.with_name(f".{out.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with _locked(partial, out):
            try:
                _empty(partial)
                yield partial
                _put_in_place(partial, out)
            except BaseException:
                shutil.rmtree(partial, ignore_errors=True)
                raise
    except OSError as error:
        raise Refusal(f"cannot write {out}: {error.strerror or error}; nothing was kept.") from error
    except pl.exceptions.ComputeError as error:
        # Polars wraps a full disk so when it writes Parquet; anything else is a fault of ours, with its traceback.
        if "IO error" not in str(error):
            raise
        raise Refusal(f"cannot write {out}: {' '.join(str(error).split())}; nothing was kept.") from error


def _check_target(out: Path, *, overwrite: bool) -> None:
    if not out.exists():
        return
    if not out.is_dir():
        raise Refusal(f"{out} is a file: name a folder with --out.")
    if not any(out.iterdir()):
        return
    if not overwrite:
        raise Refusal(f"{out} is not empty: name another folder, or add --overwrite to replace it.")
    if not (out / TRUTH).is_file():
        raise Refusal(f"{out} holds no {TRUTH}, so it was not made by this command: it is not replaced.")


@contextmanager
def _locked(partial: Path, out: Path) -> Iterator[None]:
    handle = os.open(partial, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise Refusal(f"another run is writing {out}: wait for it, or name another folder.") from error
    try:
        yield
    finally:
        os.close(handle)


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _put_in_place(partial: Path, out: Path) -> None:
    """Rename; a folder cannot be renamed onto a full one, so an old one steps aside first."""
    old = out.with_name(f".{out.name}.replaced")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    partial.rename(out)
    shutil.rmtree(old, ignore_errors=True)


@contextmanager
def termination_as_exit() -> Iterator[None]:
    """Let SIGTERM unwind the stack, so that what is half written is removed."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
