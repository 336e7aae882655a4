"""Finance: what it proposes, what it asks, and that its proposals really can be done, one after the other."""

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.agent import Question
from agentos.effects.invoice import InvoiceSystem
from agentos.effects.ledger import LedgerSystem
from agentos.effects.port import Proposal, Receipt
from agentos.errors import Permanent
from agentos.workspace.checks import valid_iban
from agents import finance

BUSINESS: dict[str, Any] = {
    "name": "Lena Brandt Text", "owner": "Lena Brandt", "email": "lena@brandt.example", "vat_id": "DE123456789",
    "address": {"street": "Gärtnerstraße 12", "postcode": "20253", "city": "Hamburg", "country": "DE"},
    "iban": "DE89 3704 0044 0532 0130 00", "vat_rate": "19", "language": "en",
}  # fmt: skip
CLIENT: dict[str, Any] = {
    "id": "acme-studio", "name": "Acme Studio GmbH", "contact": "Jo Müller", "email": "billing@acme.example",
    "address": {"street": "Hauptstr. 5", "postcode": "10115", "city": "Berlin", "country": "DE"},
}  # fmt: skip
AMOUNT = {"amount": "1200.00", "currency": "EUR", "basis": "net"}


class FakeKit:
    """Answers the two capabilities from given files, and nothing else."""

    task, step, language, tier, feedback = "task-1", "invoice", "en", "none", ()

    def __init__(
        self, business: dict[str, Any], client: dict[str, Any], answers: dict[str, str], before: dict[str, Any]
    ) -> None:
        self.files = {"business.get": business, "business.answers": before, "clients.get": client}
        self.answers = answers
        self.now = datetime(2026, 11, 23, 23, 30, tzinfo=UTC)  # the 24th in Hamburg
        self.random = random.Random(1)

    async def use(self, capability: str, **arguments: Any) -> Any:
        assert capability in finance.manifest.capabilities
        return self.files[capability]


async def propose(
    business: dict[str, Any] | None = None, client: dict[str, Any] | None = None,
    answers: dict[str, str] | None = None, before: dict[str, Any] | None = None, **request: Any,
) -> finance.Result:  # fmt: skip
    asked = {"client": "acme-studio", "amount": AMOUNT, "description": "Blog post on heat pumps"} | request
    kit = FakeKit(BUSINESS | (business or {}), CLIENT | (client or {}), answers or {}, before or {})
    return await finance.run(finance.Request.model_validate(asked), kit)  # type: ignore[arg-type]


def fill(proposal: Proposal, receipts: dict[str, Receipt], assigned: dict[str, str]) -> dict[str, Any]:
    """The payload with its placeholders filled from these receipts and values, at the declared pointers."""
    payload = json.loads(json.dumps(proposal.payload))
    for pointer in proposal.fill:
        *path, last = [int(part) if part.isdigit() else part for part in pointer.split("/")[1:]]
        at = payload
        for part in path:
            at = at[part]
        for name, source in proposal.assigned.items():
            kind, _, rest = source.partition(":")
            slot, _, field = rest.partition(".")
            value = str(receipts[slot].data[field]) if kind == "receipt" else assigned[name]
            at[last] = at[last].replace(f"⟦{name}⟧", value)
    return payload  # type: ignore[no-any-return]


