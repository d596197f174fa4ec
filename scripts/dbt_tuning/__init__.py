"""What `make build` spares dbt, which it runs in its own process: the same results, for less of dbt's own work.

Each replaces a method of dbt or of a library that dbt uses, whose versions are pinned; tests hold them to what dbt does
without. `dbt build` on its own does without them.
"""
