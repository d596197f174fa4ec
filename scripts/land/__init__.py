"""Land raw files in the bronze schema: as delivered, exactly once, one transaction a file."""

from scripts.land.loading import land
from scripts.land.progress import Progress
from scripts.land.results import FileResult, LandingReport

__all__ = ["FileResult", "LandingReport", "Progress", "land"]
