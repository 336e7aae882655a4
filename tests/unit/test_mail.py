from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.clock import FixedClock
from agentos.effects.mail import MailSystem
from agentos.effects.mail.message import MAX_ATTACHED
from agentos.effects.port import Absent, Found
from agentos.errors import Permanent
from agentos.ids import digest
from agentos.workspace.model import MailSettings

KEY = "mail:main/send/01931f00-0000-7000-8000-000000000001/invoice-mail-with-a-long-slot-name"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def mail(root: Path, **changes: Any) -> MailSystem:
    given_settings = MailSettings(**{"from_address": "petra@kranz.example"} | changes)
    return MailSystem(root, settings=given_settings, sender_name="Petra Kranz", clock=FixedClock(NOON))


def payload(**changes: Any) -> dict[str, Any]:
    return {"to": "billing@acme.example", "subject": "Invoice 2026-0001", "body": "Dear Acme,\n\nhello.\n"} | changes


def written(root: Path) -> EmailMessage:
    (file,) = (root / "outbox").glob("*.eml")
    return message_from_string(file.read_bytes().decode(), policy=default)


def test_without_a_server_a_mail_program_can_open_and_send_the_file(tmp_path: Path) -> None:
    receipt = mail(tmp_path).do("send", payload(cc=["Ann <ann@acme.example>"], language="en"), KEY)
    message = written(tmp_path)
    assert message["From"] == "Petra Kranz <petra@kranz.example>"
    assert (message["To"], message["Cc"]) == ("billing@acme.example", "Ann <ann@acme.example>")
    assert message["Message-ID"] == receipt.ref
    assert message["Date"].datetime == NOON
    assert message["X-Unsent"] == "1"
    assert message["Content-Language"] == "en"
    assert message.get_content() == "Dear Acme,\r\n\r\nhello.\r\n"
    assert message.defects == []
    (file,) = (tmp_path / "outbox").glob("*.eml")
    assert file.name.startswith("2026-11-23-invoice-2026-0001-")
    raw = file.read_bytes()
    assert b"=0D" not in raw
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")


def test_a_workspace_without_an_address_still_writes_a_valid_mail(tmp_path: Path) -> None:
    system = mail(tmp_path, from_address=None)
    assert system.account == "mail:main"
    system.do("send", payload(), KEY)
    assert written(tmp_path)["From"] == "Petra Kranz:;"


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2026-11-25", datetime(2026, 11, 25, 12, tzinfo=UTC)),
        ("2026-11-25T08:15:00+01:00", datetime(2026, 11, 25, 7, 15, tzinfo=UTC)),
        (None, NOON),
    ],
)
def test_the_date_is_the_one_assigned(tmp_path: Path, day: str | None, expected: datetime) -> None:
    mail(tmp_path).do("send", payload(date=day), KEY)
    assert written(tmp_path)["Date"].datetime == expected


def test_other_languages_arrive_as_they_were_written(tmp_path: Path) -> None:
    (tmp_path / "r.pdf").write_bytes(b"%PDF-1.7 \x00\xff")
    text = "Grüße aus Köln, 東京 und 🏠\n.\nFrom here on\n" + "ü" * 2000 + "\n"
    mail(tmp_path).do(
        "send",
        payload(
            to=["Jürgen Groß <jürgen@müller.example>"],
            subject="Rechnung für die Wärmepumpe 🏠",
            body=text,
            attachments=[{"name": "Rechnung für Müller.pdf", "path": "r.pdf"}],
        ),
        KEY,
    )
    message = written(tmp_path)
    assert message["Subject"] == "Rechnung für die Wärmepumpe 🏠"
    (to,) = message["To"].addresses
    assert (to.display_name, to.username, to.domain) == ("Jürgen Groß", "jürgen", "xn--mller-kva.example")
    body = message.get_body()
    assert body is not None
    assert body.get_content() == text.replace("\n", "\r\n")
    (attached,) = message.iter_attachments()
    assert attached.get_filename() == "Rechnung für Müller.pdf"
    assert (attached.get_content_type(), attached.get_content()) == ("application/pdf", b"%PDF-1.7 \x00\xff")


