"""Checks: whether a view says what is true (`agentos.expectations`), and whether the world outside is as the log says
(`agentos.reconcile`)."""
