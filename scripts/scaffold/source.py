"""`make new SOURCE=budgets FILE=path/to.csv`: write the files of a new source from one of its files.

Columns, spellings and types are those of the file, which may have any format of the loader. Nothing lands, and of the
existing files, only the contract changes. docs/adding_a_source.md says what to decide afterwards.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent

from ruamel.yaml import YAML

from scripts.errors import Refusal
from scripts.land.contract import ADDED, read_contract
from scripts.land.contract import CONTRACT as CONTRACT_OF_PROJECT
from scripts.land.header import fit
from scripts.paths import PROJECT_ROOT
from scripts.scaffold import render
from scripts.scaffold.columns import Content, read_content, snake_case

CONTRACT = CONTRACT_OF_PROJECT.relative_to(PROJECT_ROOT)
STAGING = CONTRACT.parent
QUARANTINE = Path("models/intermediate/quarantine")
# PostgreSQL cuts names at 63 characters, and `int_..._quarantined` is the longest.
LONGEST_TABLE = 40
MISFITS_SHOWN = 3


def new_source(path: Path, name: str | None = None, project: Path = PROJECT_ROOT) -> list[str]:
    """Write the files of a new source; return what to tell the user.

    Args:
        path: a file of the source.
        name: the name of its table; by default from the name of the file.
        project: the folder of the project.

    Raises:
        Refusal: the file cannot be read, tells no columns, or is no new source. Then nothing is written.
    """
    table = _table(path, name)
    content = read_content(path)
    columns = render.typed(content.columns, table)
    files = {
        STAGING / f"stg_retail__{table}.sql": render.staging_sql(table, columns),
        STAGING / f"stg_retail__{table}.yml": render.staging_yaml(table, columns),
        QUARANTINE / f"int_{table}_quarantined.sql": render.quarantine_sql(table, columns),
        QUARANTINE / f"int_{table}_quarantined.yml": render.quarantine_yaml(table, columns),
    }
    contract = project / CONTRACT
    _refuse_what_lands(path, table, content, contract)
    if there := [str(file) for file in files if (project / file).exists()]:
        raise Refusal(f"{' and '.join(there)} would be overwritten: give another SOURCE=..., or move it away.")
    text = _with_entry(contract.read_text(encoding="utf-8"), table, path, columns)
    _check(text, table, content)
    _write(project, files | {CONTRACT: text})
    return [*_written(table, files), *_told(columns, content), *_next(path, table)]


def _table(path: Path, name: str | None) -> str:
    """Return the name of the table."""
    table = snake_case(name or path.name.partition(".")[0])
    if name and table != name:
        raise Refusal(
            f"{name!r} is no name of a table: give lower case letters, digits and underscores, such as budgets."
        )
    if not table or not table[0].isalpha() or len(table) > LONGEST_TABLE:
        raise Refusal(f"{path.name!r} gives no name for a table: give SOURCE=..., such as SOURCE=budgets.")
    return table


def _refuse_what_lands(path: Path, table: str, content: Content, contract: Path) -> None:
    """Refuse a name that the contract has, and a file that one of its tables takes."""
    known = read_contract(contract)
    if any(name == table for name, _ in known.descriptions):
        raise Refusal(f"the contract has a table {table!r} already: give another SOURCE=....")
    try:
        taking = fit([column.spelling for column in content.columns], content.format, known)
    except Refusal:
        return
    raise Refusal(f"{path}: the table {taking.landing.table!r} of the contract takes this file: land it.")


def _with_entry(contract: str, table: str, path: Path, columns: Sequence[render.Typed]) -> str:
    """Return the text of the contract with an entry after its tables that take files; all else stays as it is."""
    source = YAML(typ="rt").load(contract)["sources"][0]
    landings = [
        place for place, each in enumerate(source["tables"]) if "landing" in each.get("config", {}).get("meta", {})
    ]
    place = max(landings, default=-1) + 1
    lines = contract.splitlines(keepends=True)
    has_next = place < len(source["tables"])
    line, column = source["tables"].lc.data[place if has_next else place - 1]
    at = line if has_next else len(lines)
    anchors = [name.strip("_") for name in ADDED if f"&{name.strip('_')}\n" in contract]
    entry = indent(render.entry(table, path, columns, anchors), " " * (column - len("- ")))
    return "".join([*lines[:at], *(["\n"] if not has_next else []), entry, *(["\n"] if has_next else []), *lines[at:]])


def _check(contract: str, table: str, content: Content) -> None:
    """Refuse a contract that the loader would refuse, or with which it would not land the file in the new table."""
    with TemporaryDirectory() as folder:
        written = Path(folder) / CONTRACT.name
        decided = contract.replace("pii: undecided", "pii: none").replace("purpose: undecided", "purpose: reporting")
        written.write_text(decided, encoding="utf-8")
        found = fit([column.spelling for column in content.columns], content.format, read_contract(written))
    if found.landing.table != table or found.new:
        raise Refusal(f"with its own table, the file would still land in {found.landing.table!r}: rename its columns.")


def _write(project: Path, files: Mapping[Path, str]) -> None:
    """Write all files, or none."""
    drafts = {project / file: project / f"{file}.new" for file in files}
    try:
        for (file, draft), text in zip(drafts.items(), files.values(), strict=True):
            file.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(text, encoding="utf-8")
        for file, draft in drafts.items():
            draft.replace(file)
    except OSError as error:
        for draft in drafts.values():
            draft.unlink(missing_ok=True)
        raise Refusal(f"{error.filename}: cannot be written: {error.strerror or error}.") from error


def _written(table: str, files: Mapping[Path, str]) -> Iterator[str]:
    yield f"Wrote       the table {table} in {CONTRACT}"
    for file in files:
        yield f"            {file}"


def _told(columns: Sequence[render.Typed], content: Content) -> Iterator[str]:
    """Yield a line for each column, and for values that do not fit its type."""
    for number, each in enumerate(columns):
        column = each.delivered
        form = f" ({column.date_format})" if column.kind == "date" else ""
        need = "required" if column.is_required else "may be missing"
        label = "" if number else "Columns"
        yield f"{label:<11} {column.spelling}: {each.data_type} {each.name}{form}, {need}"
        if column.misfits:
            shown = ", ".join(repr(" ".join(value[:40].split())) for value in column.misfits[:MISFITS_SHOWN])
            more = ", ..." if len(column.misfits) > MISFITS_SHOWN else ""
            yield f"              of {content.rows:,} rows, {len(column.misfits)} will be quarantined: {shown}{more}"


def _next(path: Path, table: str) -> Iterator[str]:
    yield f"Next        decide on `pii` and `purpose` of each column of {table} in {CONTRACT.name}: docs/governance.md"
    yield f"            .venv/bin/python -m scripts.land {path}"
    yield f"            .venv/bin/dbt build --select stg_retail__{table}+"
    yield "            docs/adding_a_source.md says what to decide now"
