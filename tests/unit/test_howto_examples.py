"""The code on docs/how-to pages is run as it stands: the journal passes the contract suite, the noter its tests."""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from agentos.effects.port import effect_key
from graphs.recipes import load_shelf, to_plan
from tests.contract import test_effect_systems as contract

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"


def code(page: str, file: str) -> str:
    """The fenced block that begins with "# FILE"."""
    found = re.search(rf"^```\w+\n# {re.escape(file)}\n(.*?)^```", (PAGES / page).read_text("utf-8"), re.M | re.S)
    assert found is not None, f"{page} shows no {file}"
    return found[1]


@pytest.fixture
def load() -> Iterator[Any]:
    """Loads a page's block as the module it would be; forgets it afterwards."""
    added: list[str] = []

    def loaded(page: str, file: str) -> ModuleType:
        name = file.removesuffix(".py").replace("/", ".")
        assert name not in sys.modules
        module = ModuleType(name)
        sys.modules[name] = module
        added.append(name)
        exec(compile(code(page, file), f"{page}:{file}", "exec"), module.__dict__)
        return module

    yield loaded
    for name in added:
        del sys.modules[name]


def runs(name: str) -> list[Any]:
    """A test of the suite with each set of its arguments, read from its own parametrize marks."""
    given: list[dict[str, Any]] = [{}]
    for mark in getattr(getattr(contract, name), "pytestmark", []):
        given = [one | {mark.args[0]: value} for one in given for value in mark.args[1]]
    return [pytest.param(name, one, id=f"{name}-{n}") for n, one in enumerate(given)]


TESTS = [run for name in vars(contract) if name.startswith("test_") for run in runs(name)]


@pytest.mark.parametrize(("name", "given"), TESTS)
def test_the_journal_passes_the_contract_suite(name: str, given: dict[str, Any], tmp_path: Path, load: Any) -> None:
    made = load("write-an-effect-system.md", "agentos/effects/journal.py")
    names = {"Path": Path, "Case": contract.Case, "JournalSystem": made.JournalSystem}
    exec(code("write-an-effect-system.md", "tests/contract/test_effect_systems.py"), names)
    getattr(contract, name)(names["journal"](tmp_path), **given)


def test_a_dropped_note_can_be_read_as_dropped(tmp_path: Path, load: Any) -> None:
    system = load("write-an-effect-system.md", "agentos/effects/journal.py").JournalSystem(tmp_path)
    key = effect_key(system.account, "keep", "t/note")
    receipt = system.do("keep", {"text": "one"}, key)
    drop = system.undo("keep", {"text": "one"}, receipt)
    system.do("drop", drop.payload, f"{key}/undo")
    assert list(system.observe()) == []


async def test_the_noter_passes_the_tests_on_its_page(load: Any) -> None:
    load("write-an-agent.md", "agents/noter.py")
    tests = load("write-an-agent.md", "tests/unit/test_noter.py")
    found = [test for name, test in vars(tests).items() if name.startswith("test_")]
    assert len(found) == 4
    for test in found:
        assert inspect.iscoroutinefunction(test)
        await test()


def test_its_recipe_plans(tmp_path: Path, load: Any) -> None:
    from graphs.opening import load_agents

    noter: Any = load("write-an-agent.md", "agents/noter.py")
    (tmp_path / "keep-note.toml").write_text(code("write-an-agent.md", "recipes/keep-note.toml"), encoding="utf-8")
    agents = load_agents() | {"noter": noter}
    plan = to_plan(load_shelf(tmp_path).recipes["keep-note"], {"topic": "noise"}, agents)
    assert plan.title == "Note on noise"
    assert noter.manifest.effects == ("journal.keep",)
