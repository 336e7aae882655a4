"""A payment the operator tells of: what is read from her words, what is asked, and what stands in the books then."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agentos.effects.ledger import LedgerSystem
from agentos.effects.port import Absent, Found
from agentos.errors import Permanent
from agentos.intents.rules import understand
from agentos.invariants.check import check as check_log
from agentos.tasks import effects_step, performing
from agentos.tasks.invoices import invoices, owner_of
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
