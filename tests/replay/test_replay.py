"""A recorded vignette replays to the same bytes, and calls nothing; what would change it is shown where it begins."""

from __future__ import annotations

import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from agentos.agent import Kit
from agentos.events.types import FACTS
from agentos.events.upcast import UPCASTERS, upcast
from agentos.platform import Platform
from agentos.tasks import capabilities
from agentos.tasks.run import stream_of
from agentos.tasks.state import fold
from agentos.workspace.answers import demo
from agentos.workspace.init import init_workspace
from graphs.advance import load as load_state
from graphs.opening import load_agents, open_platform
from graphs.replay import as_bytes, replay
from tests.replay.recording import VIGNETTE, load, make

AGENT_STEPS = ["check", "draft", "edit", "invoice", "post", "research"]


class Untouchable:
    """Stands for models and outside systems: whatever is asked of it is an error."""

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"a replay asked for {name}")

    def __getitem__(self, name: str) -> NoReturn:
        raise AssertionError(f"a replay asked for {name}")


class Declaring:
    """An outside system that says what it is and looks over a payload, and does nothing."""

    def __init__(self, system: Any) -> None:
        self.name, self.account, self.verbs, self.check = system.name, system.account, system.verbs, system.check

    def __getattr__(self, name: str) -> NoReturn:
        raise AssertionError(f"a replay asked an outside system to {name}")


def sealed_off(root: Path, **more: Any) -> Platform:
    """No model, no outside system."""
    nothing: Any = Untouchable()
    platform = open_platform(root, environ={}, models=nothing, **more)
    systems: Any = {name: Declaring(system) for name, system in platform.systems.items()}
    return replace(platform, systems=systems)


@pytest.fixture
def no_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sockets, no children, no capabilities."""

    def refused(*_: object, **__: object) -> NoReturn:
        raise AssertionError("a replay reached for the outside")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr("subprocess.Popen.__init__", refused)
    for name in capabilities.CAPABILITIES:
        monkeypatch.setitem(capabilities.CAPABILITIES, name, refused)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The vignette, recorded by the program as it is now."""
    folder = tmp_path_factory.mktemp("recorded")
    make(folder / "saved", folder / "workspace")
    return folder / "saved"


def opened(folder: Path, tmp_path: Path) -> tuple[Path, str]:
    """(workspace, task) with the saved record and nothing of the world that it was made in."""
    root = tmp_path / "w"
    init_workspace(root, demo())
    return root, load(folder, root)


@pytest.fixture
def story(recorded: Path, tmp_path: Path) -> Iterator[tuple[Platform, str]]:
    root, task = opened(recorded, tmp_path)
    platform = sealed_off(root)
    yield platform, task
    platform.store.close()


async def test_it_replays_to_the_same_bytes_and_calls_nothing(story: tuple[Platform, str], no_way_out: None) -> None:
    platform, task = story
    head = platform.log.head()
    report = await replay(platform, task)
    assert report.first_difference is None
    assert report.same
    assert sorted(step.step for step in report.steps) == AGENT_STEPS
    assert platform.log.head() == head


def test_folding_twice_gives_the_same_state(story: tuple[Platform, str]) -> None:
    platform, task = story
    records = list(platform.log.read(stream=stream_of(task)))
    state = fold(task, records)
    assert as_bytes(state) == as_bytes(load_state(platform, task))
    assert (state.status, len(state.effects), len(state.cards)) == ("completed", 4, 1)


async def test_a_changed_agent_shows_its_first_difference(recorded: Path, tmp_path: Path) -> None:
    root, task = opened(recorded, tmp_path)
    agents: dict[str, Any] = load_agents()
    editor = agents["editor"]

    class Shouting:
        manifest, Request, Result = editor.manifest, editor.Request, editor.Result

        async def run(self, request: Any, kit: Kit) -> Any:
            result = await editor.run(request, kit)
            return result.model_copy(update={"title": result.title.upper()})

    platform = sealed_off(root, own_agents=agents | {"editor": Shouting()})
    report = await replay(platform, task)
    platform.store.close()
    assert [step.step for step in report.steps if not step.same] == ["edit"]
    assert report.first_difference is not None
    assert report.first_difference.startswith("step edit (round 1): title: recorded 'Heat Pumps")
    assert "now 'HEAT PUMPS" in report.first_difference


