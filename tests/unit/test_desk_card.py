"""The card: what a person must see in five seconds, and what it leaves out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import click

from agentos.tasks.state import CardState, TaskState
from desk.reading import Earlier
from desk.render.card import Part, View, card_lines, changed_lines, command_lines, text_of
from desk.render.overview import card_json, desk_lines, state_word, status_lines

NOW = datetime(2026, 11, 23, 21, 0, tzinfo=UTC)
EUR = {"currency": "EUR"}
INVOICE: dict[str, Any] = {
    "key": "invoice:main/issue/t/invoice", "digest": "d", "slot": "invoice", "system": "invoice", "verb": "issue",
    "title": "Invoice Acme", "to": None, "subject": "acme", "reversible": "compensable", "undo": "A credit note.",
    "amounts": {"net": EUR | {"amount": "1200.00"}, "vat": EUR | {"amount": "228.00"},
                "gross": EUR | {"amount": "1428.00"}}, "reasons": [],
}  # fmt: skip
POST = INVOICE | {"slot": "post", "system": "site", "verb": "publish", "title": "Publish “Heat”", "amounts": None,
                  "subject": None, "reversible": "final", "undo": "Nothing takes it back.",
                  "to": "the \x1b[2Jweb"}  # fmt: skip
MARKDOWN = "\n\n".join(f"Paragraph {number}." for number in range(20))


def card(*effects: dict[str, Any], kind: str = "effects", question: Any = None, hours: float = 72) -> CardState:
    data = {
        "effects": list(effects), "reasons": [{"code": "x", "text": "It is above your threshold.", "about": ""}],
        "question": question, "expires_at": (NOW + timedelta(hours=hours)).isoformat(),
        "body": {"spent": [EUR | {"amount": "0.12"}], "confidence": 0.95},
    }  # fmt: skip
    return CardState("01a20a33-0000-7000-8000-0000abcd1234", kind, "deliver", "Post and invoice", data, NOW)


def shown(view: View, **more: Any) -> str:
    return click.unstyle("\n".join(card_lines(view, UTC, NOW, 78, **more)))


def view(*parts: Part, **more: Any) -> View:
    return View(TaskState("task"), card(*(part.effect for part in parts), **more), list(parts))


def test_a_card_says_what_to_whom_how_much_why_the_cost_and_the_way_back() -> None:
    text = shown(view(Part(INVOICE, {"net": "1200"}), Part(POST, {"title": "Heat", "markdown": "Warm."})))
    for part in (
        "abcd1234", "expires in 3 days", "net 1,200.00 EUR + VAT 228.00 EUR = 1,428.00 EUR", "Undo: A credit note.",
        "Can't be undone: Nothing takes it back.", "above your threshold", "Warm.", "0.12 EUR", "95%", "to the [2Jweb",
    ):  # fmt: skip
        assert part in text
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 78


def test_a_long_text_is_shown_in_part_until_the_whole_is_asked_for() -> None:
    post = Part(POST, {"title": "Heat", "markdown": MARKDOWN})
    assert "Paragraph 19." not in shown(view(post))
    assert "more lines: --full" in shown(view(post))
    assert "Paragraph 19." in shown(view(post), full=True)


def test_what_changed_since_the_card_before_stands_on_it() -> None:
    earlier = Earlier("the card before this one", "Publish", {"title": "Heat", "markdown": MARKDOWN}, NOW)
    new = {"title": "Warmth", "markdown": MARKDOWN.replace("Paragraph 3.", "Another third.")}
    text = shown(view(Part(POST, new, earlier)))
    assert "- # Heat" in text
    assert "+ # Warmth" in text
    assert "- Paragraph 3." in text
    assert "+ Another third." in text
    assert "- Paragraph 4." not in text


def test_a_wholly_different_text_is_named_not_compared() -> None:
    earlier = Earlier("the last one", "Publish “Cats”", {"title": "Cats", "markdown": "Cats purr."}, NOW)
    text = shown(view(Part(POST, {"title": "Heat", "markdown": MARKDOWN}, earlier)))
    assert "Unlike the last one" in text
    assert "Cats purr" not in text


def test_the_last_invoice_stands_beside_a_new_one() -> None:
    amounts = INVOICE["amounts"] | {"gross": EUR | {"amount": "119.00"}}
    earlier = Earlier("the last one", "Invoice Acme: 119.00 EUR", {}, NOW - timedelta(days=3), amounts)
    assert "The last one: Invoice Acme: 119.00 EUR, 20 Nov 21:00" in shown(view(Part(INVOICE, {"net": "1"}, earlier)))


def test_a_forgotten_client_s_content_reads_as_absent() -> None:
    assert "forgotten" in shown(view(Part(POST, None)))


def test_commands_fit_the_kind_of_card() -> None:
    approval = command_lines(card(INVOICE, POST))
    assert approval[0] == "agentos approve abcd1234"
    assert "agentos approve abcd1234 --strike post" in approval
    assert "agentos edit abcd1234" in approval
    choices = {"slot": "decision", "text": "?", "choices": ["retry", "cancel"]}
    assert command_lines(card(kind="failure", question=choices)) == [
        'agentos answer abcd1234 "retry"',
        'agentos answer abcd1234 "cancel"',
    ]
    assert command_lines(replace(card(INVOICE), status="granted")) == []


def test_only_the_changed_lines_are_told() -> None:
    assert [click.unstyle(text) for text in changed_lines(["a", "b"], ["a", "c"])] == ["  - b", "  + c"]
    assert changed_lines(["a"], ["a"]) == []


def test_what_has_no_text_to_read_says_none() -> None:
    assert text_of({"net": "1200.00"}) is None


def test_the_desk_lists_and_warns_before_a_card_expires() -> None:
    state, soon = TaskState("task"), card(INVOICE, hours=2)
    text = click.unstyle("\n".join(desk_lines([(state, soon)], UTC, NOW, 78)))
    assert "1,428.00 EUR" in text
    assert "expires in 2 h (23:00); expired means denied" in text
    assert "has expired" in click.unstyle("\n".join(desk_lines([(state, card(hours=-1))], UTC, NOW, 78)))
    assert "denied" not in "\n".join(desk_lines([(state, card(hours=72))], UTC, NOW, 78))
    assert desk_lines([], UTC, NOW, 78) == ["Nothing waits for you."]


def test_card_json_holds_what_the_issue_names() -> None:
    given = card_json(TaskState("task"), card(INVOICE, POST))
    assert {"card", "task", "kind", "title", "amounts", "reasons", "expires_at"} <= given.keys()
    assert given["amounts"] == [{"slot": "invoice"} | INVOICE["amounts"]]


def test_status_says_where_every_task_stands() -> None:
    waits = TaskState("a" * 36, status="parked", cards={"c": card(INVOICE)})
    sleeps = TaskState("b" * 36, status="parked", parked=[{"until": (NOW + timedelta(minutes=30)).isoformat()}])
    due = TaskState("c" * 36, status="parked", parked=[{"until": (NOW - timedelta(minutes=1)).isoformat()}])
    words = [click.unstyle(state_word(state, NOW)) for state in (waits, sleeps, due, TaskState("d"))]
    assert words == ["waits for you", "waits 30 min", "ready", "ready"]
    text = status_lines([(waits, "Invoice")], [(waits, card(INVOICE))], {"failed": 1}, [], "testing", NOW, UTC, NOW, 78)
    joined = click.unstyle("\n".join(text))
    for part in ("Stopped: testing", "Waiting for you: 1", "Closed: 1 failed", "today: nothing", "Next due: 21:00"):
        assert part in joined
