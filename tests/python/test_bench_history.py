"""The history of measurements: what is slower is named, noise is not, and a bad line is. No test measures a time."""

import json
import math
import random
import subprocess
from dataclasses import asdict, fields, replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from scripts.bench import compare, history, ranks, trend
from scripts.bench.history import Code, Measurement, Reference
from scripts.bench.measure import Row
from scripts.errors import Refusal

ROUNDS = 8
NOISE = 0.03
# Of a hundred comparisons of equal commits, five may be named by chance.
TRIALS, MOST_FALSE = 100, 9
BASE = Measurement(
    commit="a" * 40,
    dirty=False,
    at="2026-11-30T10:00:00+00:00",
    cpu_model="A processor",
    cores=2,
    memory_gb=8.0,
    part="scratch",
    what="from scratch, all",
    round=1,
    seconds=50.0,
    cpu=80.0,
    reference=12.0,
    reference_cpu=15.0,
    rows=1_000_000,
)


def noisy(seed: int, *, factor: float = 1.0, commit: str = "a", machine: float = 1.0) -> list[Measurement]:
    """Return rounds of a commit: some noise, and now and then a round that another program delays."""
    chance = random.Random(seed)

    def take(seconds: float) -> float:
        delay = 1.5 if chance.random() < 0.05 else 1.0
        return seconds * machine * delay * math.exp(chance.gauss(0, NOISE))

    return [
        replace(
            BASE,
            commit=commit * 40,
            round=number,
            seconds=take(50 * factor),
            cpu=take(80 * factor),
            reference=take(12),
            reference_cpu=take(15),
        )
        for number in range(1, ROUNDS + 1)
    ]


# Regressions and noise


def test_a_regression_of_a_fifth_is_named_in_eight_noisy_rounds(capsys: pytest.CaptureFixture[str]) -> None:
    """A build that is a fifth slower must show before it is merged, whatever else the machine does."""
    found = 0
    for seed in range(TRIALS):
        pair = noisy(seed), noisy(1_000 + seed, factor=1.2, commit="b")
        verdicts = {difference.verdict for difference in compare.differences(*pair).values()}
        found += "slower" in verdicts and "faster" not in verdicts
    assert found > 0.95 * TRIALS
    with pytest.raises(
        Refusal, match=r"slower than main: scratch: from scratch, all \(1,000,000 lines\) \+(1[6-9]|2[0-4])"
    ):
        compare.report(noisy(1), noisy(2, factor=1.2, commit="b"), "main")
    assert "8 and 8 rounds" in capsys.readouterr().out


def test_noise_is_not_named() -> None:
    """An alarm that is false every other week is switched off."""
    false = 0
    for seed in range(TRIALS):
        pair = noisy(seed), noisy(1_000 + seed, commit="b")
        false += any(each.verdict != "not told apart from noise" for each in compare.differences(*pair).values())
    assert false <= MOST_FALSE


def test_many_measurements_raise_no_more_false_alarms() -> None:
    """With forty measurements at a chance of 5 % each, two would be named in every comparison."""
    false = 0
    for seed in range(20):
        pairs = {
            number: (
                [each.seconds for each in noisy(10_000 * seed + number)],
                [each.seconds for each in noisy(10_000 * seed + 5_000 + number)],
            )
            for number in range(40)
        }
        false += any(each.verdict != "not told apart from noise" for each in ranks.compare(pairs).values())
    assert false <= 4


def test_runs_of_different_machines_are_compared_by_the_reference() -> None:
    """A machine that is twice as slow is no regression, and must not hide one."""
    false = found = 0
    for seed in range(TRIALS):
        slow_machine = noisy(1_000 + seed, commit="b", machine=2.0)
        slow_code = noisy(2_000 + seed, factor=1.3, commit="b", machine=0.5)
        for other in (slow_machine, slow_code):
            verdicts = {each.verdict for each in compare.differences(noisy(seed), other, by_reference=True).values()}
            false += other is slow_machine and verdicts != {"not told apart from noise"}
            found += other is slow_code and "slower" in verdicts
    assert false <= MOST_FALSE
    assert found > 0.9 * TRIALS


