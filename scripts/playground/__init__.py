"""Playgrounds: schemas apart, in which one builds models on the release without changing it.

A branch (`make branch`) is a playground that stays until it is dropped. `schemas` serves other commands that build in
schemas of their own for a while.
"""
