"""A shop that trades, on a PostgreSQL server of its own: a source for change data capture to try and to measure.

database.py   the server and the tables
trade.py      what happens in the shop, reproducible by seed
serving.py    orders at a given rate
"""
