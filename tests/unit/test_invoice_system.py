"""Issuing, crediting and finding invoices in a real folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from agentos.effects.invoice import InvoiceSystem
from agentos.effects.port import Absent, Found, Unknown
from agentos.errors import Permanent
from agentos.ids import digest
from tests.fakes.invoices import payload

KEY = "invoice:main/issue/task-1/invoice"


@pytest.fixture
def system(tmp_path: Path) -> InvoiceSystem:
    return InvoiceSystem(tmp_path)


def credit(system: InvoiceSystem, issued: dict[str, Any], number: str = "CN-2026-0001") -> dict[str, Any]:
    found = system.find("issue", issued, KEY)
    assert isinstance(found, Found)
    proposal = system.undo("issue", issued, found.receipt)
    assert proposal is not None
    assert proposal.assigned == {"number": "series:credit_note", "date": "today"}
    return proposal.payload | {"number": number, "issued_on": "2026-12-01"}


def test_the_receipt_leads_to_the_files(system: InvoiceSystem, tmp_path: Path) -> None:
    receipt = system.do("issue", payload(), KEY)
    data = receipt.data
    assert receipt.ref == data["number"] == "2026-0042"
    assert (data["net"], data["vat"], data["gross"], data["currency"]) == ("1200.00", "228.00", "1428.00", "EUR")
    assert (data["issued_on"], data["due"], data["client"]) == ("2026-11-23", "2026-12-07", "acme-studio")
    assert data["terms"] == "€1,428.00 due on 7 December 2026"
    assert digest((tmp_path / data["pdf"]).read_bytes()) == data["pdf_digest"]
    assert (tmp_path / data["xml"]).read_bytes().startswith(b"<?xml")


def test_a_number_is_used_once(system: InvoiceSystem) -> None:
    system.do("issue", payload(), KEY)
    with pytest.raises(Permanent, match="2026-0042 is taken"):
        system.do("issue", payload(), KEY + "-other")


def test_a_key_stands_for_one_payload(system: InvoiceSystem) -> None:
    system.do("issue", payload(), KEY)
    with pytest.raises(Permanent, match="with other content"):
        system.do("issue", payload(number="2026-0043"), KEY)


def test_what_a_kill_left_is_not_there_and_a_repeat_completes_it(system: InvoiceSystem, tmp_path: Path) -> None:
    receipt = system.do("issue", payload(), KEY)
    (tmp_path / "books/invoices/2026-0042.json").unlink()
    (tmp_path / "books/invoices/.2026-0042.xml.part").write_bytes(b"<half")
    assert system.find("issue", payload(), KEY) == Absent()
    assert list(system.observe()) == []
    assert system.do("issue", payload(), KEY) == receipt
    assert system.find("issue", payload(), KEY) == Found(receipt)


def test_a_file_of_the_operator_s_is_never_written_over(system: InvoiceSystem, tmp_path: Path) -> None:
    mine = tmp_path / "books/invoices/2026-0042.pdf"
    mine.parent.mkdir(parents=True)
    mine.write_bytes(b"my own invoice")
    with pytest.raises(Permanent, match=r"2026-0042\.pdf stands"):
        system.do("issue", payload(), KEY)
    assert mine.read_bytes() == b"my own invoice"


def test_a_record_that_can_t_be_read_makes_absence_unknown(system: InvoiceSystem, tmp_path: Path) -> None:
    system.do("issue", payload(), KEY)
    (tmp_path / "books/invoices/2026-0042.json").write_text("{")
    assert isinstance(system.find("issue", payload(), KEY), Unknown)
    with pytest.raises(Permanent, match="not a record"):
        system.do("issue", payload(number="2026-0043"), KEY + "-other")


def test_a_number_with_a_slash_stays_inside_the_folder(system: InvoiceSystem, tmp_path: Path) -> None:
    receipt = system.do("issue", payload(number="../RE/2026"), KEY)
    assert receipt.data["number"] == "../RE/2026"
    assert (tmp_path / receipt.data["pdf"]).resolve().parent == tmp_path / "books/invoices"
    with pytest.raises(Permanent, match="is taken"):
        system.do("issue", payload(number="../RE_2026"), KEY + "-other")


def test_observing_sees_an_edit_by_hand(system: InvoiceSystem, tmp_path: Path) -> None:
    receipt = system.do("issue", payload(), KEY)
    (before,) = system.observe()
    assert (before.kind, before.ref, before.key, before.data["changed"]) == ("invoice", "2026-0042", KEY, False)
    (tmp_path / receipt.data["pdf"]).write_bytes(b"tampered")
    (after,) = system.observe()
    assert after.digest != before.digest
    assert after.data["changed"] is True


def test_a_credit_note_takes_back_the_whole_invoice_once(system: InvoiceSystem) -> None:
    issued = payload(schedule=[{"share": "50", "days": 0}, {"share": "50", "days": 30}])
    system.do("issue", issued, KEY)
    receipt = system.do("credit", credit(system, issued), f"{KEY}/undo")
    assert (receipt.ref, receipt.data["gross"], receipt.data["issued_on"]) == ("CN-2026-0001", "1428.00", "2026-12-01")
    assert [seen.kind for seen in system.observe()] == ["invoice", "credit_note"]
    with pytest.raises(Permanent, match="credited already"):
        system.do("credit", credit(system, issued, "CN-2026-0002"), "another")


def test_only_what_was_issued_can_be_credited(system: InvoiceSystem) -> None:
    system.do("issue", payload(), KEY)
    wanted = credit(system, payload())
    wanted["invoice"]["lines"][0]["unit_price"] = "99999"
    with pytest.raises(Permanent, match="was not issued like this"):
        system.do("credit", wanted, "key")


def test_a_credit_note_does_not_slip_in_as_an_invoice(system: InvoiceSystem) -> None:
    with pytest.raises(Permanent, match="verb credit"):
        system.do("issue", payload(cancels={"number": "1", "issued_on": "2026-01-01"}), KEY)


def test_a_folder_that_can_t_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "books").write_text("a file where a folder should be")
    with pytest.raises(Exception, match="The invoice could not be written"):
        InvoiceSystem(tmp_path).do("issue", payload(), KEY)
