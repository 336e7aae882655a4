"""What the coordinator relies on, of every outside system.

To add one: write a function that takes a folder and returns a `Case`, and name it in CASES.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from agentos.clock import FixedClock
from agentos.effects.invoice import InvoiceSystem
from agentos.effects.ledger import LedgerSystem
from agentos.effects.mail import MailSystem
from agentos.effects.port import Absent, Deed, Found, Proposal, Receipt, System, effect_key
from agentos.effects.site import SiteSystem
from agentos.errors import Permanent
from agentos.tasks.items import filled
from agentos.workspace.model import MailSettings, SiteSettings
from tests.crash.orders import OrderSystem
from tests.crash.worlds import Record, Shop, Whims
from tests.fakes.effects import FakeSystem
from tests.fakes.invoices import payload as invoice_payload


@dataclass
class Case:
    """A system, and a verb with the payload to try it on. `other` is a second payload for another key.

    `reopen` makes a second instance on the same outside, as another process would have it.
    `again` is the payload of the next generation, where what is assigned last (a number) is another then.
    `by_word`: whether payload and outside alone say which thing it was, so that it can be undone without a receipt.
    `close` ends what `system` needs to run.
    `gone_after_undo`: whether the thing itself disappears (a post) or stays beside its reversal (an invoice).
    """

    system: System
    verb: str
    payload: dict[str, Any]
    other: dict[str, Any]
    reopen: Callable[[], System]
    gone_after_undo: bool = True
    again: dict[str, Any] | None = None
    by_word: bool = False
    close: Callable[[], None] = lambda: None

    def key(self, slot: str = "task-1/step") -> str:
        return effect_key(self.system.account, self.verb, slot)

    def observed_keys(self) -> list[str | None]:
        return [seen.key for seen in self.system.observe()]


def site(folder: Path) -> Case:
    def make() -> System:
        return SiteSystem(folder / "site", settings=SiteSettings(title="Notes"), author="Petra Kranz", language="en")

    payload = {"slug": "heat", "title": "Heat", "markdown": "Warm.", "date": "2026-11-23"}
    return Case(make(), "publish", payload, payload | {"slug": "cold", "title": "Cold"}, make, by_word=True)


def mail(folder: Path) -> Case:
    clock = FixedClock(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))

    def make() -> System:
        return MailSystem(folder, settings=MailSettings(), sender_name="Petra Kranz", clock=clock)

    payload = {"to": ["billing@acme.example"], "subject": "Invoice 2026-0001", "body": "Please find attached."}
    return Case(make(), "send", payload, payload | {"subject": "Invoice 2026-0002"}, make, gone_after_undo=False)


def invoice(folder: Path) -> Case:
    def make() -> System:
        return InvoiceSystem(folder)

    first, other, again = (invoice_payload(number=f"2026-000{n}") for n in (1, 2, 3))
    return Case(make(), "issue", first, other, make, gone_after_undo=False, again=again, by_word=True)


def ledger(folder: Path) -> Case:
    payload = {
        "date": "2026-11-23", "invoice": "2026-0042", "client": "acme-studio", "narration": "Blog post",
        "net": "1200.00", "vat": "228.00", "gross": "1428.00", "currency": "EUR",
    }  # fmt: skip
    other = payload | {"invoice": "2026-0043"}
    system = LedgerSystem(folder)
    return Case(system, "book", payload, other, lambda: LedgerSystem(folder), gone_after_undo=False, by_word=True)


def fake(folder: Path) -> Case:
    system = FakeSystem()
    return Case(system, "act", {"what": "one"}, {"what": "two"}, lambda: system)


def shop(folder: Path) -> Case:
    """Over HTTP, at the branch that knows its keys (the other one tells nothing for a while, by what it declares)."""
    server = Shop(Record(folder / "record.jsonl"), Whims(""))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()

    def close() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    def make() -> System:
        return OrderSystem(server.url, "silent")

    return Case(make(), "order", {"what": "paper"}, {"what": "ink"}, make, close=close)


CASES = [site, mail, invoice, ledger, fake, shop]


ASSIGNED = {"today": "2026-12-01", "series:credit_note": "CN-2026-0001"}


def complete(proposal: Proposal) -> dict[str, Any]:
    """The payload as the coordinator would fill it in when the effect starts."""
    values = {name: ASSIGNED[source] for name, source in proposal.assigned.items()}
    return filled(proposal.payload, values, proposal.fill)


@pytest.fixture(params=CASES, ids=lambda make: make.__name__)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Case]:
    made: Case = request.param(tmp_path)
    yield made
    made.close()


def test_doing_it_twice_makes_one_thing_and_one_receipt(case: Case) -> None:
    first = case.system.do(case.verb, case.payload, case.key())
    if case.system.verbs[case.verb].repeat == "same":
        assert case.reopen().do(case.verb, case.payload, case.key()) == first
    assert case.observed_keys().count(case.key()) == 1


def test_what_was_never_done_is_absent_even_beside_things_that_were(case: Case) -> None:
    assert case.system.find(case.verb, case.payload, case.key()) == Absent()
    case.system.do(case.verb, case.other, case.key("task-2/step"))
    assert case.system.find(case.verb, case.payload, case.key()) == Absent()


def test_what_was_done_is_found_with_the_receipt_that_was_given(case: Case) -> None:
    receipt = case.system.do(case.verb, case.payload, case.key())
    assert case.reopen().find(case.verb, case.payload, case.key()) == Found(receipt)


def test_a_key_that_begins_with_another_key_is_another_key(case: Case) -> None:
    case.system.do(case.verb, case.payload, case.key("task-1/step") + "#2")
    assert case.system.find(case.verb, case.payload, case.key("task-1/step")) == Absent()


SLOTS = [
    "01931f00-0000-7000-8000-000000000001/invoice/mail",
    "01931f00-0000-7000-8000-000000000001/a-slot-that-goes-on-and-on-because-somebody-named-a-step-with-a-whole-"
    "sentence-and-then-one-more-for-good-measure",
    "contract/" + "Vertrag über Wärmepumpen – 熱泵 2026-11 " * 4 + "Ende",
    "contract/=?utf-8?q?x?= 100% \"quoted\" 'twice' <b@c.example>; a\\\\b",
]


@pytest.mark.parametrize("slot", SLOTS, ids=["ordinary", "long", "unicode", "odd"])
def test_a_key_comes_back_as_it_was_given_however_long_it_is_and_in_any_script(case: Case, slot: str) -> None:
    key = case.key(slot)
    assert case.system.find(case.verb, case.payload, key) == Absent()
    receipt = case.system.do(case.verb, case.payload, key)
    assert case.reopen().find(case.verb, case.payload, key) == Found(receipt)
    assert case.observed_keys() == [key]
    assert case.reopen().do(case.verb, case.payload, key) == receipt
    assert case.observed_keys() == [key]
    assert case.system.find(case.verb, case.payload, f"{key}#2") == Absent()
    assert case.system.find(case.verb, case.payload, key[:-1]) == Absent()


def test_two_keys_make_two_things(case: Case) -> None:
    first = case.system.do(case.verb, case.payload, case.key())
    second = case.system.do(case.verb, case.other, case.key("task-2/step"))
    assert first.ref != second.ref
    assert {case.key(), case.key("task-2/step")} <= set(case.observed_keys())


def test_a_receipt_survives_being_written_down(case: Case) -> None:
    receipt = case.system.do(case.verb, case.payload, case.key())
    assert receipt.ref
    assert Receipt.model_validate(json.loads(receipt.model_dump_json())) == receipt


def test_observing_tells_an_edit_by_its_digest_and_nothing_by_time(case: Case) -> None:
    case.system.do(case.verb, case.payload, case.key())
    assert list(case.system.observe()) == list(case.reopen().observe())
    assert all(seen.digest or seen.kind == "draft" for seen in case.system.observe())


def test_the_undoing_is_a_declared_verb_of_the_same_system_and_plain_data(case: Case) -> None:
    receipt = case.system.do(case.verb, case.payload, case.key())
    proposal = case.system.undo(case.verb, case.payload, receipt)
    if case.system.verbs[case.verb].reversible == "final":
        assert proposal is None
        return
    assert proposal is not None
    assert (proposal.system, proposal.verb in case.system.verbs) == (case.system.name, True)
    assert json.loads(json.dumps(proposal.payload)) == proposal.payload
    assert proposal.slot
    assert proposal.title


def test_the_undoing_is_done_once_found_and_leaves_the_deed_on_record(case: Case) -> None:
    """`find` after an undo still says Found: it happened, and a second `do` must not do it again."""
    receipt = case.system.do(case.verb, case.payload, case.key())
    proposal = case.system.undo(case.verb, case.payload, receipt)
    if proposal is None:
        pytest.skip("final")
    key = effect_key(case.system.account, proposal.verb, proposal.slot)
    payload = complete(proposal)
    assert case.system.find(proposal.verb, payload, key) == Absent()
    undone = case.system.do(proposal.verb, payload, key)
    assert case.system.do(proposal.verb, payload, key) == undone
    assert case.reopen().find(proposal.verb, payload, key) == Found(undone)
    assert case.system.find(case.verb, case.payload, case.key()) == Found(receipt)
    before = list(case.system.observe())
    assert case.system.do(case.verb, case.payload, case.key()) == receipt
    assert list(case.system.observe()) == before
    assert (case.key() not in case.observed_keys()) == case.gone_after_undo


def test_it_can_be_done_again_after_an_undo_under_the_next_generation(case: Case) -> None:
    receipt = case.system.do(case.verb, case.payload, case.key())
    proposal = case.system.undo(case.verb, case.payload, receipt)
    if proposal is None:
        pytest.skip("final")
    key = effect_key(case.system.account, proposal.verb, proposal.slot)
    case.system.do(proposal.verb, complete(proposal), key)
    payload = case.again or case.payload
    again = case.system.do(case.verb, payload, f"{case.key()}#2")
    assert again.ref != receipt.ref
    assert f"{case.key()}#2" in case.observed_keys()
    second = case.system.undo(case.verb, payload, again)
    assert second is not None
    assert (second.slot, second.payload) != (proposal.slot, proposal.payload)


def deed_of(case: Case, receipt: Receipt, payload: dict[str, Any] | None = None) -> Deed:
    return Deed(case.key(), case.verb, payload or case.payload, receipt)


def test_what_is_expected_of_a_deed_is_what_is_seen_until_somebody_touches_it(case: Case) -> None:
    receipt = case.system.do(case.verb, case.payload, case.key())
    expected = case.reopen().expects(deed_of(case, receipt))
    if expected is None:
        pytest.skip("nothing of it stays to be seen")
    (seen,) = [one for one in case.system.observe() if one.key == expected.key]
    assert (seen.kind, seen.ref, seen.digest) == (expected.kind, expected.ref, expected.digest)
    assert expected.stays == (not case.gone_after_undo)


def test_of_a_deed_with_a_poor_receipt_nothing_false_is_expected(case: Case) -> None:
    receipt = case.system.do(case.verb, case.payload, case.key())
    whole = case.system.expects(deed_of(case, receipt))
    for one in lacking(receipt):
        expected = case.system.expects(deed_of(case, one))
        assert expected is None or whole is not None
        if expected is not None and whole is not None:
            assert (expected.key, expected.ref, expected.digest or whole.digest) == (
                whole.key, whole.ref, whole.digest,
            )  # fmt: skip


@pytest.mark.parametrize("kind", ["missing", "changed", "returned", "unknown", "double", "unassigned"])
def test_a_repair_is_a_declared_verb_or_nothing(case: Case, kind: str) -> None:
    receipt = case.system.do(case.verb, case.payload, case.key())
    proposals = [case.system.repair(kind, receipt.ref, deed) for deed in (None, deed_of(case, receipt))]
    for proposal in [*proposals, case.system.repair(kind, receipt.ref, deed_of(case, receipt, {"odd": 1}))]:
        if proposal is not None:
            assert (proposal.system, proposal.verb in case.system.verbs) == (case.system.name, True)
            assert json.loads(json.dumps(proposal.payload)) == proposal.payload


def test_a_repair_of_what_is_gone_is_done_once_found_and_as_it_was(case: Case) -> None:
    receipt = case.system.do(case.verb, case.payload, case.key())
    deed = deed_of(case, receipt)
    proposal, expected = case.system.repair("missing", receipt.ref, deed), case.system.expects(deed)
    if proposal is None or expected is None:
        pytest.skip("only the operator can")
    before = list(case.system.observe())
    key = effect_key(case.system.account, proposal.verb, "task-9/repair")
    done = case.system.do(proposal.verb, proposal.payload, key)
    assert case.reopen().do(proposal.verb, proposal.payload, key) == done
    assert case.reopen().find(proposal.verb, proposal.payload, key) == Found(done)
    after = case.reopen().expects(Deed(key, proposal.verb, proposal.payload, done))
    assert (after.key, after.ref, after.digest) == (expected.key, expected.ref, expected.digest) if after else False
    assert [(one.key, one.digest) for one in case.system.observe() if one.key == deed.key] == [
        (one.key, one.digest) for one in before
    ]


def lacking(receipt: Receipt) -> list[Receipt]:
    """The receipt as the operator's word for it or an older version may have it: without fields, or with odd ones."""
    without = [{k: v for k, v in receipt.data.items() if k != name} for name in receipt.data]
    values: list[Any] = [None, 7, [], {"a": 1}, "", "x\ny"]
    odd = [dict.fromkeys(receipt.data, value) for value in values]
    said = Receipt(ref="confirmed by the operator", data={"date": "2026-11-23"})
    return [said, *(Receipt(ref=receipt.ref, data=data) for data in ({}, *without, *odd))]


