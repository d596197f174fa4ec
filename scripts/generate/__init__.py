"""Make raw sales files in the manner of Online Retail II, and the truth that a warehouse must find in them.

`python -m scripts.generate --rows 100000 --seed 1 --out DIR` writes one Parquet file (the first half
of the time span), one CSV file a trading day (the second half), a price list (a CSV file a quarter), a
customer master (a file a quarter, CSV and JSON Lines in turn), and `truth.json`. The generator decides
what each line is before it writes it, so the truth never passes through the rules of a reader. The files
tell a history: customers move, and some move back; products are renamed, repriced and put in other
categories; cancellations undo a sale or a part of one. With `--faults`, some days are delivered wrong,
and the truth says which and how.
"""
