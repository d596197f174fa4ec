"""`make new`: write the files of a new mart or source, which build and pass the conventions at once."""
