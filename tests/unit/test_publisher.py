from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

import pytest

from agentos.agent import Tier
from agentos.effects.site.post import Publish
from agents import publisher


class FakeKit:
    """A kit with two capabilities and nothing else; like the real one it refuses what the manifest does not name."""

    task, step = "task-1", "post"
    tier: Tier = "none"
    feedback: tuple[str, ...] = ()
    now = datetime(2026, 11, 23, tzinfo=UTC)
    random = random.Random(1)

    def __init__(self, slugs: list[str], business: dict[str, Any], language: str = "en") -> None:
        self.language = language
        self.answers: dict[str, str] = {}
        self._known: dict[str, Any] = {"site.slugs": slugs, "business.get": business}

    def new_id(self) -> str:
        return "id"

    async def use(self, capability: str, **arguments: Any) -> Any:
        if capability not in publisher.manifest.capabilities:
            raise PermissionError(capability)
        return self._known[capability]

    async def write(self, *arguments: Any, **named: Any) -> Any:
        raise PermissionError("no model")

    fill = write


def kit(slugs: list[str] | None = None, language: str = "en") -> FakeKit:
    return FakeKit(slugs or [], {"name": "Kranz Energy", "owner": "Petra Kranz"}, language)


def request(**changes: Any) -> publisher.Request:
    citations = [
        {"n": 2, "source": "knowledge/field-study.md", "title": ""},
        {"n": 1, "source": "https://example.org/a", "title": "A study"},
    ]
    given: dict[str, Any] = {"title": "Heat pumps", "markdown": "Fact [1].", "citations": citations, "confidence": 0.9}
    return publisher.Request.model_validate(given | changes)


async def test_it_proposes_one_post_that_the_site_accepts_once_the_date_is_filled_in() -> None:
    result = await publisher.run(request(), kit())
    (proposal,) = result.proposals
    assert (proposal.system, proposal.verb, proposal.slot) == ("site", "publish", "post")
    assert proposal.assigned == {"date": "today"}
    assert proposal.payload[proposal.fill[0].strip("/")] == "⟦date⟧"
    post = Publish.model_validate(proposal.payload | {"date": "2026-11-23"})
    assert (post.slug, post.author) == ("heat-pumps", "Petra Kranz")
    assert result.reasons == []
    assert f"{proposal.system}.{proposal.verb}" in publisher.manifest.effects


async def test_an_address_that_is_taken_is_not_proposed() -> None:
    result = await publisher.run(request(), kit(["heat-pumps", "heat-pumps-2"]))
    assert result.proposals[0].payload["slug"] == "heat-pumps-3"


async def test_sources_stand_in_order_and_paths_of_the_operators_stay_private() -> None:
    result = await publisher.run(request(), kit())
    assert result.proposals[0].payload["sources"] == [
        {"n": 1, "title": "A study", "url": "https://example.org/a"},
        {"n": 2, "title": "field-study", "url": None},
    ]


async def test_offline_work_says_so_on_the_post_and_on_the_card() -> None:
    result = await publisher.run(request(offline=True, language="de"), kit())
    assert "Ohne Sprachmodell aus 2 eigenen Quellen" in result.proposals[0].payload["note"]
    assert any("composed offline from 2" in reason for reason in result.reasons)
    assert (await publisher.run(request(), kit())).proposals[0].payload["note"] == ""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"confidence": 0.699}, "Only 69 %"),
        ({"hits": [{"rule": "no-guarantees", "sentence": "It always pays."}]}, "Rule no-guarantees is hit: “It always"),
        ({"citations": []}, "names no source"),
        ({"unread": ["https://a.test/ could not be read: 404"]}, "a.test/ could not be read: 404; the text rests on 2"),
    ],
)
async def test_what_the_operator_must_see_forces_a_card(changes: dict[str, Any], expected: str) -> None:
    (reason,) = (await publisher.run(request(**changes), kit())).reasons
    assert expected in reason


async def test_a_page_that_was_not_read_makes_it_less_sure() -> None:
    result = await publisher.run(request(unread=["https://a.test/ could not be read: 404"]), kit())
    assert result.confidence == 0.6


async def test_one_source_is_said_as_one() -> None:
    one = request(offline=True, language="de", citations=[{"n": 1, "source": "a.md"}])
    result = await publisher.run(one, kit(language="de"))
    assert "from one of your own sources" in result.reasons[-1]
    assert "aus einer eigenen Quelle" in result.proposals[0].payload["note"]


async def test_an_unknown_confidence_is_not_a_low_one() -> None:
    result = await publisher.run(request(confidence=None), kit())
    assert result.reasons == []
    assert result.confidence is None


async def test_the_same_request_gives_the_same_proposal() -> None:
    assert await publisher.run(request(), kit()) == await publisher.run(request(), kit())


async def test_a_note_on_style_does_not_force_a_card() -> None:
    hits = [{"rule": "style.long_sentence", "severity": "note", "sentence": "A long one."}]
    result = await publisher.run(request(hits=hits), kit())
    assert result.reasons == []


async def test_a_run_of_sentences_from_one_source_is_cited_once_at_its_end() -> None:
    text = "One. [1] Two. [1] Three. [2] Four. [1]\n\nFive. [1]\n\n- Six. [1]\n- Seven. [1]\n\n## Sources\n\n- [1] A"
    result = await publisher.run(request(markdown=text), kit())
    expected = "One. Two. [1] Three. [2] Four. [1]\n\nFive. [1]\n\n- Six. [1]\n- Seven. [1]\n"
    assert result.proposals[0].payload["markdown"] == expected