async def test_the_proposals_can_be_done_one_after_the_other(tmp_path: Path) -> None:
    result = await propose()
    assert [(p.system, p.verb, p.slot, p.after) for p in result.proposals] == [
        ("invoice", "issue", "invoice", ()),
        ("ledger", "book", "ledger", ("invoice",)),
        ("mail", "send", "mail", ("ledger",)),
    ]
    invoice, ledger, mail = result.proposals
    issued = InvoiceSystem(tmp_path).do("issue", fill(invoice, {}, {"number": "2026-0001", "date": "2026-11-25"}), "k1")
    receipts = {"invoice": issued}
    booked = LedgerSystem(tmp_path).do("book", fill(ledger, receipts, {}), "k2")
    assert (booked.data["invoice"], booked.data["date"]) == ("2026-0001", "2026-11-25")
    sent = fill(mail, receipts, {})
    assert "⟦" not in json.dumps(sent, ensure_ascii=False)
    assert sent["subject"] == "Invoice 2026-0001 from Lena Brandt Text"
    assert "Hello Jo Müller," in sent["body"]
    assert "€1,428.00 due on 9 December 2026" in sent["body"]
    (attachment,) = sent["attachments"]
    assert attachment["name"] == "2026-0001.pdf"
    assert (tmp_path / attachment["path"]).read_bytes().startswith(b"%PDF")
    assert (mail.to, sent["to"]) == ("billing@acme.example", "billing@acme.example")


async def test_a_plain_case_raises_no_doubt_and_shows_its_amounts() -> None:
    result = await propose()
    assert (result.reasons, result.confidence) == ([], 1.0)
    amounts = result.proposals[0].amounts
    assert amounts is not None
    assert (str(amounts.net), str(amounts.vat), str(amounts.gross)) == ("1,200.00 EUR", "228.00 EUR", "1,428.00 EUR")


@pytest.mark.parametrize(
    ("basis", "habit", "gross"), [("gross", "net", "1200.00"), (None, "gross", "1200.00"), (None, "net", "1428.00")]
)
async def test_a_bare_amount_means_what_the_business_says(basis: str | None, habit: str, gross: str) -> None:
    result = await propose({"amounts": habit}, amount=AMOUNT | {"basis": basis})
    assert result.proposals[1].payload["gross"] == gross


@settings(deadline=None, max_examples=20)
@given(st.integers(1, 10**9), st.sampled_from(["net", "gross"]), st.sampled_from(["7", "19", "8.1"]))
async def test_invoice_and_ledger_always_agree(cents: int, basis: str, rate: str) -> None:
    asked = {"amount": str(Decimal(cents) / 100), "currency": "EUR", "basis": basis}
    result = await propose({"vat_rate": rate}, amount=asked)
    amounts, booking = result.proposals[0].amounts, result.proposals[1].payload
    assert amounts is not None
    assert Decimal(booking["net"]) + Decimal(booking["vat"]) == Decimal(booking["gross"]) == amounts.gross.amount


@pytest.mark.parametrize("amount", ["0", "-5", "0.001", "12.345"])
async def test_an_amount_that_can_t_be_invoiced_stops(amount: str) -> None:
    with pytest.raises(Permanent) as caught:
        await propose(amount=AMOUNT | {"amount": amount})
    assert caught.value.code == "invoice.amount"


GAPS = [
    ({"name": ""}, {}, "business.name", "agentos.toml", "Lena Brandt Text"),
    ({"name": "Your business (edit me)"}, {}, "business.name", "agentos.toml", "Lena Brandt Text"),
    ({"email": None}, {}, "business.email", "agentos.toml", "lena@brandt.example"),
    ({"vat_id": None}, {}, "business.vat_id", "agentos.toml", "de 123 456 789"),
    ({"address": None}, {}, "business.address", "agentos.toml", "Weg 1, 20253 Hamburg, DE"),
    ({"vat_id": None}, {}, "business.vat_id", "agentos.toml", "22/123/45678"),
    ({"iban": None}, {}, "business.iban", "agentos.toml", "DE89370400440532013000"),
    ({"iban": "DE00370400440532013000"}, {}, "business.iban", "agentos.toml", "DE89 3704 0044 0532 0130 00"),
    ({"vat_rate": None}, {}, "business.vat_rate", "agentos.toml", "19 %"),
    ({}, {"address": None}, "client.address", "clients/acme-studio.toml", "12 rue de la Paix, 75002 Paris, fr"),
    ({}, {"email": None}, "client.email", "clients/acme-studio.toml", "billing@acme.example"),
    ({}, {"vat": "reverse_charge"}, "client.vat_id", "clients/acme-studio.toml", "FR12345678901"),
    ({}, {"vat": "reduced"}, "client.vat_rate", "clients/acme-studio.toml", "7"),
    ({}, {"vat": "exempt"}, "client.exemption_reason", "clients/acme-studio.toml", "VATEX-EU-132-1I Education"),
]


