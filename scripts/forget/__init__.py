"""Erase a person from the warehouse."""
