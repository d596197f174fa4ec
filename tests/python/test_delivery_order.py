"""Files arrive in any order and in any number of builds; gold must not show it."""

import shutil
from pathlib import Path

import pytest
from harness import Database, Sample
from warehouse_state import BOOKKEEPING, rows

from scripts.land import land


def build(dbt) -> None:
    results = dbt("build", "--exclude-resource-type", "unit_test")
    assert {result.status for result in results.values()} <= {"success", "pass", "no-op"}


@pytest.fixture
def thirds(sample: Sample, tmp_path: Path) -> list[Path]:
    """Deal the sample's sales out to three folders, the latest first.

    The price lists correct one another, so these keep their order. Each row of the customer master says when it was
    recorded, so its files do not.
    """
    files = sorted(path for path in sample.folder.rglob("*") if path.suffix in (".csv", ".jsonl", ".parquet"))
    files = [path for path in files if path.parent.name != "products"]
    folders = [tmp_path / name for name in ("late", "middle", "early")]
    shutil.copytree(sample.folder / "products", folders[0] / "products")
    for number, file in enumerate(reversed(files)):
        folder = folders[number * len(folders) // len(files)]
        folder.mkdir(exist_ok=True)
        shutil.copy(file, folder / f"{number:04}-{file.name}")
    return folders


def test_gold_is_the_same_in_whatever_order_files_arrive(
    built: Database, working: Database, dbt, thirds: list[Path]
) -> None:
    """A late file is everyday life: landed backwards, a third at a time, gold ends up as if built at once."""
    for folder in thirds:
        land([folder], working.url)
        build(dbt)
    assert rows(working.url, without=BOOKKEEPING) == rows(built.url, without=BOOKKEEPING)
    profiles = [rows(database.url, "profiles")["dim_customer_profile"] for database in (working, built)]
    assert profiles[0] == profiles[1] != []
