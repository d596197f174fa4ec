"""Files on disk: find them, unpack them, decode them. This room knows no table and no database."""
