"""Errors in the contract name the line and the key."""

import pytest

from scripts.errors import Refusal
from scripts.land.contract import CONTRACT, read_contract

GOOD = """\
sources:
  - name: shop
    schema: bronze
    tables:
      - name: sales
        description: Sales.
        config:
          meta:
            landing:
              formats: [csv]
        columns:
          - name: amount
            description: Amount.
            data_type: text
            config:
              meta:
                spellings: [Total]
                required: true
                pii: none
                purpose: reporting
          - {name: _file_id, description: File., data_type: integer}
          - {name: _line, description: Line., data_type: integer}
          - {name: _extra, description: Rest., data_type: jsonb}
"""

FAULTS = {
    "17: sources.shop.tables.sales.columns.amount.config.meta.spelings: unknown key": ("spellings:", "spelings:"),
    "10: sources.shop.tables.sales.config.meta.landing.formats.0: "
    "input should be 'csv', 'jsonl', 'parquet' or 'xlsx', found 'tsv'": (
        "[csv]",
        "[tsv]",
    ),
    "3: sources.shop.schema: input should be 'bronze', found 'raw'": ("bronze", "raw"),
    "12: sources.shop.tables.sales.columns.amount.description: missing": ("            description: Amount.\n", ""),
    "14: sources.shop.tables.sales.columns.amount.data_type: must be text: what is delivered is landed as it is": (
        "data_type: text",
        "data_type: numeric",
    ),
    "18: sources.shop.tables.sales.columns.amount.config.meta.required: "
    "input should be a valid boolean, unable to interpret input, found 'maybe'": ("true", "maybe"),
    "22: sources.shop.tables.sales.columns._line.data_type: must be integer: what is delivered is landed as it is": (
        "Line., data_type: integer",
        "Line., data_type: bigint",
    ),
    "11: sources.shop.tables.sales.columns: requires no column, so any file would fit": ("true", "false"),
    "5: sources.shop.tables.sales: takes no files (config.meta.landing), and is no table of the ledger": (
        "            landing:\n              formats: [csv]\n",
        "            {}\n",
    ),
    "21: sources.shop.tables.sales.columns.total: the spelling 'total' already means 'amount'": (
        "          - {name: _file_id",
        "          - {name: total, description: T., data_type: text, "
        "config: {meta: {pii: none, purpose: reporting}}}\n          - {name: _file_id",
    ),
    "10: sources.shop.tables.sales.config.meta.landing.date_order: "
    "input should be 'mdy', 'dmy' or 'ymd', found 'ydm'": (
        "            landing:\n              formats: [csv]",
        "            landing:\n              {formats: [csv], date_order: ydm}",
    ),
    "10: sources.shop.tables.sales.config.meta.landing.time_zone: "
    "no time zone of the IANA database, found 'Europe/Londn'": (
        "            landing:\n              formats: [csv]",
        "            landing:\n              {formats: [csv], time_zone: Europe/Londn}",
    ),
    "19: sources.shop.tables.sales.columns.amount.config.meta.pii: "
    "input should be 'direct', 'quasi', 'none' or 'undecided', found 'secret'": ("pii: none", "pii: secret"),
    "20: sources.shop.tables.sales.columns.amount.config.meta.purpose: input should be 'reporting', 'pricing', "
    "'contact', 'marketing', 'operations' or 'undecided', found 'fun'": ("purpose: reporting", "purpose: fun"),
    "12: sources.shop.tables.sales.columns.amount: pii undecided; choose pii: direct, quasi, none and purpose: "
    "reporting, pricing, contact, marketing, operations (docs/governance.md)": ("                pii: none\n", ""),
    "12: sources.shop.tables.sales.columns.amount: purpose undecided; choose pii: direct, quasi, none and purpose: "
    "reporting, pricing, contact, marketing, operations (docs/governance.md)": (": reporting", ": undecided"),
    "9: sources.shop.tables.sales.config.meta.retention.keep: "
    "no number of days, months or years such as `7 years`, found '7 yeers'": (
        "            landing:\n",
        "            retention: {keep: 7 yeers}\n            landing:\n",
    ),
    "9: sources.shop.tables.sales.config.meta.retention: "
    "`keep` needs a `key`: by which columns a later row corrects an earlier one, or []": (
        "            landing:\n",
        "            retention: {keep: 7 years}\n            landing:\n",
    ),
    "9: sources.shop.tables.sales.config.meta.legal_hold.0.reason: missing": (
        "            landing:\n",
        "            legal_hold: [{files: 2010-*}]\n            landing:\n",
    ),
    "18: not valid YAML: expected ',' or ']', but got ':'": ("[Total]", "[Total"),
}


