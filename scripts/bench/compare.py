"""`make bench-compare`: measure two commits in turn, and name what is slower beyond noise."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from scripts.bench import history, ranks
from scripts.bench.history import Code, Measurement, Reference
from scripts.bench.measure import Row
from scripts.bench.parts import PARTS
from scripts.bench.trend import in_words, write
from scripts.errors import Refusal, printable
from scripts.paths import PROJECT_ROOT

# Seconds may be those of other programs; CPU seconds are not.
METRICS = ("seconds", "cpu")

Key = tuple[str, str, int, str]


@click.command()
@click.argument("files", required=False, type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--base", default="main", show_default=True, help="A commit or branch to compare with.")
@click.option("--rounds", default=5, show_default=True, type=click.IntRange(2), help="The rounds of each.")
@click.option("--parts", default="scratch", show_default=True, help="Parts of `make bench`, with commas between.")
@click.option("--rows", default=100_000, show_default=True, help="Rows to generate when no FILES are given.")
@click.option(
    "--history", "from_history", is_flag=True, help="Measure nothing: compare what bench/history.jsonl holds."
)
def main(*, files: Path | None, base: str, rounds: int, parts: str, rows: int, from_history: bool) -> None:
    """Measure the commit BASE and the working tree in turn, and exit with 1 if the working tree is slower."""
    names = [name.strip() for name in parts.split(",") if name.strip()]
    if unknown := [name for name in names if name not in PARTS]:
        raise Refusal(f"PARTS={printable(unknown[0])!r} is no part of the benchmark: choose from {', '.join(PARTS)}.")
    if "scratch" not in names and not from_history:
        raise Refusal("PARTS lacks scratch, which runs the reference script: without it, no machine can be compared.")
    commit = resolve(base)
    head = history.code_of()
    if commit == head.commit and not head.dirty:
        raise Refusal(f"BASE={base} is the commit of the working tree: there is nothing to compare.")
    known = history.read()
    if from_history:
        first = [each for each in known if each.commit == commit and not each.dirty and each.part in names]
        second = [
            each for each in known if (each.commit, each.dirty) == (head.commit, head.dirty) and each.part in names
        ]
        report(first, second, base, by_reference=True)
        return
    with TemporaryDirectory(prefix="retail-bench-") as folder, _worktree(commit, Path(folder) / "base") as other:
        files = files or _generate(Path(folder) / "files", rows)
        measured: dict[str, list[Measurement]] = {"base": [], "head": []}
        trees = {"base": (other, Code(commit, dirty=False)), "head": (PROJECT_ROOT, head)}
        for number in range(1, rounds + 1):
            # Who comes first changes, so a machine that slows down slows both.
            for name in list(trees)[:: 1 if number % 2 else -1]:
                click.echo(f"Measuring   round {number} of {rounds}, {name}", err=True)
                tree, code = trees[name]
                measured[name] += measure(tree, code, names, files, number)
    history.append([*measured["base"], *measured["head"]])
    write(history.read())
    report(measured["base"], measured["head"], base)


def resolve(base: str) -> str:
    """Return the commit of a name.

    Args:
        base: a commit, branch or tag.

    Raises:
        Refusal: git knows no such commit.
    """
    command = [
        "git",
        "-C",
        str(PROJECT_ROOT),
        "rev-parse",
        "--verify",
        "--quiet",
        "--end-of-options",
        f"{base}^{{commit}}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refusal(f"BASE={printable(base)!r} is no commit of this repository: give a branch, a tag or a commit.")
    return done.stdout.strip()


def differences(
    first: Sequence[Measurement], second: Sequence[Measurement], *, by_reference: bool = False
) -> dict[Key, ranks.Difference]:
    """Compare the measurements that both have, by series and metric.

    Args:
        first: those of the base.
        second: those of the working tree.
        by_reference: whether to compare ratios to the reference script, because the runs were apart.
    """
    grouped = [_values(found, by_reference=by_reference) for found in (first, second)]
    return ranks.compare({key: (values, grouped[1][key]) for key, values in grouped[0].items() if key in grouped[1]})


def report(
    first: Sequence[Measurement], second: Sequence[Measurement], base: str, *, by_reference: bool = False
) -> None:
    """Print each difference, and name what is slower.

    Args:
        first: the measurements of the base.
        second: those of the working tree.
        base: the name of the base.
        by_reference: whether to compare ratios to the reference script.

    Raises:
        Refusal: the two have no measurement in common, or something is slower.
    """
    found = differences(first, second, by_reference=by_reference)
    if not found:
        raise Refusal(
            f"{base} and the working tree have no measurement of the same part and data: run `make bench-compare` "
            "without HISTORY=1, or `make bench` on both."
        )
    before, after = (_values(each, by_reference=by_reference) for each in (first, second))
    unit = "x" if by_reference else "s"
    slower = []
    for key, difference in found.items():
        part, what, rows, metric = key
        name = f"{part}: {what}{', CPU' if metric == 'cpu' else ''} ({rows:,} lines)"
        change = f"{statistics.median(before[key]):.2f} {unit} -> {statistics.median(after[key]):.2f} {unit}"
        needed = ""
        if abs(difference.effect) >= ranks.SMALLEST_EFFECT and difference.needed > min(difference.rounds):
            needed = f"; {difference.needed} rounds of each show this"
        click.echo(f"{name:<60} {change}, {in_words(difference)}{needed}")
        if difference.verdict == "slower":
            slower.append(f"{name} {difference.effect:+.1%}")
    if slower:
        raise Refusal(f"slower than {base}: {'; '.join(slower)}.")


def _values(found: Sequence[Measurement], *, by_reference: bool) -> dict[Key, list[float]]:
    grouped: dict[Key, list[float]] = {}
    for each in found:
        if each.what == history.REFERENCE:
            continue
        for metric in METRICS:
            value = each.seconds if metric == "seconds" else each.cpu
            yardstick = each.reference if metric == "seconds" else each.reference_cpu
            if value and (yardstick or not by_reference):
                values = grouped.setdefault((*each.series, metric), [])
                values.append(value / yardstick if by_reference and yardstick else value)
    return grouped


@contextmanager
def _worktree(commit: str, folder: Path) -> Iterator[Path]:
    """Check a commit out beside the working tree, with its dbt packages."""
    git = ["git", "-C", str(PROJECT_ROOT), "worktree"]
    _run([*git, "add", "--quiet", "--detach", str(folder), commit], PROJECT_ROOT, f"git cannot check out {commit[:12]}")
    try:
        _run([sys.executable, "-m", "scripts.packages"], folder, "the dbt packages of the base cannot be installed")
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], capture_output=True, check=False)


def measure(tree: Path, code: Code, parts: Sequence[str], files: Path, number: int) -> list[Measurement]:
    """Run the benchmark of a tree once, and return what it measured."""
    command = [sys.executable, "-m", "scripts.bench", str(files), "--parts", ",".join(parts), "--rounds", "1"]
    command += ["--lengths", "", "--many-rows", "0"]
    # The base may be older than its history, which it then writes into its own folder.
    command += ["--no-history"] if (tree / "scripts" / "bench" / "history.py").exists() else []
    _run(command, tree, f"the benchmark of {code.commit[:12]} failed")
    results = tree / "bench" / "results"
    reports = {name: _rows(json.loads((results / f"{name}.json").read_text())) for name in parts}
    reference = _reference(reports)
    return [
        each
        for name, rows in reports.items()
        for each in history.measurements(code, name, rows, reference, first=number)
    ]


def _rows(result: Mapping[str, object]) -> list[Row]:
    rows = result["rows"]
    assert isinstance(rows, list)
    return [
        Row(
            row["name"],
            row["values"],
            unit=row["unit"],
            note=row["note"],
            cpu=row.get("cpu") or _cpu_of_note(row["note"]),
        )
        for row in rows
    ]


def _cpu_of_note(note: str) -> list[float]:
    """Return the CPU seconds of the round, which a benchmark without history says in words."""
    seconds, _, rest = note.partition(" s of CPU")
    return [float(seconds)] if rest and seconds.replace(".", "", 1).isdigit() else []


def _reference(reports: Mapping[str, Sequence[Row]]) -> Reference:
    """Return what the reference script took."""
    for rows in reports.values():
        for row in rows:
            if row.name == history.REFERENCE:
                lines = row.note.rpartition("; ")[2].partition(" lines")[0].replace(",", "")
                return Reference(row.values, row.cpu, int(lines))
    raise Refusal(f"no part ran the {history.REFERENCE}: name scratch among PARTS.")


def _generate(folder: Path, rows: int) -> Path:
    from scripts.generate.__main__ import generate  # noqa: PLC0415  # not needed when files are given

    generate([f"--rows={rows}", f"--out={folder}"], standalone_mode=False)
    return folder


def _run(command: Sequence[str], folder: Path, problem: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "DBT_"))}
    done = subprocess.run(
        command, cwd=folder, env=environment | {"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise Refusal(f"{problem}: {printable(said[-1]) if said else 'it says nothing'}.")


if __name__ == "__main__":
    main(prog_name="python -m scripts.bench.compare")
