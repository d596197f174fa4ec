"""Tests of the package: pytest runs dbt on the store and on small projects like it."""
