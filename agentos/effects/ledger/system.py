"""The outside system `ledger`: `main.beancount` (options, accounts, includes) and a `YYYY.beancount` a year."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any

from agentos.effects.durable import explained, only_writer, write_file
from agentos.effects.invoice.document import clean
from agentos.effects.ledger.entries import Entry, Payment, Restore, Reversal, parsed
from agentos.effects.ledger.text import PAYMENT, Standing, block, entry_in, meaning, postings, quoted, transactions
from agentos.effects.port import (
    Absent,
    Deed,
    Expected,
    Found,
    Observed,
    Proposal,
    Receipt,
    Unknown,
    Verb,
    receipt_says_too_little,
)
from agentos.errors import Permanent
from agentos.ids import digest

FOLDER = "books"
VERBS: Mapping[str, Verb] = MappingProxyType(
    {
        "book": Verb(
            "book",
            "compensable",
            "A reversing entry takes it back; both stay in the books.",
            outcome="The books say what a client owes, and since when.",
            failure_modes=(
                "The invoice is booked already: it fails for good and names file and line.",
                "The ledger can't be written now: tried again, then a card.",
            ),
            act="Look at the line that it names in `books/`, which is plain text; `agentos undo` reverses an entry.",
        ),
        "receive": Verb(
            "receive",
            "compensable",
            "A reversing entry takes it back; the money itself stays where it is.",
            outcome="The books say what a client has paid, and what is still open.",
            failure_modes=(
                "The invoice is not booked, or another currency was paid: it fails for good and says so.",
                "The ledger can't be written now: tried again, then a card.",
            ),
            act="Compare with the bank's statement; `agentos undo` reverses the entry.",
        ),
        "reverse": Verb(
            "reverse",
            "final",
            "A reversing entry stands; to book again, make a new entry.",
            outcome="A booking that should not count is balanced by its opposite, and both can be seen.",
            failure_modes=("The invoice is not booked, or reversed already: it fails for good.",),
            act="Compare the entries of the invoice in `books/`; nothing is missing when their sum is zero.",
        ),
        "restore": Verb(
            "restore",
            "final",
            "Undo the booking itself; what was replaced stays beside it as a comment.",
            outcome="An entry that was removed or changed stands in the books again as it was booked.",
            failure_modes=("The invoice was booked anew by hand: it fails for good and names file and line.",),
            act="Look at the entry in `books/`; what stood there instead is a comment under it.",
        ),
    }
)
_MODEL: Mapping[str, type[Entry | Payment]] = MappingProxyType({"book": Entry, "receive": Payment})
_WHAT = MappingProxyType({"book": "booking of", "receive": "payment of"})


class LedgerSystem:
    """Implements `System`. `root` is the workspace's folder; `currency` the operating currency of a new ledger."""

    name = "ledger"
    account = "ledger:main"
    verbs = VERBS

    def __init__(self, root: Path, *, currency: str = "EUR", title: str = "Books") -> None:
        self._folder = root / FOLDER
        self._currency = currency
        self._title = title

    def check(self, verb: str, payload: dict[str, Any]) -> None:
        """What is wrong with an entry shows only with its day and number."""

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        """Add the entry. A repeat returns the first receipt; another payload under this key is refused.

        Every state a kill can leave is a valid ledger: an empty year, its include and the accounts, then the entry.
        """
        if clean(key) != key:
            raise Permanent("A key of the ledger is one line of printable text.", code="ledger.key")
        asked = digest(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode(errors="replace"))
        with explained("The ledger"), only_writer(self._folder):
            if verb == "restore":
                return self._restore(parsed(Restore, payload))
            earlier = self._with_key(key)
            if earlier is not None:
                return _repeat(earlier, asked)
            text, entry, on = self._text(verb, payload, key)
            return self._add(text, entry, on, key)

    def _add(self, text: str, entry: Entry | Payment, on: date, key: str) -> Receipt:
        self._open(on.year, [account for account, _ in postings(entry)])
        year = self._folder / f"{on.year}.beancount"
        before = year.read_text(encoding="utf-8")
        write_file(year, f"{before.rstrip()}\n\n{text}".lstrip().encode())
        return _receipt({"key": key, "invoice": entry.invoice}, on.isoformat(), year.name)

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
        """Looks through the files themselves, so the answer can be trusted both ways."""
        _known(verb)
        if not self._folder.is_dir():
            return Absent()
        try:
            found = self._restored(parsed(Restore, payload)) if verb == "restore" else self._with_key(key)
        except (OSError, UnicodeDecodeError) as error:
            return Unknown(f"The ledger could not be read: {error}")
        return Found(_receipt(found.meta, found.text[:10], found.file)) if found else Absent()

    def undo(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> Proposal | None:
        if _known(verb) == "reverse":
            return None
        standing = self._booked(verb, payload, receipt)
        if standing is None:
            raise receipt_says_too_little("which entry it was", "Look for it in books/ and reverse it there by hand.")
        key, invoice, on = standing
        booked = {**payload, "invoice": invoice, "date": on}
        try:
            entry = parsed(_MODEL[verb], booked)
        except Permanent as error:
            raise receipt_says_too_little("what was booked", "Reverse the entry in books/ by hand.") from error
        return Proposal(
            system=self.name,
            verb="reverse",
            slot=f"reverse-{_ref({'key': key, 'invoice': invoice})}",
            title=f"Reverse the {_WHAT[verb]} invoice {entry.invoice}",
            payload={"date": "⟦date⟧", "reverses": key, "entry": booked},
            subject=entry.client,
            assigned={"date": "today"},
            fill=("/date",),
        )

    def observe(self) -> Iterable[Observed]:
        """Every transaction of every year, also those written by hand (their `ref` is file and line, without a key)."""
        for found in self._transactions():
            key = found.meta.get("key")
            ref = _ref(found.meta) if key else f"{found.file}:{found.line}"
            data: dict[str, Any] = {
                "date": found.text[:10],
                "file": f"{FOLDER}/{found.file}",
                "invoice": found.meta.get("invoice"),
            }
            if key and (payload := entry_in(found)) is not None:
                data |= {"payload": payload, "client": payload["client"]}
            kind = PAYMENT if found.is_payment else "entry"
            yield Observed(kind=kind, ref=ref, key=key, digest=meaning(found.text), data=data)

    def expects(self, deed: Deed) -> Expected | None:
        if deed.verb == "restore":
            asked = deed.payload
            inner = Deed(str(asked.get("of")), str(asked.get("verb")), asked.get("payload") or {}, deed.receipt)
            return self.expects(inner)
        if deed.receipt.data.get("key") != deed.key:
            return None
        what = _WHAT.get(deed.verb, "reversal for")
        try:
            text = _as_booked(deed.verb, deed.payload, deed.key)[0]
        except Permanent:  # adopted, as far as the books keep it
            text = ""
        name = f"The {what} invoice {deed.receipt.data.get('invoice')}"
        kind = PAYMENT if deed.verb == "receive" else "entry"
        return Expected(deed.key, kind, deed.receipt.ref, name, meaning(text) if text else None, stays=True)

    def repair(self, kind: str, ref: str, deed: Deed | None) -> Proposal | None:
        """Booked as it was: added where it is gone, in place where it was changed."""
        if kind not in ("missing", "changed") or deed is None or deed.verb not in ("book", "receive", "reverse"):
            return None
        try:
            _as_booked(deed.verb, deed.payload, deed.key)
        except Permanent:  # adopted after a restore, as far as the books keep it
            return None
        return Proposal(
            system=self.name,
            verb="restore",
            slot="restore",
            title="Book it again as it was?",
            payload={"of": deed.key, "verb": deed.verb, "payload": deed.payload},
            subject=deed.subject,
        )

    def _restore(self, asked: Restore) -> Receipt:
        """What was changed by hand stays under the entry as a comment: AgentOS takes nothing out of the books."""
        text, entry, on = _as_booked(asked.verb, asked.payload, asked.of)
        standing = self._with_key(asked.of)
        if standing is None:
            if asked.verb == "book":
                self._refuse_double(entry.invoice)
            return self._add(text, entry, on, asked.of)
        if meaning(standing.text) != meaning(text):
            year = self._folder / standing.file
            before = year.read_text(encoding="utf-8")
            aside = "".join(f"; {line}\n" for line in ["Stood here instead:", *standing.text.splitlines()])
            write_file(year, before.replace(standing.text, f"{text}{aside}".rstrip("\n"), 1).encode())
        return _receipt({"key": asked.of, "invoice": entry.invoice}, on.isoformat(), standing.file)

    def _restored(self, asked: Restore) -> Standing | None:
        standing = self._with_key(asked.of)
        text = _as_booked(asked.verb, asked.payload, asked.of)[0]
        return standing if standing is not None and meaning(standing.text) == meaning(text) else None

    def _text(self, verb: str, payload: dict[str, Any], key: str) -> tuple[str, Entry | Payment, date]:
        """The block to add, the entry it is about, and its date. Raises Permanent for what must not be booked."""
        if _known(verb) == "reverse":
            self._refuse_unbooked(payload)
        elif verb == "book":
            self._refuse_double(parsed(Entry, payload).invoice)
        return _as_booked(verb, payload, key)

    def _refuse_unbooked(self, payload: dict[str, Any]) -> None:
        reversal = parsed(Reversal, payload)
        invoice = reversal.entry.invoice
        what = _WHAT["receive" if isinstance(reversal.entry, Payment) else "book"]
        booked = self._with_key(reversal.reverses)
        if booked is None or booked.meta.get("invoice") != invoice:
            raise Permanent(
                f"The {what} invoice {invoice} is not in the books, so there is nothing to reverse.",
                code="ledger.unknown",
            )
        if any(found.meta.get("reverses") == reversal.reverses for found in self._transactions()):
            raise Permanent(f"The {what} invoice {invoice} is reversed already.", code="ledger.reversed")

    def _refuse_double(self, invoice: str) -> None:
        found = list(self._transactions())
        undone = {one.meta["reverses"] for one in found if "reverses" in one.meta}
        for one in found:
            booking = one.meta.get("invoice") == invoice and "reverses" not in one.meta and not one.is_payment
            if booking and one.meta.get("key") not in undone:
                raise Permanent(
                    f"Invoice {invoice} is booked already ({FOLDER}/{one.file}:{one.line}).",
                    hint="Reverse that entry first.",
                    code="ledger.double",
                )

    def _open(self, year: int, accounts: list[str]) -> None:
        """See to it that the year's file is there and included, and the accounts are open. Adds, never rewrites."""
        path = self._folder / f"{year}.beancount"
        if not path.exists():
            write_file(path, b"")
        main = self._folder / "main.beancount"
        before = main.read_text(encoding="utf-8") if main.exists() else self._header()
        opened = set(re.findall(r"^\S+\s+open\s+(\S+)", before, re.MULTILINE))
        wanted = [f"1970-01-01 open {account}\n" for account in accounts if account not in opened]
        if not re.search(rf'^include\s+"{year}\.beancount"', before, re.MULTILINE):
            wanted.append(f'include "{year}.beancount"\n')
        if wanted or not main.exists():
            write_file(main, (before.rstrip("\n") + "\n" + "".join(wanted)).encode())

    def _header(self) -> str:
        return (
            "; The books. AgentOS adds accounts and entries; what you write yourself stays as it is.\n"
            f'option "title" {quoted(self._title)}\noption "operating_currency" "{self._currency}"\n'
        )

    def _with_key(self, key: str) -> Standing | None:
        return next((found for found in self._transactions() if found.meta.get("key") == key), None)

    def _booked(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> tuple[str, str, str] | None:
        """Key, invoice and date of an entry: from its receipt, or, where that lacks one, from the books themselves."""
        key, invoice, on = (str(receipt.data.get(name) or "") for name in ("key", "invoice", "date"))
        if key and invoice and on:
            return key, invoice, on
        invoice = invoice or str(payload.get("invoice"))
        for found in self._transactions():
            ours = "key" in found.meta and "reverses" not in found.meta and found.is_payment == (verb == "receive")
            if ours and (found.meta["key"] == key if key else found.meta.get("invoice") == invoice):
                return found.meta["key"], found.meta.get("invoice", ""), found.text[:10]
        return None

    def _transactions(self) -> Iterator[Standing]:
        for path in sorted(self._folder.glob("[0-9][0-9][0-9][0-9].beancount")):
            yield from transactions(path.read_text(encoding="utf-8"), path.name)


def _as_booked(verb: str, payload: dict[str, Any], key: str) -> tuple[str, Entry | Payment, date]:
    """The block of an entry, from what was asked for. Raises Permanent."""
    asked = digest(json.dumps(payload, sort_keys=True, ensure_ascii=False).encode(errors="replace"))
    meta = {"key": key, "payload": asked}
    if verb == "reverse":
        reversal = parsed(Reversal, payload)
        meta |= {"invoice": reversal.entry.invoice, "reverses": reversal.reverses}
        return block(reversal.entry, reversal.date, meta, -1), reversal.entry, reversal.date
    entry = parsed(_MODEL[verb], payload)
    meta["invoice"] = entry.invoice
    if isinstance(entry, Payment):
        meta["kind"] = PAYMENT
    return block(entry, entry.date, meta, 1), entry, entry.date


def _repeat(earlier: Standing, asked: str) -> Receipt:
    if earlier.meta.get("payload") != asked:
        raise Permanent(
            f"This was booked before with other content ({FOLDER}/{earlier.file}:{earlier.line}).",
            hint="Undo it first; then it can be booked anew.",
            code="ledger.key_taken",
        )
    return _receipt(earlier.meta, earlier.text[:10], earlier.file)


def _receipt(meta: Mapping[str, str], on: str, file: str) -> Receipt:
    data = {"key": meta["key"], "invoice": meta.get("invoice", ""), "date": on, "file": f"{FOLDER}/{file}"}
    return Receipt(ref=_ref(meta), data=data)


def _ref(meta: Mapping[str, str]) -> str:
    return f"{meta.get('invoice', 'entry')}-{digest(meta['key'].encode())[:8]}"


def _known(verb: str) -> str:
    if verb not in VERBS:
        hint = "It can book, receive, reverse and restore."
        raise Permanent(f"The ledger can't {verb}.", hint=hint, code="ledger.verb")
    return verb
