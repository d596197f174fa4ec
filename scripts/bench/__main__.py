"""`python -m scripts.bench`: measure and report."""

import json
import os
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from scripts import connection
from scripts.bench import landing
from scripts.bench.machine import facts
from scripts.bench.measure import Row, as_json
from scripts.paths import PROJECT_ROOT
from scripts.warehouse import server

RESULTS = PROJECT_ROOT / "bench" / "results"


@click.command()
@click.argument("files", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--rounds", default=5, show_default=True, help="How often each is measured; the median counts.")
@click.option("--rows", default=1_000_000, show_default=True, help="Rows to generate when no FILES are given.")
@click.option(
    "--many-rows", default=10_000_000, show_default=True, help="Rows to generate for the peak of memory; 0: no."
)
def main(files: Path | None, rounds: int, rows: int, many_rows: int) -> None:
    """Measure landing, side by side in one run, on a server of its own that is gone afterwards.

    FILES is a folder of deliveries with a Parquet file and a folder `daily`; without it they are generated.
    Prints a table and writes it to bench/results/ with the machine's facts.
    """
    with TemporaryDirectory(prefix="retail-bench-") as folder:
        work = Path(folder)
        os.environ |= {"WAREHOUSE_HOME": str(work / "warehouse"), "DBT_TARGET": "local"}
        server.ensure_running()
        try:
            report = landing.run(landing.prepare(files or _generate(work / "files", rows), work / "shapes"), rounds)
            if many_rows:
                report.append(landing.memory(_generate(work / "many", many_rows)))
                shutil.rmtree(work / "many")
            with connection.connect() as session:
                machine = facts(session)
        finally:
            server.destroy()
    _show(report, machine)
    RESULTS.mkdir(parents=True, exist_ok=True)
    result = {"machine": machine, "files": str(files or f"{rows} generated rows"), "landing": as_json(report)}
    (RESULTS / "landing.json").write_text(json.dumps(result, indent=2) + "\n")


def _generate(out: Path, rows: int) -> Path:
    from scripts.generate.__main__ import generate  # noqa: PLC0415  # not needed when files are given

    generate([f"--rows={rows}", f"--out={out}"], standalone_mode=False)
    return out


def _show(report: list[Row], machine: dict[str, object]) -> None:
    table = Table(title=", ".join(f"{name} {value}" for name, value in machine.items()), title_justify="left")
    for heading in ("what", "median s", "times", "of", "goal", "note"):
        table.add_column(heading, justify="right" if heading in ("median s", "times", "goal") else "left")
    for row in report:
        ratio, goal = (f"{value:.2f}" if value else "" for value in (row.ratio, row.goal))
        table.add_row(row.name, f"{row.median:.2f}", ratio, row.compared_with or "", goal, row.note)
    Console(width=140).print(table)


if __name__ == "__main__":
    main(prog_name="python -m scripts.bench")
