"""Views as assets: what each says stands in `agentos.views`; here is how Dagster shows them and keeps them fresh."""
