"""Match a file to its table and its columns to the columns of the table, by the header alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from scripts.errors import Refusal, printable
from scripts.land.contract import Column, Contract, Landing, plain

# PostgreSQL allows 1,600 columns in a table.
MOST_COLUMNS = 1500
NEW_SOURCE = "a new kind of file begins with `make new SOURCE=... FILE=...`"


@dataclass(frozen=True)
class Fit:
    """The columns of a file, matched to the columns of its table.

    Attributes:
        landing: the table.
        columns: the table's name for each column of the file, in the order of the file; None for a new column.
        new: the names of the new columns, in the order of the file.
        absent: optional columns that the file lacks. They are null in every row.
        fewest: the least number of fields in a row.
    """

    landing: Landing
    columns: tuple[str | None, ...]
    new: tuple[str, ...]
    absent: tuple[str, ...]
    fewest: int


def fit(header: Sequence[str], file_format: str, contract: Contract) -> Fit:
    """Find the table for a header.

    Args:
        header: the names of the file's columns, as delivered.
        file_format: one of the formats of the contract.
        contract: the tables to choose from. If several fit, the table that knows most of the columns takes the file.

    Raises:
        Refusal: no table takes the file. The message names the column and the columns that were found.
    """
    candidates = [landing for landing in contract.landings if file_format in landing.formats]
    if not candidates:
        raise Refusal(f"no table of the contract takes {file_format} files")
    closest = max(candidates, key=lambda landing: _known(header, landing))
    if len(header) > MOST_COLUMNS:
        raise Refusal(
            f"{len(header):,} columns are more than the {MOST_COLUMNS:,} that a table can take; {_found(header)}"
        )
    if not _known(header, closest):
        raise Refusal(f"the first row is no header of any table of the contract; {_found(header)}; {NEW_SOURCE}")
    return _match(header, closest)


def likeliest(candidates: Sequence[Sequence[str]], file_format: str, contract: Contract) -> int:
    """Return the place of the row that is most probably the header: the first of those with the most known columns.

    Args:
        candidates: the first rows of a file.
        file_format: one of the formats of the contract.
        contract: the tables to choose from.
    """
    landings = [landing for landing in contract.landings if file_format in landing.formats]
    known = [max((_known(names, landing) for landing in landings), default=0) for names in candidates]
    return known.index(max(known))


def _known(header: Sequence[str], landing: Landing) -> float:
    meanings = _meanings(landing)
    known = {meanings[plain(name)] for name in header if plain(name) in meanings}
    required = {column.name for column in landing.columns if column.required}
    return len(known) + (1000 if required <= known else 0)


def _meanings(landing: Landing) -> dict[str, str]:
    return {header: column.name for column in landing.columns for header in column.headers()}


def _match(header: Sequence[str], landing: Landing) -> Fit:
    meanings = _meanings(landing)
    taken: dict[str, str] = {}
    new: dict[str, str] = {}
    columns: list[str | None] = []
    for number, name in enumerate(header, 1):
        column = meanings.get(plain(name))
        columns.append(column)
        if column is None:
            called = name.strip() or f"column {number}"
            if called in new:
                raise Refusal(f"two columns are called {called!r}")
            new[called] = name
        elif column in taken:
            raise Refusal(f"two columns mean {column!r}: {taken[column]!r} and {name!r}")
        else:
            taken[column] = name
    absent = [column for column in landing.columns if column.name not in taken]
    missing = [column for column in absent if column.required]
    if missing:
        # A file that lacks most columns is hardly a bad delivery of this table.
        is_foreign = 2 * len(missing) > sum(column.required for column in landing.columns)
        complaint = _missing(missing[0], header, list(new.values()))
        raise Refusal(f"{complaint}; {NEW_SOURCE}" if is_foreign else complaint)
    if new and not landing.takes_new_columns:
        named = next(iter(new))
        raise Refusal(
            f"column {named!r} is not in the contract of {landing.table!r}, which takes no new ones; {_found(header)}"
        )
    required = {column.name for column in landing.columns if column.required}
    last_required = max((place for place, column in enumerate(columns, 1) if column in required), default=len(columns))
    return Fit(
        landing=landing,
        columns=tuple(columns),
        new=tuple(new),
        absent=tuple(column.name for column in absent),
        fewest=last_required if landing.fills_short_rows else len(columns),
    )


def _missing(column: Column, header: Sequence[str], unknown: Sequence[str]) -> str:
    spelled = " or ".join(dict.fromkeys(column.spellings[:-1] or column.spellings))
    near = {plain(name): name for name in unknown}
    matches = [match for word in column.spellings for match in get_close_matches(plain(word), near, n=1, cutoff=0.6)]
    hint = f"; did you mean {near[matches[0]]!r}" if matches else ""
    return f"missing required column {column.name!r} (spelled {spelled}); {_found(header)}{hint}"


def _found(header: Sequence[str], most: int = 20) -> str:
    names = ", ".join(printable(" ".join(name[:40].split())) or "(no name)" for name in header[:most])
    return f"found {names}{', ...' if len(header) > most else ''}"
