"""Measure timings side by side in one run: `make bench`. Timings belong here, never in a test."""
