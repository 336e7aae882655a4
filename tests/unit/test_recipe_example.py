"""The commented example of recipes/README.md is what an operator copies: it must load, plan and fit the agents."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from agentos.errors import WorkspaceError
from agentos.tasks.plan import Plan
from graphs.intake import HIDDEN
from graphs.opening import load_agents
from graphs.recipes import load_shelf, to_plan

README = files("agentos.workspace") / "template" / "recipes" / "README.md"


def example() -> str:
    """The example as the operator has it after taking the marks away."""
    fenced = re.findall(r"^```toml\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert len(fenced) == 1
    lines = fenced[0].splitlines()
    assert all(line.startswith("#") for line in lines), "an example has no effect until its marks are taken away"
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)


def planned(folder: Path, text: str) -> Plan:
    (folder / "short-note.toml").write_text(text, encoding="utf-8")
    shelf = load_shelf(folder, load_agents())
    for error in shelf.broken.values():
        raise error
    return to_plan(shelf.recipes["short-note"], {"topic": "heat pumps"}, load_agents())


def test_the_example_makes_a_plan_of_real_agents(tmp_path: Path) -> None:
    plan = planned(tmp_path, example())
    assert plan.title == "Short note on heat pumps"
    assert [step.id for step in plan.steps] == ["research", "draft", "check", "post", "deliver"]
    assert all(step.agent_version for step in plan.steps if step.kind == "agent")
    assert plan.step("check").redo == "draft"


def test_every_field_it_refers_to_is_one_the_step_gives(tmp_path: Path) -> None:
    agents = load_agents()
    plan = planned(tmp_path, example())
    for step in plan.steps:
        for value in step.inputs.values():
            found = re.match(r"\$(?!slots|intent|language)(\w+)\.(\w+)", value) if isinstance(value, str) else None
            if found:
                result = agents[plan.step(found[1]).agent].Result  # type: ignore[attr-defined]
                assert found[2] in result.model_fields, value


@pytest.mark.parametrize(
    ("good", "bad", "said"),
    [
        ('agent = "drafter"', 'agent = "writer"', "no such agent"),
        ("words = 250", "length = 250", "does not take"),
        ('needs = ["research"]', "needs = []", "without needing it"),
        ('requires = ["topic"]', 'slots = ["topic"]', "slots"),
    ],
)
def test_a_slip_in_it_is_named(tmp_path: Path, good: str, bad: str, said: str) -> None:
    text = example()
    assert good in text
    with pytest.raises(WorkspaceError, match=said):
        planned(tmp_path, text.replace(good, bad, 1))


def test_the_page_names_every_built_in_recipe() -> None:
    page = README.read_text("utf-8")
    for workflow in load_shelf(None).recipes.keys() - set(HIDDEN):
        assert f"`{workflow}`" in page


def test_the_list_of_built_in_recipes_says_what_they_hold() -> None:
    page = files("graphs").joinpath("recipes", "README.md").read_text("utf-8")
    rows = {row[1]: row for row in re.findall(r"^(\| `([\w-]+)` \| ([\w, ]+) \| ([^|]+) \|.*)$", page, re.MULTILINE)}
    recipes = load_shelf(None).recipes
    assert rows.keys() == recipes.keys()
    for name, recipe in recipes.items():
        _, _, requires, steps = rows[name]
        assert tuple(() if requires == "nothing" else requires.split(", ")) == recipe.requires
        assert {step.id for step in recipe.steps} <= set(re.findall(r"[a-z]+", steps))
