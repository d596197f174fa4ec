"""Which table a file belongs to and which of its columns is which, told from its header alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from scripts.errors import Refusal
from scripts.land.contract import Column, Contract, Landing, plain


@dataclass(frozen=True)
class Fit:
    """A file's columns, in the order of the file, as columns of the table that takes them."""

    landing: Landing
    columns: tuple[str, ...]
    # Optional columns that the file does not have: null in every row.
    absent: tuple[str, ...]


def fit(header: Sequence[str], file_format: str, contract: Contract) -> Fit:
    """Find the table for a header.

    Args:
        header: the names of the file's columns, as delivered.
        file_format: one of the formats of the contract.
        contract: the tables to choose from. If several fit, the one that knows most of the columns takes the file.

    Raises:
        Refusal: no table takes the file; the message names the column and what was found.
    """
    candidates = [landing for landing in contract.landings if file_format in landing.formats]
    if not candidates:
        raise Refusal(f"no table of the contract takes {file_format} files")
    closest = max(candidates, key=lambda landing: _known(header, landing))
    return _match(header, closest)


def _known(header: Sequence[str], landing: Landing) -> float:
    meanings = _meanings(landing)
    known = {meanings[plain(name)] for name in header if plain(name) in meanings}
    required = {column.name for column in landing.columns if column.required}
    return len(known) + (1000 if required <= known else 0)


def _meanings(landing: Landing) -> dict[str, str]:
    return {plain(spelling): column.name for column in landing.columns for spelling in column.spellings}


def _match(header: Sequence[str], landing: Landing) -> Fit:
    meanings = _meanings(landing)
    taken: dict[str, str] = {}
    unknown: list[str] = []
    for name in header:
        column = meanings.get(plain(name))
        if column is None:
            unknown.append(name)
        elif column in taken:
            raise Refusal(f"two columns mean {column!r}: {taken[column]!r} and {name!r}")
        else:
            taken[column] = name
    absent = [column for column in landing.columns if column.name not in taken]
    for lacking in absent:
        if lacking.required:
            raise Refusal(_missing(lacking, header, unknown))
    if unknown:
        raise Refusal(f"column {unknown[0]!r} is not in the contract of {landing.table!r}; {_found(header)}")
    return Fit(landing, tuple(taken), tuple(column.name for column in absent))


def _missing(column: Column, header: Sequence[str], unknown: Sequence[str]) -> str:
    spelled = " or ".join(dict.fromkeys(column.spellings[:-1] or column.spellings))
    near = {plain(name): name for name in unknown}
    matches = [match for word in column.spellings for match in get_close_matches(plain(word), near, n=1, cutoff=0.6)]
    hint = f"; did you mean {near[matches[0]]!r}" if matches else ""
    return f"missing required column {column.name!r} (spelled {spelled}); {_found(header)}{hint}"


def _found(header: Sequence[str], most: int = 20) -> str:
    names = ", ".join(name[:40] or "(no name)" for name in header[:most])
    return f"found {names}{', ...' if len(header) > most else ''}"
