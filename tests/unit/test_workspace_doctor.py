"""What the doctor and the probe see, against real sockets on loopback."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agentos.errors import Transient
from agentos.workspace.answers import Answers, demo
from agentos.workspace.doctor import Finding, examine
from agentos.workspace.init import init_workspace
from agentos.workspace.load import load_configuration
from agentos.workspace.probe import PROVIDERS, Probe, Server, model_lines, probe, try_call


class _Models(BaseHTTPRequestHandler):
    body = b""
    seen: list[str | None]

    def do_GET(self) -> None:
        type(self).seen.append(self.headers.get("Authorization"))
        self.send_response(200 if self.path == "/v1/models" else 404)
        self.send_header("Content-Length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, *_: object) -> None:
        pass


def serve(body: bytes) -> Iterator[tuple[int, list[str | None]]]:
    handler: Any = type("Handler", (_Models,), {"body": body, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server.server_address[1], handler.seen
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def model_server() -> Iterator[tuple[int, list[str | None]]]:
    yield from serve(json.dumps({"data": [{"id": "nomic-embed"}, {"id": "tiny"}, {"id": 3}, "x"]}).encode())


@pytest.fixture
def other_server() -> Iterator[tuple[int, list[str | None]]]:
    yield from serve(b"<html>hello</html>")


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@pytest.fixture
def smtp_port() -> Iterator[int]:
    """A real SMTP server (aiosmtpd), without TLS."""
    from aiosmtpd.controller import Controller
    from aiosmtpd.handlers import Sink

    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = int(one.getsockname()[1])
    controller = Controller(Sink(), hostname="127.0.0.1", port=port)
    controller.start()
    yield port
    controller.stop()


def found(root: Path, area: str, environ: dict[str, str] | None = None) -> list[Finding]:
    return [one for one in examine(root, environ or {}, timeout=1.0) if one.area == area]


def test_a_demo_workspace_has_nothing_wrong(tmp_path: Path):
    init_workspace(tmp_path / "ws", demo())
    findings = examine(tmp_path / "ws", {})
    assert {one.state for one in findings} == {"ok", "missing"}
    assert {one.area for one in findings if one.state == "missing"} == {"models", "mail"}
    assert all(one.mend for one in findings if one.state != "ok")


def test_a_plain_workspace_lacks_identity(tmp_path: Path):
    init_workspace(tmp_path / "ws", Answers(name="Ada"))
    (identity,) = found(tmp_path / "ws", "identity")
    assert identity.state == "missing"
    assert "business.iban" in identity.what


def test_faults_are_found_side_by_side(tmp_path: Path):
    root = tmp_path / "ws"
    init_workspace(root, demo())
    (root / "agentos.toml").write_text("[business]\nnmae = 1\n")
    (root / "policy.toml").unlink()
    (root / "knowledge" / "out.md").symlink_to("/etc/hostname")
    (root / "books").rmdir()
    states = {(one.area, one.state) for one in examine(root, {})}
    assert {("configuration", "wrong"), ("policy", "missing"), ("files", "wrong"), ("folders", "missing")} <= states
    assert "agentos.toml:" in found(root, "configuration")[0].what


def test_a_broken_client_and_a_lost_site_are_named(tmp_path: Path):
    root = tmp_path / "ws"
    init_workspace(root, demo())
    (root / "clients" / "bad.toml").write_text("name = 3\n")
    (root / "site" / ".git").rename(root / "site" / "git-elsewhere")
    assert "clients/bad.toml:1" in found(root, "clients")[0].what
    assert found(root, "site")[0].state == "wrong"


def test_the_probe_finds_keys_and_servers_and_never_shows_a_key(
    model_server: tuple[int, list[str | None]], other_server: tuple[int, list[str | None]], closed_port: int
):
    port, seen = model_server
    result = probe({"OPENAI_API_KEY": "sk-very-secret", "MISTRAL_API_KEY": " "}, [closed_port, other_server[0], port])
    assert [one.name for one in result.providers] == ["OpenAI"]
    assert result.servers == (Server(f"http://127.0.0.1:{port}/v1", ("nomic-embed", "tiny")),)
    assert "sk-very-secret" not in repr(result) + model_lines(result)
    assert seen == [None]


@pytest.mark.parametrize(
    "result",
    [
        Probe(),
        Probe(PROVIDERS[:1]),
        Probe((), (Server("http://127.0.0.1:11434/v1", ("nomic-embed", 'odd "name"')),)),
        Probe(PROVIDERS[1:3], (Server("http://127.0.0.1:8080/v1", ("a",)),)),
    ],
)
def test_found_models_become_valid_configuration(tmp_path: Path, result: Probe):
    init_workspace(tmp_path / "ws", Answers(name="Ada", models=model_lines(result)))
    models = load_configuration(tmp_path / "ws").models
    assert bool(models.small) is bool(result.providers or result.servers)
    assert bool(models.local) is bool(result.servers)
    assert all(one.local and one.model != "nomic-embed" for one in models.local)
    if result.providers:
        assert models.large[0].api_key_env == result.providers[0].variable


def test_one_real_call_is_reported_not_raised():
    from agentos.workspace.model import ModelEndpoint

    def broken(_: ModelEndpoint) -> str:
        raise Transient("The server is busy.", hint="Try later.")

    endpoint = ModelEndpoint(model="tiny")
    assert try_call(endpoint, lambda _: "hello").ok
    assert not try_call(endpoint, lambda _: " ").ok
    assert try_call(endpoint, broken).what == "The server is busy. Try later."


def configure(root: Path, lines: str) -> None:
    init_workspace(root, Answers(name="Ada", models=lines))


@pytest.mark.parametrize(("model", "state"), [("tiny", "ok"), ("huge", "wrong")])
def test_model_endpoints_are_asked(tmp_path: Path, model_server: tuple[int, list[str | None]], model: str, state: str):
    port, seen = model_server
    lines = f'[[models.small]]\nmodel = "{model}"\nbase_url = "http://127.0.0.1:{port}/v1"\napi_key_env = "MY_KEY"\n'
    configure(tmp_path / "ws", lines)
    (finding,) = found(tmp_path / "ws", "models", {"MY_KEY": "k-secret"})
    assert finding.state == state
    assert "k-secret" not in repr(finding)
    assert seen == ["Bearer k-secret"]
    (finding,) = found(tmp_path / "ws", "models")
    assert (finding.state, "MY_KEY" in finding.mend) == ("missing", True)


def test_a_server_that_is_down_is_unreachable(tmp_path: Path, closed_port: int):
    configure(
        tmp_path / "ws",
        f'[[models.local]]\nmodel = "m"\nlocal = true\nbase_url = "http://127.0.0.1:{closed_port}/v1"\n',
    )
    (finding,) = found(tmp_path / "ws", "models")
    assert finding.state == "unreachable"


def test_the_mail_server_is_greeted(tmp_path: Path, smtp_port: int, closed_port: int):
    for name, port, security, state in (
        ("a", smtp_port, "none", "ok"),
        ("b", smtp_port, "starttls", "wrong"),
        ("c", closed_port, "none", "unreachable"),
    ):
        root = tmp_path / name
        init_workspace(root, Answers(name="Ada"))
        with (root / "agentos.toml").open("a") as file:
            file.write(f'[mail.smtp]\nhost = "127.0.0.1"\nport = {port}\nsecurity = "{security}"\n')
        (finding,) = found(root, "mail")
        assert finding.state == state