@given(subject=st.text(), body=st.text())
@settings(deadline=None, max_examples=40)
def test_any_subject_is_written_whole_or_refused(subject: str, body: str) -> None:
    from agentos.effects.mail.message import Mail, compose, read_key

    mail_ = Mail(to=("a@b.example",), subject=subject, body=body)
    try:
        data = compose(mail_, key=KEY, sender=None, sender_name="P", at=NOON, root=Path(), unsent=True)
    except Permanent:
        assert any(ord(character) < 32 or ord(character) in (0x7F, 0x85, 0x2028, 0x2029) for character in subject)
        return
    message = message_from_bytes(data, policy=default)
    assert set(message.keys()) == {
        "From", "To", "Subject", "Date", "Message-ID", "X-AgentOS-Key", "X-Unsent",
        "Content-Type", "Content-Transfer-Encoding", "MIME-Version",
    }  # fmt: skip
    assert read_key(message["X-AgentOS-Key"]) == KEY


@pytest.mark.parametrize(
    "bad",
    [
        {"subject": "Hello\r\nBcc: thief@evil.example"},
        {"subject": "Hello\nBcc: thief@evil.example"},
        {"to": "a@acme.example\r\nBcc: thief@evil.example"},
        {"to": ["Ann\nBcc: x@evil.example <a@acme.example>"]},
        {"to": ["a@acme.example <thief@evil.example> b@c.example"]},
        {"to": ["alice@acme.example)thief@evil.example"]},
        {"to": ["a@acme.example,thief@evil.example"]},
        {"to": "not an address"},
        {"to": "a@b..example"},
        {"to": "a@"},
        {"to": []},
        {"to": None},
        {"cc": ["a b@acme.example"]},
        {"language": "en\r\nBcc: x@evil.example"},
        {"date": "soon"},
        {"bcc": "x@evil.example"},
    ],
)
def test_a_mail_that_is_not_what_was_approved_is_never_written(tmp_path: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(Permanent):
        mail(tmp_path).do("send", payload(**bad), KEY)
    assert not list(tmp_path.rglob("*.eml"))


def test_the_same_mail_gives_the_same_bytes_in_another_workspace(tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.txt").write_text("x")
        mail(tmp_path / name).do("send", payload(attachments=[{"name": "x.txt", "path": "x.txt"}]), KEY)
        files.append(next((tmp_path / name / "outbox").glob("*.eml")).read_bytes())
    assert files[0] == files[1]


@pytest.mark.parametrize("path", ["../secret.txt", "/etc/hostname", "link.txt", "books/../../secret.txt"])
def test_nothing_from_outside_the_workspace_is_attached(tmp_path: Path, path: str) -> None:
    root = tmp_path / "workspace"
    (root / "books").mkdir(parents=True)
    (tmp_path / "secret.txt").write_text("secret")
    (root / "link.txt").symlink_to(tmp_path / "secret.txt")
    with pytest.raises(Permanent, match="outside the workspace"):
        mail(root).do("send", payload(attachments=[{"name": "x", "path": path}]), KEY)
    assert not list(root.rglob("*.eml"))


def test_a_missing_changed_or_huge_attachment_is_named(tmp_path: Path) -> None:
    system = mail(tmp_path)

    def attach(**attachment: str) -> dict[str, Any]:
        return payload(attachments=[{"name": "a.pdf", "path": "a.pdf"} | attachment])

    with pytest.raises(Permanent, match=r"The attachment a\.pdf is not there"):
        system.do("send", attach(), KEY)
    (tmp_path / "a.pdf").write_bytes(b"changed")
    with pytest.raises(Permanent, match=r"a\.pdf has changed since"):
        system.do("send", attach(digest=digest(b"approved")), KEY)
    with (tmp_path / "huge.pdf").open("wb") as file:
        file.truncate(MAX_ATTACHED + 1)
    with pytest.raises(Permanent, match="more than 18 MB"):
        system.do("send", attach(path="huge.pdf"), KEY)
    system.do("send", attach(digest=digest(b"changed")), KEY)


def test_recalling_moves_the_file_and_keeps_it(tmp_path: Path) -> None:
    system = mail(tmp_path)
    receipt = system.do("send", payload(), KEY)
    proposal = system.undo("send", payload(), receipt)
    assert proposal is not None
    assert proposal.verb == "recall"
    system.do("recall", proposal.payload, "recall-key")
    assert not list((tmp_path / "outbox").glob("*.eml"))
    assert (tmp_path / "outbox/recalled" / receipt.data["file"]).exists()
    (seen,) = system.observe()
    assert (seen.key, seen.data["state"]) == (KEY, "recalled")


def test_a_recall_killed_half_way_is_completed_by_a_repeat(tmp_path: Path) -> None:
    system = mail(tmp_path)
    receipt = system.do("send", payload(), KEY)
    proposal = system.undo("send", payload(), receipt)
    assert proposal is not None
    original = tmp_path / "outbox" / receipt.data["file"]
    kept = original.read_bytes()
    system.do("recall", proposal.payload, "recall-key")
    original.write_bytes(kept)
    assert system.find("recall", proposal.payload, "recall-key") == Absent()
    undone = system.do("recall", proposal.payload, "recall-key")
    assert system.find("recall", proposal.payload, "recall-key") == Found(undone)
    assert not original.exists()


def test_a_mail_the_operator_has_taken_out_herself_can_not_be_recalled(tmp_path: Path) -> None:
    system = mail(tmp_path)
    receipt = system.do("send", payload(), KEY)
    (tmp_path / "outbox" / receipt.data["file"]).unlink()
    with pytest.raises(Permanent, match="no longer in the outbox"):
        system.do("recall", {"file": receipt.data["file"]}, "recall-key")


@pytest.mark.parametrize("file", ["../agentos.toml", "sent/x.eml", "/x.eml", ".x.eml", "x.txt", ""])
def test_a_recall_can_not_reach_other_files(tmp_path: Path, file: str) -> None:
    with pytest.raises(Permanent):
        mail(tmp_path).do("recall", {"file": file}, "k")


def test_an_edit_by_hand_shows_in_the_digest(tmp_path: Path) -> None:
    system = mail(tmp_path)
    receipt = system.do("send", payload(), KEY)
    (before,) = system.observe()
    file = tmp_path / "outbox" / receipt.data["file"]
    file.write_bytes(file.read_bytes() + b"P.S.\r\n")
    (after,) = system.observe()
    assert before.key == after.key == KEY
    assert before.digest != after.digest


def test_a_folder_that_can_not_be_written_is_an_error_a_person_understands(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_text("a file in the way")
    with pytest.raises(Exception, match="outbox could not be written") as failed:
        mail(tmp_path).do("send", payload(), KEY)
    assert getattr(failed.value, "hint", "")


def test_the_account_is_the_same_whatever_address_the_mail_is_sent_from(tmp_path: Path) -> None:
    assert mail(tmp_path).account == mail(tmp_path, from_address="new@kranz.example").account == "mail:main"


KEYS = [f"mail:main/send/{'x' * length}" for length in range(1, 120)]


@given(
    key=st.sampled_from(KEYS)
    | st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=300)
)
@settings(deadline=None, max_examples=150)
def test_every_key_is_read_back_as_it_was_written_and_leaves_with_no_mail(key: str) -> None:
    from agentos.effects.mail.message import Mail, compose, without_notes
    from agentos.effects.mail.outbox import Entry

    mail_ = Mail(to=("a@b.example",), subject="s", body="b")
    data = compose(mail_, key=key, sender=None, sender_name="P", at=NOON, root=Path(), unsent=True)
    assert Entry("n", "outbox", data).key == key
    assert max(map(len, data.split(b"\r\n"))) < 80
    assert without_notes(data).startswith(b"From: ")


def test_a_long_domain_gives_a_message_id_that_reads_back_whole(tmp_path: Path) -> None:
    domain = f"{'a' * 60}.{'b' * 60}.example"
    receipt = mail(tmp_path, from_address=f"petra@{domain}").do("send", payload(), KEY)
    assert receipt.ref.startswith("<")
    assert receipt.ref.endswith(f"@{domain}>")
