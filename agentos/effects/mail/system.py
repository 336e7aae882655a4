"""The system `mail`. Every mail is a file first; with SMTP configured the file is then handed to the server."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from email.headerregistry import Address
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from agentos.clock import Clock
from agentos.effects.durable import explained, only_writer
from agentos.effects.mail import addresses, smtp
from agentos.effects.mail.message import Mail, check_headers, compose, moment, without_notes
from agentos.effects.mail.outbox import Entry, Outbox, is_name
from agentos.effects.mail.verbs import BY_SMTP, TO_OUTBOX
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
from agentos.errors import InDoubt, Permanent, Transient
from agentos.ids import digest
from agentos.workspace.model import MailSettings, SmtpSettings


class Recall(BaseModel):
    """The payload of `mail.recall`: the file's name in the outbox."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: str
    subject: str = ""


class MailSystem:
    """`root` is the workspace: attachments are read below it, mail is written to its `outbox/`."""

    name = "mail"
    account = "mail:main"
    """The same whatever address the mail is sent from: it is part of every key, and a key that changes while a mail
    waits would send that mail twice."""

    def __init__(self, root: Path, *, settings: MailSettings, sender_name: str, clock: Clock) -> None:
        self._root = root
        self._settings = settings
        self._sender_name = sender_name
        self._clock = clock
        self._outbox = Outbox(root / "outbox")

    @property
    def verbs(self) -> Mapping[str, Verb]:
        return BY_SMTP if self._settings.smtp else TO_OUTBOX

    def check(self, verb: str, payload: dict[str, Any]) -> None:
        if verb == "send":
            check_headers(_mail(payload))

    def do(self, verb: str, payload: dict[str, Any], key: str) -> Receipt:
        act = {"send": self._send, "recall": self._recall}.get(verb)
        if act is None:
            raise Permanent(f"Mail can't {verb}.", code="effect.unknown_verb")
        with explained("The outbox"), only_writer(self._outbox.folder):
            return act(payload, key)

    def find(self, verb: str, payload: dict[str, Any], key: str) -> Found | Absent | Unknown:
        try:
            return self._find_recall(payload, key) if verb == "recall" else self._find_sent(key)
        except OSError as error:
            return Unknown(f"The outbox can't be read: {error.strerror}.")

    def undo(self, verb: str, payload: dict[str, Any], receipt: Receipt) -> Proposal | None:
        file = self._left_in_outbox(receipt) if verb == "send" else None
        if file is None:
            return None
        subject = str(payload.get("subject", ""))
        return Proposal(
            system=self.name,
            verb="recall",
            slot=file.removesuffix(".eml").rpartition("-")[2],
            title=f"Recall “{subject}”",
            payload={"file": file, "subject": subject},
        )

    def _left_in_outbox(self, receipt: Receipt) -> str | None:
        """The file of a mail that was left for the operator to send; None for one that a server was given."""
        via, file = receipt.data.get("via"), receipt.data.get("file")
        if via == "smtp" or (via != "outbox" and self._settings.smtp):
            return None
        if isinstance(file, str) and is_name(file):
            return file
        for entry in self._outbox.entries():
            if entry.header("Message-ID") == receipt.ref:
                return entry.name
        raise receipt_says_too_little("which mail it was", "Look for it in outbox/ and delete it there.")

    def observe(self) -> Iterable[Observed]:
        """Every mail of the outbox; data.state is "outbox", "attempted", "sent" or "recalled"."""
        with explained("The outbox"):
            return list(self._observed())

    def _observed(self) -> Iterator[Observed]:
        for entry in self._outbox.entries():
            shown = {
                "file": entry.name,
                "state": entry.state,
                "to": entry.header("To"),
                "subject": entry.header("Subject"),
                "payload": {"to": entry.header("To"), "subject": entry.header("Subject")},
            }
            yield Observed("mail", entry.header("Message-ID") or entry.name, entry.key, digest(entry.data), shown)

    def expects(self, deed: Deed) -> Expected | None:
        """What a server took stays in outbox/sent. A mail that was left for the operator she may change, send or
        delete."""
        if deed.verb != "send" or deed.receipt.data.get("via") != "smtp":
            return None
        content = deed.receipt.data.get("digest")
        name = f"The mail “{deed.payload.get('subject', '')}”"
        return Expected(deed.key, "mail", deed.receipt.ref, name, content if isinstance(content, str) else None)

    def repair(self, kind: str, ref: str, deed: Deed | None) -> Proposal | None:
        """A mail that is not ours is taken out of the outbox; nothing is ever sent again."""
        if kind != "unknown":
            return None
        found = next((one for one in self._outbox.entries() if ref in (one.name, one.header("Message-ID"))), None)
        if found is None or found.state != "outbox" or not is_name(found.name):
            return None
        payload = {"file": found.name, "subject": found.header("Subject") or ""}
        return Proposal(
            system=self.name,
            verb="recall",
            slot="recall",
            title="Take it out of the outbox?",
            payload=payload,
        )

    def _send(self, payload: dict[str, Any], key: str) -> Receipt:
        server, entry = self._settings.smtp, self._outbox.entry(key)
        if entry and entry.state == "attempted":
            raise InDoubt("This mail was being sent when something broke; it may have arrived.", code="mail.in_doubt")
        if entry and (entry.state != "outbox" or entry.unsent):
            return _receipt(entry)
        mail = _mail(payload)
        if server is None:
            return _receipt(self._written(mail, key, unsent=True))
        sender = self._sender(mail)
        if sender is None:
            raise Permanent(
                "There is no address to send from.",
                hint="Set from_address in [mail] of agentos.toml.",
                code="mail.no_sender",
            )
        waiting = self._written(mail, key, unsent=False)
        self._deliver(server, sender.addr_spec, mail, waiting)
        return _receipt(Entry(waiting.name, "sent", waiting.data))

    def _deliver(self, server: SmtpSettings, sender: str, mail: Mail, entry: Entry) -> None:
        recipients = list(dict.fromkeys(address.addr_spec for address in mail.recipients()))
        text = without_notes(entry.data)
        try:
            smtp.deliver(server, sender, recipients, text, about_to_send=lambda: self._outbox.attempt(entry))
        except (Transient, Permanent):
            self._outbox.settle(entry.name)
            raise
        self._outbox.accept(entry.name)

    def _written(self, mail: Mail, key: str, *, unsent: bool) -> Entry:
        at = moment(mail.date, self._clock.now())
        sender = self._sender(mail)
        data = compose(
            mail, key=key, sender=sender, sender_name=self._sender_name, at=at, root=self._root, unsent=unsent
        )
        return self._outbox.write(key, self._outbox.name(key, at.date().isoformat(), mail.subject), data)

    def _sender(self, mail: Mail) -> Address | None:
        """The address of the settings, which the server knows; else the mail's own. Its name, where none is set."""
        own = addresses.read(mail.sender) if mail.sender else None
        written = self._settings.from_address
        read = addresses.read(written) if written else own
        if read is None:
            return None
        name = self._sender_name or (own.display_name if own else "")
        return Address(read.display_name or name, read.username, read.domain)

    def _find_sent(self, key: str) -> Found | Absent | Unknown:
        entry = self._outbox.entry(key)
        if entry is None:
            return Absent()
        if entry.state == "attempted":
            return Unknown("The connection broke while the mail was sent.")
        return Found(_receipt(entry)) if entry.state != "outbox" or entry.unsent else Absent()

    def _recall(self, payload: dict[str, Any], key: str) -> Receipt:
        file = _named(payload)
        done = self._outbox.recalled(file)
        if done:
            return _recall_receipt(done)
        entry = self._outbox.waiting(file)
        if entry is None:
            raise Permanent(
                f"{file} is no longer in the outbox.", hint="Somebody has moved or sent it.", code="mail.gone"
            )
        if entry.state != "outbox":
            raise Permanent(f"{file} has left already and can't be recalled.", code="mail.left")
        self._outbox.recall(entry, key)
        return _recall_receipt(entry)

    def _find_recall(self, payload: dict[str, Any], key: str) -> Found | Absent:
        done = self._outbox.recalled(_named(payload))
        return Found(_recall_receipt(done)) if done and done.recall_key == key else Absent()


def _receipt(entry: Entry) -> Receipt:
    """Says the same wherever the file has been moved since, so that doing and finding agree."""
    said = {"file": entry.name, "via": "outbox"} if entry.unsent else _sent(entry)
    return Receipt(ref=entry.header("Message-ID") or entry.name, data=said)


def _sent(entry: Entry) -> dict[str, str]:
    """A mail that has left is not touched any more, so its digest stays the same."""
    return {"file": entry.name, "via": "smtp", "digest": digest(entry.data)}


def _recall_receipt(entry: Entry) -> Receipt:
    return Receipt(ref=entry.header("Message-ID") or entry.name, data={"file": entry.name, "recalled": True})


def _mail(payload: dict[str, Any]) -> Mail:
    try:
        return Mail.model_validate(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "payload"
        raise Permanent(f"This mail can't be sent: {where}: {first['msg']}.", code="mail.bad_payload") from None


def _named(payload: dict[str, Any]) -> str:
    try:
        file = Recall.model_validate(payload).file
    except ValidationError:
        raise Permanent("A recall names one file of the outbox.", code="mail.bad_payload") from None
    if not is_name(file):
        raise Permanent("That is not the name of a mail in the outbox.", code="mail.bad_payload")
    return file
