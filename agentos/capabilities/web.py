"""Reads one web page the operator allowed, and its main text; a page can't make us reach anything else."""

from __future__ import annotations

import re
import time
import zlib
from collections.abc import Callable
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urljoin, urlsplit

from agentos.capabilities.addresses import host_of, resolve
from agentos.capabilities.chunks import chunk
from agentos.capabilities.knowledge import html_to_markdown
from agentos.errors import Permanent, Transient
from agentos.workspace.model import WebSettings

if TYPE_CHECKING:
    import httpx

REDIRECTS = 5
_TYPES = ("text/html", "application/xhtml+xml", "text/plain", "text/markdown")
_META = re.compile(rb"""<meta[^>]+charset=["']?\s*([\w.:-]+)""", re.I)
_SPACE = re.compile(r"\s+")


class Allowed(Protocol):
    """`redirected` is set for an address a page forwarded to, which the operator did not name herself."""

    def __call__(self, url: str, *, redirected: bool = False) -> bool: ...


def read_page(
    url: str, *, allowed: Allowed, settings: WebSettings, save: Callable[[bytes], str], private: bool = False
) -> dict[str, str]:
    """{"url" (where it was found in the end), "title", "text" (Markdown), "blob" (what `save` named the raw page)}.

    Blocks; call it in a thread. Every hop of a redirect is checked again: scheme, `allowed`, and a public address that
    is looked up once and pinned. Proxies from the environment are not used: they would look the name up anew. `private`
    permits addresses inside the house and exists for tests. Permanent: not allowed, 4xx, not a page, too large.
    Transient: 5xx, 429 and 503 with their Retry-After, timeouts, an answer that broke off.
    """
    import httpx

    deadline = time.monotonic() + settings.timeout_seconds
    with httpx.Client(trust_env=False, timeout=settings.timeout_seconds, follow_redirects=False) as client:
        for hop in range(REDIRECTS + 1):
            if not allowed(url, redirected=hop > 0):
                raise Permanent(
                    f"{host_of(url)} is not among the sites that may be read.",
                    code="web.not_allowed",
                    hint="Name the page in your request, or add the host to [web] allow in agentos.toml.",
                )
            try:
                answer = _get(client, url, settings, deadline, private)
            except httpx.TimeoutException as error:
                raise _slow(url) from error
            except httpx.HTTPError as error:
                raise Transient(
                    f"{host_of(url)} gave no complete answer ({type(error).__name__}).", code="web.broken"
                ) from error
            if isinstance(answer, str):
                url = answer
                continue
            return _page(url, *answer, save)
    raise Permanent(f"{host_of(url)} forwards more than {REDIRECTS} times.", code="web.redirects")


def _get(
    client: httpx.Client, url: str, settings: WebSettings, deadline: float, private: bool
) -> str | tuple[bytes, str]:
    """One hop: the address it forwards to, or (body, content type)."""
    response = client.send(_request(client, url, private), stream=True)
    with closing(response):
        if response.is_redirect:
            return urljoin(url, response.headers["location"])
        _check_status(response, url)
        kind = response.headers.get("content-type", "text/html")
        if kind.partition(";")[0].strip().casefold() not in _TYPES:
            raise Permanent(f"{url} is not a page of text ({kind.partition(';')[0]}).", code="web.type")
        return _body(response, url, settings.max_bytes, deadline), kind


