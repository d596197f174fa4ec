"""Land raw files in the bronze schema: as delivered, exactly once, one transaction per file.

The modules of this package know files, formats and tables. Each room knows one of them: `files`, `readers`, `bronze`.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scripts.land.loading import land
    from scripts.land.progress import Progress
    from scripts.land.results import FileResult, LandingReport

__all__ = ["FileResult", "LandingReport", "Progress", "land"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a function or a class
    """Import late: the process that reads workbooks needs none of these, and they take half a second."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from scripts.land import loading, progress, results  # noqa: PLC0415  # see above

    return next(getattr(module, name) for module in (loading, progress, results) if hasattr(module, name))
