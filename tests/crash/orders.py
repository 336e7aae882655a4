"""A shop as an outside system, and the agent that proposes to order there: only the tests have them.

Real doubt arises here. The branch `silent` acts and may never answer; of the branch `lagging` nobody can tell right
after a crash whether it acted, and a repeat would be a second order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ConfigDict

from agentos.agent import Kit, Manifest
from agentos.effects.port import (
    Absent,
    Deed,
    Expected,
    Found,
    Observed,
    Proposal,
    Receipt,
    System,
    Unknown,
    Verb,
    receipt_says_too_little,
)
from agentos.errors import InDoubt, Permanent, Transient
from agentos.ids import digest

BRANCHES: tuple[Literal["silent", "lagging"], ...] = ("silent", "lagging")
PATHS = {"order": "orders", "cancel": "cancellations"}
TIMEOUT = 0.4
"""Seconds without an answer, after which it is in doubt."""
RECIPE = """\
workflow = "order"
title = "Order paper"

[[steps]]
id = "choose"
agent = "buyer"
inputs = { what = "$intent.text" }

[[steps]]
id = "buy"
kind = "effects"
needs = ["choose"]
inputs = { from = ["choose"] }
"""


class OrderSystem:
    def __init__(self, url: str, branch: Literal["silent", "lagging"]) -> None:
        self.name, self.account = branch, f"{branch}:shop"
        self._client = httpx.Client(base_url=f"{url}/{branch}/", timeout=TIMEOUT, trust_env=False, verify=False)
        repeat: Literal["same", "unsafe"] = "same" if branch == "silent" else "unsafe"
        certain = branch == "silent"
        self.verbs: Mapping[str, Verb] = {
            "order": Verb("order", "compensable", "The order is cancelled.", repeat, certain, outgoing=True),
            "cancel": Verb("cancel", "final", "Order it again.", repeat, certain, outgoing=True),
        }

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        if verb not in PATHS:
            raise Permanent(f"The shop can't {verb}.", code="effect.unknown_verb")
        try:
            answer = self._client.post(PATHS[verb], json=payload, headers={"Idempotency-Key": quote(key, safe="")})
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Transient("The shop can't be reached.") from error
        except httpx.HTTPError as error:
            raise InDoubt("The shop took the order and did not answer.") from error
        return Receipt(ref=answer.json()["ref"])

    def check(self, verb: str, payload: dict[str, Any]) -> None:
        """The shop takes any order."""

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
        try:
            found = self._client.get(PATHS[verb], params={"key": key}).json()
        except httpx.HTTPError as error:
            return Unknown(f"The shop could not be asked: {type(error).__name__}.")
        return Found(Receipt(ref=found[0]["ref"])) if found else Absent()

    def undo(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> Proposal | None:
        if verb != "order":
            return None
        if len(receipt.ref) != 12:
            raise receipt_says_too_little("which order it was", "Cancel it in the shop.")
        title = "Cancel the order"
        return Proposal(system=self.name, verb="cancel", slot=receipt.ref, title=title, payload={"ref": receipt.ref})

    def observe(self) -> Iterable[Observed]:
        cancelled = {line["body"]["ref"] for line in self._client.get(PATHS["cancel"]).json()}
        for line in self._client.get(PATHS["order"]).json():
            if line["ref"] not in cancelled:
                yield Observed("order", line["ref"], line["key"], digest(repr(line["body"]).encode()))

    def expects(self, deed: Deed) -> Expected | None:
        return None

    def repair(self, kind: str, ref: str, deed: Deed | None) -> Proposal | None:
        return None


def branches(url: str) -> dict[str, System]:
    return {branch: OrderSystem(url, branch) for branch in BRANCHES}


class Request(BaseModel):
    model_config = ConfigDict(frozen=True)

    what: str


class Result(BaseModel):
    proposals: list[Proposal]


class Buyer:
    """The agent: one order at each branch."""

    manifest = Manifest(
        role="buyer",
        version="1",
        outcome="What was wanted is ordered once.",
        effects=("silent.order", "lagging.order"),
        failure_modes=("The shop does not answer.",),
        unwound="The order is cancelled.",
        kpi="orders that arrive once",
    )
    Request: type[BaseModel] = Request
    Result: type[BaseModel] = Result

    async def run(self, request: BaseModel, kit: Kit) -> BaseModel:
        wanted = [
            Proposal(system=branch, verb="order", slot=branch, title=f"Order at {branch}", payload={"what": "paper"})
            for branch in BRANCHES
        ]
        return self.Result.model_validate({"proposals": wanted})
