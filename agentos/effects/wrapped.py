"""A system around another one: it declares what that one declares, and says otherwise only where a subclass does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from agentos.effects.port import Absent, Deed, Expected, Found, Observed, Proposal, Receipt, System, Unknown, Verb


class Wrapped:
    """Implements `System`. A subclass says what its `do` comes to."""

    def __init__(self, system: System) -> None:
        self._system = system

    @property
    def name(self) -> str:
        return self._system.name

    @property
    def account(self) -> str:
        return self._system.account

    @property
    def verbs(self) -> Mapping[str, Verb]:
        return self._system.verbs

    def check(self, verb: str, payload: dict[str, Any]) -> None:
        self._system.check(verb, payload)

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        return self._system.do(verb, payload, key)

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
        return self._system.find(verb, payload, key)

    def undo(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> Proposal | None:
        return self._system.undo(verb, payload, receipt)

    def observe(self) -> Iterable[Observed]:
        return self._system.observe()

    def expects(self, deed: Deed) -> Expected | None:
        return self._system.expects(deed)

    def repair(self, kind: str, ref: str, deed: Deed | None) -> Proposal | None:
        return self._system.repair(kind, ref, deed)
