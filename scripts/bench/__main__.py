"""`python -m scripts.bench`: measure and report."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import click
from rich.console import Console
from rich.table import Table

from scripts.bench import history, trend
from scripts.bench.gantt import draw
from scripts.bench.load import PAUSE_SECONDS
from scripts.bench.machine import facts
from scripts.bench.measure import Row, as_json
from scripts.bench.parts import PARTS, Bench
from scripts.paths import PROJECT_ROOT

RESULTS = PROJECT_ROOT / "bench" / "results"
# The table of a part shows at most this many rows; its JSON file holds all of them.
ROWS_SHOWN = 30
ALL = ", ".join(PARTS)
WIDTH = 170
PICTURES = {"build": "A build from scratch", "day": "A build of a new day"}


def _names(context: click.Context, parameter: click.Parameter, value: str | None) -> list[str]:
    """Read the names of parts; without names, return all parts."""
    names = [name.strip() for name in (value or ",".join(PARTS)).split(",")]
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        raise click.BadParameter(f"{', '.join(unknown)}: choose from {ALL}.")
    # The parts build on each other in this order.
    return [name for name in PARTS if name in names]


def _numbers(context: click.Context, parameter: click.Parameter, value: str) -> list[int]:
    """Read a list of whole numbers above 1."""
    try:
        numbers = sorted({int(number) for number in value.split(",") if number.strip()})
    except ValueError:
        numbers = [0]
    if any(number <= 1 for number in numbers):
        raise click.BadParameter("give whole numbers above 1, with commas between.")
    return numbers


@click.command()
@click.argument("files", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--parts", callback=_names, help=f"Which to measure, with commas between; all by default: {ALL}.")
@click.option("--rounds", default=5, show_default=True, help="How often each is measured; the median counts.")
@click.option("--rows", default=1_000_000, show_default=True, help="Rows to generate when no FILES are given.")
@click.option(
    "--many-rows", default=10_000_000, show_default=True, help="Rows to land for the loader's peak of memory; 0: no."
)
@click.option(
    "--lengths",
    default="3,10",
    show_default=True,
    callback=_numbers,
    help="How many times as long the other histories are that a day is built on.",
)
@click.option("--no-history", is_flag=True, help="Leave bench/history.jsonl as it is.")
@click.option("--days", default=30, show_default=True, help="Daily builds after which disk use is measured.")
@click.option(
    "--pause",
    default=PAUSE_SECONDS,
    show_default=True,
    type=click.FloatRange(min=0),
    help="Mean seconds between an answer and the next question of each client under load.",
)
def main(
    *,
    files: Path | None,
    parts: list[str],
    rounds: int,
    rows: int,
    many_rows: int,
    lengths: list[int],
    days: int,
    pause: float,
    no_history: bool,
) -> None:
    """Measure side by side in one run, on temporary servers that are deleted afterwards.

    FILES is a folder of deliveries with a Parquet file and a folder `daily`; without FILES, the command generates them.
    It prints a table for each part and writes the table to bench/results/ with the machine's facts. It draws the build
    in bench/results/build.svg. It adds each round to bench/history.jsonl, from which it draws docs/bench_history.md.
    """
    console = Console(width=WIDTH, highlight=False)
    RESULTS.mkdir(parents=True, exist_ok=True)
    # A line of the history that cannot be read must show before an hour of measuring.
    history.read()
    code = history.code_of()
    with TemporaryDirectory(prefix="retail-bench-") as folder:
        work = Path(folder)
        # The benchmark uses its own servers, regardless of the user's target.
        os.environ["DBT_TARGET"] = "local"
        files_or_made = files or _generate(work / "files", rows)
        bench = Bench(work, files_or_made, rounds, many_rows, lengths, days, _generate, pause)
        try:
            for name in parts:
                report = PARTS[name](bench)
                machine = facts()
                _show(console, name, report)
                result = {
                    "machine": machine,
                    "files": str(files or f"{rows} generated rows"),
                    "rounds": rounds,
                    "rows": as_json(report),
                }
                (RESULTS / f"{name}.json").write_text(json.dumps(result, indent=2) + "\n")
                if not no_history and name not in history.LEFT_OUT:
                    history.append(history.measurements(code, name, report, bench.reference))
        finally:
            bench.close()
    for name, build in bench.pictures.items():
        title = f"{PICTURES[name]}: {build.seconds:.1f} s, {build.inside:.1f} s of them without start-up"
        (RESULTS / f"{name}.svg").write_text(draw(build.bars, title))
    console.print(", ".join(f"{fact} {value}" for fact, value in facts().items()), soft_wrap=True)
    if not no_history:
        trend.write(history.read())
        console.print("Added to bench/history.jsonl; see docs/bench_history.md", soft_wrap=True)
    console.print(f"Written to {RESULTS.relative_to(PROJECT_ROOT)}/", soft_wrap=True)


def _generate(out: Path, rows: int) -> Path:
    from scripts.generate.__main__ import generate  # noqa: PLC0415  # not needed when files are given

    generate([f"--rows={rows}", f"--out={out}"], standalone_mode=False)
    return out


def _show(console: Console, name: str, report: Sequence[Row]) -> None:
    table = Table(title=f"make bench PARTS={name}", title_justify="left")
    numbers = ("median", "goal", "times", "goal of times")
    for heading in ("what", "median", "goal", "times", "of", "goal of times", "", "note"):
        table.add_column(heading, justify="right" if heading in numbers else "left")
    for row in report[:ROWS_SHOWN]:
        ratio, goal = (f"{value:.2f}" if value is not None else "" for value in (row.ratio, row.goal))
        ceiling = f"{row.ceiling:,.4g} {row.unit}" if row.ceiling is not None else ""
        verdict = {None: "", True: "reached", False: "missed"}[row.is_good_enough]
        median = f"{row.median:,.2f} {row.unit}"
        table.add_row(row.name, median, ceiling, ratio, row.compared_with or "", goal, verdict, row.note)
    console.print(table)


if __name__ == "__main__":
    main(prog_name="python -m scripts.bench")