@pytest.mark.parametrize(("business", "client", "slot", "file", "answer"), GAPS)
async def test_what_is_missing_is_asked_and_the_answer_is_used(
    business: dict[str, Any], client: dict[str, Any], slot: str, file: str, answer: str
) -> None:
    with pytest.raises(Question) as asked:
        await propose(business, client)
    assert asked.value.slot == slot
    assert file in asked.value.text
    assert slot.partition(".")[2] in asked.value.text
    assert len((await propose(business, client, {slot: answer})).proposals) == 3


@pytest.mark.parametrize(
    ("slot", "answer", "why"),
    [
        ("business.name", "12", "is not a name"),
        ("business.email", "lena at brandt", "is not a mail address"),
        ("business.iban", "DE00 0000", "check digits"),
        ("business.vat_rate", "a lot", "is not a rate in percent"),
        ("business.vat_rate", "119", "between 0 and 100"),
        ("business.vat_id", "me@lang.example", "neither a VAT id"),
        ("business.vat_id", "none of your business", "neither a VAT id"),
        ("business.vat_id", "XX12", "is no country's code"),
        ("business.vat_id", "DE12345678", "form of DE, as in DE123456789"),
        ("client.address", "somewhere", "address"),
        ("client.email", "  ", "client.email is not set"),
        ("client.vat_id", "1234", "country code"),
    ],
)
async def test_an_answer_that_can_t_be_read_is_asked_again_with_the_reason(slot: str, answer: str, why: str) -> None:
    side, _, key = slot.partition(".")
    lacking = {key: "" if key == "name" else None}
    business = lacking if side == "business" else {}
    client = (lacking if side == "client" else {}) | ({"vat": "reverse_charge"} if slot == "client.vat_id" else {})
    with pytest.raises(Question) as asked:
        await propose(business, client, {slot: answer})
    assert asked.value.slot == slot
    assert why in asked.value.text


async def test_a_question_says_how_to_answer_once() -> None:
    with pytest.raises(Question) as asked:
        await propose({"address": None})
    assert asked.value.text.count("street, postcode city") == 1


EARLIER = {"answer": "DE89370400440532013000", "task": "0190a3b4-0000-7000-8000-0000000000a1", "at": "2026-11-02T09:00"}


async def test_an_earlier_answer_fills_a_gap_and_the_card_says_where_it_is_from() -> None:
    result = await propose({"iban": None}, before={"business.iban": EARLIER})
    assert result.proposals[0].payload["account"]["iban"] == EARLIER["answer"]
    (reason,) = result.reasons
    assert "business.iban (task 000000a1, 2026-11-02)" in reason
    assert "agentos doctor" in reason


async def test_the_file_and_a_new_answer_win_over_an_earlier_one() -> None:
    other = EARLIER | {"answer": "GB82 WEST 1234 5698 7654 32"}
    assert (await propose(before={"business.iban": other})).reasons == []
    result = await propose(
        {"iban": None}, answers={"business.iban": EARLIER["answer"]}, before={"business.iban": other}
    )
    assert (result.proposals[0].payload["account"]["iban"], result.reasons) == (EARLIER["answer"], [])


async def test_the_mail_comes_from_the_business() -> None:
    mail = (await propose()).proposals[2].payload
    assert mail["sender"] == '"Lena Brandt Text" <lena@brandt.example>'


