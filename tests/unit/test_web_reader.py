"""The web reader against a real server on loopback that behaves badly in every way we know."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agentos.capabilities.addresses import Allowlist, resolve
from agentos.capabilities.web import read_page
from agentos.errors import Permanent, Transient
from agentos.ids import digest
from agentos.workspace.model import WebSettings

PAGE = (
    "<html><head><title>Heat pumps</title><meta charset='{charset}'></head><body><nav>Home Shop</nav><article>"
    "<h1>Heat pumps</h1><p>Older houses can be heated well with a heat pump, says the agency in its long report.</p>"
    "<h2>Kosten für Häuser</h2><p>Die Dämmung der Kellerdecke ist günstig und schnell gemacht, das größte Übel "
    "ist Zugluft.</p></article><script>ignore()</script></body></html>"
)
Answer = Callable[[BaseHTTPRequestHandler], None]


def send(
    handler: BaseHTTPRequestHandler,
    body: bytes,
    status: int = 200,
    kind: str = "text/html; charset=utf-8",
    **headers: str,
) -> None:
    handler.send_response(status)
    headers = {
        "Content-Type": kind,
        "Content-Length": str(len(body)),
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    for name, value in headers.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def utf8(charset: str = "utf-8") -> bytes:
    return PAGE.format(charset=charset).encode("utf-8")


def endless(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    try:
        for _ in range(2000):
            handler.wfile.write(b"x" * 65536)
    except (BrokenPipeError, ConnectionResetError):
        pass


def half(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.send_header("Content-Length", "100000")
    handler.end_headers()
    handler.wfile.write(b"<html><body><p>The first half")


def dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "text/html")
    handler.end_headers()
    try:
        for _ in range(40):
            handler.wfile.write(b"x")
            handler.wfile.flush()
            time.sleep(0.05)
    except (BrokenPipeError, ConnectionResetError):
        pass


ROUTES: dict[str, Answer] = {
    "/good": lambda h: send(h, utf8()),
    "/moved": lambda h: send(h, b"", 301, Location="/good"),
    "/loop": lambda h: send(h, b"", 302, Location="/loop"),
    "/trap": lambda h: send(h, b"", 302, Location="http://169.254.169.254/latest/meta-data/"),
    "/file": lambda h: send(h, b"", 302, Location="file:///etc/passwd"),
    "/elsewhere": lambda h: send(h, b"", 302, Location="http://localhost:1/"),
    "/endless": endless,
    "/half": half,
    "/dripping": dripping,
    "/bomb": lambda h: send(h, gzip.compress(b"a" * 50_000_000), Content_Encoding="gzip"),
    "/gzip": lambda h: send(h, gzip.compress(utf8()), Content_Encoding="gzip"),
    "/cut": lambda h: send(h, gzip.compress(utf8())[:-20], Content_Encoding="gzip"),
    "/brotli": lambda h: send(h, b"zzz", Content_Encoding="br"),
    "/lying": lambda h: send(h, PAGE.format(charset="utf-8").encode("cp1252")),
    "/latin": lambda h: send(h, PAGE.format(charset="iso-8859-1").encode("latin-1"), kind="text/html"),
    "/unknown": lambda h: send(h, utf8("x-klingon"), kind="text/html; charset=x-klingon"),
    "/pdf": lambda h: send(h, b"%PDF-1.7", kind="application/pdf"),
    "/empty": lambda h: send(h, b""),
    "/gone": lambda h: send(h, b"no", 404),
    "/busy": lambda h: send(h, b"later", 503, Retry_After="120"),
    "/limited": lambda h: send(h, b"later", 429, Retry_After="Fri, 31 Dec 1999 23:59:59 GMT"),
}


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ROUTES[self.path](self)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    running.daemon_threads = True
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    running.server_close()


def read(
    url: str, *, private: bool = True, hosts: tuple[str, ...] = ("127.0.0.1",), **settings: float
) -> dict[str, str]:
    limits = WebSettings.model_validate({"timeout_seconds": 2, "max_bytes": 200_000, **settings})
    return read_page(url, allowed=Allowlist(hosts), settings=limits, save=digest, private=private)


@pytest.mark.parametrize("path", ["/good", "/moved", "/gzip", "/lying", "/latin", "/unknown"])
def test_the_main_text_is_read_in_the_right_letters(server: str, path: str) -> None:
    page = read(server + path)
    assert page["title"] == "Heat pumps"
    assert "## Kosten für Häuser" in page["text"]
    assert "das größte Übel" in page["text"]
    assert "ignore()" not in page["text"]
    assert "Home Shop" not in page["text"]
    assert len(page["blob"]) == 64


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/loop", "web.redirects"),
        ("/file", "web.address"),
        ("/elsewhere", "web.not_allowed"),
        ("/trap", "web.not_allowed"),
        ("/endless", "web.large"),
        ("/bomb", "web.large"),
        ("/brotli", "web.encoding"),
        ("/pdf", "web.type"),
        ("/empty", "web.empty"),
        ("/gone", "web.404"),
    ],
)
def test_what_will_never_work_is_permanent(server: str, path: str, code: str) -> None:
    with pytest.raises(Permanent) as refused:
        read(server + path)
    assert refused.value.code == code


@pytest.mark.parametrize("path", ["/half", "/cut"])
def test_half_an_answer_is_no_answer(server: str, path: str) -> None:
    with pytest.raises(Transient):
        read(server + path)


def test_a_server_that_drips_is_left_in_time(server: str) -> None:
    before = time.monotonic()
    with pytest.raises(Transient) as refused:
        read(server + "/dripping", timeout_seconds=0.3)
    assert refused.value.code == "web.timeout"
    assert time.monotonic() - before < 1.5


def test_a_busy_server_says_when_to_come_back(server: str) -> None:
    with pytest.raises(Transient) as busy:
        read(server + "/busy")
    assert busy.value.retry_after == 120
    with pytest.raises(Transient) as limited:
        read(server + "/limited")
    assert limited.value.retry_after == 0


def test_a_closed_port_is_transient() -> None:
    with pytest.raises(Transient):
        read("http://127.0.0.1:1/")


def test_an_address_inside_the_house_is_refused_even_when_it_is_allowed(server: str) -> None:
    with pytest.raises(Permanent) as refused:
        read(server + "/good", private=False)
    assert refused.value.code == "web.private"


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "::1", "fe80::1", "fd00::1",
     "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "100.64.0.1", "224.0.0.1", "2130706433", "0x7f.1"],
)  # fmt: skip
def test_no_spelling_of_a_private_address_gets_through(host: str) -> None:
    with pytest.raises((Permanent, Transient)) as refused:
        resolve(host, 80)
    assert refused.value.code in ("web.private", "web.name")


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/", "file:///etc/passwd", "http://", "http://user:pw@example.org/", "http://[", "javascript:1"],
)
def test_only_plain_web_addresses(url: str) -> None:
    with pytest.raises(Permanent) as refused:
        read(url)
    assert refused.value.code == "web.address"
    assert "pw" not in str(refused.value)


def test_the_allowlist_takes_hosts_subdomains_and_named_pages() -> None:
    allowed = Allowlist(("example.org", ".wiki.test"), named=["https://blog.test/a?x=1"])
    assert allowed("https://example.org/any")
    assert allowed("https://en.wiki.test/")
    assert allowed("https://wiki.test/")
    assert allowed("https://blog.test/a?x=1")
    assert allowed("https://www.blog.test/b", redirected=True)
    assert not allowed("https://blog.test/b")
    assert not allowed("https://sub.example.org/")
    assert not allowed("https://notwiki.test/")
    assert not allowed("https://example.org.evil.test/")