def test_the_probability_is_that_of_all_orders() -> None:
    """A test with a wrong probability names noise, or misses what is slow; ties are frequent in rounded times."""
    chance = random.Random(1)
    for size in (2, 4, 5):
        first, second = ([float(chance.randint(1, 6)) for _ in range(size)] for _ in range(2))
        values = [*first, *second]
        middle = [
            sum(other < value for other in values) + sum(other == value for other in values) / 2 for value in values
        ]
        sums = [sum(middle[place] for place in chosen) for chosen in combinations(range(len(values)), size)]
        expected, observed = sum(sums) / len(sums), sum(middle[:size])
        extreme = [each for each in sums if abs(each - expected) >= abs(observed - expected) - 1e-9]
        assert ranks.mann_whitney(first, second) == pytest.approx(len(extreme) / len(sums))
    # Two in 252 orders of five and five are as far apart, or further.
    assert ranks.mann_whitney([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(2 / 252)


def test_many_rounds_use_the_normal_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where all orders are too many to count, the answer must be nearly the same."""
    chance = random.Random(2)
    first, second = [chance.gauss(50, 2) for _ in range(18)], [chance.gauss(51, 2) for _ in range(18)]
    exact = ranks.mann_whitney(first, second)
    monkeypatch.setattr(ranks, "MOST_COUNTED", 0)
    assert ranks.mann_whitney(first, second) == pytest.approx(exact, abs=0.01)
    assert ranks.mann_whitney([1.0] * 30, [1.0] * 30) == 1.0


def test_the_rounds_that_are_needed_are_enough() -> None:
    """Whoever sees a difference that is not proven wants to know how long to measure."""
    needed = ranks.rounds_needed(0.05, NOISE)
    assert 5 < needed < 20
    chance = random.Random(3)
    named = 0
    for _ in range(TRIALS):
        first, second = (
            [50 * factor * math.exp(chance.gauss(0, NOISE)) for _ in range(needed)] for factor in (1.0, 1.05)
        )
        named += ranks.mann_whitney(first, second) <= ranks.SIGNIFICANT
    assert named > 0.8 * TRIALS
    assert ranks.smallest_shown(needed, NOISE) <= 0.05
    assert math.isinf(ranks.smallest_shown(2, NOISE))


# The file


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    """A history that loses a digit or a line proves nothing."""
    file = tmp_path / "bench" / "history.jsonl"
    assert history.read(file) == []
    assert history.append(noisy(1), file) == ROUNDS
    assert history.append([replace(BASE, cpu=None, reference_cpu=None)], file) == 1
    assert history.read(file) == [*noisy(1), replace(BASE, cpu=None, reference_cpu=None)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("not json", "line 2 is no measurement: Expecting value"),
        ("[]", "line 2 is no measurement: it is no object"),
        (json.dumps(asdict(BASE))[:-40], "line 2 is no measurement: "),
        (json.dumps({**asdict(BASE), "seconds": -1}), "line 2 is no measurement: seconds is -1, no number above 0"),
        (json.dumps({**asdict(BASE), "reference": 0}), "line 2 is no measurement: reference is 0, no number above 0"),
        (json.dumps({**asdict(BASE), "seconds": None}), "line 2 is no measurement: seconds is None"),
        (json.dumps({**asdict(BASE), "cpu": "80"}), "line 2 is no measurement: cpu is '80'"),
        (json.dumps({**asdict(BASE), "part": 7}), "line 2 is no measurement: part is no text"),
        (json.dumps({**asdict(BASE), "host": "x"}), "line 2 is no measurement: 'it has host"),
        (json.dumps({name: value for name, value in asdict(BASE).items() if name != "rows"}), "'it lacks rows'"),
        ("\x00\xff", "line 2 is no measurement"),
    ],
)
def test_a_bad_line_is_named_in_one_line(line: str, problem: str, tmp_path: Path) -> None:
    """A merge that damages the file must not stop the next benchmark with a traceback, or vanish in silence."""
    file = tmp_path / "history.jsonl"
    history.append([BASE], file)
    with file.open("a", encoding="latin-1") as damaged:
        damaged.write(f"{line}\n")
    with pytest.raises(Refusal) as refused:
        history.read(file)
    assert problem in refused.value.message
    assert "\n" not in refused.value.message


def test_a_line_knows_the_round_its_cpu_and_its_reference() -> None:
    """Each round stands beside the reference of the same round, because the machine may change between rounds."""
    rows = [
        Row("from scratch, all", [50.0, 60.0], cpu=[80.0, 90.0]),
        Row("a reader's wait", [12.0, 14.0], unit="ms"),
        Row("most memory", [300.0, 310.0], unit="MB"),
        Row("no answer", [math.inf]),
    ]
    reference = Reference([12.0, 13.0], [15.0, 16.0], 1_000_000)
    found = list(history.measurements(Code("a" * 40, dirty=True), "scratch", rows, reference))
    assert [(each.what, each.round, each.seconds, each.cpu, each.reference) for each in found] == [
        ("from scratch, all", 1, 50.0, 80.0, 12.0),
        ("from scratch, all", 2, 60.0, 90.0, 13.0),
        ("a reader's wait", 1, 0.012, None, 12.0),
        ("a reader's wait", 2, 0.014, None, 13.0),
    ]
    assert {each.version for each in found} == {"a" * 9 + "+"}


def test_a_line_names_no_machine_and_no_folder() -> None:
    """The file is public: a machine is known by what it can do, not by whose it is."""
    assert {field.name for field in fields(Measurement)} == {
        *("commit", "dirty", "at", "cpu_model", "cores", "memory_gb", "part", "what", "round", "seconds", "cpu"),
        *("reference", "reference_cpu", "rows"),
    }
    assert "/" not in history.cpu_model()
    for each in history.read():
        assert "/" not in each.cpu_model + each.commit


def test_the_history_itself_makes_no_commit_dirty(tmp_path: Path) -> None:
    """The second benchmark of a commit would otherwise count as one of changed code."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", str(tmp_path), *identity, *arguments], check=True, capture_output=True)

    git("init", "--quiet")
    (tmp_path / "a.py").write_text("a")
    git("add", "--all")
    git("commit", "--quiet", "--message", "a")
    (tmp_path / "bench").mkdir()
    (tmp_path / "bench" / "history.jsonl").write_text("{}")
    assert not history.code_of(tmp_path).dirty
    (tmp_path / "a.py").write_text("b")
    assert history.code_of(tmp_path).dirty
    assert history.code_of(tmp_path / "nowhere") == Code("unknown", dirty=True)


