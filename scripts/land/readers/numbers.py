"""The canonical text of numbers."""

from decimal import Decimal, InvalidOperation

# The text of a larger or smaller number would be longer than any that is meant.
MOST_DIGITS = 400


def canonical(text: str) -> str | None:
    """Return the canonical text of a number that JSON or polars writes; None for NaN.

    A text that is no finite number, or one of absurd size, stays as it is.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if value.is_nan():
        return None
    if not value.is_finite() or abs(value.adjusted()) > MOST_DIGITS:
        return text
    plain = format(value, "f")
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return plain.removeprefix("-") if plain.strip("-0") == "" else plain
