"""What a person, a script or a broken terminal may type: said back in a sentence, and never a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fakes.terminal import Agentos

INVOICE = "Invoice Acme Studio 700 EUR for a workshop"
POST = "Write a blog post about heat pumps for older houses"
NO_UTF8 = "pump\udcfcn"
"""What Python makes of a Latin-1 argument."""
MEGABYTE = "x" * 1_000_000


def card_of(agentos: Agentos) -> str:
    return str(agentos("desk", "--json").json[-1]["card"])


def whole(agentos: Agentos, root: Path) -> bool:
    """No traceback was written, and the log holds."""
    return not list(root.glob("state/errors/*")) and agentos("log", "check").code == 0


def test_reasons_in_another_encoding_are_kept_as_far_as_they_can_be_read(agentos: Agentos, root: Path) -> None:
    agentos("run", INVOICE)
    denied = agentos("deny", card_of(agentos), "--reason", NO_UTF8, "--json")
    assert (denied.code, denied.json["summary"]) == (0, "pump?n")
    task = agentos("again", denied.json["task"], "--json").json["task"]
    assert agentos("cancel", task, "--reason", NO_UTF8, "--json").json["status"] == "cancelled"
    assert agentos("stop", "--reason", NO_UTF8).code == 0
    assert agentos("status", "--json").json["stopped"] == "pump?n"
    assert agentos("start").code == 0
    assert whole(agentos, root)


@pytest.mark.parametrize("said", [NO_UTF8, "9" * 100_000, "9" * 5000, "\x00\x1b[31m", "²", "1e400 EUR", MEGABYTE, " "])
def test_an_answer_that_is_nonsense_leaves_the_question_open(agentos: Agentos, root: Path, said: str) -> None:
    agentos("run", "Invoice Acme Studio for a talk")
    given = agentos("answer", card_of(agentos), said)
    assert len(given.out + given.err) < 5000
    assert agentos("desk", "--json").json[-1]["kind"] == "question"
    assert agentos("answer", card_of(agentos), "700 EUR net").code == 0
    assert [card["kind"] for card in agentos("desk", "--json").json] == ["approval"]
    assert whole(agentos, root)


@pytest.mark.parametrize("words", [("deny", "--reason"), ("answer",)])
def test_what_is_too_long_to_keep_is_refused_not_cut(agentos: Agentos, root: Path, words: tuple[str, ...]) -> None:
    agentos("run", INVOICE if words[0] == "deny" else "Invoice Acme Studio for a talk")
    refused = agentos(words[0], card_of(agentos), *words[1:], MEGABYTE)
    assert refused.code == 1
    assert "has 1,000,000 characters; at most 20,000 are kept" in refused.err
    assert len(agentos("desk", "--json").json) == 1
    assert whole(agentos, root)


@pytest.mark.parametrize("budget", ["1e999999999 EUR", "1e13 EUR", "nan EUR", "-1 EUR", f"{'9' * 5000} EUR", NO_UTF8])
def test_a_budget_that_is_no_amount_is_refused(agentos: Agentos, budget: str) -> None:
    refused = agentos("run", INVOICE, "--budget", budget)
    assert (refused.code, "is not an amount of money" in refused.err) == (1, True)
    assert agentos("status", "--json").json["tasks"] == []


@pytest.mark.parametrize("arguments", [("show", MEGABYTE), ("approve", MEGABYTE), ("log", "--since", MEGABYTE)])
def test_an_error_about_a_megabyte_is_short(agentos: Agentos, root: Path, arguments: tuple[str, ...]) -> None:
    refused = agentos(*arguments)
    assert refused.code in (1, 2)
    assert len(refused.err) < 2500
    assert whole(agentos, root)


def test_a_card_of_another_workspace_is_not_here(agentos: Agentos) -> None:
    refused = agentos("approve", "0198c0de-0000-7000-8000-000000000000")
    assert (refused.code, "There is no card" in refused.err) == (1, True)


def test_doctor_lists_rules_that_can_t_be_read(agentos: Agentos, root: Path) -> None:
    (root / "rules.toml").write_text("[[rules\n")
    assert "rules.toml:1: is not valid TOML" in agentos("doctor").out


def test_a_megabyte_as_the_request_is_kept_and_refused(agentos: Agentos) -> None:
    refused = agentos("run", MEGABYTE)
    assert (refused.code, "1,000,000 characters" in refused.err) == (1, True)
    assert len(agentos("log", "--type", "intent.received", "--json").out.splitlines()) == 1


EDITS = {
    "binary": bytes(range(256)),
    "empty": b"",
    "blank": b" \n\t\n",
    "zero bytes": b"\x00" * 100,
    "huge": b"word " * 400_000,
}


@pytest.mark.parametrize("case", EDITS)
def test_an_edit_that_holds_no_text_changes_nothing(agentos: Agentos, root: Path, tmp_path: Path, case: str) -> None:
    agentos("run", INVOICE)
    card, file = card_of(agentos), tmp_path / "edit.md"
    file.write_bytes(EDITS[case])
    refused = agentos("edit", card, "--file", str(file))
    assert refused.code in (1, 2), refused.out
    assert len(refused.err) > 20
    assert card_of(agentos) == card
    assert agentos("approve", card).code == 0
    assert whole(agentos, root)


def test_a_title_in_another_encoding_is_kept_as_far_as_it_can_be_read(agentos: Agentos, root: Path) -> None:
    agentos("run", INVOICE)
    assert agentos("edit", card_of(agentos), "--title", NO_UTF8).code == 0
    assert "pump?n" in agentos("show", card_of(agentos)).out
    assert agentos("edit", card_of(agentos), "--title", " ").code != 0
    assert whole(agentos, root)
