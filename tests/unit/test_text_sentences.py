"""Sentences are cut where a reader would cut them, and nothing gets lost or crashes on odd input."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agentos.capabilities.words import Language
from agents.text.evidence import Statement
from agents.text.names import names
from agents.text.sentences import plain, sentences
from agents.text.support import findings

_ODD = st.text(alphabet=st.sampled_from(list("aZé ÄßIi.,;:-–'’\"[]()!?0123456789%€$\n\t²½٣x°")), max_size=80)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Dr. Meyer paid approx. 3.5 EUR, e.g. in cash. He left.", 2),
        ("Am 3. Mai 2026 war es z. B. kalt. Danach nicht.", 2),
        ("It saves 20 %. [1] Next one follows. [2]", 2),
        ("“Really?” she asked. “Yes!” Then she left.", 3),
        ("No full stop at the end", 1),
        ("", 0),
    ],
)
def test_cuts(text: str, count: int) -> None:
    assert len(sentences(text)) == count


def test_a_citation_stays_with_its_sentence_and_does_not_change_it() -> None:
    first, second = sentences("It saves heat. [1] It is quiet. [2]")
    assert first.endswith("[1]")
    assert second.endswith("[2]")
    assert plain(first) == plain("It saves heat.")


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("According to the Fraunhofer Institute, R290 is fine.", "en", ["Fraunhofer Institute", "R290"]),
        ("The pump of Anna Meyer works.", "en", ["Anna Meyer"]),
        ("Insulating first helps at 5 kW.", "en", []),
        ("Bosch says so.", "en", ["Bosch"]),
        ("Die Wärmepumpe von Viessmann Climate Solutions ist gut.", "de", ["Viessmann Climate Solutions"]),
        ("Die Heizung braucht Strom und Wartung.", "de", []),
        ("Laut Bosch ist das gut.", "de", ["Bosch"]),
    ],
)  # fmt: skip
def test_names(text: str, language: Language, found: list[str]) -> None:
    assert names(text, language) == found


@settings(deadline=None, max_examples=300)
@given(_ODD)
def test_no_letter_is_lost(text: str) -> None:
    assert re.sub(r"\s", "", "".join(sentences(text))) == re.sub(r"\s", "", text)


@settings(deadline=None, max_examples=300)
@given(_ODD, _ODD, st.sampled_from(["en", "de"]))
def test_odd_text_never_breaks_the_checker(draft: str, source: str, language: Language) -> None:
    evidence = [Statement(source, language, "s.md", source)]
    findings(Statement(draft, language), evidence, frozenset())
    same = findings(Statement(source, language), evidence, frozenset())
    assert all(finding.supported for finding in same), "a copy of a source is always supported"
