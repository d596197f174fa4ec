"""Checks of dbt-bouncer for the materializations of pg_wap; its own checks know only the materializations of dbt."""

from dbt_bouncer.check_framework.decorator import check, fail


@check
def check_model_materialization_allowed(model, *, materializations: list[str]):
    """A model has one of the given materializations."""
    if model.config.materialized not in materializations:
        fail(
            f"`{model.name}` is materialized as `{model.config.materialized}`; allowed: {', '.join(materializations)}."
        )


@check
def check_model_by_key_has_unique_key(model):
    """A model that is built incrementally by key declares the key."""
    if model.config.materialized == "incremental_by_key" and not getattr(model.config, "unique_key", None):
        fail(f"`{model.name}` is materialized as `incremental_by_key`, but has no `unique_key`.")
