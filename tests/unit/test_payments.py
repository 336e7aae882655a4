"""A payment the operator tells of: what is read from her words, what is asked, and what stands in the books then."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agentos.effects.ledger import LedgerSystem
from agentos.effects.port import Absent, Found
from agentos.errors import Permanent, Transient
from agentos.intents.rules import understand
from agentos.invariants.check import check as check_log
from agentos.tasks import effects_step, performing
from agentos.tasks.invoices import invoices, owner_of
from agentos.tasks.items import undo_key
from agentos.tasks.state import TaskState
from agentos.workspace.model import Business, Client
from graphs.replay import replay
from tests.fakes.business import Shop, asked
from tests.unit.test_ledger import balances, check, entry

CLIENTS = {
    "acme-studio": Client(id="acme-studio", name="Acme Studio GmbH", aliases=("Acme",)),
    "beta-ltd": Client(id="beta-ltd", name="Beta Ltd"),
}
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)


def read(text: str) -> Any:
    return understand(text, business=Business(), clients=CLIENTS, now=NOW)


@pytest.mark.parametrize(
    ("text", "slots"),
    [
        ("Acme paid 500 EUR on invoice 2026-0012", ("acme-studio", "500.00", "2026-0012", None)),
        ("Acme paid invoice 2026-0012", ("acme-studio", None, "2026-0012", None)),
        ("Invoice 2026-0012 was paid yesterday", (None, None, "2026-0012", "2026-11-27")),
        ("Payment from Beta Ltd: 300 EUR on invoice 2026-0004", ("beta-ltd", "300.00", "2026-0004", None)),
        ("Acme paid 500 on invoice 2026-0012 on 3 December", ("acme-studio", "500.00", "2026-0012", "2025-12-03")),
        ("Acme hat 500 EUR auf Rechnung 2026-0012 überwiesen", ("acme-studio", "500.00", "2026-0012", None)),
    ],
)
def test_a_payment_is_read(text: str, slots: tuple[str | None, ...]) -> None:
    found = read(text)
    assert (found.workflow, found.questions, found.unread) == ("record-payment", (), ())
    amount = found.slots.get("amount", {}).get("amount")
    assert (found.slots.get("client"), amount, found.slots.get("invoice"), found.slots.get("paid_on")) == slots


@pytest.mark.parametrize("text", ["Acme paid half of invoice 2026-0012", "Acme paid part of invoice 2026-0012"])
def test_a_share_is_asked_about(text: str) -> None:
    (question,) = read(text).questions
    assert question.slot == "amount"
    assert "How much was paid" in question.text


def test_what_is_said_beside_a_payment_stands_on_a_card() -> None:
    assert read("Acme paid 500 EUR on invoice 2026-0012 but wants a refund").unread == ("but wants a refund",)


@pytest.mark.parametrize(
    "text",
    [
        "Acme has not paid invoice 2026-0012",
        "Has Acme paid invoice 2026-0012?",
        "When Acme paid, send them a thank you",
        "Gamma paid 500 EUR",
        "Write a post about who paid for heat pumps",
        "Invoice Acme 500 EUR for the talk they paid",
    ],
)
def test_what_only_speaks_of_paying_is_no_payment(text: str) -> None:
    assert read(text).workflow != "record-payment"


def test_a_payment_is_booked_on_both_sides_once_and_reversed(tmp_path: Path) -> None:
    system, key = LedgerSystem(tmp_path), "ledger:main/receive/payment/2026-0042/1"
    payment = {
        "date": "2026-12-01", "invoice": "2026-0042", "client": "acme-studio", "payee": "Acme", "amount": "428.00",
        "currency": "EUR",
    }  # fmt: skip
    system.do("book", entry(), "ledger:main/book/t/ledger")
    receipt = system.do("receive", payment, key)
    assert system.do("receive", payment, key) == receipt
    assert isinstance(system.find("receive", payment, key), Found)
    assert balances(tmp_path)["Assets:Receivable:Acme-Studio"] == Decimal("1000.00")
    assert balances(tmp_path)["Assets:Bank"] == Decimal("428.00")
    (seen,) = (one for one in system.observe() if one.kind == "payment")
    assert seen.data["payload"] == payment | {"narration": "Payment of invoice 2026-0042"}
    proposal = system.undo("receive", payment, receipt)
    assert proposal is not None
    system.do("reverse", proposal.payload | {"date": "2026-12-02"}, f"{key}/undo")
    assert balances(tmp_path)["Assets:Bank"] == 0
    assert check(tmp_path) == ""
    with pytest.raises(Permanent, match="payment of invoice 2026-0042 is reversed already"):
        system.do("reverse", proposal.payload | {"date": "2026-12-02"}, "again")
    assert isinstance(system.find("receive", payment, "another"), Absent)


async def invoiced(root: Path) -> Shop:
    shop = Shop(root)
    state = await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    assert state.status == "completed"
    return shop


async def test_a_part_and_the_rest_then_it_is_paid_already(tmp_path: Path) -> None:
    shop = await invoiced(tmp_path)
    part = await shop.run("Acme paid 100 EUR on invoice 2026-0001")
    assert (part.status, len(part.cards)) == ("completed", 0)
    owed = invoices(shop.platform.log)["2026-0001"]
    assert (owed.gross, owed.paid, owed.open, owed.payments) == (Decimal(357), Decimal(100), Decimal(257), 1)
    rest = await shop.run("Invoice 2026-0001 is paid")
    assert rest.status == "completed"
    assert balances(tmp_path)["Assets:Bank"] == Decimal("357.00")
    assert check(tmp_path) == ""
    again = await shop.run("Invoice 2026-0001 is paid")
    assert again.status == "failed"
    (notice,) = again.open_cards()
    assert any("paid already" in reason["text"] for reason in notice.data["reasons"])
    assert not check_log(
        shop.platform.store
    ).violations  # only the number was named, and yet nothing stands in the open
    for task in (part.id, rest.id, again.id):
        report = await replay(shop.platform, task)
        assert report.same, report.first_difference
    shop.close()


async def test_an_invoice_that_is_not_there_is_asked_for_with_those_that_are(tmp_path: Path) -> None:
    shop = await invoiced(tmp_path)
    state = await shop.run("Acme paid invoice 2026-0099")
    question = asked(state).data["question"]
    assert "acme-studio has no invoice 2026-0099" in question["text"]
    state = await shop.answer(state, question["choices"][0])
    assert state.status == "completed"
    assert invoices(shop.platform.log)["2026-0001"].open == 0
    shop.close()


async def test_more_than_is_open_and_another_client_ask_first(tmp_path: Path) -> None:
    shop = await invoiced(tmp_path)
    state = await shop.run("Acme paid 400 EUR on invoice 2026-0001")
    (card,) = state.open_cards()
    assert any("more than the 357.00 EUR that are open" in reason["text"] for reason in card.data["reasons"])
    state = await shop.run("Beta Ltd paid invoice 2026-0001")
    assert "beta-ltd has no invoice 2026-0001" in asked(state).data["question"]["text"]
    state = await shop.run("Invoice 2026-0077 is paid")
    assert asked(state).data["question"]["slot"] == "client"
    shop.close()


async def test_an_undone_payment_is_open_again(tmp_path: Path) -> None:
    shop = await invoiced(tmp_path)
    await shop.run("Invoice 2026-0001 is paid")
    undone = await shop.advance(shop.desk.undo(shop.desk.undoable(None)))
    assert undone.status == "completed"
    assert invoices(shop.platform.log)["2026-0001"].open == Decimal("357.00")
    assert (await shop.run("Invoice 2026-0001 is paid")).status == "completed"
    assert invoices(shop.platform.log)["2026-0001"].open == 0
    shop.close()


async def test_after_one_of_two_was_reversed_the_next_payment_is_booked_too(tmp_path: Path) -> None:
    shop = await invoiced(tmp_path)
    first = await shop.run("Acme paid 100 EUR on invoice 2026-0001")
    await shop.run("Acme paid 50 EUR on invoice 2026-0001")
    await shop.advance(shop.desk.undo(shop.desk.undoable(first.id)))
    assert (await shop.run("Acme paid 7 EUR on invoice 2026-0001")).status == "completed"
    owed = invoices(shop.platform.log)["2026-0001"]
    assert (owed.paid, owed.payments) == (Decimal(57), 2)
    assert balances(tmp_path)["Assets:Bank"] == Decimal("57.00")
    assert check(tmp_path) == ""
    shop.close()


@pytest.mark.parametrize("other", [57, 100], ids=["another amount", "the same amount"])
@pytest.mark.parametrize(
    ("module", "name"), [(effects_step, "carry_out"), (performing, "_start")], ids=["look", "claim"]
)
async def test_two_payments_that_are_told_at_once_are_both_booked(
    module: ModuleType, name: str, other: int, tmp_path: Path
) -> None:
    """Both are taken for the first; whoever comes second looks again."""
    shop = await invoiced(tmp_path)
    first, second = (shop.desk.submit(f"Acme paid {amount} EUR on invoice 2026-0001") for amount in (100, other))
    go_on = getattr(module, name)

    async def after_the_other(run: Any, *rest: Any, **named: Any) -> None:
        if run.task == first and shop.desk.load(second).status == "open":
            assert (await shop.advance(second)).status == "completed"
        await go_on(run, *rest, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, name, after_the_other)
        assert (await shop.advance(first)).status == "completed"
    assert invoices(shop.platform.log)["2026-0001"].paid == Decimal(100 + other)
    assert balances(tmp_path)["Assets:Bank"] == Decimal(100 + other)
    for task in (first, second):
        report = await replay(shop.platform, task)
        assert report.same, report.first_difference
    assert not check_log(shop.platform.store).violations
    shop.close()


# -- an invoice that is taken back meanwhile


async def credited(shop: Shop, invoice: TaskState) -> None:
    assert (await shop.advance(shop.desk.undo(shop.desk.undoable(invoice.id)))).status == "completed"


async def assert_asked_for_another(shop: Shop, state: TaskState) -> None:
    assert "Invoice 2026-0001 was taken back by a credit note" in asked(state).data["question"]["text"]
    assert "Assets:Bank" not in balances(shop.root)
    assert balances(shop.root).get("Assets:Receivable:Acme-Studio", Decimal(0)) == 0
    assert check(shop.root) == ""
    assert not check_log(shop.platform.store).violations
    report = await replay(shop.platform, state.id)
    assert report.same, report.first_difference
    shop.close()


async def test_a_payment_whose_card_waits_is_not_booked_on_an_invoice_that_was_credited(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    invoice = await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    state = await shop.run("Acme paid 400 EUR on invoice 2026-0001")
    (card,) = state.open_cards()
    await credited(shop, invoice)
    shop.desk.approve(card.id)
    await assert_asked_for_another(shop, await shop.advance(state.id))


async def test_a_program_that_does_not_look_is_found_out(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    invoice = await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    state = await shop.run("Acme paid 400 EUR on invoice 2026-0001")
    (card,) = state.open_cards()
    await credited(shop, invoice)
    shop.desk.approve(card.id)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(performing, "fallen", lambda *_: None)
        assert (await shop.advance(state.id)).status == "completed"
    assert {one.code for one in check_log(shop.platform.store).violations} == {"effect.rests"}
    shop.close()


@pytest.mark.parametrize(
    ("module", "name"), [(effects_step, "carry_out"), (performing, "_start")], ids=["look", "claim"]
)
async def test_an_invoice_that_is_credited_between_look_and_claim_takes_no_payment(
    module: ModuleType, name: str, tmp_path: Path
) -> None:
    shop = Shop(tmp_path)
    invoice = await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    issued = invoices(shop.platform.log)["2026-0001"].effect
    payment, go_on = shop.desk.submit("Acme paid 100 EUR on invoice 2026-0001"), getattr(module, name)

    async def after_the_credit(run: Any, *rest: Any, **named: Any) -> None:
        if run.task == payment and not shop.platform.log.by_key(f"effect.done/{undo_key(issued)}"):
            await credited(shop, invoice)
        await go_on(run, *rest, **named)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(module, name, after_the_credit)
        state = await shop.advance(payment)
    await assert_asked_for_another(shop, state)


@dataclass
class Outside:
    """What a system answers for a while. `passing`: verbs that fail for a passing reason; `never`: for good; `dying`:
    the worker is lost before anything happened."""

    passing: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    dying: tuple[str, ...] = ()

    @contextmanager
    def on(self, shop: Shop, system: str) -> Iterator[None]:
        kind = type(shop.platform.systems[system])
        do, find = kind.do, kind.find

        def doing(itself: Any, verb: str, payload: Any, key: str) -> Any:
            self._fail(verb)
            return do(itself, verb, payload, key)

        def finding(itself: Any, verb: str, payload: Any, key: str) -> Any:
            self._fail(verb)
            return find(itself, verb, payload, key)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(kind, "do", doing)
            patched.setattr(kind, "find", finding)
            yield

    def _fail(self, verb: str) -> None:
        if verb in self.dying:
            raise Lost
        if verb in self.passing:
            raise Transient("it is busy")
        if verb in self.never:
            raise Permanent("it does not take that", code="test.never")


class Lost(BaseException):
    """The worker is gone."""


async def until_lost(shop: Shop, task: str) -> None:
    with pytest.raises(Lost):
        await shop.advance(task)


async def test_a_payment_asks_while_its_invoice_is_being_taken_back(tmp_path: Path) -> None:
    """The credit note can't be written for now, so that nobody knows whether the invoice will stand."""
    shop = Shop(tmp_path)
    invoice = await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    payment = await shop.run("Acme paid 400 EUR on invoice 2026-0001")
    undo = shop.desk.undo(shop.desk.undoable(invoice.id))
    with Outside(passing=("credit",)).on(shop, "invoice"):
        assert (await shop.advance(undo)).status == "parked"
    (card,) = payment.open_cards()
    shop.desk.approve(card.id)
    state = await shop.advance(payment.id)
    assert "Invoice 2026-0001 is being taken back" in asked(state).data["question"]["text"]
    shop.clock.advance(timedelta(minutes=10))
    assert (await shop.advance(undo)).status == "completed"
    assert "taken back by a credit note" in asked(await shop.answer(state, "2026-0001")).data["question"]["text"]
    await assert_asked_for_another(shop, shop.desk.load(payment.id))


