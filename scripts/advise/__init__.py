"""Advice on indexes and stored tables, from the queries that were asked. docs/advise.md describes it."""
