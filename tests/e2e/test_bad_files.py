"""Files of the workspace that can't be right: the operator is told which, and nothing waits or goes on without them."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agentos.capabilities.knowledge import Knowledge
from agentos.errors import WorkspaceError
from graphs.recipes import load_shelf
from tests.fakes.business import Shop, asked

POST = "Write a blog post about heat pumps for older houses"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "w")
    made.open()
    yield made
    made.close()


# -- rules.toml

BROKEN_RULES = {
    "no TOML": (b"# mine\n[[rules]\n", "rules.toml:2: is not valid TOML"),
    "a misspelt table": (b'[[rulez]]\nrule = "x"\n', "rules.toml:1: rulez is not a setting"),
    "no tables": (b"rules = 3\n", "rules.toml:1: rules"),
    "texts": (b'rules = ["a"]\n', "rules.toml:1: rules[1]"),
    "no text": (b"\xff\xfe\x00", "rules.toml: is saved as UTF-16"),
    "invalid UTF-8": (b"# \xe4\n", "rules.toml:1: is not UTF-8 text"),
    "megabytes": (b"# x\n" * 200_000, "rules.toml: has 800,000 bytes"),
    "a folder": (None, "rules.toml: is not a file"),
}


@pytest.mark.parametrize("case", BROKEN_RULES)
async def test_own_rules_that_can_t_be_read_are_asked_about_before_anything_goes_out(shop: Shop, case: str) -> None:
    content, said = BROKEN_RULES[case]
    path = shop.root / "rules.toml"
    path.mkdir() if content is None else path.write_bytes(content)
    state = await shop.run(POST)
    assert said in asked(state).title
    assert asked(state).data["question"]["choices"] == ["retry"]
    assert (state.step("edit").status, shop.outside()) == ("started", [])


async def test_own_rules_that_are_mended_are_applied(shop: Shop) -> None:
    path = shop.root / "rules.toml"
    rule = '[[rules]]\nrule = "mine.heat"\nkind = "forbidden"\nseverity = "card"\npattern = "(?i)heat"\nmessage = "m"\n'
    path.write_text(rule + "[[rules\n")
    state = await shop.run(POST)
    again = await shop.answer(state, "retry")
    assert "rules.toml:7" in asked(again).title
    path.write_text(rule)
    done = await shop.answer(again, "retry")
    (card,) = done.open_cards()
    assert card.kind == "effects"
    assert any("mine.heat is hit" in reason["text"] for reason in card.data["reasons"])


async def test_a_rule_that_can_t_be_applied_says_so_on_the_card(shop: Shop) -> None:
    (shop.root / "rules.toml").write_text('[[rules]]\nrule = "mine"\nkind = "forbidden"\npattern = "("\n')
    (card,) = (await shop.run(POST)).open_cards()
    assert any(reason["text"].startswith("Your rule mine can't be applied:") for reason in card.data["reasons"])


ENDLESS = r"""
[[rules]]
rule = "mine.endless"
pattern = '(\w|\w\w|\W)+[0-9]$'
message = "m"

