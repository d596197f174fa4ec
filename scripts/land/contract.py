"""Read and check the contract of the raw deliveries: `models/staging/retail/_retail__sources.yml`.

dbt reads the same file as a source. The loader's own keys are under `config.meta`. There, each unknown key is an
error, because a misspelt key would otherwise be ignored in silence.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from scripts.errors import Refusal
from scripts.land.rows import FILE_ID, LINE
from scripts.paths import PROJECT_ROOT

CONTRACT = PROJECT_ROOT / "models" / "staging" / "retail" / "_retail__sources.yml"

# The columns that the loader adds to every row.
LINEAGE = {FILE_ID: "integer", LINE: "integer"}
# The columns of a file that are not in the contract.
EXTRA = "_extra"
ADDED = LINEAGE | {EXTRA: "jsonb"}
# Their comments in the database. A contract may describe them as well, for the documentation of dbt.
DESCRIPTIONS = {
    FILE_ID: "Landed file that delivered this row (`landed_files.file_id`). A later file has a greater number.",
    LINE: "Record number of the row in the file: the header is 1, the first data row 2.",
    EXTRA: "Other columns of the file, as an object of text by column name; null if the file has no other columns.",
}
LEDGER_TABLES = ("landed_files", "rejected_rows", "refused_files")

Name = Annotated[str, StringConstraints(pattern=r"^[a-z_][a-z0-9_]*$", max_length=63)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
# Blanks and punctuation. Signs of currencies and the percent sign are units, so they count.
_WITHOUT_MEANING = re.compile(r"(?:(?![$%\u00a2-\u00a5\u20a0-\u20cf])[\W_])+")
Location = tuple[int | str, ...]
ReadsAs = Literal["timestamp", "date", "integer", "decimal"]
# Whether a column is about a person, and what it may be used for: docs/governance.md.
Pii = Literal["direct", "quasi", "none"]
Purpose = Literal["reporting", "pricing", "contact", "marketing", "operations"]
UNDECIDED = "undecided"


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("no time zone of the IANA database") from None
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Open(BaseModel):
    """A level of the file that belongs to dbt, which checks its own keys."""

    model_config = ConfigDict(extra="ignore")


class _ColumnMeta(_Strict):
    # `make new SOURCE=...` leaves both undecided.
    pii: Literal[Pii, "undecided"] | None = None
    purpose: Literal[Purpose, "undecided"] | None = None
    spellings: list[Text] = []
    units: list[Text] = []
    required: bool = False
    reads_as: ReadsAs | None = None


class _ColumnConfig(_Open):
    meta: _ColumnMeta = _ColumnMeta()


class _Column(_Open):
    name: Name
    description: Text
    data_type: Text
    config: _ColumnConfig = _ColumnConfig()


class _InvoiceNumbers(_Strict):
    reused_after: Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]* days$")]


class _Reading(_Strict):
    date_order: Literal["mdy", "dmy", "ymd"] | None = None
    decimal_mark: Literal[".", ","] | None = None


class _ReadingOfFiles(_Reading):
    files: Text


class _Landing(_Reading):
    # What concerns deliveries and invoice numbers is for the models; here it is checked.
    deliveries: Literal["whole", "parts"] = "whole"
    invoice_numbers: _InvoiceNumbers | None = None
    formats: Annotated[list[Literal["csv", "jsonl", "parquet", "xlsx"]], Field(min_length=1)]
    new_columns: Literal["evolve", "freeze"] = "evolve"
    short_rows: Literal["reject", "fill"] = "reject"
    required_rows: bool = False
    hidden_sheets: Literal["skip", "land"] = "skip"
    time_zone: TimeZone | None = None
    readings: list[_ReadingOfFiles] = []


def _some_time(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{0,4} (day|month|year)s?", text):
        raise ValueError("no number of days, months or years such as `7 years`")
    return text


class _Retention(_Strict):
    # Whether the columns are in the staging model is found out by `make archive`, which reads it.
    keep: Annotated[str, AfterValidator(_some_time)] | None = None
    archive: Literal["parquet", "none"] = "parquet"
    dated_by: Name | None = None
    key: list[Name] | None = None
    order_by: list[Name] = []


class _Hold(_Strict):
    files: Text | None = None
    reason: Text


class _Erasure(_Strict):
    number: Name
    address: Name | None = None
    rows: Literal["delete", "keep"]


class _TableMeta(_Strict):
    landing: _Landing | None = None
    retention: _Retention | None = None
    legal_hold: list[_Hold] = []
    erasure: _Erasure | None = None


class _TableConfig(_Open):
    meta: _TableMeta = _TableMeta()


class _Table(_Open):
    name: Name
    description: Text
    config: _TableConfig = _TableConfig()
    columns: list[_Column] = []


class _Source(_Open):
    name: str
    # bronze.sql creates the ledger in this schema, so the tables of the ledger must be here as well.
    schema_: Annotated[Literal["bronze"], Field(alias="schema")]
    tables: list[_Table]


class _File(_Open):
    sources: Annotated[list[_Source], Field(min_length=1)]


@dataclass(frozen=True)
class Column:
    """A delivered column: its name in the table, and the headers that stand for it.

    Attributes:
        name: its name in the table.
        spellings: headers that stand for it.
        units: units that a header may name behind a spelling.
        required: whether a file without the column is refused.
        reads_as: the type of its texts, if they are dates or numbers.
        is_direct: whether its texts name a person or reach them.
    """

    name: str
    spellings: tuple[str, ...]
    units: tuple[str, ...]
    required: bool
    reads_as: ReadsAs | None = None
    is_direct: bool = False

    def headers(self) -> Iterator[str]:
        """Yield all headers that stand for the column, as `plain` writes them."""
        for spelling in self.spellings:
            yield plain(spelling)
            yield from (plain(f"{spelling} ({unit})") for unit in self.units)


@dataclass(frozen=True)
class ReadingOfFiles:
    """How some files write dates and numbers: a pattern of their names, and `date_order`, `decimal_mark` or both."""

    files: str
    reading: Mapping[str, str]


@dataclass(frozen=True)
class Erasure:
    """How a person is erased from a table.

    Attributes:
        number: the column with the number of the person.
        address: the column with an address, for rows without a number that can be read.
        emptied: the columns to empty; None if the whole row goes.
    """

    number: str
    address: str | None
    emptied: tuple[str, ...] | None


@dataclass(frozen=True)
class Landing:
    """A table that takes files.

    Attributes:
        table: its name.
        formats: the file formats that the table takes.
        columns: the delivered columns.
        takes_new_columns: whether a file may have columns that are not in the contract.
        fills_short_rows: whether a row may lack its last fields, if none of them is required.
        needs_rows: whether a file without rows is refused.
        takes_hidden_sheets: whether the rows of hidden sheets land.
        time_zone: the zone whose local time the table holds, or None if a time with an offset stays as delivered.
        reading: how all files write dates and numbers, as far as it is declared.
        readings: the same for files of some names.
        erasure: how a person is erased from it, or None if no column is about a person.
    """

    table: str
    formats: tuple[str, ...]
    columns: tuple[Column, ...]
    takes_new_columns: bool
    fills_short_rows: bool
    needs_rows: bool
    takes_hidden_sheets: bool
    time_zone: str | None
    reading: Mapping[str, str] = field(default_factory=dict)
    readings: tuple[ReadingOfFiles, ...] = ()
    erasure: Erasure | None = None


@dataclass(frozen=True)
class Hold:
    """Files whose rows stay, however old they are: a pattern of their names, or None for all, and the reason."""

    files: str | None
    reason: str


@dataclass(frozen=True)
class Retention:
    """How long the rows of a table stay in bronze.

    Attributes:
        table: its name.
        keep: an interval such as `7 years`, or None if the rows stay.
        is_exported: whether the rows go to a Parquet file, or are dropped.
        dated_by: the column of the staging model that dates a row; by default the landing of its file dates it.
        key: columns of the staging model; a later row with the same values corrects an earlier one.
        order_by: columns that say which row is later, before the order of landing.
        holds: the files that stay.
    """

    table: str
    keep: str | None = None
    is_exported: bool = True
    dated_by: str | None = None
    key: tuple[str, ...] = ()
    order_by: tuple[str, ...] = ()
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True)
class Contract:
    """The tables that take files, the descriptions that become comments in the database, and how long rows stay."""

    schema: str
    landings: tuple[Landing, ...]
    # (table, column) -> description; the column of a table's own description is None.
    descriptions: Mapping[tuple[str, str | None], str]
    # By table.
    retentions: Mapping[str, Retention] = field(default_factory=dict)


def plain(header: str) -> str:
    """Return a header in the form for comparison: its letters, digits and currency signs, without case.

    A header without any of these stays as it is.
    """
    return _WITHOUT_MEANING.sub("", unicodedata.normalize("NFC", header)).casefold() or header


def read_contract(path: Path = CONTRACT) -> Contract:
    """Read and check the contract.

    Args:
        path: a sources file of dbt.

    Raises:
        Refusal: the file cannot be read or breaks rules. The message has a line for each fault, which names the line of
            the file and the key.
    """
    try:
        file = _File.model_validate(_parse(path))
    except ValidationError as error:
        raise _refusal(path, [(tuple(each["loc"]), _wording(each)) for each in error.errors()]) from None
    if complaints := _complaints(file):
        raise _refusal(path, complaints)
    tables = [table for source in file.sources for table in source.tables]
    return Contract(
        schema=file.sources[0].schema_,
        landings=tuple(_landing(table) for table in tables if table.config.meta.landing),
        descriptions=_descriptions(tables),
        retentions={table.name: _retention(table) for table in tables},
    )


def _parse(path: Path) -> Any:  # noqa: ANN401 - YAML is anything until it is validated
    """Parse the file as dbt does. This takes a tenth of the time of a parser that records line numbers."""
    try:
        return yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError):
        return _parse_with_lines(path)


def _parse_with_lines(path: Path) -> Any:  # noqa: ANN401 - YAML is anything until it is validated
    from ruamel.yaml import YAML  # noqa: PLC0415  # needed for error messages only
    from ruamel.yaml.error import MarkedYAMLError, YAMLError  # noqa: PLC0415  # needed for error messages only

    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise Refusal(f"the contract {_shown(path)} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise Refusal(f"the contract {_shown(path)} is not UTF-8: {error}.") from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise Refusal(f"{_shown(path)}:{line}: not valid YAML: {error.problem}.") from error
    except YAMLError as error:
        raise Refusal(f"{_shown(path)}: not valid YAML: {' '.join(str(error).split())}.") from error


def _landing(table: _Table) -> Landing:
    landing = table.config.meta.landing
    assert landing is not None
    columns = [
        Column(
            name=column.name,
            spellings=(*column.config.meta.spellings, column.name),
            units=tuple(column.config.meta.units),
            required=column.config.meta.required,
            reads_as=column.config.meta.reads_as,
            is_direct=column.config.meta.pii == "direct",
        )
        for column in table.columns
        if column.name not in ADDED
    ]
    return Landing(
        table=table.name,
        formats=tuple(landing.formats),
        columns=tuple(columns),
        takes_new_columns=landing.new_columns == "evolve",
        fills_short_rows=landing.short_rows == "fill",
        needs_rows=landing.required_rows,
        takes_hidden_sheets=landing.hidden_sheets == "land",
        time_zone=landing.time_zone,
        reading=_reading(landing),
        readings=tuple(ReadingOfFiles(each.files, _reading(each)) for each in landing.readings),
        erasure=_erasure(table),
    )


def _erasure(table: _Table) -> Erasure | None:
    declared = table.config.meta.erasure
    if declared is None:
        return None
    # What is not in the contract can be about a person.
    emptied = (*_personal(table), EXTRA) if declared.rows == "keep" else None
    return Erasure(declared.number, declared.address, emptied)


def _personal(table: _Table) -> list[str]:
    """Return the delivered columns that are about a person."""
    return [
        column.name
        for column in table.columns
        if column.name not in ADDED and column.config.meta.pii in ("direct", "quasi")
    ]


def _reading(declared: _Reading) -> dict[str, str]:
    return declared.model_dump(include={"date_order", "decimal_mark"}, exclude_none=True)


def _retention(table: _Table) -> Retention:
    declared = table.config.meta.retention or _Retention()
    return Retention(
        table=table.name,
        keep=declared.keep,
        is_exported=declared.archive == "parquet",
        dated_by=declared.dated_by,
        key=tuple(declared.key or ()),
        order_by=tuple(declared.order_by),
        holds=tuple(Hold(hold.files, hold.reason) for hold in table.config.meta.legal_hold),
    )


def _descriptions(tables: Sequence[_Table]) -> dict[tuple[str, str | None], str]:
    found: dict[tuple[str, str | None], str] = {}
    for table in tables:
        found[table.name, None] = table.description
        if table.config.meta.landing:
            found |= {(table.name, column): description for column, description in DESCRIPTIONS.items()}
        for column in table.columns:
            found[table.name, column.name] = column.description
    return found


def _complaints(file: _File) -> list[tuple[Location, str]]:
    """Check rules that span several keys. Return each complaint with its location."""
    found: list[tuple[Location, str]] = []
    seen: set[str] = set()
    for s, source in enumerate(file.sources):
        for t, table in enumerate(source.tables):
            here: Location = ("sources", s, "tables", t)
            if table.name in seen:
                found.append(((*here, "name"), f"a second table of the name {table.name!r}"))
            seen.add(table.name)
            if table.config.meta.landing:
                found += _landing_complaints(table, here)
                found += _erasure_complaints(table, here)
            elif table.name not in LEDGER_TABLES:
                found.append((here, "takes no files (config.meta.landing), and is no table of the ledger"))
            found += _undecided(table, here)
            found += _retention_complaints(table, (*here, "config", "meta", "retention"))
    return found


def _retention_complaints(table: _Table, here: Location) -> Iterator[tuple[Location, str]]:
    retention = table.config.meta.retention
    if retention is None:
        return
    if table.config.meta.landing:
        if retention.keep and retention.key is None:
            yield (
                here,
                "`keep` needs a `key`: by which columns a later row corrects an earlier one, or []",
            )
        if retention.order_by and not retention.key:
            yield (*here, "order_by"), "orders the rows of a `key`, which is missing"
    elif table.name == LEDGER_TABLES[0]:
        yield here, "the lines of the ledger stay: without them, old files would land again"
    else:
        for name in sorted({"dated_by", "key", "order_by"} & retention.model_fields_set):
            yield (*here, name), "is for tables that take files"


def _undecided(table: _Table, here: Location) -> Iterator[tuple[Location, str]]:
    """Yield the columns of which nobody has said whether they are about a person. The loader's own may leave it out."""
    for c, column in enumerate(table.columns):
        meta = column.config.meta
        if column.name in ADDED and meta.pii is None and meta.purpose is None:
            continue
        lacking = [key for key in ("pii", "purpose") if getattr(meta, key) in (None, UNDECIDED)]
        if lacking:
            choices = " and ".join(
                f"{key}: {', '.join(get_args(of))}" for key, of in (("pii", Pii), ("purpose", Purpose))
            )
            yield (*here, "columns", c), f"{' and '.join(lacking)} undecided; choose {choices} (docs/governance.md)"