def prepared(case: Case, receipt: Receipt) -> Proposal | Permanent | None:
    try:
        return case.reopen().undo(case.verb, case.payload, receipt)
    except Permanent as error:
        return error


@pytest.mark.parametrize("done", [True, False], ids=["done", "not done"])
def test_undoing_with_a_receipt_that_lacks_fields_is_a_proposal_nothing_or_an_error_that_says_so(
    case: Case, done: bool
) -> None:
    whole = Receipt(ref="r", data=dict.fromkeys(["number", "date", "file"], "?"))
    receipt = case.system.do(case.verb, case.payload, case.key()) if done else whole
    for one in lacking(receipt):
        outcome = prepared(case, one)
        if isinstance(outcome, Permanent):
            assert (outcome.code, bool(outcome.hint)) == ("undo.receipt", True)
        elif outcome is not None:
            assert json.loads(json.dumps(outcome.payload)) == outcome.payload
            assert outcome.verb in case.system.verbs
            assert outcome.slot.isprintable()


def test_what_was_done_can_be_undone_on_the_operators_word_alone(case: Case) -> None:
    """After a doubt she says "it happened", and there is no receipt: the payload and the outside itself must do."""
    receipt = case.system.do(case.verb, case.payload, case.key())
    said = Receipt(ref="confirmed by the operator", data={"date": "2026-11-23"})
    whole, outcome = case.system.undo(case.verb, case.payload, receipt), prepared(case, said)
    if not case.by_word:
        pytest.skip("only its receipt says which one it was")
    assert isinstance(outcome, Proposal)
    assert outcome == whole


def test_every_verb_is_declared_under_its_own_name_with_a_sentence_on_undoing(case: Case) -> None:
    assert case.verb in case.system.verbs
    for name, verb in case.system.verbs.items():
        assert verb.name == name
        assert verb.undo.endswith(".")
    assert case.system.account.startswith(f"{case.system.name}:")


def test_an_unknown_verb_is_refused_for_good(case: Case) -> None:
    with pytest.raises(Permanent):
        case.system.do("no-such-verb", case.payload, case.key())
