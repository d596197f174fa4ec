"""Positions in the log of a PostgreSQL server (`pg_lsn`), which are 64-bit numbers."""

Lsn = int


def text(lsn: Lsn) -> str:
    """Return a position as PostgreSQL writes it, such as `16/B374D848`."""
    return f"{lsn >> 32:X}/{lsn & 0xFFFFFFFF:X}"


def parsed(written: str) -> Lsn:
    """Return the position that a text of PostgreSQL names."""
    high, _, low = written.partition("/")
    return (int(high, 16) << 32) | int(low, 16)
