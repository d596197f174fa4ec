"""Who may see what, how that is kept, and which columns are about a person.

`python -m scripts.governance` reads the contract, the YAML of the relations and the committed lineage, and lists the
columns whose personal data are not marked. `make build` and `make lint` do the same. Needs no warehouse and no extra.
"""
