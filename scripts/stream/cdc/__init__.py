"""Change data capture: the changes of tables of another PostgreSQL, by logical replication.

replication.py   the replication connection: slots, snapshots, messages, confirmations
pgoutput.py      what the messages say
source.py        what the source has to offer, and what is wrong with it
rows.py          a change as a row of bronze
bronze.py        the tables of bronze, the position, and the transactions that land changes
copying.py       the initial copy
lag.py           how far the warehouse is behind
capture.py       all of it in order
"""
