"""The loader beside a bare `copy`, many files beside one, Parquet beside CSV, and dlt."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import psycopg
from psycopg import sql

from scripts import connection
from scripts.bench.deliveries import COLUMNS, halves, read
from scripts.bench.measure import Row, in_turn, peak_memory
from scripts.bench.peer.landing import SETTINGS, credentials
from scripts.land import land

CHUNK = 1 << 20

COPY_GOAL, MANY_GOAL, PARQUET_GOAL, DLT_GOAL = 1.25, 1.5, 1.5, 0.1
MEMORY_GOAL_MB = 400


def prepare(files: Path, work: Path) -> dict[str, Path]:
    """Write the rows of a folder of deliveries in the formats to compare.

    Args:
        files: the folder, holding a Parquet file and a folder `daily`.
        work: the folder to write to.

    Returns:
        `all.csv` and `all.parquet` of all rows, `daily.csv` of the daily files' rows, and the folder `daily` itself.
    """
    work.mkdir(parents=True, exist_ok=True)
    half = halves(files)
    daily = pl.concat([read(path).collect() for path in half["daily"]])
    everything = pl.concat([*(read(path).collect() for path in half["archive"]), daily])
    shapes = {name: work / name for name in ("all.csv", "all.parquet", "daily.csv")}
    everything.write_csv(shapes["all.csv"])
    everything.write_parquet(shapes["all.parquet"])
    daily.write_csv(shapes["daily.csv"])
    return {**shapes, "daily": files / "daily"}


def run(shapes: dict[str, Path], rounds: int) -> list[Row]:
    """Measure landing in the database of the target in use. This empties the bronze schema.

    Args:
        shapes: the files that `prepare` returns.
        rounds: how often each contestant runs.
    """
    contestants: dict[str, Callable[[], object]] = {
        "bare copy, one CSV": lambda: bare_copy(shapes["all.csv"]),
        "land, one CSV": lambda: fresh_land(shapes["all.csv"]),
        "land, Parquet of the same rows": lambda: fresh_land(shapes["all.parquet"]),
        "land, one CSV of the daily files": lambda: fresh_land(shapes["daily.csv"]),
        "land, the daily files": lambda: fresh_land(shapes["daily"]),
    }
    rows = in_turn(contestants, rounds)
    rows["land, one CSV"].against(rows["bare copy, one CSV"], COPY_GOAL)
    rows["land, Parquet of the same rows"].against(rows["land, one CSV"], PARQUET_GOAL)
    rows["land, the daily files"].against(rows["land, one CSV of the daily files"], MANY_GOAL)
    report = list(rows.values())
    if importlib.util.find_spec("dlt"):
        against = in_turn(
            {"land, beside dlt": lambda: fresh_land(shapes["all.csv"]), "dlt": lambda: dlt_load(shapes["all.csv"])}, 1
        )
        against["land, beside dlt"].against(against["dlt"], DLT_GOAL)
        report += against.values()
    return report


def memory(files: Path) -> Row:
    """Land a folder in a separate process and report the peak memory of that process."""
    empty_bronze()
    command = [sys.executable, "-m", "scripts.land", str(files)]
    seconds, megabytes = peak_memory(command, os.environ)
    return Row(
        "land, much at once: peak memory", [megabytes], unit="MB", ceiling=MEMORY_GOAL_MB, note=f"in {seconds:.1f} s"
    )


def bare_copy(file: Path) -> None:
    """Copy a CSV file into a text table with plain psycopg: the minimum cost of landing."""
    with (
        psycopg.connect(connection.url(), options=connection.OPTIONS) as session,
        file.open("rb", buffering=0) as source,
    ):
        session.execute("set local synchronous_commit to off")
        columns = sql.SQL(", ").join(sql.SQL("{} text").format(sql.Identifier(name)) for name in COLUMNS)
        session.execute("drop table if exists public.bare_copy")
        session.execute(sql.SQL("create table public.bare_copy ({})").format(columns))
        # Commit the empty table first, because the loader's table also exists before its copy. A copy into a new table
        # would skip the write-ahead log.
        session.commit()
        with session.cursor().copy("copy public.bare_copy from stdin (format csv, header)") as copy:
            while chunk := source.read(CHUNK):
                copy.write(chunk)
        session.commit()
        session.execute("drop table public.bare_copy")


def fresh_land(path: Path) -> None:
    """Land a path into an empty bronze schema.

    Raises:
        RuntimeError: a file did not land, so the figure would mean nothing.
    """
    empty_bronze()
    report = land([path], connection.url())
    if len(report.of("landed")) != len(report.files):
        raise RuntimeError(f"{path} did not land whole")


def empty_bronze() -> None:
    """Empty the tables of the bronze schema, if they exist, but for what a new warehouse has."""
    with connection.connect() as session:
        query = "select tablename from pg_tables where schemaname = 'bronze' and tablename <> all(%s)"
        tables = session.execute(query, [["schema_revision", "erasure_pepper"]]).fetchall()
        if tables:
            names = sql.SQL(", ").join(sql.Identifier("bronze", name) for (name,) in tables)
            session.execute(sql.SQL("truncate {}").format(names))


def dlt_load(file: Path) -> None:
    """Load a CSV file with dlt into a separate schema, as the peer does: an Arrow table through uncompressed CSV."""
    import dlt  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  # installed for the benchmark only

    os.environ.update(SETTINGS)
    database = connection.libpq_environment()["PGDATABASE"]
    table = pl.read_csv(file, infer_schema=False).to_arrow()
    with TemporaryDirectory(prefix="retail-bench-") as folder:
        destination = dlt.destinations.postgres(credentials(database))
        pipeline = dlt.pipeline("bench_landing", folder, destination=destination, dataset_name="bench_dlt")
        pipeline.run([table], table_name="transactions", write_disposition="replace", loader_file_format="csv")
    with connection.connect() as session:
        session.execute("drop schema if exists bench_dlt cascade")
        session.execute("drop schema if exists bench_dlt_staging cascade")
