"""A payment and its invoice: one that is taken back before, or while, the payment is booked takes none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agentos.backup.make import back_up
from agentos.backup.restore import restore
from agentos.errors import Permanent, Transient
from agentos.invariants.check import check as check_log
from agentos.tasks import effects_step, performing
from agentos.tasks.adopting import adopt_and_start
from agentos.tasks.invoices import invoices
from agentos.tasks.items import undo_key
from agentos.tasks.state import TaskState
from graphs.replay import replay
from graphs.whatif import Change, what_if_day
from tests.fakes.backups import plain_lock, plain_unlock
from tests.fakes.business import Shop, asked
from tests.unit.test_ledger import balances, check

INVOICE = "Invoice Acme Studio 300 EUR net for the workshop"
ANOTHER = "Invoice Acme Studio 500 EUR net for the talk"
PAID = "Acme paid 100 EUR on invoice 2026-0001"


async def sound(shop: Shop, *tasks: str) -> None:
    """Books and log hold, and each task is replayed without a difference."""
    assert check(shop.root) == ""
    assert not check_log(shop.platform.store).violations
    for task in tasks:
        report = await replay(shop.platform, task)
        assert report.same, report.first_difference
    shop.close()


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
    invoice = await shop.run(INVOICE)
    state = await shop.run("Acme paid 400 EUR on invoice 2026-0001")
    (card,) = state.open_cards()
    await credited(shop, invoice)
    shop.desk.approve(card.id)
    await assert_asked_for_another(shop, await shop.advance(state.id))


async def test_a_program_that_does_not_look_is_found_out(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    invoice = await shop.run(INVOICE)
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
    invoice = await shop.run(INVOICE)
    issued = invoices(shop.platform.log)["2026-0001"].effect
    payment, go_on = shop.desk.submit(PAID), getattr(module, name)

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
    the worker is lost before anything happened, or `after` it did."""

    passing: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    dying: tuple[str, ...] = ()
    after: bool = False

    @contextmanager
    def on(self, shop: Shop, system: str) -> Iterator[None]:
        kind = type(shop.platform.systems[system])
        do, find = kind.do, kind.find

        def doing(itself: Any, verb: str, payload: Any, key: str) -> Any:
            if self.after:
                do(itself, verb, payload, key)
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


async def waiting_undo(shop: Shop, effects: list[str]) -> str:
    """Its task, which waits since the credit note can't be written for now."""
    undo = shop.desk.undo(effects)
    with Outside(passing=("credit",)).on(shop, "invoice"):
        assert (await shop.advance(undo)).status == "parked"
    return undo


async def test_a_payment_asks_while_its_invoice_is_being_taken_back(tmp_path: Path) -> None:
    """The credit note can't be written for now, so that nobody knows whether the invoice will stand."""
    shop = Shop(tmp_path)
    invoice = await shop.run(INVOICE)
    payment = await shop.run("Acme paid 400 EUR on invoice 2026-0001")
    undo = await waiting_undo(shop, shop.desk.undoable(invoice.id))
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
    invoice = await shop.run(INVOICE)
    undo = shop.desk.undo(shop.desk.undoable(invoice.id))
    if lost:
        with Outside(dying=("credit",)).on(shop, "invoice"):
            await until_lost(shop, undo)
    else:
        with Outside(passing=("reverse",)).on(shop, "ledger"):
            assert (await shop.advance(undo)).status == "parked"
    state = await shop.run(PAID)
    assert "Invoice 2026-0001 is being taken back" in asked(state).data["question"]["text"]
    shop.clock.advance(timedelta(minutes=10))
    assert (await shop.advance(undo)).status == "completed"
    await assert_asked_for_another(shop, await shop.answer(state, "2026-0001"))