def _erasure_complaints(table: _Table, here: Location) -> Iterator[tuple[Location, str]]:
    """Yield what is missing to erase a person. Without it, `make forget` would leave the rows of this table."""
    declared, personal = table.config.meta.erasure, _personal(table)
    if declared is None:
        if personal:
            yield (
                here,
                f"{personal[0]} is about a person, so config.meta.erasure has to say how a person is erased: "
                "{number: the column with the person's number, rows: delete or keep} (docs/erasure.md)",
            )
        return
    names = {column.name for column in table.columns if column.name not in ADDED}
    place: Location = (*here, "config", "meta", "erasure")
    for key in ("number", "address"):
        name = getattr(declared, key)
        if name is not None and name not in names:
            yield (*place, key), f"{name!r} is no delivered column of this table"
    if declared.rows == "keep" and declared.number not in personal:
        yield (*place, "number"), f"{declared.number!r} is marked pii: none, so it would not be emptied"


def _landing_complaints(table: _Table, here: Location) -> list[tuple[Location, str]]:
    found: list[tuple[Location, str]] = []
    owner: dict[str, str] = {}
    for c, column in enumerate(table.columns):
        place: Location = (*here, "columns", c)
        wanted = ADDED.get(column.name, "text")
        if column.data_type != wanted:
            found.append(((*place, "data_type"), f"must be {wanted}: what is delivered is landed as it is"))
        if column.name in ADDED:
            continue
        for spelling in (column.name, *column.config.meta.spellings):
            other = owner.setdefault(plain(spelling), column.name)
            if other != column.name:
                found.append((place, f"the spelling {spelling!r} already means {other!r}"))
    if not any(column.config.meta.required for column in table.columns):
        found.append(((*here, "columns"), "requires no column, so any file would fit"))
    return found


