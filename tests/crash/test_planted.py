"""The any-order test finds the faults that it is there for: each planted by itself, in a program that is whole."""

from __future__ import annotations

import pytest

from tests.crash.planted import PLANTED, Plant, runs_until_found

MOST_RUNS = 300
"""As many as `test_anything_in_any_order_for_long` makes."""


@pytest.mark.slow
@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_fault_is_found(plant: Plant) -> None:
    runs, said = runs_until_found(plant, MOST_RUNS)
    assert runs is not None, plant.__doc__
    assert said
