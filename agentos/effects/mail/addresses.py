"""Mail addresses as people write them, in any script, without room for a second header or a second address."""

from __future__ import annotations

import re
from email.headerregistry import Address

from agentos.errors import Permanent

_NAMED = re.compile(r'^\s*"?(?P<name>[^"<>]*?)"?\s*<(?P<address>[^<>\s]+)>\s*$')
_LOCAL = re.compile(r'^(?!\.)[^\s@<>()\[\],;:"\\\x00-\x20\x7f]{1,64}(?<!\.)$')
_BETWEEN = re.compile(r',(?=(?:[^"]*"[^"]*")*[^"]*$)')


def split(written: str) -> list[str]:
    """ "A <a@x>, b@y" as its parts; a comma inside quotes separates nothing."""
    return [part.strip() for part in _BETWEEN.split(written) if part.strip()]


def read(written: str) -> Address:
    """`name <local@domain>` or `local@domain`; an international domain in its ASCII form (IDNA 2008).

    Raises Permanent for anything else, so that what the operator approved is what the server is told.
    """
    if re.search(r"[\r\n\x00-\x08\x0b\x0c\x0e-\x1f\x7f]", written):
        raise Permanent("A mail address holds a line break or a control character.", code="mail.bad_address")
    match = _NAMED.match(written)
    name, address = (match["name"].strip(), match["address"]) if match else ("", written.strip())
    local, _, domain = address.rpartition("@")
    if ".." in local or not _LOCAL.match(local):
        raise _unreadable(written)
    return Address(display_name=name, username=local, domain=_ascii(domain, written))


def needs_utf8(address: Address) -> bool:
    """Whether a server must offer SMTPUTF8 (RFC 6531) to take this address."""
    return not address.username.isascii()


def _ascii(domain: str, written: str) -> str:
    import idna

    try:
        return idna.encode(domain, uts46=True, std3_rules=True).decode()
    except idna.IDNAError:
        raise _unreadable(written) from None


def _unreadable(written: str) -> Permanent:
    shown = "".join(character for character in written if character.isprintable())[:80]
    return Permanent(f"“{shown}” is not a mail address.", hint="Write it as name@example.com.", code="mail.bad_address")