def _wording(error: Mapping[str, Any]) -> str:
    match error["type"]:
        case "extra_forbidden":
            return "unknown key"
        case "missing":
            return "missing"
        case _:
            complaint = error["msg"].removeprefix("Value error, ")
            return f"{complaint[0].lower()}{complaint[1:]}, found {error['input']!r}"


def _refusal(path: Path, complaints: Sequence[tuple[Location, str]]) -> Refusal:
    """Return a refusal with a line for each complaint, in the order of the file."""
    document = _parse_with_lines(path)
    placed = sorted((*_place(document, location), complaint) for location, complaint in complaints)
    return Refusal("\n".join(f"{_shown(path)}:{line}: {words}: {complaint}." for line, words, complaint in placed))


def _place(node: Any, location: Location) -> tuple[int, str]:  # noqa: ANN401 - YAML is anything until it is validated
    """Return the line of a key, and its path with names instead of list positions."""
    line, words = 1, []
    for key in location:
        try:
            # CommentedMap and CommentedSeq both record where each entry begins.
            line = node.lc.data[key][0] + 1
            node = node[key]
        except (AttributeError, KeyError, IndexError, TypeError):
            node = None
        named = node.get("name") if isinstance(key, int) and isinstance(node, Mapping) else None
        words.append(str(named or key))
    return line, ".".join(words)


def _shown(path: Path) -> str:
    absolute = path.absolute()
    return str(absolute.relative_to(PROJECT_ROOT)) if absolute.is_relative_to(PROJECT_ROOT) else str(path)
