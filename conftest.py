"""Fixtures for all tests of the repository: those of the project and those of the packages in it."""

pytest_plugins = ["harness", "browser"]
