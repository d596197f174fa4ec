"""Land files with dlt: Arrow tables, written as CSV, which is the fastest way that dlt documents for PostgreSQL."""

import os
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import polars as pl

from scripts import connection
from scripts.land.contract import Contract, read_contract
from scripts.land.files.discovery import Delivery, discover
from scripts.land.header import fit

# The header is line 1.
FIRST_LINE = 2
NUMBERS = ("_file_id", "_line")
READERS: dict[str, Callable[[Path], pl.LazyFrame]] = {
    "csv": lambda path: pl.scan_csv(path, infer_schema=False),
    "jsonl": lambda path: pl.scan_ndjson(path, infer_schema_length=None),
    "parquet": pl.scan_parquet,
    "xlsx": lambda path: pl.read_excel(path, infer_schema_length=0).lazy(),
}
LEDGER = "landed_files"
SETTINGS = {
    "RUNTIME__DLTHUB_TELEMETRY": "false",
    # By default, dlt compresses its files and decompresses them again: 17 s of CPU of 25 for a million lines.
    "NORMALIZE__DATA_WRITER__DISABLE_COMPRESSION": "true",
}


def land(files: Path, database: str, work: Path) -> None:
    """Append files to the schema `bronze`, with a ledger of files, as the models expect it.

    Args:
        files: a file or a folder of deliveries.
        database: the database on the server in use.
        work: where dlt keeps its state from load to load.
    """
    # mypy finds no types where the benchmark is not installed.
    import dlt  # type: ignore[import-not-found,unused-ignore]  # noqa: PLC0415  # installed for the benchmark only

    os.environ.update(SETTINGS)
    contract = read_contract()
    marks: Any = dlt.mark

    # Without its types, its decorator is untyped as well.
    @dlt.resource(name="deliveries", write_disposition="append")  # type: ignore[untyped-decorator,unused-ignore]
    def deliveries() -> Iterator[Any]:
        state = dlt.current.resource_state()
        if not state:
            for landing in contract.landings:
                columns = {column.name: {"data_type": "text"} for column in landing.columns}
                hints = columns | {name: {"data_type": "bigint", "precision": 32} for name in NUMBERS}
                yield marks.with_hints(
                    marks.materialize_table_schema(),
                    marks.make_hints(table_name=landing.table, columns=hints),
                    create_table_variant=True,
                )
        for delivery in discover([files]).deliveries:
            state["last_file_id"] = file_id = state.get("last_file_id", 0) + 1
            table, rows = read(delivery, contract, file_id)
            yield marks.with_table_name(rows.to_arrow(), table)
            yield marks.with_table_name(ledger(delivery, table, file_id, rows.height).to_arrow(), LEDGER)

    pipeline = dlt.pipeline(
        "peer", str(work), destination=dlt.destinations.postgres(credentials(database)), dataset_name=contract.schema
    )
    pipeline.run(deliveries(), loader_file_format="csv")


def read(delivery: Delivery, contract: Contract, file_id: int) -> tuple[str, pl.DataFrame]:
    """Read a file as text; return the table that takes it and its rows, with the columns of the contract.

    Args:
        delivery: the file.
        contract: the contract of the raw deliveries.
        file_id: the number of the file.
    """
    lines = READERS[delivery.format](delivery.path)
    header = lines.collect_schema().names()
    matched = fit(header, delivery.format, contract)
    names = [(name, column) for name, column in zip(header, matched.columns, strict=True) if column]
    rows = lines.select(pl.col(name).cast(pl.String).alias(column) for name, column in names).with_row_index("_line")
    numbers = {"_file_id": pl.lit(file_id, pl.Int32), "_line": pl.col("_line").cast(pl.Int32) + FIRST_LINE}
    return matched.landing.table, rows.with_columns(**numbers).collect()


def ledger(delivery: Delivery, table: str, file_id: int, rows: int) -> pl.DataFrame:
    """Return the row of a file in the ledger."""
    row = {
        "file_id": file_id,
        "source": table,
        "name": delivery.name,
        "rows_loaded": rows,
        "rows_erased": 0,
        "landed_at": datetime.now(timezone.utc),
    }
    return pl.DataFrame([row], schema_overrides={"file_id": pl.Int32})


def credentials(database: str) -> dict[str, str | int]:
    """Return what dlt needs to connect. It requires a host and a password, though a socket needs neither."""
    server = connection.libpq_environment()
    return {
        # `%2F` is the slash of the socket's folder.
        "host": quote(server["PGHOST"], safe=""),
        "port": int(server["PGPORT"]),
        "username": server["PGUSER"],
        "password": server["PGPASSWORD"] or "-",
        "database": database,
    }