VATS: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({}, {"vat": "reduced", "vat_rate": "7"}, {"category": "S", "rate": "7"}),
    ({"small_business": True, "vat_rate": None}, {}, {"category": "E", "reason": "§ 19 UStG"}),
    ({}, {"vat": "exempt", "exemption_reason": "VATEX-EU-132-1I Education"},
     {"category": "E", "code": "VATEX-EU-132-1I", "reason": "Education"}),
    ({}, {"vat": "reverse_charge", "vat_id": "FR12345678901"},
     {"category": "AE", "code": "VATEX-EU-AE", "reason": "Reverse charge"}),
    ({}, {"vat": "outside_scope"}, {"category": "O", "code": "VATEX-EU-O", "reason": "Outside the scope"}),
    ({"small_business": True}, {"vat": "outside_scope"}, {"category": "O"}),
]  # fmt: skip


@pytest.mark.parametrize(("business", "client", "expected"), VATS)
async def test_vat_is_what_the_client_s_file_says(
    business: dict[str, Any], client: dict[str, Any], expected: dict[str, Any]
) -> None:
    vat = (await propose(business, client)).proposals[0].payload["vat"]
    assert vat["category"] == expected["category"]
    assert Decimal(vat["rate"]) == Decimal(expected.get("rate", "0"))
    assert expected.get("reason", "") in vat.get("reason", "")
    assert vat.get("code") == expected.get("code", vat.get("code"))


async def test_the_client_s_language_wins() -> None:
    result = await propose(client={"language": "de"}, language="en")
    assert result.proposals[2].payload["subject"] == "Rechnung ⟦number⟧ von Lena Brandt Text"
    assert result.proposals[0].payload["language"] == "de"
    assert result.proposals[0].title == "Invoice Acme Studio GmbH: 1,428.00 EUR"


async def test_the_operator_s_language_is_for_her_cards_only() -> None:
    result = await propose(language="de")
    assert result.proposals[0].title == "Rechnung an Acme Studio GmbH: 1,428.00 EUR"
    assert result.proposals[2].payload["subject"].startswith("Invoice")


async def test_a_due_date_that_has_passed_is_a_question_and_today_is_the_business_s_own() -> None:
    with pytest.raises(Question, match="2026-11-23 has passed"):
        await propose(due="2026-11-23")
    again = await propose(due="2026-11-23", answers={"due": "2026-12-01"})
    assert again.proposals[0].payload["due"] == "2026-12-01"
    with pytest.raises(Question, match="is not a date"):
        await propose(due="2026-11-23", answers={"due": "soon"})


async def test_what_runs_against_an_agreement_is_a_doubt() -> None:
    other = await propose(client={"currency": "CHF"})
    assert other.reasons == ["acme-studio is billed in CHF as a rule, this invoice is in EUR."]
    schedule = [{"share": "50", "days": 0}, {"share": "50", "days": 30}]
    assert len((await propose(client={"schedule": schedule}, due="2026-12-15")).reasons) == 1
    assert (await propose(client={"schedule": schedule})).reasons == []


async def test_a_description_can_t_plant_a_placeholder() -> None:
    mail = (await propose(description="Post ⟦pdf⟧ and ⟦number⟧")).proposals[2]
    assert "Post [pdf] and [number]" in mail.payload["body"]


async def test_what_can_t_be_printed_stops_before_anything_is_proposed() -> None:
    with pytest.raises(Permanent, match="🙂"):
        await propose(description="Thanks 🙂")


async def test_a_topic_stands_in_for_a_description() -> None:
    result = await propose(description=None, topic="heat pumps")
    assert result.proposals[0].payload["lines"][0]["description"] == "Blog post: heat pumps"


def test_a_wrong_digit_in_an_iban_is_noticed() -> None:
    assert valid_iban("DE89 3704 0044 0532 0130 00")
    for position in range(4, 22):
        text = list("DE89370400440532013000")
        text[position] = "1" if text[position] != "1" else "2"
        assert not valid_iban("".join(text))


async def test_a_megabyte_of_text_is_refused_in_a_sentence() -> None:
    with pytest.raises(Permanent, match=r"description: .* 4000 characters"):
        await propose(description="word " * 200_000)
