"""Handing one mail to a submission server (RFC 5321, RFC 6409), failures classed by what may be done about them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from agentos.errors import InDoubt, Outside, Permanent, Transient
from agentos.workspace.model import SmtpSettings

if TYPE_CHECKING:
    import smtplib

TIMEOUT = 30.0
"""Seconds for each answer of the server."""
AFTER_TEXT = 300.0
"""Seconds for the answer to the end of the text; RFC 5321 asks for ten minutes; giving up early makes a doubt."""


def deliver(
    settings: SmtpSettings,
    sender: str,
    recipients: Sequence[str],
    data: bytes,
    *,
    about_to_send: Callable[[], None],
    timeout: float = TIMEOUT,
    after_text: float = AFTER_TEXT,
) -> None:
    """Returns when the server has taken the mail for all recipients; one refused recipient refuses it for all.

    Calls `about_to_send` just before the text goes out. Raises Transient or Permanent when it certainly was not taken,
    and InDoubt when the connection was lost after that.
    """
    with _explained(settings), _connected(settings, sender.rpartition("@")[2], timeout) as server:
        _log_in(server, settings)
        options = _options(server, sender, recipients)
        _accepted(server.mail(sender, options), "the sender")
        for recipient in recipients:
            _accepted(server.rcpt(recipient), "a recipient")
        about_to_send()
        code, text = server.docmd("DATA")
        if code != 354:
            raise _refusal(code, text, "the mail")
        _hand_over(server, data, settings, after_text)
        with suppress(OSError):
            server.quit()


def _hand_over(server: smtplib.SMTP, data: bytes, settings: SmtpSettings, after_text: float) -> None:
    text = re.sub(rb"(?m)^\.", b"..", data if data.endswith(b"\r\n") else data + b"\r\n")
    try:
        if server.sock is not None:
            server.sock.settimeout(after_text)
        server.send(text + b".\r\n")
        answer = server.getreply()
    except OSError as error:  # SMTPException is one too
        raise InDoubt(
            f"{settings.host} went away while it took the mail; it may have been sent.",
            hint="Ask the recipient or look into the server's log before sending it again.",
            code="mail.in_doubt",
        ) from error
    if answer[0] == -1:
        raise InDoubt(f"{settings.host} answered something that is not SMTP; the mail may have been sent.")
    _accepted(answer, "the mail")


@contextmanager
def _connected(settings: SmtpSettings, own_domain: str, timeout: float) -> Iterator[smtplib.SMTP]:
    import smtplib
    import ssl

    # With no name given smtplib asks DNS for this machine's, which can hang and tells the server about our network.
    if settings.security == "tls":
        context = ssl.create_default_context()
        server: smtplib.SMTP = smtplib.SMTP_SSL(
            settings.host, settings.port, own_domain, timeout=timeout, context=context
        )
    else:
        server = smtplib.SMTP(settings.host, settings.port, own_domain, timeout=timeout)
    try:
        server.ehlo_or_helo_if_needed()
        if settings.security == "starttls":
            if not server.has_extn("starttls"):
                raise Permanent(
                    f"{settings.host} offers no encryption (STARTTLS), so nothing was sent.",
                    hint='Use security = "tls" with its port in [mail.smtp], or ask the provider.',
                    code="mail.no_tls",
                )
            _accepted(server.starttls(context=ssl.create_default_context()), "encryption")
            server.ehlo()
        yield server
    finally:
        server.close()


def _log_in(server: smtplib.SMTP, settings: SmtpSettings) -> None:
    import smtplib

    if settings.username is None:
        return
    name = settings.password_env
    password = os.environ.get(name) if name else None
    if not password:
        raise Transient(
            f"The password for {settings.host} is not set.",
            hint=f"Set the environment variable {name}." if name else "Name it as password_env in [mail.smtp].",
            code="mail.no_password",
        )
    try:
        server.login(settings.username, password)
    except smtplib.SMTPAuthenticationError as error:
        kind: type[Outside] = Transient if 400 <= error.smtp_code < 500 else Permanent
        # The server's own words are left out: some repeat what they were sent.
        refused = kind(f"{settings.host} refused the login ({error.smtp_code}).", hint=f"Check username and {name}.")
    except UnicodeError:
        refused = Permanent(f"The user name or password for {settings.host} has letters that SMTP login can't carry.")
    else:
        return
    raise refused


def _options(server: smtplib.SMTP, sender: str, recipients: Sequence[str]) -> list[str]:
    if sender.isascii() and all(recipient.isascii() for recipient in recipients):
        return []
    if not server.has_extn("smtputf8"):
        raise Permanent(
            "The mail server can't carry addresses with letters such as ü before the @.", code="mail.no_utf8"
        )
    server.command_encoding = "utf-8"
    return ["SMTPUTF8", "BODY=8BITMIME"]


def _accepted(answer: tuple[int, bytes], what: str) -> None:
    code, text = answer
    if not 200 <= code < 300:
        raise _refusal(code, text, what)


def _refusal(code: int, text: bytes | str, what: str) -> Outside:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    shown = " ".join("".join(c if c.isprintable() else " " for c in said).split())[:200]
    if 500 <= code < 600:
        return Permanent(f"The mail server refused {what}: {code} {shown}", code="mail.refused")
    wait = re.search(r"(\d{1,5}) *(second|minute|min\b|sec\b|s\b)", shown, re.IGNORECASE)
    seconds = float(wait[1]) * (60 if wait[2].lower().startswith("min") else 1) if wait else None
    return Transient(f"The mail server can't take {what} now: {code} {shown}", retry_after=seconds, code="mail.later")


@contextmanager
def _explained(settings: SmtpSettings) -> Iterator[None]:
    import smtplib
    import ssl

    where = f"{settings.host}:{settings.port}"
    try:
        yield
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code, error.smtp_error, "the connection") from None
    except smtplib.SMTPNotSupportedError:
        raise Permanent(f"{where} does not offer what is configured.", hint="Check [mail.smtp].") from None
    except ssl.SSLCertVerificationError as error:
        raise Permanent(
            f"{where} shows a certificate that can't be trusted: {error.verify_message}.",
            hint="Check host and port in [mail.smtp].",
            code="mail.bad_certificate",
        ) from None
    except (smtplib.SMTPException, OSError) as error:
        raise Transient(f"{where} can't be reached: {type(error).__name__}.", code="mail.unreachable") from error
