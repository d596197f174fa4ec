"""The warehouse as assets, checks, jobs and sensors of Dagster (docs/orchestration.md).

Nothing in scripts/ imports this package: `make build` works without Dagster.
"""
