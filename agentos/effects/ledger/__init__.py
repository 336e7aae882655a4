"""Double entry in plain text (beancount): `text` is the format, `entries` the payloads, `system` the port."""

from agentos.effects.ledger.system import LedgerSystem

__all__ = ["LedgerSystem"]
