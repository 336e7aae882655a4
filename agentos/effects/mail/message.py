"""A mail as bytes (RFC 5322, MIME). The same mail and key give the same bytes, boundary and Message-ID included."""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from email.headerregistry import Address, Group
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import quote, unquote

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from agentos.effects.mail import addresses
from agentos.errors import Permanent
from agentos.ids import digest

KEY_HEADER = "X-AgentOS-Key"
UNSENT_HEADER = "X-Unsent"
MAX_ATTACHED = 18_000_000
"""Bytes of all attachments. Base64 adds a third; the common limit of mail servers is 25 MB for the whole mail."""


def _listed(value: object) -> object:
    if value is None:
        return ()
    return tuple(addresses.split(value)) if isinstance(value, str) else value


Moment = Annotated[date | datetime, Field(union_mode="left_to_right")]
Addresses = Annotated[tuple[str, ...], BeforeValidator(_listed)]


class Attachment(BaseModel):
    """`path` is relative to the workspace; with `digest` (SHA-256) only exactly the approved bytes are sent."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1, max_length=200)
    path: str = Field(min_length=1)
    digest: str | None = None


class Mail(BaseModel):
    """The payload of `mail.send`. `date` is a day or a moment in ISO 8601; without it the clock's. `sender` is whom it
    comes from where the workspace's mail settings name no address."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sender: str | None = None
    to: Addresses = Field(min_length=1)
    cc: Addresses = ()
    subject: str
    body: str
    language: str | None = None
    attachments: tuple[Attachment, ...] = ()
    date: Moment | None = None

    def recipients(self) -> list[Address]:
        return [addresses.read(written) for written in (*self.to, *self.cc)]


def message_id(key: str, sender: Address | None) -> str:
    """Made from the key, so that the same effect is the same mail in every mailbox that gets it twice."""
    return f"<{digest(key.encode())[:32]}@{sender.domain if sender else 'agentos.invalid'}>"


def moment(given: datetime | date | None, now: datetime) -> datetime:
    """The Date header. Of a bare day the clock adds the time: a mail from the future looks like spam."""
    if isinstance(given, datetime):
        return given if given.tzinfo else given.replace(tzinfo=UTC)
    return datetime.combine(given, now.timetz()) if given else now


def compose(
    mail: Mail, *, key: str, sender: Address | None, sender_name: str, at: datetime, root: Path, unsent: bool
) -> bytes:
    """Raises Permanent for a header with a line break and for an attachment that is missing, outside or too large.

    Without a sender's address, From is an empty group (RFC 6854) and the mail program fills in its own. `unsent` adds
    the header that makes mail programs open the file as a draft ready to send.
    """
    message = EmailMessage(policy=SMTPUTF8 if any(map(addresses.needs_utf8, mail.recipients())) else SMTP)
    message["From"] = sender or Group(_one_line(sender_name, "The sender's name"), ())
    message["To"] = [addresses.read(written) for written in mail.to]
    if mail.cc:
        message["Cc"] = [addresses.read(written) for written in mail.cc]
    message["Subject"] = _one_line(mail.subject, "The subject")
    message["Date"] = format_datetime(at.replace(microsecond=0))
    message["Message-ID"] = message_id(key, sender)
    if unsent:
        message[UNSENT_HEADER] = "1"
    body = mail.body.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n") + "\n"
    message.set_content(_encodable(body), charset="utf-8", cte="quoted-printable")
    if mail.language:
        message["Content-Language"] = _one_line(mail.language, "The language")
    for name, data in _attached(mail.attachments, root):
        kind, _, detail = (mimetypes.guess_type(name)[0] or "application/octet-stream").partition("/")
        message.add_attachment(data, maintype=kind, subtype=detail, filename=name)
    if mail.attachments:
        message.set_boundary(f"=_agentos_{digest(key.encode())[:24]}")
    return key_header(KEY_HEADER, key) + re.sub(rb"\r\n|\r|\n", b"\r\n", message.as_bytes())


def check_headers(mail: Mail) -> None:
    """Raises Permanent for what would not be a header: a line break in the subject, an address that is none."""
    mail.recipients()
    _one_line(mail.subject, "The subject")
    if mail.language:
        _one_line(mail.language, "The language")


def key_header(name: str, key: str) -> bytes:
    """A header line that gives back exactly this key through `read_key`, however long it is and whatever it holds.

    Percent-encoded (RFC 3986) and folded here: email.message encodes a long word (RFC 2047), which reads back as
    another key, and a mail whose key isn't known again is sent again.
    """
    written = re.findall(r".{1,60}", quote(_one_line(key, "The key"), safe="/:@#+,;~"))
    folded = "\r\n ".join(written)
    return f"{name}: {folded}\r\n".encode()


def read_key(value: str) -> str:
    return unquote("".join(value.split()))


def without_notes(data: bytes) -> bytes:
    """The mail without the headers that are for this machine only: a recipient learns nothing of tasks and keys."""
    head, end, body = data.partition(b"\r\n\r\n")
    for name in (KEY_HEADER, UNSENT_HEADER):
        head = re.sub(rb"(?mi)^%s:[^\n]*\n(?:[ \t][^\n]*\n)*" % name.encode(), b"", head + b"\r\n").removesuffix(
            b"\r\n"
        )
    return head + end + body


def _attached(attachments: Iterable[Attachment], root: Path) -> list[tuple[str, bytes]]:
    found, total = [], 0
    for attachment in attachments:
        path = (root / attachment.path).resolve()
        if not path.is_relative_to(root.resolve()):
            raise Permanent(f"{attachment.path} lies outside the workspace and is not attached.", code="mail.outside")
        if not path.is_file():
            raise Permanent(f"The attachment {attachment.path} is not there.", code="mail.no_attachment")
        total += path.stat().st_size
        if total > MAX_ATTACHED:
            limit = f"more than {MAX_ATTACHED // 1_000_000} MB"
            raise Permanent(f"The attachments are {limit}; most mail servers refuse that.", code="mail.too_large")
        data = path.read_bytes()
        if attachment.digest and digest(data) != attachment.digest:
            raise Permanent(f"{attachment.path} has changed since the mail was approved.", code="mail.changed")
        name = _one_line(attachment.name, "An attachment's name")
        found.append((name.replace("/", "-").replace("\\", "-"), data))
    return found


def _one_line(text: str, what: str) -> str:
    if re.search(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]", text):
        raise Permanent(f"{what} holds a line break or a control character.", code="mail.bad_header")
    return _encodable(text)


def _encodable(text: str) -> str:
    """Half a surrogate pair (a cut emoji) is no character and can't be sent."""
    return text.encode("utf-8", "replace").decode()
