"""An OpenAI-compatible server on loopback that answers as scripted: the wire is real, the model is not.

Each request takes the next behaviour of the script (the last one stays). What was asked is kept in `requests`.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Behaviour = Callable[["Handler", Seen], None]


@dataclass
class OpenAIServer:
    base_url: str
    script: list[Behaviour]
    requests: list[Seen] = field(default_factory=list)
    released: threading.Event = field(default_factory=threading.Event)
    """Set at the end, so that no hanging behaviour outlives its test."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, seen: Seen) -> Behaviour:
        with self._lock:
            self.requests.append(seen)
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: OpenAIServer

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length", 0)))
        try:
            body = json.loads(raw)
        except ValueError:
            body = {"raw": raw}
        seen = Seen(self.path, {k.lower(): v for k, v in self.headers.items()}, body)
        # A client that gave up is part of the script.
        with suppress(ConnectionError):
            self.script.next(seen)(self, seen)
        self.close_connection = True

    do_GET = do_POST

    def log_message(self, format: str, *args: object) -> None:
        """Silent: the test asserts, it does not read."""

    def send(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        sent = {"content-type": "application/json", "content-length": str(len(body)), "connection": "close"}
        for name, value in {**sent, **{k.replace("_", "-"): v for k, v in headers.items()}}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def send_json(self, status: int, value: object, **headers: str) -> None:
        self.send(status, json.dumps(value).encode(), **headers)


@contextmanager
def openai_server(*script: Behaviour) -> Iterator[OpenAIServer]:
    handler = type("ScriptedHandler", (Handler,), {})
    httpd = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    httpd.daemon_threads = True
    server = OpenAIServer(f"http://127.0.0.1:{httpd.server_port}/v1", list(script) or [says("Hello.")])
    handler.script = server  # type: ignore[attr-defined]
    thread = threading.Thread(target=httpd.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        httpd.shutdown()
        httpd.server_close()
        thread.join()


def completion(text: str | None, *, finish: str = "stop", usage: object = None, **message: object) -> dict[str, Any]:
    """The body of a chat completion."""
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [
            {"index": 0, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        ],
    }
    if usage is not None:
        body["usage"] = usage
    return body


USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


def says(text: str | None, *, finish: str = "stop", usage: object = USAGE, **message: object) -> Behaviour:
    return lambda handler, _: handler.send_json(200, completion(text, finish=finish, usage=usage, **message))


def sends(body: bytes, *, status: int = 200, **headers: str) -> Behaviour:
    return lambda handler, _: handler.send(status, body, **headers)


def fails(status: int, error: dict[str, Any] | None = None, **headers: str) -> Behaviour:
    return lambda handler, _: handler.send_json(status, {"error": {"message": "no", **(error or {})}}, **headers)


def refuses_and_echoes() -> Behaviour:
    """401 with the Authorization header in message, code and a header of its own: what careless proxies do."""

    def behave(handler: Handler, seen: Seen) -> None:
        header = seen.headers["authorization"]
        key = header.removeprefix("Bearer ")
        error = {"message": f"bad {header}", "code": key, "type": key, "param": key}
        handler.send_json(401, {"error": error}, x_echo=header)

    return behave


def hangs() -> Behaviour:
    """Takes the request and says nothing."""
    return lambda handler, _: void(handler.script.released.wait(30))


def trickles(every: float = 0.05) -> Behaviour:
    """A byte now and then, for ever: no single read ever times out."""

    def behave(handler: Handler, _: Seen) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", "1000000")
        handler.end_headers()
        while not handler.script.released.wait(every):
            handler.wfile.write(b" ")
            handler.wfile.flush()

    return behave


def floods() -> Behaviour:
    """A body that never ends, as fast as it goes."""

    def behave(handler: Handler, _: Seen) -> None:
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.end_headers()
        while not handler.script.released.is_set():
            handler.wfile.write(b" " * 65536)

    return behave


def closes_in_mid_answer() -> Behaviour:
    """Half an answer, then a reset."""

    def behave(handler: Handler, _: Seen) -> None:
        body = json.dumps(completion("This sentence will never", usage=USAGE)).encode()
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2])
        handler.wfile.flush()
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        handler.connection.close()

    return behave


def void(_: object) -> None:
    return None
