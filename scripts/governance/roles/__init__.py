"""The roles of the warehouse: what `roles.yml` declares, what the server has, and the difference."""