@pytest.mark.parametrize(("message", "change"), FAULTS.items(), ids=range(len(FAULTS)))
def test_a_fault_is_told_with_its_line_and_key(tmp_path, message, change):
    """The file is edited by hand and has hundreds of lines: an error without its line costs an hour."""
    path = tmp_path / "sources.yml"
    assert change[0] in GOOD
    path.write_text(GOOD.replace(*change))
    with pytest.raises(Refusal) as refusal:
        read_contract(path)
    assert refusal.value.message.startswith(f"{path}:")
    assert refusal.value.message.removeprefix(f"{path}:").rstrip(".") == message


@pytest.mark.parametrize(
    ("changes", "lines"),
    [
        ({"spellings:": "spelings:", "[csv]": "[tsv]", "bronze": "raw"}, [3, 10, 17]),
        (
            {
                "data_type: text": "data_type: numeric",
                "true": "false",
                "Line., data_type: integer": "L., data_type: text",
            },
            [11, 14, 22],
        ),
    ],
    ids=["keys", "rules"],
)
def test_all_faults_are_told_at_once(tmp_path, changes, lines):
    """The user must not have to land the file once for each fault of a new entry."""
    path, text = tmp_path / "sources.yml", GOOD
    for old, new in changes.items():
        text = text.replace(old, new)
    path.write_text(text)
    with pytest.raises(Refusal) as refusal:
        read_contract(path)
    told = refusal.value.message.splitlines()
    assert [int(line.removeprefix(f"{path}:").partition(":")[0]) for line in told] == lines


def test_the_columns_of_the_loader_need_no_entry(tmp_path):
    """The loader adds them to each table with their comments, so an author must not have to know them."""
    path = tmp_path / "sources.yml"
    path.write_text("".join(line for line in GOOD.splitlines(keepends=True) if "name: _" not in line))
    contract, described = read_contract(path), read_contract(_written(tmp_path / "described.yml", GOOD))
    assert contract.landings == described.landings
    assert contract.descriptions.keys() == described.descriptions.keys()
    assert contract.descriptions["sales", "_line"].startswith("Record number of the row")
    assert described.descriptions["sales", "_line"] == "Line."


def _written(path, text):
    path.write_text(text)
    return path


def test_the_keys_of_dbt_are_left_to_dbt(tmp_path):
    """The loader ignores dbt's keys for checks, tags and freshness, and must not report them as errors."""
    path = tmp_path / "sources.yml"
    path.write_text(GOOD.replace("        description: Sales.", "        description: Sales.\n        data_tests: []"))
    assert [landing.table for landing in read_contract(path).landings] == ["sales"]


def test_the_contract_of_this_project_is_good():
    """The loader must accept the contract that the project ships."""
    contract = read_contract(CONTRACT)
    assert {"transactions", "products"} <= {landing.table for landing in contract.landings}


def test_a_missing_contract_is_one_line(tmp_path):
    """A moved file must not end in a traceback."""
    with pytest.raises(Refusal, match=r"nowhere\.yml cannot be read: No such file or directory\."):
        read_contract(tmp_path / "nowhere.yml")
