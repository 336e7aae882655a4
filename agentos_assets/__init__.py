"""The Dagster shell: the only package that knows Dagster. It decides nothing: it calls `graphs` and shows the log."""
