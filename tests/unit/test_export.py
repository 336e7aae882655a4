"""An export is read with a browser: all of it is linked, nothing in it is markup from outside, and who was forgotten is
not there."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote

import pytest

from agentos.effects.port import Amounts, Receipt
from agentos.errors import WorkspaceError
from agentos.events.types import ApprovalDenied, ApprovalRequested, EffectDone, EffectStarted, ModelSettled
from agentos.export.folder import export_all
from agentos.money import Money
from agentos.platform import Store, open_store
from agentos.tasks.answers import Desk
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NASTY = "<script>alert(1)</script> & =cmd|' /C calc'!A0"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    root = tmp_path / "office"
    init_workspace(root, demo())
    opened = open_store(root)
    desk = Desk(opened)
    desk.submit(NASTY)
    desk.submit("=1+1")
    task = desk.submit("invoice Beta 100 EUR", check=lambda _: "beta-ltd")
    money = {name: Money(amount=amount, currency="EUR") for name, amount in (("net", 100), ("vat", 19), ("gross", 119))}
    started = EffectStarted(
        effect="invoice:main/issue/x", attempt=1, step="deliver", slot="x", system="invoice", account="invoice:main",
        verb="issue", title="Invoice Beta", approved="", payload={}, payload_digest="", assigned={}, authority="policy",
        amounts=Amounts.model_validate(money).model_dump(mode="json"),
    )  # fmt: skip
    done = EffectDone(effect="invoice:main/issue/x", receipt=Receipt(ref="2026-0001").model_dump(mode="json"))
    card = ApprovalRequested(card="c1", kind="effects", step="deliver", title=NASTY, reasons=[{"text": "it is new"}])
    cost = ModelSettled(call="m", step="draft", cost={"amount": "0.25", "currency": "USD"}, tokens=9)
    for fact in (started, done, card, ApprovalDenied(card="c1", reason="no", via="terminal")):
        opened.log.append(fact.on(f"task/{task}", subject="beta-ltd", correlation=task))
    opened.log.append(cost.on(f"task/{task}", correlation=task))
    (root / "books/invoices").mkdir()
    receipt = {"client": "beta-ltd", "issued_on": "2026-11-23", "gross": "119.00", "currency": "EUR"}
    record = {"kind": "invoice", "number": "2026-0001", "client": "beta-ltd", "receipt": receipt}
    (root / "books/invoices/2026-0001.json").write_text(json.dumps(record))
    (root / "books/invoices/2026-0001.pdf").write_bytes(b"%PDF")
    (root / "books/invoices/2026-0001.xml").write_bytes(b"<x/>")
    (root / "outbox/m.eml").write_bytes(b"To: beta@beta.example\r\nSubject: " + NASTY.encode() + b"\r\n\r\nhello")
    yield opened
    opened.close()


def exported(store: Store, to: Path) -> Path:
    return export_all(store, to, now=NOW, zone=UTC).path


def test_all_of_it_is_linked_and_every_link_leads_somewhere(store: Store, tmp_path: Path) -> None:
    folder = exported(store, tmp_path / "all")
    linked = set()
    for page in folder.glob("*.html"):
        for target in re.findall(r'href="([^"]+)"', page.read_text()):
            assert (folder / unquote(target)).is_file(), target
            linked.add(unquote(target))
    for name in (
        "books/invoices/2026-0001.pdf",
        "clients/beta-ltd.toml",
        "mails/m.eml",
        "knowledge/noise-and-siting.md",
    ):
        assert name in linked
    assert not list(folder.rglob("*.key"))


def test_the_timeline_says_who_when_what_and_how_much(store: Store, tmp_path: Path) -> None:
    folder = exported(store, tmp_path / "all")
    told = [json.loads(line) for line in (folder / "timeline.jsonl").read_text().splitlines()]
    found = next(row for row in told if row["what"].startswith("Done: Invoice Beta"))
    assert (found["who"], found["amount"], found["currency"]) == ("AgentOS", "119", "EUR")
    with (folder / "cards.csv").open(encoding="utf-8-sig") as file:
        (card,) = csv.DictReader(file)
    assert (card["asked"], card["answer"]) == ("it is new", "denied: no")
    with (folder / "costs.csv").open(encoding="utf-8-sig") as file:
        (cost,) = csv.DictReader(file)
    assert (cost["amount"], cost["currency"], cost["calls"]) == ("0.25", "USD", "1")


def test_text_from_outside_is_no_markup_and_no_formula(store: Store, tmp_path: Path) -> None:
    folder = exported(store, tmp_path / "all")
    for page in folder.glob("*.html"):
        assert "<script" not in page.read_text()
    assert "&lt;script&gt;" in (folder / "timeline.html").read_text()
    with (folder / "timeline.csv").open(encoding="utf-8-sig") as file:
        assert all(cell[:1] not in "=+@" for row in csv.reader(file) for cell in row if cell)


def test_of_a_forgotten_client_nothing_is_there(store: Store, tmp_path: Path) -> None:
    store.sealer.keys.destroy("beta-ltd")
    folder = exported(store, tmp_path / "all")
    assert not (folder / "clients/beta-ltd.toml").exists()
    assert list(folder.glob("books/invoices/*")) == []
    assert "Beta" not in (folder / "timeline.html").read_text() + (folder / "cards.html").read_text()


def test_it_goes_into_a_new_folder_only_and_appears_whole(store: Store, tmp_path: Path) -> None:
    folder = exported(store, tmp_path / "all")
    with pytest.raises(WorkspaceError, match="not empty"):
        exported(store, folder)
    with pytest.raises(WorkspaceError, match="inside the workspace"):
        exported(store, store.root / "all")
    assert list(tmp_path.glob(".*")) == []
