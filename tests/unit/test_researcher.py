"""The researcher asks rather than invents, and says which page it could not read."""

from __future__ import annotations

from typing import Any

import pytest

from agentos.agent import Passage, Question
from agentos.errors import Permanent
from agents.researcher import Request, manifest, run
from tests.fakes.kit import FakeKit

NOTE = Passage(source="pumps.md", title="Heat pumps", text="Heat pumps suit older houses.", score=2.0).model_dump(
    mode="json"
)
PAGE = {
    "url": "https://a.test/x",
    "title": "Pumps",
    "text": "# Pumps\n\nPumps move heat.\n\n## Cost\n\nThey cost money.",
    "blob": "b1",
}


def kit(found: list[Any], pages: dict[str, Any] | None = None, **options: Any) -> FakeKit:
    """`found` are the searches' answers in order; a page that isn't scripted can't be read."""
    searches = list(found)
    return FakeKit(
        manifest,
        capabilities={
            "knowledge.search": lambda **_: searches.pop(0),
            "web.read": lambda url: (pages or {}).get(url, {"url": url, "error": "answered 404"}),
        },
        **options,
    )


async def test_own_notes_and_named_pages_come_together() -> None:
    result = await run(
        Request(topic="heat pumps", urls=["https://a.test/x", "https://b.test/"]),
        kit([[NOTE]], {"https://a.test/x": PAGE}),
    )
    assert [p.source for p in result.passages] == ["pumps.md", "https://a.test/x", "https://a.test/x"]
    assert [p.heading for p in result.passages] == ["", "", "Cost"]
    assert {p.origin for p in result.passages[1:]} == {"web"}
    assert result.passages[1].blob == "b1"
    assert result.notes == ["https://b.test/ could not be read: answered 404"]
    assert result.confidence == 0.667  # two of three sources


async def test_nothing_found_is_a_question_that_says_what_went_wrong() -> None:
    with pytest.raises(Question) as asked:
        await run(Request(topic="sourdough", urls=["https://b.test/"]), kit([[]]))
    assert asked.value.slot == "sources"
    assert "sourdough" in asked.value.text
    assert "404" in asked.value.text


async def test_the_answer_may_name_a_page_or_a_file_was_added_meanwhile() -> None:
    named = kit([[], []], {"https://a.test/x": PAGE}, answers={"sources": "Take https://a.test/x, please."})
    assert (await run(Request(topic="pumps"), named)).passages[0].source == "https://a.test/x"
    added = kit([[], [NOTE]], answers={"sources": "added"})
    assert (await run(Request(topic="pumps"), added)).passages[0].source == "pumps.md"


async def test_asking_ends() -> None:
    with pytest.raises(Question) as again:
        await run(Request(topic="pumps"), kit([[], []], answers={"sources": "hm"}))
    assert again.value.slot == "sources_2"
    with pytest.raises(Permanent):
        await run(Request(topic="pumps"), kit([[]] * 4, answers={"sources": "a", "sources_2": "b", "sources_3": "c"}))
