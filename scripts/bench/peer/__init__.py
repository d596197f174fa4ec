"""What a careful dbt user would have without the engine: dlt lands the files, plain dbt builds the same models."""
