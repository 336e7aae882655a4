"""The written pages: links lead somewhere, commands and their options exist, settings shown are settings there are."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from agentos.policy.model import Policy
from agentos.workspace.model import ModelSettings
from desk.main import COMMANDS, cli

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]


@pytest.fixture(params=NAMES)
def page(request: pytest.FixtureRequest) -> Path:
    return ROOT / str(request.param)


def test_links_and_images_lead_to_files_that_are_there(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.M | re.S)
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text) + re.findall(r'<img src="([^"]+)"', text)
    missing = [one for one in targets if not re.match(r"[a-z]+:", one) and not (page.parent / one).exists()]
    assert missing == []


def test_no_path_of_a_machine_stands_in_it(page: Path) -> None:
    assert re.findall(r"(?<![\w.])/(?:tmp|root|home|work|Users)/\S+", page.read_text("utf-8")) == []


def calls(page: Path) -> Iterator[list[str]]:
    """The words of every `agentos ...` that the page tells to type."""
    for line in re.findall(r"agentos ((?:[a-z]|--)[^\n`]*)", page.read_text("utf-8")):
        words = re.sub(r"#.*|\s{2,}.*", "", line).replace(".", " ").split()
        if words and words[0] in COMMANDS:
            yield words


def test_commands_and_options_exist(page: Path) -> None:
    with click.Context(cli) as context:
        for words in calls(page):
            command = cli.get_command(context, words[0])
            assert command is not None, words
            if isinstance(command, click.Group) and len(words) > 1 and words[1] in command.commands:
                command = command.commands[words[1]]
            known = {name for parameter in command.params for name in parameter.opts} | {"--help"}
            used = {word.strip("[](),;:\"'") for word in words if word.startswith("--")}
            assert used <= known, f"agentos {' '.join(words)}"


def blocks(page: str) -> str:
    """All TOML of a page, as one file."""
    text = (ROOT / "docs" / "how-to" / page).read_text("utf-8")
    return "\n".join(re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S))


def test_policy_md_explains_every_line_of_policy_toml() -> None:
    shown = tomllib.loads(blocks("policy.md").replace("[[rules]]", "[[own_rules]]"))
    shown.pop("own_rules")
    template = tomllib.loads((ROOT / "agentos" / "policy" / "template.toml").read_text("utf-8"))
    assert shown == template
    assert Policy.model_validate(shown) == Policy.model_validate(template)


def test_the_models_shown_are_valid() -> None:
    shown = tomllib.loads(blocks("own-model.md"))
    tiers = ModelSettings.model_validate(shown["models"])
    assert (len(tiers.small), len(tiers.large)) == (1, 2)
    readme = (ROOT / "README.md").read_text("utf-8")
    found = re.search(r"^```toml\n(.*?)^```", readme, re.M | re.S)
    assert found is not None
    assert ModelSettings.model_validate(tomllib.loads(found[1])["models"]).small[0].local
