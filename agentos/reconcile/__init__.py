"""Reconciliation: what the log says stands, held against what `observe()` sees; drift, its repair, its end."""