@pytest.mark.parametrize("end", ["left", "given up", "cancelled"])
async def test_an_undo_that_came_to_nothing_leaves_an_invoice_that_can_be_paid(end: str, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    await shop.run(INVOICE)
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
    paid = await shop.run(PAID)
    assert paid.status == "completed"
    assert not check_log(shop.platform.store).violations
    shop.close()


@pytest.mark.parametrize("lost", [False, True], ids=["it waits", "its worker is lost"])
async def test_a_payment_that_was_tried_goes_to_another_invoice_when_the_first_is_credited(
    lost: bool, tmp_path: Path
) -> None:
    shop = Shop(tmp_path)
    first = await shop.run(INVOICE)
    second = await shop.approve(await shop.run(ANOTHER))
    assert second.status == "completed"
    payment = shop.desk.submit(PAID)
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
    invoice = await shop.run(INVOICE)
    payment = shop.desk.submit(PAID)
    with Outside(dying=("receive",), after=booked).on(shop, "ledger"):
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
    shop = Shop(tmp_path)
    await shop.run(INVOICE)
    with Outside(never=("receive",)).on(shop, "ledger"):
        assert (await shop.run(PAID)).status == "failed"
    assert (await shop.run(PAID)).status == "completed"
    assert balances(tmp_path)["Assets:Bank"] == Decimal(100)
    assert not check_log(shop.platform.store).violations
    shop.close()


# -- what else meets


async def falling(shop: Shop) -> tuple[str, str]:
    """(payment, undo): the payment was tried in vain, then its invoice's undo began, which waits."""
    invoice = await shop.run(INVOICE)
    payment = shop.desk.submit(PAID)
    with Outside(passing=("receive",)).on(shop, "ledger"):
        assert (await shop.advance(payment)).status == "parked"
    undo = await waiting_undo(shop, shop.desk.undoable(invoice.id))
    shop.clock.advance(timedelta(minutes=10))
    return payment, undo


async def fallen(shop: Shop) -> tuple[str, str]:
    """The same, and the payment asks."""
    payment, undo = await falling(shop)
    assert "is being taken back" in asked(await shop.advance(payment)).title
    return payment, undo


async def test_an_invoice_that_was_issued_after_the_question_can_be_the_answer(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    payment, undo = await fallen(shop)
    assert (await shop.advance(undo)).status == "completed"
    assert (await shop.approve(await shop.run(ANOTHER))).status == "completed"
    state = await shop.answer(shop.desk.load(payment), "2026-0002")
    assert (state.status, balances(tmp_path)["Assets:Bank"]) == ("completed", Decimal(100))
    await sound(shop, payment, undo)


async def test_an_open_question_holds_up_no_other_payment_of_the_invoice(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    payment, undo = await fallen(shop)
    shop.desk.cancel(undo, "she leaves it")
    assert (await shop.run(PAID)).status == "completed"
    state = await shop.answer(shop.desk.load(payment), "2026-0001")
    assert (state.status, balances(tmp_path)["Assets:Bank"]) == ("completed", Decimal(200))
    await sound(shop, payment)


async def test_killed_before_it_was_sent_back_it_is_booked_when_the_undo_was_given_up(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    payment, undo = await falling(shop)

    async def dies(*_: Any) -> None:
        raise Lost

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(performing, "send_back", dies)
        await until_lost(shop, payment)
    shop.desk.cancel(undo, "she leaves it")
    assert (await shop.advance(payment)).status == "completed"
    await sound(shop)


async def test_an_undo_that_ends_while_the_payment_is_sent_back_makes_no_difference_to_a_replay(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    payment, undo = await falling(shop)
    record = performing._record_failed

    async def after_the_undo(*arguments: Any) -> None:
        assert (await shop.advance(undo)).status == "completed"
        await record(*arguments)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(performing, "_record_failed", after_the_undo)
        assert asked(await shop.advance(payment))
    await sound(shop, payment)


async def test_of_two_adopted_invoices_the_one_that_is_not_taken_back_can_be_paid(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    shop.open()
    backup = back_up(shop.platform.store, tmp_path / "disk", plain_lock, now=shop.clock.now()).path
    await shop.run(INVOICE)
    await shop.approve(await shop.run(ANOTHER))
    shop.close()
    restore(backup, shop.root, plain_unlock(backup), clock=shop.clock)
    shop.open()
    assert adopt_and_start(shop.platform) is not None
    await waiting_undo(shop, [invoices(shop.platform.log)["2026-0002"].effect])
    assert (await shop.run(PAID)).status == "completed"
    assert "is being taken back" in asked(await shop.run("Acme paid 100 EUR on invoice 2026-0002")).title
    shop.close()


async def test_a_payment_that_is_given_up_is_looked_up_first(tmp_path: Path) -> None:
    """Its worker booked it and was lost; all tries since could not even look."""
    shop = Shop(tmp_path)
    await shop.run(INVOICE)
    payment = shop.desk.submit(PAID)
    with Outside(dying=("receive",), after=True).on(shop, "ledger"):
        await until_lost(shop, payment)
    with Outside(passing=("receive",)).on(shop, "ledger"):
        state = await shop.advance(payment)
        while not state.open_cards():
            shop.clock.advance(timedelta(hours=2))
            state = await shop.advance(payment)
    assert (await shop.answer(state, "give up")).status == "completed"
    assert invoices(shop.platform.log)["2026-0001"].paid == balances(tmp_path)["Assets:Bank"] == Decimal(100)
    await sound(shop, payment)


@pytest.mark.parametrize("named", [True, False])
async def test_a_payment_that_asks_while_the_very_same_is_booked_is_another_one(named: bool, tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    invoice = await shop.run(INVOICE)
    if named:
        undo = shop.desk.undo(shop.desk.undoable(invoice.id))
        with Outside(passing=("reverse",)).on(shop, "ledger"):
            assert (await shop.advance(undo)).status == "parked"
        first = await shop.run(PAID)
        shop.desk.cancel(undo, "she leaves it")
    else:
        first = await shop.run("Acme paid 100 EUR")
    assert (await shop.run(PAID)).status == "completed"
    assert (await shop.answer(first, "2026-0001")).status == "completed"
    assert balances(tmp_path)["Assets:Bank"] == Decimal(200)
    await sound(shop, first.id)


async def test_of_two_equal_payments_one_that_fails_for_good_does_not_take_the_other_with_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    await shop.run(INVOICE)
    first, second = (shop.desk.submit(PAID) for _ in range(2))
    go_on = effects_step.carry_out

    async def after_the_other(run: Any, *rest: Any) -> None:
        if run.task == first and shop.desk.load(second).status == "open":
            with Outside(never=("receive",)).on(shop, "ledger"):
                assert (await shop.advance(second)).status == "failed"
        await go_on(run, *rest)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(effects_step, "carry_out", after_the_other)
        assert (await shop.advance(first)).status == "completed"
    await sound(shop, first)


async def test_an_undo_that_was_cancelled_gives_its_voided_number_to_nobody(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    await shop.run(INVOICE)
    issued = invoices(shop.platform.log)["2026-0001"].effect
    undo = await waiting_undo(shop, [issued])
    shop.desk.cancel(undo, "not yet")
    shop.clock.advance(timedelta(hours=1))
    again = await shop.advance(shop.desk.undo([issued]))
    assert again.status == "completed"
    (voided,) = {record.data["text"] for record in shop.platform.log.read(types=("number.voided",))}
    (credit,) = [one.receipt for one in again.effects.values() if one.receipt]
    assert (voided, credit["data"]["number"]) == ("CN-2026-0001", "CN-2026-0002")
    await sound(shop, again.id)


async def test_what_was_given_up_and_tried_again_is_no_difference_in_a_what_if(tmp_path: Path) -> None:
    shop = Shop(tmp_path / "shop")
    await shop.run(INVOICE)
    undo = shop.desk.undo([invoices(shop.platform.log)["2026-0001"].effect])
    with Outside(passing=("credit",)).on(shop, "invoice"):
        state = await shop.advance(undo)
        while not state.open_cards():
            shop.clock.advance(timedelta(minutes=70))
            state = await shop.advance(undo)
        state = await shop.answer(state, "give up")
    assert (await shop.answer(state, "retry")).status == "completed"
    (tmp_path / "whatif").mkdir()
    report = await what_if_day(shop.platform, shop.clock.now().date(), Change(), tmp_path / "whatif")
    assert [one.task for one in report.tasks if not one.same] == []
    await sound(shop, undo)
