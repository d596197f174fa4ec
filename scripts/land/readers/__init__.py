"""One reader for each file format: from bytes to rows ready for `copy`. This room knows no database."""
