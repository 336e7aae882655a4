"""The ledger's files, judged by beancount's own `bean-check` and `bean-query`-free arithmetic on the text."""

from __future__ import annotations

import multiprocessing
import re
import subprocess
import sys
import tempfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agentos.effects.ledger import LedgerSystem
from agentos.effects.ledger.text import receivable
from agentos.effects.port import Absent, Found
from agentos.errors import Permanent

KEY = "ledger:main/book/task-1/ledger"


def entry(**changes: Any) -> dict[str, Any]:
    base = {
        "date": "2026-11-23", "invoice": "2026-0042", "client": "acme-studio", "payee": "Acme Studio GmbH",
        "narration": "Blog post", "net": "1200.00", "vat": "228.00", "gross": "1428.00", "currency": "EUR",
    }  # fmt: skip
    return base | changes


def check(root: Path) -> str:
    """What bean-check has to say: nothing, when the books are right."""
    command = [str(Path(sys.executable).parent / "bean-check"), "--no-cache", str(root / "books/main.beancount")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


def balances(root: Path) -> dict[str, Decimal]:
    """The sum of every account, read from the postings of all years."""
    sums: dict[str, Decimal] = {}
    for path in (root / "books").glob("2*.beancount"):
        for account, amount in re.findall(r"^  ([A-Z]\S+)\s+(-?[\d.]+) [A-Z]{3}$", path.read_text(), re.MULTILINE):
            sums[account] = sums.get(account, Decimal(0)) + Decimal(amount)
    return sums


def reversal(system: LedgerSystem, key: str = KEY) -> dict[str, Any]:
    found = system.find("book", entry(), key)
    assert isinstance(found, Found)
    proposal = system.undo("book", entry(), found.receipt)
    assert proposal is not None
    return proposal.payload | {"date": "2027-01-04"}


def test_an_invoice_is_booked_on_both_sides(tmp_path: Path) -> None:
    receipt = LedgerSystem(tmp_path, title='Lena "Text" Brandt').do("book", entry(), KEY)
    assert receipt.data == {"key": KEY, "invoice": "2026-0042", "date": "2026-11-23", "file": "books/2026.beancount"}
    assert balances(tmp_path) == {
        "Assets:Receivable:Acme-Studio": Decimal("1428.00"),
        "Income:Services": Decimal("-1200.00"),
        "Liabilities:VAT:Output": Decimal("-228.00"),
    }
    assert check(tmp_path) == ""


def test_bean_check_would_have_noticed(tmp_path: Path) -> None:
    LedgerSystem(tmp_path).do("book", entry(), KEY)
    year = tmp_path / "books/2026.beancount"
    year.write_text(year.read_text().replace("228.00 EUR", "227.00 EUR"))
    assert "does not balance" in check(tmp_path)


def test_an_invoice_without_vat_has_two_postings(tmp_path: Path) -> None:
    LedgerSystem(tmp_path).do("book", entry(vat="0.00", gross="1200.00"), KEY)
    assert "Liabilities:VAT:Output" not in balances(tmp_path)
    assert check(tmp_path) == ""


def test_a_reversal_brings_every_account_back_to_nothing_in_its_own_year(tmp_path: Path) -> None:
    system = LedgerSystem(tmp_path)
    system.do("book", entry(), KEY)
    receipt = system.do("reverse", reversal(system), f"{KEY}/undo")
    assert receipt.data["file"] == "books/2027.beancount"
    assert set(balances(tmp_path).values()) == {Decimal(0)}
    assert check(tmp_path) == ""
    with pytest.raises(Permanent, match="reversed already"):
        system.do("reverse", reversal(system), "another")


def test_one_invoice_is_booked_once_until_it_is_reversed(tmp_path: Path) -> None:
    system = LedgerSystem(tmp_path)
    system.do("book", entry(), KEY)
    with pytest.raises(Permanent, match=r"booked already \(books/2026\.beancount:1\)"):
        system.do("book", entry(), KEY + "#2")
    system.do("reverse", reversal(system), f"{KEY}/undo")
    assert system.do("book", entry(), KEY + "#2").data["key"] == KEY + "#2"
    assert check(tmp_path) == ""


def test_what_was_never_booked_can_t_be_reversed(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match="nothing to reverse"):
        LedgerSystem(tmp_path).do("reverse", {"date": "2026-12-01", "reverses": KEY, "entry": entry()}, "k")


@pytest.mark.parametrize(
    ("change", "message"),
    [({"gross": "1.00"}, "are not gross"), ({"net": "-1200", "gross": "-972"}, "net"), ({"date": "⟦date⟧"}, "date")],
)
def test_what_is_wrong_is_named_and_nothing_is_written(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(Permanent, match=message):
        LedgerSystem(tmp_path).do("book", entry(**change), KEY)
    assert list((tmp_path / "books").glob("*.beancount")) == []


def test_a_key_stands_for_one_payload(tmp_path: Path) -> None:
    system = LedgerSystem(tmp_path)
    system.do("book", entry(), KEY)
    with pytest.raises(Permanent, match="other content"):
        system.do("book", entry(narration="Something else"), KEY)


def test_what_the_operator_wrote_stays_and_is_observed(tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    own = '; mine\noption "operating_currency" "EUR"\n2020-01-01 open Assets:Bank\n2020-01-01 open Income:Services\n'
    (books / "main.beancount").write_text(own + 'include "2026.beancount"')
    hand = '2026-01-05 * "Coffee"\n  Assets:Bank  -3 EUR\n  Income:Services\n\n2026-02-01 note Assets:Bank "x"'
    (books / "2026.beancount").write_text(hand)
    system = LedgerSystem(tmp_path)
    system.do("book", entry(), KEY)
    assert (books / "main.beancount").read_text().startswith(own)
    assert (books / "2026.beancount").read_text().startswith(hand)
    assert check(tmp_path) == ""
    by_hand, booked = system.observe()
    assert (by_hand.ref, by_hand.key, booked.key) == ("2026.beancount:1", None, KEY)


def test_observing_sees_an_edit_by_hand(tmp_path: Path) -> None:
    system = LedgerSystem(tmp_path)
    system.do("book", entry(), KEY)
    (before,) = system.observe()
    year = tmp_path / "books/2026.beancount"
    year.write_text(year.read_text().replace("Blog post", "Gift"))
    (after,) = system.observe()
    assert (before.key, before.ref) == (after.key, after.ref)
    assert before.digest != after.digest


def test_after_a_kill_before_the_entry_the_books_are_right_and_a_repeat_completes_it(tmp_path: Path) -> None:
    system = LedgerSystem(tmp_path)
    receipt = system.do("book", entry(), KEY)
    (tmp_path / "books/2026.beancount").write_bytes(b"")
    assert check(tmp_path) == ""
    assert system.find("book", entry(), KEY) == Absent()
    assert system.do("book", entry(), KEY) == receipt
    assert check(tmp_path) == ""


def _book(root: str, first: int) -> None:
    system = LedgerSystem(Path(root))
    for number in range(first, first + 10):
        system.do("book", entry(invoice=f"2026-{number}"), f"key-{number}")


def test_two_processes_book_side_by_side_and_lose_nothing(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_book, args=(str(tmp_path), first)) for first in (100, 105)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
    seen = [observed.key for observed in LedgerSystem(tmp_path).observe()]
    assert sorted(map(str, seen)) == [f"key-{n}" for n in range(100, 115)]
    assert check(tmp_path) == ""


@settings(deadline=None)
@given(st.lists(st.text(min_size=1, max_size=30), min_size=2, max_size=6, unique=True))
def test_every_client_has_an_account_of_its_own(ids: list[str]) -> None:
    names = [receivable(client) for client in ids]
    assert len(set(names)) == len(ids)
    assert all(re.fullmatch(r"Assets:Receivable:[A-Z0-9][A-Za-z0-9-]*", name) for name in names)


def test_a_plain_id_gives_a_plain_account() -> None:
    assert receivable("acme-studio") == "Assets:Receivable:Acme-Studio"
    assert receivable("3m-ag") == "Assets:Receivable:3m-Ag"
    assert receivable("müller").startswith("Assets:Receivable:Mueller-")


invoices = st.fixed_dictionaries(
    {
        "net": st.integers(1, 10**8).map(lambda n: Decimal(n) / 100),
        "rate": st.sampled_from([Decimal(0), Decimal(7), Decimal(19)]),
        "client": st.text(min_size=1, max_size=20),
        "payee": st.text(max_size=30),
        "narration": st.text(max_size=40),
        "year": st.integers(2020, 2030),
    }
)


@settings(deadline=None, max_examples=8, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(invoices, min_size=1, max_size=12))
def test_bean_check_is_content_with_any_invoices(drawn: list[dict[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        system = LedgerSystem(Path(folder))
        total = Decimal(0)
        for number, one in enumerate(drawn):
            vat = (one["net"] * one["rate"] / 100).quantize(Decimal("0.01"))
            total += one["net"] + vat
            amounts = {"net": str(one["net"]), "vat": str(vat), "gross": str(one["net"] + vat)}
            texts = {name: one[name] for name in ("client", "payee", "narration")}
            system.do(
                "book", entry(invoice=f"n-{number}", date=f"{one['year']}-06-01", **amounts, **texts), f"key-{number}"
            )
        assert check(Path(folder)) == ""
        sums = balances(Path(folder))
        assert sum((v for k, v in sums.items() if k.startswith("Assets:")), Decimal(0)) == total
        assert sum(sums.values()) == 0
        assert [seen.key for seen in system.observe() if seen.key] == sorted(
            (f"key-{n}" for n in range(len(drawn))), key=lambda key: (drawn[int(key[4:])]["year"], int(key[4:]))
        )
