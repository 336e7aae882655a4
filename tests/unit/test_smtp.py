"""Against a real SMTP server on loopback: every way it can fail, and what may be done about each."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from agentos.clock import FixedClock
from agentos.effects.mail import MailSystem, smtp
from agentos.effects.mail.outbox import Outbox
from agentos.effects.port import Absent, Found, Unknown
from agentos.errors import InDoubt, Permanent, Transient
from agentos.workspace.model import MailSettings, SmtpSettings

KEY = "mail:main/send/01931f00-0000-7000-8000-000000000001/invoice/mail"
PASSWORD = "correct horse battery staple"
CLOCK = FixedClock(datetime(2026, 11, 23, 12, tzinfo=UTC))


class Handler:
    """Accepts everything, unless a hook of a test says otherwise. `taken` holds the mails it answered 250 for."""

    def __init__(self) -> None:
        self.taken: list[Envelope] = []
        self.on_recipient: Callable[[str], str] = lambda address: "250 OK"
        self.on_text: Callable[[Server], str] = lambda server: "250 OK"

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        answer = self.on_recipient(address)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        answer = self.on_text(server)
        if answer.startswith("250"):
            self.taken.append(envelope)
        return answer


class Loopback(Controller):
    handler: Handler

    @property
    def settings(self) -> SmtpSettings:
        return SmtpSettings(host="localhost", port=self.port, security="none")


def serve(**options: Any) -> Loopback:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Loopback(Handler(), hostname="127.0.0.1", port=port, enable_SMTPUTF8=True, **options)
    server.start()
    return server


@pytest.fixture
def server() -> Iterator[Loopback]:
    running = serve()
    yield running
    running.stop()


def system(root: Path, settings: SmtpSettings) -> MailSystem:
    configured = MailSettings(from_address="petra@kranz.example", smtp=settings)
    return MailSystem(root, settings=configured, sender_name="Petra Kranz", clock=CLOCK)


def payload(**changes: Any) -> dict[str, Any]:
    return {"to": ["billing@acme.example"], "subject": "Invoice", "body": "Hello\n.\n..dots\n"} | changes


def test_an_accepted_mail_is_sent_once_and_tells_the_recipient_nothing_of_us(tmp_path: Path, server: Loopback) -> None:
    mail = system(tmp_path, server.settings)
    receipt = mail.do("send", payload(cc="ann@acme.example"), KEY)
    assert mail.do("send", payload(), KEY) == receipt
    assert mail.find("send", payload(), KEY) == Found(receipt)
    (envelope,) = server.handler.taken
    assert envelope.mail_from == "petra@kranz.example"
    assert envelope.rcpt_tos == ["billing@acme.example", "ann@acme.example"]
    assert isinstance(envelope.content, bytes)
    message = message_from_bytes(envelope.content, policy=default)
    assert message["Message-ID"] == receipt.ref
    assert message.get_content() == "Hello\r\n.\r\n..dots\r\n"
    assert b"X-AgentOS" not in envelope.content
    assert b"X-Unsent" not in envelope.content
    assert [path.name for path in (tmp_path / "outbox/sent").iterdir()] == [receipt.data["file"]]
    assert not list((tmp_path / "outbox").glob("*.eml"))
    assert not list((tmp_path / "outbox/.attempted").iterdir())
    assert mail.undo("send", payload(), receipt) is None
    assert mail.verbs["send"].reversible == "final"


def test_a_sent_mail_can_not_be_recalled(tmp_path: Path, server: Loopback) -> None:
    mail = system(tmp_path, server.settings)
    receipt = mail.do("send", payload(), KEY)
    with pytest.raises(Permanent, match="has left already"):
        mail.do("recall", {"file": receipt.data["file"]}, "recall-key")


def test_nobody_listening_means_later_and_the_mail_is_kept(tmp_path: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        mail = system(tmp_path, SmtpSettings(host="127.0.0.1", port=closed.getsockname()[1], security="none"))
        with pytest.raises(Transient, match="can't be reached: ConnectionRefusedError"):
            mail.do("send", payload(), KEY)
    assert mail.find("send", payload(), KEY) == Absent()
    assert len(list((tmp_path / "outbox").glob("*.eml"))) == 1


@pytest.mark.parametrize("stage", ["on_recipient", "on_text"])
@pytest.mark.parametrize(
    ("answer", "expected", "retry_after"),
    [
        ("450 4.2.0 Greylisted, please try again in 300 seconds", Transient, 300.0),
        ("451 4.7.1 Try again in 5 minutes", Transient, 300.0),
        ("452 4.2.2 Mailbox full", Transient, None),
        ("550 5.1.1 No such user", Permanent, None),
        ("554 5.7.1 Refused as spam", Permanent, None),
    ],
)
def test_a_refusal_is_classed_by_its_code_and_leaves_no_doubt(
    tmp_path: Path,
    server: Loopback,
    stage: str,
    answer: str,
    expected: type[Exception],
    retry_after: float | None,
) -> None:
    mail = system(tmp_path, server.settings)
    setattr(server.handler, stage, lambda _: answer)
    with pytest.raises(expected, match=answer[:3]) as failed:
        mail.do("send", payload(), KEY)
    assert getattr(failed.value, "retry_after", None) == retry_after
    assert mail.find("send", payload(), KEY) == Absent()
    assert server.handler.taken == []
    setattr(server.handler, stage, lambda _: "250 OK")
    mail.do("send", payload(), KEY)
    assert len(server.handler.taken) == 1


def test_one_refused_recipient_refuses_the_mail_for_all(tmp_path: Path, server: Loopback) -> None:
    server.handler.on_recipient = lambda address: "550 no" if "ann" in address else "250 OK"
    with pytest.raises(Permanent):
        system(tmp_path, server.settings).do("send", payload(cc="ann@acme.example"), KEY)
    assert server.handler.taken == []


def _hang_up(server: Server) -> str:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()
    return "250 OK"


def test_a_line_that_breaks_after_the_text_is_a_doubt_that_no_repeat_resolves(tmp_path: Path, server: Loopback) -> None:
    server.handler.on_text = _hang_up
    mail = system(tmp_path, server.settings)
    with pytest.raises(InDoubt, match="may have been sent"):
        mail.do("send", payload(), KEY)
    assert len(server.handler.taken) == 1, "the server has it, though it never said so"
    assert isinstance(mail.find("send", payload(), KEY), Unknown)
    server.handler.on_text = lambda _: "250 OK"
    with pytest.raises(InDoubt):
        mail.do("send", payload(), KEY)
    assert len(server.handler.taken) == 1
    (seen,) = mail.observe()
    assert seen.data["state"] == "attempted"


def test_a_server_that_falls_silent_after_the_text_is_a_doubt() -> None:
    async def silent(server: Server, session: Session, envelope: Envelope) -> str:
        await asyncio.sleep(1)
        return "250 OK"

    running = serve()
    running.handler.handle_DATA = silent  # type: ignore[method-assign]
    try:
        with pytest.raises(InDoubt):
            smtp.deliver(
                running.settings, "a@a.example", ["b@b.example"], b"x\r\n", about_to_send=lambda: None, after_text=0.2
            )
    finally:
        running.stop()


def test_killed_while_the_text_goes_out_is_a_doubt_for_the_next_process(
    tmp_path: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(smtp, "_hand_over", kill)
        with pytest.raises(Killed):
            system(tmp_path, server.settings).do("send", payload(), KEY)
    assert isinstance(system(tmp_path, server.settings).find("send", payload(), KEY), Unknown)


def test_no_encryption_offered_means_nothing_is_sent(tmp_path: Path, server: Loopback) -> None:
    settings = server.settings.model_copy(update={"security": "starttls"})
    with pytest.raises(Permanent, match="offers no encryption"):
        system(tmp_path, settings).do("send", payload(), KEY)
    assert server.handler.taken == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for localhost, valid for a day, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path / "localhost.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.fixture
def secure(certificate: Path) -> Iterator[Loopback]:
    """Wants STARTTLS and a login."""

    def check(server: Server, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and data.password == PASSWORD.encode()
        return AuthResult(success=right, handled=False)

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    running = serve(tls_context=context, authenticator=check, auth_required=True, require_starttls=True)
    yield running
    running.stop()


def locked(server: Loopback) -> SmtpSettings:
    return SmtpSettings(host="localhost", port=server.port, username="petra", password_env="PETRA_SMTP_PASSWORD")


def test_with_encryption_and_a_login_it_is_sent(
    tmp_path: Path, secure: Loopback, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("PETRA_SMTP_PASSWORD", PASSWORD)
    system(tmp_path / "w", locked(secure)).do("send", payload(), KEY)
    assert len(secure.handler.taken) == 1


def test_a_certificate_nobody_vouches_for_ends_it_before_the_password(
    tmp_path: Path, secure: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PETRA_SMTP_PASSWORD", PASSWORD)
    with pytest.raises(Permanent, match="certificate that can't be trusted"):
        system(tmp_path / "w", locked(secure)).do("send", payload(), KEY)
    assert secure.handler.taken == []


@pytest.mark.parametrize("password", ["wrong secret", "pässwörd"])
def test_a_refused_login_never_shows_the_password(
    tmp_path: Path, secure: Loopback, certificate: Path, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("PETRA_SMTP_PASSWORD", password)
    with pytest.raises(Permanent) as failed:
        system(tmp_path / "w", locked(secure)).do("send", payload(), KEY)
    shown: BaseException | None = failed.value
    while shown is not None:
        assert password not in repr(shown) + str(shown)
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def test_a_password_that_is_not_set_is_asked_for_by_its_name(
    tmp_path: Path, secure: Loopback, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.delenv("PETRA_SMTP_PASSWORD", raising=False)
    with pytest.raises(Transient, match="PETRA_SMTP_PASSWORD"):
        system(tmp_path / "w", locked(secure)).do("send", payload(), KEY)


def test_an_address_with_an_umlaut_goes_out_as_utf8(tmp_path: Path, server: Loopback) -> None:
    system(tmp_path, server.settings).do("send", payload(to=["Jörg <jörg@müller.example>"]), KEY)
    (envelope,) = server.handler.taken
    assert envelope.rcpt_tos == ["jörg@xn--mller-kva.example"]
    assert envelope.smtp_utf8


def test_a_mail_left_in_the_outbox_before_the_server_was_configured_stays_the_operators(
    tmp_path: Path, server: Loopback
) -> None:
    plain = MailSettings(from_address="petra@kranz.example")
    before = MailSystem(tmp_path, settings=plain, sender_name="Petra Kranz", clock=CLOCK)
    receipt = before.do("send", payload(), KEY)
    after = system(tmp_path, server.settings)
    assert after.account == before.account
    assert after.do("send", payload(), KEY) == receipt
    assert after.find("send", payload(), KEY) == Found(receipt)
    assert server.handler.taken == []


def test_without_an_address_to_send_from_nothing_is_tried(tmp_path: Path, server: Loopback) -> None:
    settings = MailSettings(smtp=server.settings)
    mail = MailSystem(tmp_path, settings=settings, sender_name="Petra", clock=CLOCK)
    with pytest.raises(Permanent, match="from_address"):
        mail.do("send", payload(), KEY)


def test_killed_after_the_server_took_it_the_mail_is_not_sent_again(
    tmp_path: Path, server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*arguments: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Outbox, "accept", kill)
        with pytest.raises(Killed):
            system(tmp_path, server.settings).do("send", payload(), KEY)
    again = system(tmp_path, server.settings)
    assert isinstance(again.find("send", payload(), KEY), Unknown)
    with pytest.raises(InDoubt):
        again.do("send", payload(body="Newer."), KEY)
    assert len(server.handler.taken) == 1


def test_a_mail_in_doubt_stays_in_doubt_when_its_file_is_moved_away(tmp_path: Path, server: Loopback) -> None:
    server.handler.on_text = _hang_up
    mail = system(tmp_path, server.settings)
    with pytest.raises(InDoubt):
        mail.do("send", payload(), KEY)
    (waiting,) = (tmp_path / "outbox").glob("*.eml")
    waiting.unlink()
    assert isinstance(mail.find("send", payload(), KEY), Unknown)
    with pytest.raises(InDoubt):
        mail.do("send", payload(), KEY)


def test_what_waits_for_the_server_is_written_anew_from_what_is_to_be_sent_now(
    tmp_path: Path, server: Loopback
) -> None:
    server.handler.on_recipient = lambda address: "450 later"
    mail = system(tmp_path, server.settings)
    with pytest.raises(Transient):
        mail.do("send", payload(), KEY)
    server.handler.on_recipient = lambda address: "250 OK"
    newer = payload(to=["new@acme.example"], subject="Invoice 2", body="Newer text.")
    receipt = mail.do("send", newer, KEY)
    (envelope,) = server.handler.taken
    assert envelope.rcpt_tos == ["new@acme.example"]
    assert isinstance(envelope.content, bytes)
    message = message_from_bytes(envelope.content, policy=default)
    assert (message["To"], message["Subject"]) == ("new@acme.example", "Invoice 2")
    assert message.get_content() == "Newer text.\r\n"
    assert not list((tmp_path / "outbox").glob("*.eml")), "the older text is gone"
    assert [path.name for path in (tmp_path / "outbox/sent").iterdir()] == [receipt.data["file"]]


def test_after_a_doubt_the_next_generation_is_a_fresh_mail(tmp_path: Path, server: Loopback) -> None:
    server.handler.on_text = _hang_up
    mail = system(tmp_path, server.settings)
    with pytest.raises(InDoubt):
        mail.do("send", payload(), KEY)
    server.handler.on_text = lambda _: "250 OK"
    receipt = mail.do("send", payload(), f"{KEY}#2")
    lost, sent = server.handler.taken
    ids = [message_from_bytes(one.content, policy=default)["Message-ID"] for one in (lost, sent)]  # type: ignore[arg-type]
    assert ids[0] != ids[1] == receipt.ref
    assert mail.find("send", payload(), f"{KEY}#2") == Found(receipt)
    assert isinstance(mail.find("send", payload(), KEY), Unknown), "the first is as doubtful as before"
