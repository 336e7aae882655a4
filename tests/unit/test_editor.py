"""The editor: typography is mended, rules are named with the sentence that breaks them."""

from __future__ import annotations

from typing import Any

import pytest

from agents.editor import Request, Result, manifest, run
from tests.fakes.kit import FakeKit


async def edit(
    markdown: str, language: str = "en", own: list[dict[str, Any]] | None = None, title: str = "Pumps"
) -> Result:
    kit = FakeKit(manifest, capabilities={"compliance.rules": own or []})
    return await run(Request(title=title, summary="About pumps.", markdown=markdown, language=language), kit)


@pytest.mark.parametrize(
    ("sentence", "language", "rule"),
    [
        ("A heat pump guarantees savings of 500 euros.", "en", "claims.guaranteed_savings"),
        ("Buying one is completely risk-free.", "en", "claims.risk_free"),
        ("Warm rooms cure asthma.", "en", "claims.health"),
        ("We sell the best pump in the world.", "en", "claims.superlative"),
        ("We got a discount code from the maker.", "en", "disclosure.advertising"),
        ("Eine Wärmepumpe garantiert hohe Ersparnisse.", "de", "claims.guaranteed_savings"),
        ("Der Kauf ist völlig risikolos.", "de", "claims.risk_free"),
        ("Wärme heilt Asthma.", "de", "claims.health"),
        ("Das ist die beste Pumpe der Welt.", "de", "claims.superlative"),
        ("Der Beitrag enthält einen Rabattcode von Acme.", "de", "disclosure.advertising"),
    ],
)
async def test_a_hit_names_rule_and_sentence_and_forces_a_card(sentence: str, language: str, rule: str) -> None:
    result = await edit(f"Something harmless. {sentence}", language)
    (hit,) = [hit for hit in result.hits if hit.rule == rule]
    assert (hit.sentence, hit.severity) == (sentence, "card")
    assert result.confidence < 1


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Nobody can give you a guarantee, and no savings are promised.", "en"),
        ("We cannot guarantee savings.", "en"),
        ("We got a discount code. This post was sponsored by Acme.", "en"),
        ("Niemand kann Ersparnisse garantieren, wir garantieren keine Rendite.", "de"),
        ("Anzeige: Der Beitrag nennt einen Rabattcode.", "de"),
        ("The pump is the best choice in many houses.", "en"),
    ],
)
async def test_honest_sentences_pass(text: str, language: str) -> None:
    assert [hit for hit in (await edit(text, language)).hits if hit.severity != "note"] == []


async def test_a_claim_in_the_title_counts() -> None:
    result = await edit("Fine.", title="Risk-free heating")
    assert [hit.rule for hit in result.hits] == ["claims.risk_free"]


async def test_long_quotations_and_unlicensed_images() -> None:
    long = "> " + "word " * 70
    result = await edit(f'{long}\n\n![A pump](a.jpg)\n\n![Own](b.jpg "Photo: M. Ray, CC BY 4.0")')
    assert [hit.rule for hit in result.hits if hit.severity == "card"] == ["quotes.too_long", "images.licence"]
    assert "a.jpg" in result.hits[1].sentence


async def test_typography_is_mended_outside_code_and_addresses() -> None:
    result = await edit("It is  the the best way - really...  See `a  - b...` and https://x.test/a...b .")
    assert result.markdown == "It is the best way – really… See `a  - b...` and https://x.test/a...b ."
    assert "a word written twice" in result.changes
    assert (await edit("Clean text.")).changes == []


async def test_overlong_sentences_and_fillers_are_notes() -> None:
    result = await edit("Basically it works. " + "And so " * 25 + "on.")
    assert {hit.rule for hit in result.hits} == {"style.filler", "style.long_sentence"}
    assert result.confidence == 1.0


async def test_the_operators_own_rules_count_and_a_broken_one_is_said() -> None:
    own = [
        {"rule": "own.rival", "severity": "stop", "pattern": "Globex", "message": "we never name them"},
        {"rule": "own.broken", "pattern": "(", "message": "x"},
    ]
    result = await edit("Globex is fine.", own=own)
    assert {(hit.rule, hit.severity) for hit in result.hits} == {("own.rival", "stop"), ("own.broken", "card")}
    assert result.confidence == 0.0
