"""A post and a mail as one text in an editor, and back."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from desk.render.written import MAIL, POST, Written, as_text, read_text

OLD = Written({"title": "Old", "summary": "Short.", "markdown": "# A\n\ntext\n"})
WORDS = st.text(st.characters(blacklist_categories=("C", "Z")), min_size=1)


def test_what_is_not_changed_stays_the_same() -> None:
    assert read_text(as_text(OLD, POST), OLD, POST) == OLD


def test_the_named_lines_may_be_left_out() -> None:
    assert read_text("New text.", OLD, POST).fields == OLD.fields | {"markdown": "New text.\n"}


def test_the_named_lines_are_read() -> None:
    new = read_text("Title: New\nSummary: Other.\n\nbody: x\n", OLD, POST)
    assert new.fields == {"title": "New", "summary": "Other.", "markdown": "body: x\n"}


def test_a_mail_has_a_subject_and_keeps_its_placeholders() -> None:
    old = Written({"subject": "Invoice ⟦number⟧", "body": "Hello"})
    assert read_text("Subject: Bill ⟦number⟧\r\n\r\nHello there", old, MAIL).fields == {
        "subject": "Bill ⟦number⟧",
        "body": "Hello there",
    }


@given(WORDS, WORDS, WORDS)
@settings(deadline=None)
def test_any_post_comes_back(title: str, summary: str, body: str) -> None:
    written = Written({"title": title, "summary": summary, "markdown": body})
    assert read_text(as_text(written, POST), OLD, POST).fields == written.fields | {"markdown": body + "\n"}
