"""`make build`: start the server, land files, run dbt, and report the result."""
