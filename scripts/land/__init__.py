"""Land raw files in the bronze schema: as delivered, exactly once, one transaction a file."""

from scripts.land.loading import FileResult, LandingReport, Progress, land

__all__ = ["FileResult", "LandingReport", "Progress", "land"]