# The page and the command


def test_the_page_names_what_is_slower_than_the_commit_before() -> None:
    """The page is where a slow drift of many commits shows."""
    found = [*noisy(1), *noisy(3, factor=1.5, commit="b"), replace(BASE, part="day", what="<new day>")]
    page = trend.text(found, "picture.svg")
    assert "| scratch | from scratch, all | 1,000,000 | `bbbbbbbbb` | 8 |" in page
    assert "| slower: +" in page
    assert "measured once" in page
    picture = ElementTree.fromstring(trend.draw(found))
    circles = picture.findall(".//{http://www.w3.org/2000/svg}circle")
    assert len(circles) == 2 * ROUNDS + 1


def test_an_empty_history_has_a_page() -> None:
    """A fork that deletes the history must still be able to draw the page."""
    assert "Nothing was measured yet." in trend.text([], "picture.svg")
    ElementTree.fromstring(trend.draw([]))


def test_the_page_is_what_its_command_draws() -> None:
    """A page that lags behind the history shows the figures of another commit."""
    found = history.read()
    assert trend.PAGE.read_text() == trend.text(found, trend.PICTURE.name)
    assert trend.PICTURE.read_text() == trend.draw(found)


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--base=no such"], "BASE='no such' is no commit of this repository"),
        (["--base=--all"], "BASE='--all' is no commit of this repository"),
        (["--parts=speed"], "PARTS='speed' is no part of the benchmark: choose from land, scratch"),
        (["--parts=day"], "PARTS lacks scratch, which runs the reference script"),
    ],
)
def test_a_comparison_that_cannot_be_is_refused_before_it_measures(arguments: list[str], problem: str) -> None:
    """A comparison takes minutes, so a typing error must show in the first second."""
    answer = CliRunner().invoke(compare.main, arguments)
    assert answer.exit_code == 1
    assert answer.output.startswith(f"Error: {problem}")
    assert answer.output.count("\n") == 1


def test_rounds_of_a_tree_come_from_what_its_own_benchmark_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The base may be older than the history, so only the files of results are the same in both."""
    rows = [
        Row(history.REFERENCE, [12.0], note="15.0 s of CPU in the server; 100,000 lines"),
        Row("from scratch, all", [50.0], note="80.5 s of CPU, server included"),
    ]
    listed = [{"name": row.name, "unit": row.unit, "values": row.values, "note": row.note} for row in rows]
    (tmp_path / "bench" / "results").mkdir(parents=True)
    (tmp_path / "bench" / "results" / "scratch.json").write_text(json.dumps({"rows": listed}))
    commands: list[list[str]] = []
    monkeypatch.setattr(compare, "_run", lambda command, folder, problem: commands.append(command))
    found = compare.measure(tmp_path, Code("a" * 40, dirty=False), ["scratch"], tmp_path, 3)
    assert [(each.what, each.round, each.seconds, each.cpu, each.reference, each.rows) for each in found] == [
        (history.REFERENCE, 3, 12.0, 15.0, 12.0, 100_000),
        ("from scratch, all", 3, 50.0, 80.5, 12.0, 100_000),
    ]
    assert "--no-history" not in commands[0]
