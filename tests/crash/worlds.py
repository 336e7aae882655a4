"""The outside worlds of the crash harness, in a process of their own that nobody kills: a mail server and a shop.

The mail server takes mail and sometimes says "later" first, or takes it and hangs up without a word. The shop acts and
sometimes never answers; its other branch has a search that lags behind. What they did stands in a file of theirs, the
record, which is what really happened: the operator of the harness looks there, and so does the count at the end.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from agentos.ids import digest

LAG = 0.3
"""Seconds for which the lagging branch's search does not know of what it has just done."""
REFUSES = "refuses.example"
"""The mail domain that takes nothing, for good."""


class Record:
    """Lines of JSON, one for everything that really happened, kept over a restart of the world."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self.lines: list[dict[str, Any]] = []
        if path.exists():
            self.lines = [json.loads(line) for line in path.read_text().splitlines()]

    def add(self, **what: Any) -> None:
        with self._lock, self._path.open("a") as file:
            file.write(json.dumps(what) + "\n")
            self.lines.append(what)

    def find(self, **wanted: Any) -> list[dict[str, Any]]:
        return [line for line in list(self.lines) if wanted.items() <= line.items()]


class Whims:
    """How a world behaves the n-th time it is asked for the same thing: by seed, not by chance."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._asked: Counter[str] = Counter()
        self._lock = threading.Lock()

    def of(self, what: str, one_in: int) -> bool:
        if not self._seed:
            return False
        with self._lock:
            self._asked[what] += 1
            nth = self._asked[what]
        return int(digest(f"{self._seed}/{what}/{nth}".encode())[:8], 16) % one_in == 0


class Shop(ThreadingHTTPServer):
    """POST /BRANCH/orders with an Idempotency-Key orders, POST /BRANCH/cancellations cancels, GET /BRANCH/orders?key=
    searches, GET /record waits until nothing is in the works and tells what really happened.

    The branch `silent` knows its keys and searches well, but may act and never answer. The branch `lagging` always
    answers, does a repeated key twice, and its search lags.
    """

    daemon_threads = True

    def __init__(self, record: Record, whims: Whims) -> None:
        super().__init__(("127.0.0.1", 0), _Asked)
        self.record, self.whims = record, whims
        self.lock = threading.Lock()
        self.working = 0
        self.url = f"http://127.0.0.1:{self.server_port}"

    def process_request(self, request: Any, client_address: Any) -> None:
        with self.lock:  # in the order of arrival, before the thread that works on it has begun
            self.working += 1
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self.lock:
            self.working -= 1
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that was killed is no news here."""


class _Asked(BaseHTTPRequestHandler):
    server: Shop
    protocol_version = "HTTP/1.0"

    def log_message(self, format: str, *args: object) -> None:
        """Silent: what happened stands in the record."""

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["content-length"]))
        if len(raw) < int(self.headers["content-length"]):
            return  # its sender was killed in the middle
        branch, what = self.path.strip("/").split("/")
        key, shop = unquote(self.headers["idempotency-key"]), self.server
        with shop.lock:
            done = shop.record.find(branch=branch, what=what, key=key) if branch == "silent" else []
            if not done:
                ref = digest(f"{branch}/{what}/{key}/{len(shop.record.lines)}".encode())[:12]
                shop.record.add(branch=branch, what=what, key=key, ref=ref, at=time.time(), body=json.loads(raw))
                done = shop.record.find(ref=ref)
        if branch == "silent" and shop.whims.of(f"{what}/{key}", 3):
            self._never_answer()
        else:
            self._send({"ref": done[0]["ref"]})

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/record":
            while self.server.working > 1:
                time.sleep(0.005)
            return self._send(self.server.record.lines)
        branch, what = url.path.strip("/").split("/")
        wanted = {"branch": branch, "what": what}
        if key := parse_qs(url.query).get("key"):
            wanted["key"] = key[0]
        known = time.time() - (LAG if branch == "lagging" else 0)
        return self._send([line for line in self.server.record.find(**wanted) if line["at"] <= known])

    def _never_answer(self) -> None:
        """Until the client goes away: then nobody is in the works any more."""
        with suppress(OSError):
            self.connection.settimeout(30)
            self.connection.recv(1)

    def _send(self, value: Any) -> None:
        body = json.dumps(value).encode()
        with suppress(OSError):
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)


class _Post:
    """The mail server's mind, for aiosmtpd."""

    def __init__(self, record: Record, whims: Whims) -> None:
        self._record, self._whims = record, whims

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.endswith(f"@{REFUSES}"):
            return "550 5.1.1 No such user"
        if self._whims.of(f"later/{envelope.mail_from}/{address}", 6):
            return "450 4.2.0 Greylisted, please try again in 20 seconds"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        mail = message_from_bytes(envelope.content, policy=default)
        sent = {"sender": envelope.mail_from, "to": envelope.rcpt_tos, "subject": str(mail["Subject"])}
        self._record.add(what="mail", id=str(mail["Message-ID"]), **sent)
        if self._whims.of(f"drop/{envelope.mail_from}/{sent['subject']}", 4):
            server.transport.abort()
        return "250 OK"


def serve(folder: Path, seed: str) -> None:
    """Until stdin is closed. The first line of stdout says where: {"shop": url, "smtp": port}."""
    from aiosmtpd.controller import Controller

    record = Record(folder / "record.jsonl")
    shop = Shop(record, Whims(seed))
    threading.Thread(target=shop.serve_forever, daemon=True).start()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    post = Controller(_Post(record, Whims(seed)), hostname="127.0.0.1", port=port, loop=asyncio.new_event_loop())
    post.start()
    print(json.dumps({"shop": shop.url, "smtp": port}), flush=True)
    sys.stdin.read()


@contextmanager
def worlds(folder: Path, seed: str) -> Iterator[dict[str, Any]]:
    """{"shop": url, "smtp": port} of the worlds' own process."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.crash.worlds", str(folder), seed]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())
        finally:
            process.communicate()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.argv[2])