async def test_a_changed_answer_shows_its_first_difference(recorded: Path, tmp_path: Path) -> None:
    """As if a client's file had said something else when it was read."""
    changed = tmp_path / "changed"
    shutil.copytree(recorded, changed)
    lines = (changed / "events.jsonl").read_text().splitlines()
    for number, line in enumerate(lines):
        event = json.loads(line)
        if event["type"] == "tool.called" and event["data"]["capability"] == "clients.get":
            event["data"]["answer"]["email"] = "somebody@else.example"
            lines[number] = json.dumps(event)
    (changed / "events.jsonl").write_text("\n".join(lines))
    root, task = opened(changed, tmp_path)
    platform = sealed_off(root)
    report = await replay(platform, task)
    platform.store.close()
    assert [step.step for step in report.steps if not step.same] == ["invoice"]
    assert "somebody@else.example" in (report.first_difference or "")


async def test_an_agent_that_asks_something_new_is_told_that_it_is_not_recorded(recorded: Path, tmp_path: Path) -> None:
    root, task = opened(recorded, tmp_path)
    agents: dict[str, Any] = load_agents()
    researcher = agents["researcher"]

    class Curious:
        manifest, Request, Result = researcher.manifest, researcher.Request, researcher.Result

        async def run(self, request: Any, kit: Kit) -> Any:
            await kit.use("knowledge.search", query="something else", k=1)
            return await researcher.run(request, kit)

    platform = sealed_off(root, own_agents=agents | {"researcher": Curious()})
    report = await replay(platform, task)
    platform.store.close()
    assert "knowledge.search" in (report.first_difference or "")


# -- the stored record: what was written in the past can always be read


def test_the_stored_record_can_still_be_read(tmp_path: Path) -> None:
    """Fails when the format of an event was changed without an upcaster for what stands in people's logs."""
    root, task = opened(VIGNETTE, tmp_path)
    platform = sealed_off(root)
    state = load_state(platform, task)
    assert state.status == "completed"
    assert [effect.status for effect in state.effects.values()] == ["done"] * 4
    assert [card.status for card in state.cards.values()] == ["granted"]
    assert {id: step.status for id, step in state.steps.items() if step.status != "completed"} == {}
    for record in platform.log.read():
        FACTS[record.type].model_validate(record.data)
    platform.store.close()


async def test_the_stored_record_replays_where_the_agents_are_the_ones_of_then(
    tmp_path: Path, no_way_out: None
) -> None:
    """An agent that says something else on the same record carries another version; then the record stands, and the
    replay shows where it differs. After a change that was meant: python -m tests.replay.recording"""
    platform = sealed_off(rebuilt(tmp_path))
    task = next(iter(platform.log.read(types=("task.opened",)))).data["task"]
    steps = load_state(platform, task).steps
    report = await replay(platform, task)
    versions = {agent.manifest.role: agent.manifest.version for agent in platform.agents.values()}
    for step in report.steps:
        then = steps[step.step]
        if versions[then.agent] == then.agent_version:
            assert step.same, f"{then.agent} {then.agent_version} says something else now: {step.difference}"
    platform.store.close()


def rebuilt(tmp_path: Path) -> Path:
    """Without `init`, which runs git: a replay needs no site."""
    root = tmp_path / "w"
    (root / "state").mkdir(parents=True)
    events = (VIGNETTE / "events.jsonl").read_text().splitlines()
    for line in events:
        data = json.loads(line)["data"]
        if "path" in data and data["blob"]:
            (root / data["path"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(VIGNETTE / "blobs" / f"{data['blob']}.txt", root / data["path"])
    load(VIGNETTE, root)
    return root


def test_every_upcaster_leads_to_the_present_form() -> None:
    for type, version in UPCASTERS:
        assert version < FACTS[type].VERSION, f"{type} has an upcaster from {version}, which is the present version"
    assert upcast("task.opened", 1, {"a": 1}) == {"a": 1}
