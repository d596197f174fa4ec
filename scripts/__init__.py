"""What dbt does not do: run the embedded server, land raw files, generate samples, drive the build."""
