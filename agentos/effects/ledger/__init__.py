"""Double entry in plain text (beancount) under `books/`: `text` is the format, `entries` the payloads, `system` the port."""

from agentos.effects.ledger.system import LedgerSystem

__all__ = ["LedgerSystem"]