[[rules]]
rule = "mine.heat"
pattern = "(?i)heat"
message = "m"
"""


async def test_a_rule_whose_pattern_takes_for_ever_says_so_on_the_card_and_the_others_count(shop: Shop) -> None:
    (shop.root / "rules.toml").write_text(ENDLESS)
    (card,) = (await shop.run(POST)).open_cards()
    reasons = [reason["text"] for reason in card.data["reasons"]]
    assert any(text.startswith("Your rule mine.endless can't be applied: its pattern takes longer") for text in reasons)
    assert any("mine.heat is hit" in text for text in reasons)


# -- agentos.toml and policy.toml

ABSURD = {
    "a card that waits for ever": ("policy.toml", "expires_hours", "999999999999999"),
    "no number of this machine": ("policy.toml", "expires_hours", "9" * 30),
    "look-alikes of a million years": ("policy.toml", "days", "999999999"),
    "less than nothing": ("policy.toml", "cards_per_day", "-1"),
    "no number at all": ("policy.toml", "min_confidence", "nan"),
    "a number that no log keeps": ("agentos.toml", "next_number", "9" * 40),
    "a due date that is none": ("agentos.toml", "payment_days", "99999999"),
    "a mail held for ages": ("agentos.toml", "hold_minutes", "999999999999"),
}


@pytest.mark.parametrize("case", ABSURD)
def test_an_absurd_setting_is_named_with_its_line(shop: Shop, case: str) -> None:
    name, key, value = ABSURD[case]
    path = shop.root / name
    text, found = re.subn(rf"(?m)^#?\s*{key} *=.*$", f"{key} = {value}", path.read_text())
    assert found == 1
    path.write_text(text)
    with pytest.raises(WorkspaceError, match=rf"^{name}:\d+: .*{key}"):
        shop.open()


# -- recipes

HEAD = 'workflow = "publish-post"\ntitle = "T"\n'
LOOK = '[[steps]]\nid = "a"\nagent = "researcher"\ninputs = { topic = "$slots.topic" }\n'
DELIVER = '[[steps]]\nid = "deliver"\nkind = "effects"\nneeds = ["a"]\n'
FROM_A = DELIVER + 'inputs = { from = ["a"] }\n'
RECIPES = {
    "effects of nothing": (HEAD + LOOK + DELIVER, "names no steps"),
    "effects of a step that is not there": (HEAD + LOOK + DELIVER + 'inputs = { from = ["ghost"] }\n', "ghost"),
    "effects of no list": (HEAD + LOOK + DELIVER + "inputs = { from = 3 }\n", "names no steps"),
    "a misspelt from": (HEAD + LOOK + DELIVER + 'inputs = { form = ["a"] }\n', "names no steps"),
    "an undo of nonsense": (HEAD + LOOK + DELIVER + "inputs = { undo = 3 }\n", "names no steps"),
    "a step of the coordinator's": (HEAD + LOOK.replace('"a"', '"intake"'), "reserved"),
    "an input of a wrong type": (HEAD + LOOK.replace('"$slots.topic"', "[1, 2]"), "can't take this topic"),
    "a number that no log keeps": (HEAD + LOOK.replace('"$slots.topic"', "9" * 30), "larger than any number"),
    "a slot that nothing fills": (
        HEAD + LOOK.replace("slots.topic", "slots.nope"),
        "the slot 'nope', which nothing fills",
    ),
    "thousands of steps": (HEAD + "".join(LOOK.replace('"a"', f'"s{n}"') for n in range(1000)), "at most 40"),
}


@pytest.mark.parametrize("case", RECIPES)
async def test_a_recipe_that_can_t_work_is_named_with_file_and_line(shop: Shop, case: str) -> None:
    text, said = RECIPES[case]
    (shop.root / "recipes" / "mine.toml").write_text(text)
    state = await shop.run(POST)
    (card,) = state.open_cards()
    assert card.title.startswith("A file has to be mended first: recipes/mine.toml:")
    assert said in card.data["reasons"][0]["text"]
    assert (state.plan, shop.outside()) == (None, [])


async def test_a_slot_of_the_operators_own_is_asked_for(shop: Shop) -> None:
    text = HEAD + 'requires = ["mood"]\n' + LOOK.replace("$slots.topic", "$slots.mood") + FROM_A
    (shop.root / "recipes" / "mine.toml").write_text(text)
    state = await shop.run(POST)
    assert asked(state).data["question"]["slot"] == "mood"
    assert (await shop.answer(state, "cheerful")).plan is not None


def test_a_pipe_among_the_recipes_is_not_waited_for(shop: Shop) -> None:
    os.mkfifo(shop.root / "recipes" / "mine.toml")
    found: list[str] = []
    reading = threading.Thread(
        target=lambda: found.extend(map(str, load_shelf(shop.root / "recipes").broken.values())), daemon=True
    )
    reading.start()
    reading.join(20)
    assert ["is not a file" in text for text in found] == [True]


# -- knowledge


async def test_pipes_and_folders_among_the_knowledge_are_passed_over(shop: Shop) -> None:
    os.mkfifo(shop.root / "knowledge" / "pipe.md")
    (shop.root / "knowledge" / "folder.md").mkdir()
    (card,) = (await shop.run(POST)).open_cards()
    assert card.kind == "effects"


def test_what_vanishes_while_it_is_read_is_passed_over(tmp_path: Path) -> None:
    """Files and whole folders come and go, as a sync tool makes them, while the rest is searched."""
    (tmp_path / "stays.md").write_text("# Pumps\n\nHeat pumps work in older houses.")
    over = threading.Event()

    def come_and_go() -> None:
        while not over.is_set():
            for n in range(20):
                (tmp_path / f"folder{n}").mkdir()
                (tmp_path / f"folder{n}" / "note.md").write_text("# Pumps\n\nHeat pumps are quiet.")
            for n in range(20):
                (tmp_path / f"folder{n}" / "note.md").unlink()
                (tmp_path / f"folder{n}").rmdir()

    changing = threading.Thread(target=come_and_go)
    changing.start()
    try:
        for _ in range(30):
            found = Knowledge(tmp_path).search("heat pumps", 50)
            assert "stays.md" in {passage.source for passage in found}
    finally:
        over.set()
        changing.join()


async def test_a_span_at_its_bound_still_works(shop: Shop) -> None:
    path = shop.root / "policy.toml"
    path.write_text(re.sub(r"(?m)^expires_hours *=.*$", "expires_hours = 87840", path.read_text()))
    (card,) = (await shop.run(POST)).open_cards()
    assert card.expires_at == shop.clock.now() + timedelta(hours=87840)
