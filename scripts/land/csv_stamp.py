r"""CSV in bulk: put the file id and the line number behind every record without reading its fields.

COPY has to be told for every row which file and line it came from. Measured on 1.07 million real rows (94 MB,
PostgreSQL 18, 2 cores), against 1.02 s for a bare COPY of the same bytes into a table without the two columns:

- column defaults (`current_setting()` and `nextval()`), bytes sent unchanged: 1.40 s. The defaults cost the server,
  which is the bottleneck, and a sequence would have to be reset under every loader's feet.
- `,<file id>,<line>` put behind each line by splitting and joining in Python: 1.16 s, of them 0.37 s in the client.
- the same by one `replace` of every line break with a constant of the right width, and the digits then written
  into it by numpy: 1.15 s, of them 0.24 s in the client, most of it while the server works. That is what is done here.
- polars reads the fields and writes them again: it cannot tell an empty field from an empty string.
- a thread between reading and sending (`QueuedLibpqWriter`) gains nothing: 1.25 s.

This needs to know which line breaks end a record. Quotes tell, as long as they stand where RFC 4180 allows them;
where they do not, `regular_ends` says so, and the fields must be read one by one (`csv_fields`). PostgreSQL alone
must not be trusted with that: it takes the inch marks in `5" plate` and, a line later, `6" plate` for one quoted
text, and silently makes one row of two.
"""

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

LF, CR, QUOTE = b"\n"[0], b"\r"[0], b'"'[0]

FOUR = 10_000
# The digits of 0000 to 9999, four bytes each, to be looked up instead of worked out.
FOUR_DIGITS = np.array([b"%04d" % number for number in range(FOUR)], dtype="S4").view(np.uint32)
LAST_STAMP = FOUR**2

Positions = NDArray[np.intp]


def regular_ends(buffer: bytes, delimiter: int) -> Positions | None:
    """Return where the complete records of a buffer end (the positions of their line breaks).

    Args:
        buffer: CSV that begins with a record and may end in the middle of one.
        delimiter: the byte between fields.

    Returns:
        The positions, or None when a quote or a carriage return stands where no rule allows it, so that
        only reading field by field can tell.
    """
    text = np.frombuffer(buffer, np.uint8)
    ends = np.flatnonzero(text == LF)
    quotes = np.flatnonzero(text == QUOTE)
    if quotes.size:
        ends = ends[_outside(ends, quotes)]
        if not ends.size:
            return ends
        quotes = quotes[: np.searchsorted(quotes, ends[-1])]
        if not _quotes_are_regular(text, quotes, delimiter):
            return None
    if b"\r" in buffer and ends.size:
        returns = np.flatnonzero(text[: ends[-1]] == CR)
        returns = returns[_outside(returns, quotes)]
        if (text[returns + 1] != LF).any():
            return None
    return ends


def widths_are(width: int, block: bytes, ends: Positions, delimiter: int) -> bool:
    """Tell whether every record of a block of regular records has so many fields."""
    text = np.frombuffer(block, np.uint8)
    delimiters = np.flatnonzero(text == delimiter)
    delimiters = delimiters[_outside(delimiters, np.flatnonzero(text == QUOTE))]
    per_record = np.diff(np.searchsorted(delimiters, ends), prepend=0)
    return bool((per_record == width - 1).all())


def stamp(
    block: bytes, ends: Positions, file_id: int, line: int, delimiter: bytes = b","
) -> tuple[bytes | bytearray, int]:
    """Put the file id and the line number behind every record.

    Args:
        block: regular records, the last of them complete.
        ends: where they end.
        file_id: the number of the file.
        line: the number of the first record.
        delimiter: what stands between fields.

    Returns:
        The records, and how many they are: blank lines count as lines, but are no records.
    """
    one_line_each = ends.size == block.count(b"\n")
    if one_line_each and b"\r" in block:
        block = block.replace(b"\r\n", b"\n")
        ends = np.flatnonzero(np.frombuffer(block, np.uint8) == LF)
    blank = bool((np.diff(ends, prepend=-1) == 1).any())
    if one_line_each and not blank and line + ends.size < LAST_STAMP:
        return _stamp_lines(block, ends, file_id, line, delimiter), int(ends.size)
    return _stamp_spans(block, ends, file_id, line, delimiter)


def _stamp_lines(block: bytes, ends: Positions, file_id: int, line: int, delimiter: bytes) -> bytearray:
    lines = np.arange(line, line + ends.size)
    fours = [lines % FOUR] if lines[-1] < FOUR else [lines // FOUR, lines % FOUR]
    digits = np.stack([FOUR_DIGITS[four] for four in fours], axis=1).view(np.uint8)
    width = digits.shape[1]
    blank_stamp = b"%s%d%s%s\n" % (delimiter, file_id, delimiter, b"0" * width)
    stamped = bytearray(block).replace(b"\n", blank_stamp)
    # Each line break has moved by the stamps up to and including its own, less the break that was there.
    breaks = ends + np.arange(1, ends.size + 1) * (len(blank_stamp) - 1)
    np.frombuffer(stamped, np.uint8)[breaks[:, None] + np.arange(-width, 0)] = digits
    return stamped


def _stamp_spans(block: bytes, ends: Positions, file_id: int, line: int, delimiter: bytes) -> tuple[bytes, int]:
    records: list[bytes] = []
    for number, (before, end) in enumerate(pairwise([-1, *ends.tolist()]), start=line):
        stop = end - 1 if block[end - 1 : end] == b"\r" and end - 1 > before else end
        if stop > before + 1:
            records.append(b"%s%s%d%s%d\n" % (block[before + 1 : stop], delimiter, file_id, delimiter, number))
    return b"".join(records), len(records)


def _outside(positions: Positions, quotes: Positions) -> NDArray[np.bool_]:
    outside: NDArray[np.bool_] = (np.searchsorted(quotes, positions) & 1) == 0
    return outside


def _quotes_are_regular(text: NDArray[np.uint8], quotes: Positions, delimiter: int) -> bool:
    """Tell whether quotes open at the start of a field and close at its end; a doubled one does both."""
    opening, closing = quotes[::2], quotes[1::2]
    if opening.size and opening[0] == 0:
        opening = opening[1:]
    before, after = text[opening - 1], text[closing + 1]
    may_open = (before == delimiter) | (before == LF) | (before == QUOTE)
    may_close = (after == delimiter) | (after == LF) | (after == QUOTE) | (after == CR)
    return bool(may_open.all() and may_close.all())
