"""The names that tests import from here; the fixtures are in harness.py, for the tests of packages as well."""

from harness import Database, Sample

__all__ = ["Database", "Sample"]
