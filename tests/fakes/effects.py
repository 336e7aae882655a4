"""An outside system in memory that keeps the whole contract, and breaks on command."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from agentos.effects.port import Absent, Deed, Expected, Found, Observed, Proposal, Receipt, Unknown, Verb
from agentos.errors import InDoubt, Permanent, Transient
from agentos.ids import digest

Failure = Literal["transient", "permanent", "in_doubt_before", "in_doubt_after", "killed_before", "killed_after"]


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the program may catch it."""


class FakeSystem:
    """Verbs "act" and its undoing "unact".

    Script failures with `fail("transient", "in_doubt_after", ...)`: one is used up by each `do`; "_after" acts first.
    `searchable = False` makes `find` say Unknown. `done` holds key -> (verb, payload) in order, `attempts` all calls.
    """

    def __init__(
        self,
        name: str = "fake",
        *,
        reversible: Literal["free", "compensable", "final"] = "compensable",
        repeat: Literal["same", "refused", "unsafe"] = "same",
        absence: bool = True,
        held: bool = False,
        outgoing: bool = False,
    ) -> None:
        self.name = name
        self.account = f"{name}:test"
        self.verbs: Mapping[str, Verb] = {
            "act": Verb("act", reversible, "Taken back.", repeat, absence, held=held, outgoing=outgoing),
            "unact": Verb("unact", "final", "Can't be undone.", repeat, absence),
            "restore": Verb("restore", "final", "Can't be undone.", repeat, absence),
        }
        self.done: dict[str, tuple[str, dict[str, Any]]] = {}
        self.attempts: list[tuple[str, str, dict[str, Any]]] = []
        self.copies = 0
        """How many things were made outside; more than len(done) when an unsafe verb was repeated."""
        self.searchable = True
        self._script: deque[tuple[Failure, float | None]] = deque()

    def fail(self, *failures: Failure, retry_after: float | None = None) -> None:
        self._script.extend((failure, retry_after) for failure in failures)

    def mend(self) -> None:
        """From now on all goes well."""
        self._script.clear()
        self.searchable = True

    def check(self, verb: str, payload: dict[str, Any]) -> None:
        if payload.get("refused"):
            raise Permanent(f"{self.name} can't take that.")

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        if verb not in self.verbs:
            raise Permanent(f"{self.name} can't {verb}.")
        self.attempts.append((verb, key, payload))
        failure, retry_after = self._script.popleft() if self._script else (None, None)
        if failure == "transient":
            raise Transient("The fake is busy.", retry_after=retry_after)
        if failure == "permanent":
            raise Permanent("The fake refuses this for good.")
        if failure == "killed_before":
            raise Killed
        if failure == "in_doubt_before":
            raise InDoubt("The fake went silent.")
        receipt = self._act(verb, payload, key)
        if failure == "killed_after":
            raise Killed
        if failure == "in_doubt_after":
            raise InDoubt("The fake went silent.")
        return receipt

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
        if not self.searchable:
            return Unknown("The fake can't be searched.")
        return Found(_receipt(key)) if key in self.done else Absent()

    def undo(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> Proposal | None:
        if verb != "act" or self.verbs["act"].reversible == "final":
            return None
        return Proposal(system=self.name, verb="unact", slot=receipt.ref, title="Undo", payload={"ref": receipt.ref})

    def observe(self) -> Iterable[Observed]:
        undone = {payload["ref"] for verb, payload in self.done.values() if verb == "unact"}
        for key, (verb, payload) in self.done.items():
            ref = _receipt(key).ref
            if verb == "act" and ref not in undone:
                yield Observed("thing", ref, key, _content(payload))

    def expects(self, deed: Deed) -> Expected | None:
        if deed.verb == "unact":
            return None
        back = deed.verb == "restore"
        key, payload = (deed.payload["of"], deed.payload["payload"]) if back else (deed.key, deed.payload)
        return Expected(key, "thing", _receipt(key).ref, f"The {payload.get('what', 'thing')}",
                        _content(payload) if payload else None)  # fmt: skip

    def repair(self, kind: str, ref: str, deed: Deed | None) -> Proposal | None:
        if kind not in ("missing", "changed") or deed is None:
            return None
        return Proposal(system=self.name, verb="restore", slot="thing", title="Put it back",
                        payload={"of": deed.key, "payload": deed.payload}, subject=deed.subject)  # fmt: skip

    def _act(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        repeat = self.verbs[verb].repeat
        if key in self.done and repeat == "refused":
            raise Permanent("The fake has done this already.")
        if key not in self.done or repeat == "unsafe":
            self.copies += 1
        if verb == "restore":
            self.done[payload["of"]] = ("act", payload["payload"])
        self.done.setdefault(key, (verb, payload))
        return _receipt(key)


def _receipt(key: str) -> Receipt:
    return Receipt(ref=digest(key.encode())[:12], data={"key": key})


def _content(payload: dict[str, Any]) -> str:
    return digest(repr(sorted(payload.items())).encode())
