"""Which number patterns the operator may write, and which two of them would give one number twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agentos.effects.invoice import format_number
from agentos.effects.invoice.store import filename
from agentos.errors import WorkspaceError
from agentos.workspace.init import init_workspace
from agentos.workspace.load import load_configuration
from agentos.workspace.patterns import may_coincide, pattern_fault

HEAD = '[business]\nname = "a"\n[business.invoice]\n'


def loaded(folder: Path, lines: str) -> None:
    (folder / "agentos.toml").write_text(HEAD + lines)
    load_configuration(folder)


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ('pattern = "{year}-{number:04}"\ncredit_note_pattern = "{year}-{number:04}"\n', "agentos.toml:5"),
        ('pattern = "{year}-{number:04}"\n\ncredit_note_pattern = "{year}-{number}"\n', "agentos.toml:6"),
        ('pattern = "CN-{year}-{number:05}"\n', "agentos.toml:4"),
        ('pattern = "{year}/{number}"\ncredit_note_pattern = "{year}_{number}"\n', "agentos.toml:5"),
        ('pattern = "re{number}"\ncredit_note_pattern = "RE{number}"\n', "agentos.toml:5"),
        ('pattern = "{year}{number:04}"\ncredit_note_pattern = "{year}9{number:03}"\n', "agentos.toml:5"),
        ('pattern = "{number}"\ncredit_note_pattern = "{year}{month:02}{number}"\n', "agentos.toml:5"),
        ('pattern = "R{number:4}"\ncredit_note_pattern = "R {number}"\n', "agentos.toml:5"),
    ],
)
def test_two_patterns_that_can_give_one_number_are_refused_with_their_line(
    tmp_path: Path, lines: str, where: str
) -> None:
    with pytest.raises(WorkspaceError) as refused:
        loaded(tmp_path, lines)
    assert refused.value.where == where
    assert "no invoice could be credited" in refused.value.message
    assert "credit_note_pattern = " in refused.value.hint


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("{year}-{number:04}", "CN-{year}-{number:04}"),
        ("{year}-{number:04}", "{year}-{number:04}G"),
        ("{year}-{number:04}", "{year}-C{number:04}"),
        ("{year}-{number:04}", "{year}-{month:02}-{number:03}"),
        ("{year}1{number:03}", "{year}2{number:03}"),
        ("RE-{number}", "GS-{number}"),
        ("{number}", "{number}-"),
    ],
)
def test_patterns_that_differ_in_their_letters_are_accepted(tmp_path: Path, one: str, other: str) -> None:
    loaded(tmp_path, f'pattern = "{one}"\ncredit_note_pattern = "{other}"\n')
    loaded(tmp_path, f'pattern = "{other}"\ncredit_note_pattern = "{one}"\n')


@pytest.mark.parametrize(
    "pattern",
    ["{number:x}", "{number:>4}", "{number!r}", "{number.real}", "{year:04}", "{numer}", "{}", "{number", "{number:,}"],
)
def test_a_pattern_the_invoice_could_not_be_numbered_by_is_refused_at_once(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(WorkspaceError, match=r"agentos\.toml:4: business\.invoice\.pattern"):
        loaded(tmp_path, f'pattern = "{pattern}"\n')


def test_the_patterns_of_a_new_workspace_are_accepted(tmp_path: Path) -> None:
    from agentos.workspace.answers import demo

    init_workspace(tmp_path, demo())
    load_configuration(tmp_path)


FIELD = st.sampled_from(["{year}", "{month}", "{month:02}", "{number}", "{number:03}", "{number:04}", "{number:3}"])
PATTERNS = (
    st.lists(st.one_of(FIELD, st.sampled_from(["-", "/", "C", "c", "1", "20", " ", "."])), min_size=1, max_size=5)
    .map("".join)
    .filter(lambda pattern: not pattern_fault(pattern))
)
MOMENTS = [(year, month, number) for year in (2020, 2026) for month in (1, 11) for number in (1, 20, 120, 1201, 202620)]


def files(pattern: str) -> set[str]:
    return {filename(" ".join(format_number(pattern, *moment).split())).casefold() for moment in MOMENTS}


@given(one=PATTERNS, other=PATTERNS)
@settings(deadline=None, max_examples=200)
def test_patterns_said_to_differ_never_give_one_file(one: str, other: str) -> None:
    assume(not may_coincide(one, other))
    assert not files(one) & files(other)


@given(pattern=PATTERNS, other=PATTERNS)
@settings(deadline=None, max_examples=100)
def test_a_pattern_coincides_with_itself_not_with_one_of_more_letters_and_the_order_is_all_one(
    pattern: str, other: str
) -> None:
    assert may_coincide(pattern, pattern)
    assert not may_coincide(pattern, f"XY{pattern}")
    assert may_coincide(pattern, other) == may_coincide(other, pattern)
