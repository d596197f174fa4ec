"""The canonical text of typed values: the same number has one text, whichever format and type it comes in.

`613100.0` becomes `613100`, `2.50` becomes `2.5`, and NaN becomes null. Text stays exactly as delivered.
"""

import polars as pl

from scripts.land.readers.numbers import canonical

# Doubles hold all integers up to here, and the text of larger ones may have an exponent.
EXACT = 2**53
# The library stops at times that are farther than 262,000 years away.
DAYS = 200_000 * 365
SECONDS_PER_DAY = 86_400
TICKS = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def as_text(name: str, kind: pl.DataType, time_zone: str | None) -> pl.Expr:
    """Return the text of a column.

    Args:
        name: the name of the column.
        kind: its type.
        time_zone: the zone to which times with an offset are converted; they keep their offset when omitted.
    """
    column = pl.col(name)
    match kind:
        case pl.Datetime():
            text = _timestamp(column, kind, time_zone)
        case pl.Date():
            text = _within(column.to_physical(), DAYS, column, "%Y-%m-%d")
        case pl.Time():
            text = column.dt.to_string("%H:%M:%S%.f")
        case pl.Duration():
            text = column.dt.to_string("iso")
        case pl.Decimal() if kind.scale:
            text = column.cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")
        case _ if kind.is_float():
            text = _float(column)
        case _:
            text = column.cast(pl.String)
    return text


def _timestamp(column: pl.Expr, kind: pl.Datetime, time_zone: str | None) -> pl.Expr:
    local = column.dt.convert_time_zone(time_zone) if kind.time_zone and time_zone else column
    zone = "%z" if kind.time_zone and not time_zone else ""
    farthest = min(DAYS * SECONDS_PER_DAY * TICKS[kind.time_unit], 2**63 - 1)
    # A cast would always write a fraction, but most files hold whole seconds.
    return _within(column.to_physical(), farthest, local, f"%Y-%m-%d %H:%M:%S%.f{zone}")


def _within(physical: pl.Expr, farthest: int, column: pl.Expr, template: str) -> pl.Expr:
    """Return the text of times. A time too far away becomes the integer that the file holds, which is no time."""
    inside = physical.is_between(-farthest, farthest)
    written = pl.when(inside).then(column).dt.to_string(template)
    return pl.when(inside | physical.is_null()).then(written).otherwise(physical.cast(pl.String))


def _float(column: pl.Expr) -> pl.Expr:
    whole = (column == column.floor()) & (column.abs() <= EXACT)
    text = column.fill_nan(None).cast(pl.String)
    integer = pl.when(whole).then(column).cast(pl.Int64).cast(pl.String)
    odd = text.str.contains("e", literal=True)
    plain = pl.when(odd).then(text).map_elements(canonical, return_dtype=pl.String, skip_nulls=True)
    return pl.when(whole).then(integer).when(odd).then(plain).otherwise(text)
