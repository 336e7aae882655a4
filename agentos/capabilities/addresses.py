"""Which web addresses may be read: the allowlist, the pages the operator named, and nothing inside the house."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Collection
from urllib.parse import urlsplit

from agentos.errors import Permanent, Transient


class Allowlist:
    """Says whether a URL may be read: hosts from `[web] allow` (".example.org" takes subdomains), and named pages.

    A named page may forward within its own host, with or without "www.": that is how sites move to https. The path of a
    named page counts only for itself; other pages of that host may be reached by a redirect, never asked for directly.
    """

    def __init__(self, hosts: Collection[str], named: Collection[str] = ()) -> None:
        self._hosts = tuple(host.casefold() for host in hosts)
        self._named = frozenset(named)
        self._forwards = frozenset(_bare(host_of(url)) for url in named)

    def __call__(self, url: str, *, redirected: bool = False) -> bool:
        host = host_of(url)
        if url in self._named or (redirected and _bare(host) in self._forwards):
            return True
        return any(host == h.lstrip(".") or (h.startswith(".") and host.endswith(h)) for h in self._hosts)


def host_of(url: str) -> str:
    """The host of a http or https URL, lower-cased. Permanent for anything else, for user names and odd ports."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise Permanent(
            f"{url!r} is not the address of a web page.", code="web.address", hint="Name a http or https page."
        )
    if parts.username is not None or parts.password is not None:
        raise Permanent(
            "An address with a user name in it is not read.", code="web.address", hint="Leave out the part before @."
        )
    return host.casefold().rstrip(".")


def resolve(host: str, port: int, *, private: bool = False) -> str:
    """The one IP address that will be connected to: looked up once, so that the answer can't change after the check.

    Every address of the name must be public (the name of a trap has one good and one bad address), unless `private`.
    """
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError) as error:
        raise Transient(
            f"The name {host} could not be looked up.", code="web.name", hint="Check the address and the network."
        ) from error
    found = [str(answer[4][0]) for answer in answers]
    if not private and not all(_public(address) for address in found):
        raise Permanent(f"{host} is an address inside a private network and is not read.", code="web.private")
    return found[0]


def _public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None) or _nat64(ip)
        if inner is not None:
            return _public(str(inner))
    return ip.is_global and not ip.is_multicast


def _nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The address behind 64:ff9b::/96 (RFC 6052)."""
    well_known = ipaddress.IPv6Network("64:ff9b::/96")
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if ip in well_known else None


def _bare(host: str) -> str:
    return host.removeprefix("www.")
