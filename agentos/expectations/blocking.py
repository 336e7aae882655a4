"""Of which views wrong data would mislead: what is built on them waits until they are right."""

BLOCKING = frozenset({"numbers", "invoices", "receivables", "postings", "balances"})
