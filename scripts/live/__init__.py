"""Build again and again, in a process that keeps dbt loaded."""
