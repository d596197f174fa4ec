"""Land raw files in the bronze schema: as delivered, exactly once, one transaction per file.

The modules of this package know files, formats and tables. Each room knows one of them: `files`, `readers`, `bronze`.
"""

from scripts.land.loading import land
from scripts.land.progress import Progress
from scripts.land.results import FileResult, LandingReport

__all__ = ["FileResult", "LandingReport", "Progress", "land"]
