"""The port to the outside world: what an agent may propose, and what one file per system must provide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field

from agentos.errors import Permanent
from agentos.money import Money

UNCLEAR = "undo.receipt"


class Amounts(BaseModel):
    model_config = ConfigDict(frozen=True)

    net: Money
    vat: Money
    gross: Money


class Proposal(BaseModel):
    """What an agent asks the coordinator to do outside. Nothing happens by making one.

    `slot` is the business slot (plan step, or contract and period; never an amount or a text); with the system's
    account and the verb it makes the idempotency key. `assigned` names what is filled in last, with `effect.started`:
    {"number": "series:invoice", "date": "today", "pdf": "receipt:invoice.pdf"}; the texts at the JSON pointers
    in `fill` have their `⟦name⟧` replaced then, and nothing else is looked at. The approval covers everything else.
    `after` lists the slots that must be done first; `rests_on` keys of earlier effects, of any task, that must still
    stand: a payment rests on its invoice.
    """

    model_config = ConfigDict(frozen=True)

    system: str
    verb: str
    slot: str
    title: str
    payload: dict[str, Any]
    subject: str | None = None
    to: str | None = None
    amounts: Amounts | None = None
    assigned: dict[str, str] = {}
    fill: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    rests_on: tuple[str, ...] = Field(default=(), exclude_if=lambda keys: not keys)  # older approvals keep their digest


class Receipt(BaseModel):
    """What the outside world answered. `ref` is its own name for the thing (commit, number, Message-ID); `data` is
    JSON."""

    model_config = ConfigDict(frozen=True)

    ref: str
    data: dict[str, Any] = {}


@dataclass(frozen=True)
class Found:
    receipt: Receipt


@dataclass(frozen=True)
class Absent:
    """Looked, and it is certainly not there."""


@dataclass(frozen=True)
class Unknown:
    """Could not look, or the system's search lags behind: not an answer."""

    why: str = ""


@dataclass(frozen=True)
class Observed:
    """One thing that exists outside: `kind` ("post", "invoice", "entry", "mail"), its `ref`, our `key` where it
    carries one,
    and the digest of its present content, so that an edit by hand is seen.

    `data["payload"]` is what was asked for, as far as the outside keeps it: from it `undo` can be prepared where the
    log that knew was lost."""

    kind: str
    ref: str
    key: str | None
    digest: str
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Verb:
    """What doing this means.

    reversible: "free" (undone without a trace that matters), "compensable" (within `window`, None = always), "final".
    repeat: what a second `do` with the same key does: "same" (returns the first receipt), "refused", "unsafe" (twice).
    absence: whether `find` saying Absent can be trusted right after a lost `do`.
    undo: a sentence for the card, including what an undo can't reach.
    outcome, failure_modes, act: for the runbook: what the business has of it, what goes wrong and what happens then,
    and what the operator does about it.
    """

    name: str
    reversible: Literal["free", "compensable", "final"]
    undo: str
    repeat: Literal["same", "refused", "unsafe"] = "same"
    absence: bool = True
    window: timedelta | None = None
    held: bool = False
    outgoing: bool = False
    outcome: str = ""
    failure_modes: tuple[str, ...] = ()
    act: str = ""


@dataclass(frozen=True)
class Deed:
    """An effect that was done, as the log has it: `payload` is complete, as `do` got it."""

    key: str
    verb: str
    payload: dict[str, Any]
    receipt: Receipt
    subject: str | None = None


@dataclass(frozen=True)
class Expected:
    """What `observe` shows of a deed while nobody touches it. `key` is that of the thing: a restored post has its first
    one. `digest` None: only that it is there can be told. `stays`: an undo leaves it there, as a credit note does.
    `name` stands in a sentence: "The post “Heat”"."""

    key: str
    kind: str
    ref: str
    name: str
    digest: str | None = None
    stays: bool = False


class System(Protocol):
    """One outside system. Methods block (they are called in a thread) and raise Transient, Permanent or InDoubt."""

    @property
    def name(self) -> str: ...

    @property
    def account(self) -> str:
        """Which account of the system: part of every key ("site:main")."""
        ...

    @property
    def verbs(self) -> Mapping[str, Verb]: ...

    def check(self, verb: str, payload: dict[str, Any]) -> None:
        """Raises Permanent where `do` would refuse this payload whatever is filled in later. Looks at nothing outside,
        so that it costs nothing to ask before a card, and at an edit."""
        ...

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        """Do it. The payload is complete: everything assigned last is filled in. The outside keeps `key` where it
        can."""
        ...

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown: ...

    def undo(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> Proposal | None:
        """The effect that undoes this one (itself done with `do`, under its own key), or None where nothing can.

        `payload` is as it was done. A receipt may lack any field or hold anything in it (the operator's word stands for
        one after a doubt): take the rest from the payload or from outside, or raise `receipt_says_too_little`.
        """
        ...

    def observe(self) -> Iterable[Observed]: ...

    def expects(self, deed: Deed) -> Expected | None:
        """What is to be seen of it from now on; None where nothing is, or the receipt says too little. Looks at nothing
        outside."""
        ...

    def repair(self, kind: str, ref: str, deed: Deed | None) -> Proposal | None:
        """The effect that makes the outside agree again; None where only the operator can. `kind` is a drift's (see
        `agentos.reconcile.drift`), `ref` that of the thing, `deed` what the log knows of it. Its title stands after the
        sentence that says what differs: "Put it back as it was published?"
        """
        ...


@runtime_checkable
class Remembering(Protocol):
    """A system that keeps what stands there no more. Asked after a restore only, since it may read a whole history."""

    def taken_back(self) -> Iterable[Observed]:
        """What carries a key of ours and stands no more, by us or by hand, with data.state "recalled"."""
        ...


def receipt_says_too_little(what: str, hint: str) -> Permanent:
    """For `undo`: `what` is missing from a receipt, and can't be had elsewhere."""
    return Permanent(f"The receipt does not say {what}, so the undoing can't be prepared.", hint=hint, code=UNCLEAR)


def effect_key(account: str, verb: str, slot: str, generation: int = 1) -> str:
    """The idempotency key: account, verb, business slot; doing it again after an undo takes the next generation."""
    key = f"{account}/{verb}/{slot}"
    return key if generation == 1 else f"{key}#{generation}"