def _request(client: httpx.Client, url: str, private: bool) -> httpx.Request:
    """A request that goes to the pinned address and still speaks (and verifies TLS) in the host's name."""
    parts, host = urlsplit(url), host_of(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    address = resolve(host, port, private=private)
    pinned = f"[{address}]" if ":" in address else address
    headers = {
        "Host": parts.netloc,
        "User-Agent": "AgentOS/0.1 (reads one page for its operator)",
        "Accept": ", ".join(_TYPES),
        "Accept-Encoding": "gzip",
    }
    target = parts._replace(netloc=f"{pinned}:{port}", fragment="").geturl()
    return client.build_request("GET", target, headers=headers, extensions={"sni_hostname": host})


def _check_status(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status in (408, 425, 429) or status >= 500:
        raise Transient(f"{host_of(url)} answered {status}.", retry_after=_retry_after(response), code=f"web.{status}")
    if status != 200:
        raise Permanent(
            f"{url} answered {status}.", code=f"web.{status}", hint="Open the page in a browser and check the address."
        )


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds from Retry-After: seconds or a date (RFC 9110, 10.2.3); a date is counted from the answer's own Date."""
    value = response.headers.get("retry-after", "").strip()
    if value.isdigit():
        return float(value)
    try:
        later = parsedate_to_datetime(value) - parsedate_to_datetime(response.headers.get("date", ""))
        return max(0.0, later.total_seconds())
    except (ValueError, TypeError):
        return None


def _body(response: httpx.Response, url: str, limit: int, deadline: float) -> bytes:
    """The body, never more than `limit` bytes of it, neither on the wire nor unpacked."""
    data = bytearray()
    for piece in response.iter_raw():
        data += piece
        if len(data) > limit:
            raise _large(url, limit)
        if time.monotonic() > deadline:
            raise _slow(url)
    encoding = response.headers.get("content-encoding", "identity").strip().casefold()
    if encoding == "identity":
        return bytes(data)
    if encoding not in ("gzip", "x-gzip"):
        raise Permanent(
            f"{host_of(url)} answered in an encoding that was not asked for ({encoding}).", code="web.encoding"
        )
    try:
        unpacking = zlib.decompressobj(31)
        plain = unpacking.decompress(bytes(data), limit + 1)
    except zlib.error as error:
        raise Transient(f"{host_of(url)} gave no complete answer (broken gzip).", code="web.broken") from error
    if len(plain) > limit:
        raise _large(url, limit)
    if not unpacking.eof:
        raise Transient(f"{host_of(url)} gave no complete answer (cut gzip).", code="web.broken")
    return plain


def _page(url: str, body: bytes, kind: str, save: Callable[[bytes], str]) -> dict[str, str]:
    text, title = decoded(body, kind), ""
    if kind.partition(";")[0].strip().casefold() in _TYPES[:2]:
        title, text = _title(text), html_to_markdown(text)
    if not text.strip():
        raise Permanent(
            f"{url} holds no text that could be read.",
            code="web.empty",
            hint="It may need a browser; paste its text into knowledge/.",
        )
    if not title:
        pieces = chunk(url, text)
        title = pieces[0].title if pieces else url
    return {"url": url, "title": title, "text": text, "blob": save(body)}


def _title(html: str) -> str:
    import trafilatura

    metadata = trafilatura.extract_metadata(html)
    return _SPACE.sub(" ", str(metadata.title)).strip() if metadata and metadata.title else ""


def decoded(body: bytes, kind: str) -> str:
    """The text of a page: in the charset its header or <meta> names if that fits, else in what the bytes look like."""
    named = re.search(r"charset=[\"']?([\w.:-]+)", kind, re.I)
    meta = _META.search(body[:4096])
    names = [named.group(1)] if named else []
    names += ["utf-8-sig"]
    names += [meta.group(1).decode("ascii")] if meta else []
    for name in names:
        try:
            return body.decode(name)
        except (UnicodeDecodeError, LookupError):
            continue
    from charset_normalizer import from_bytes

    best = from_bytes(body).best()
    return str(best) if best else body.decode("cp1252", errors="replace")


def _large(url: str, limit: int) -> Permanent:
    return Permanent(
        f"{url} is larger than {limit:,} bytes.", code="web.large", hint="Raise [web] max_bytes in agentos.toml."
    )


def _slow(url: str) -> Transient:
    return Transient(
        f"{host_of(url)} did not answer in time.",
        code="web.timeout",
        hint="Raise [web] timeout_seconds in agentos.toml.",
    )