@pytest.mark.parametrize("lost", [False, True], ids=["it waits", "its worker is lost"])
async def test_an_invoice_that_is_half_taken_back_takes_no_payment(lost: bool, tmp_path: Path) -> None:
    """Its booking is reversed before its credit note is written."""
    shop = Shop(tmp_path)
    invoice = await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    undo = shop.desk.undo(shop.desk.undoable(invoice.id))
    if lost:
        with Outside(dying=("credit",)).on(shop, "invoice"):
            await until_lost(shop, undo)
    else:
        with Outside(passing=("reverse",)).on(shop, "ledger"):
            assert (await shop.advance(undo)).status == "parked"
    state = await shop.run("Acme paid 100 EUR on invoice 2026-0001")
    assert "Invoice 2026-0001 is being taken back" in asked(state).data["question"]["text"]
    shop.clock.advance(timedelta(minutes=10))
    assert (await shop.advance(undo)).status == "completed"
    await assert_asked_for_another(shop, await shop.answer(state, "2026-0001"))


@pytest.mark.parametrize("end", ["left", "given up", "cancelled"])
async def test_an_undo_that_came_to_nothing_leaves_an_invoice_that_can_be_paid(end: str, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    issued = invoices(shop.platform.log)["2026-0001"].effect
    undo = shop.desk.undo([issued])
    failing = Outside(never=("credit",)) if end == "left" else Outside(passing=("credit",))
    with failing.on(shop, "invoice"):
        state = await shop.advance(undo)
        while end == "given up" and not state.open_cards():
            shop.clock.advance(timedelta(hours=2))
            state = await shop.advance(undo)
    if end == "cancelled":
        shop.desk.cancel(undo, "she leaves it")
    if end == "given up":
        state = await shop.answer(state, "give up")
        assert "effect.given_up" in {record.data["code"] for record in shop.platform.log.read(types=("effect.failed",))}
    if end != "cancelled":
        payment = await shop.run("Acme paid 400 EUR on invoice 2026-0001")
        assert "is being taken back" in asked(payment).data["question"]["text"], "she may still say: retry"
        assert (await shop.answer(state, "leave")).closed
        shop.desk.cancel(payment.id, "told again")
    paid = await shop.run("Acme paid 100 EUR on invoice 2026-0001")
    assert paid.status == "completed"
    assert not check_log(shop.platform.store).violations
    shop.close()


@pytest.mark.parametrize("lost", [False, True], ids=["it waits", "its worker is lost"])
async def test_a_payment_that_was_tried_goes_to_another_invoice_when_the_first_is_credited(
    lost: bool, tmp_path: Path
) -> None:
    shop = Shop(tmp_path)
    first = await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    second = await shop.approve(await shop.run("Invoice Acme Studio 500 EUR net for the talk"))
    assert second.status == "completed"
    payment = shop.desk.submit("Acme paid 100 EUR on invoice 2026-0001")
    if lost:
        with Outside(dying=("receive",)).on(shop, "ledger"):
            await until_lost(shop, payment)
    else:
        with Outside(passing=("receive",)).on(shop, "ledger"):
            assert (await shop.advance(payment)).status == "parked"
    await credited(shop, first)
    shop.clock.advance(timedelta(hours=1))
    state = await shop.answer(await shop.advance(payment), "2026-0002")
    assert state.status == "completed"
    assert balances(tmp_path)["Assets:Bank"] == Decimal(100)
    assert check(tmp_path) == ""
    assert not check_log(shop.platform.store).violations
    report = await replay(shop.platform, payment)
    assert report.same, report.first_difference
    shop.close()


@pytest.mark.parametrize("booked", [False, True])
async def test_a_payment_that_may_have_been_booked_is_looked_up_before_it_is_sent_back(
    booked: bool, tmp_path: Path
) -> None:
    """Its worker was lost, and whether it had booked could not be told then."""
    shop = Shop(tmp_path)
    invoice = await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    payment = shop.desk.submit("Acme paid 100 EUR on invoice 2026-0001")
    ledger = type(shop.platform.systems["ledger"])
    do = ledger.do

    def booked_then_lost(*arguments: Any) -> None:
        if booked:
            do(*arguments)
        raise Lost

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ledger, "do", booked_then_lost)
        await until_lost(shop, payment)
    with Outside(passing=("receive",)).on(shop, "ledger"):
        assert (await shop.advance(payment)).status == "parked"
    await credited(shop, invoice)
    shop.clock.advance(timedelta(hours=1))
    state = await shop.advance(payment)
    if booked:
        assert state.status == "completed"
        assert balances(tmp_path)["Assets:Bank"] == Decimal(100)
        assert not check_log(shop.platform.store).violations
        shop.close()
    else:
        await assert_asked_for_another(shop, state)


