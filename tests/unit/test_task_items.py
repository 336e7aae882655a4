from __future__ import annotations

import pytest

from agentos.effects.port import Proposal
from agentos.errors import Permanent
from agentos.tasks.items import Item, ordered
from tests.fakes.effects import FakeSystem


def item(kind: str, slot: str, *after: str) -> Item:
    system, verb = kind.split(".")
    proposal = Proposal(system=system, verb=verb, slot=slot, title=slot, payload={}, after=after)
    return Item(proposal, FakeSystem(), f"k/{slot}", "d", slot, after=after)


def test_an_item_stands_after_what_it_follows_and_knows_all_of_it() -> None:
    found = ordered([
        item("mail.send", "mail", "ledger"), item("ledger.book", "ledger", "invoice"),
        item("site.publish", "post"), item("invoice.issue", "invoice"),
    ])  # fmt: skip
    follows = {i.slot: set(i.follows) for i in found}
    assert [i.slot for i in found] == ["post", "invoice", "ledger", "mail"]
    assert follows == {
        "post": set(),
        "invoice": set(),
        "ledger": {"invoice.issue"},
        "mail": {"invoice.issue", "ledger.book"},
    }


def test_what_is_not_in_the_step_is_not_followed() -> None:
    assert ordered([item("mail.send", "mail", "elsewhere")])[0].follows == frozenset()


def test_a_circle_is_refused() -> None:
    with pytest.raises(Permanent):
        ordered([item("a.b", "one", "two"), item("a.b", "two", "one")])
