"""The bronze schema: its tables, role, ledger and `copy` statements. This room knows no file format."""