async def test_a_payment_that_failed_for_good_is_booked_when_it_is_told_again(tmp_path: Path) -> None:
    shop = await invoiced(tmp_path)
    with Outside(never=("receive",)).on(shop, "ledger"):
        assert (await shop.run("Acme paid 100 EUR on invoice 2026-0001")).status == "failed"
    assert (await shop.run("Acme paid 100 EUR on invoice 2026-0001")).status == "completed"
    assert balances(tmp_path)["Assets:Bank"] == Decimal(100)
    assert not check_log(shop.platform.store).violations
    shop.close()


# -- what is read to find an invoice


OF_ANOTHER = 2
"""The number and the start of an invoice that is not the client's: whose it is stands in the envelope."""


class Counting:
    """A reader that counts the events it gives out."""

    def __init__(self, log: Any) -> None:
        self._log, self.given = log, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def read(self, *filters: Any, **named: Any) -> Any:
        for record in self._log.read(*filters, **named):
            self.given += 1
            yield record

    def by_key(self, key: str) -> Any:
        record = self._log.by_key(key)
        self.given += record is not None
        return record

    def last(self, **named: Any) -> Any:
        record = self._log.last(**named)
        self.given += record is not None
        return record


def given(log: Any, look: Any) -> int:
    counting = Counting(log)
    look(counting)
    return counting.given


async def test_what_is_read_grows_with_a_clients_invoices_and_with_nothing_else(tmp_path: Path) -> None:
    shop = await invoiced(tmp_path)
    await shop.run("Acme paid 100 EUR on invoice 2026-0001")
    log = shop.platform.log

    def of_acme(reader: Any) -> None:
        assert set(invoices(reader, "acme-studio")) == {"2026-0001"}

    def owner(reader: Any) -> None:
        assert owner_of(reader, " 2026-0001 ") == "acme-studio"

    before = given(log, of_acme), given(log, owner)
    for n in range(3):
        await shop.approve(await shop.run(f"Invoice Beta Ltd {90 + n} EUR for consulting in May"))
        await shop.approve(await shop.run("Write a blog post about heat pumps for older houses"))
    log = shop.platform.log
    assert len(invoices(log)) == 4
    assert given(log, owner) == before[1]
    assert given(log, of_acme) == before[0] + 3 * OF_ANOTHER
    assert given(log, invoices) < len(list(log.read(types=("effect.started",)))) * 3
    shop.close()
