"""The program is killed with SIGKILL at named durable points, started again, and everything is there exactly once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.crash.stages import STORIES, Clean, Crash, story_name

EFFECTS = {"site": "publish", "invoice": "issue", "ledger": "book", "mail": "send"}
BEFORE_THE_CARD = (
    "insert task.opened#1",
    "committed task.opened#1",
    "commit task.planned#1",
    "after tool clients.get#1",
    "after agent drafter#1",
    "committed step.completed:research#1",
    "before replace in blob#2",
    "commit approval.requested:deliver#1",
)
AROUND_EFFECTS = (
    "after replace in do site.publish#1",
    "insert effect.started:invoice.issue#1",
    "commit effect.started:invoice.issue#1",
    "after replace in do invoice.issue#2",
    "after child in do site.publish#5",
    "committed effect.done:ledger.book#1",
    "commit task.completed#1",
)
IN_THE_UNDO = ("committed effect.started:mail.send.undo#1", "after do invoice.credit.undo#1")


def test_a_clean_run_leaves_one_of_each(clean: Clean) -> None:
    found = clean("asked", "finish")
    assert found["numbers"] == {"invoice": [1]}
    assert [key.rpartition("/")[0].split("/")[:2] for key in found["commits"]] == [["site:main", "publish"]]
    assert found["posts"] == ["heat-pumps-for-older-houses.md"]
    assert len(found["bookings"]) == 1
    assert found["documents"] == ["2026-0001.json", "2026-0001.pdf", "2026-0001.xml"]
    assert [len(found["mails"]), found["untidy"]] == [1, ""]
    done = {f"effect.done:{system}.{verb}": 1 for system, verb in EFFECTS.items()}
    assert {name: n for name, n in found["log"].items() if name.startswith("effect.done")} == done
    assert found["log"]["approval.requested:deliver"] == found["log"]["task.completed"] == 1


@pytest.mark.parametrize("system", EFFECTS)
def test_killed_between_started_and_done_having_acted(crash: Crash, clean: Clean, system: str) -> None:
    """The worst moment: it has happened outside, and nobody wrote it down."""
    found = crash("asked", "finish", f"after do {system}.{EFFECTS[system]}#1")
    assert found == clean("asked", "finish")


@pytest.mark.parametrize("system", EFFECTS)
def test_killed_between_started_and_done_before_acting(crash: Crash, clean: Clean, system: str) -> None:
    found = crash("asked", "finish", f"committed effect.started:{system}.{EFFECTS[system]}#1")
    assert found == clean("asked", "finish")


@pytest.mark.parametrize("point", BEFORE_THE_CARD)
def test_killed_on_the_way_to_the_card(crash: Crash, clean: Clean, point: str) -> None:
    assert crash("made", "finish", point) == clean("made", "finish")
    assert_worked_once(crash.trace())


@pytest.mark.parametrize("point", AROUND_EFFECTS)
def test_killed_around_the_effects(crash: Crash, clean: Clean, point: str) -> None:
    assert crash("asked", "finish", point) == clean("asked", "finish")


@pytest.mark.parametrize("point", IN_THE_UNDO)
def test_killed_in_the_undo(crash: Crash, clean: Clean, point: str) -> None:
    assert crash("done", "undo", point) == clean("done", "undo")


def test_killed_while_a_failed_task_is_unwound(crash: Crash, clean: Clean) -> None:
    """The mail is refused for good: what was done is taken back in reverse, once, over a crash in the middle."""
    found = crash("asked", "finish", "after do invoice.credit.undo#1", refuse="mail")
    assert found == clean("asked", "finish", refuse="mail")
    assert found["log"]["task.failed"] == 1
    assert found["posts"] == []
    assert found["numbers"] == {"invoice": [1], "credit_note": [1]}


def assert_worked_once(trace: list[str]) -> None:
    """No agent works again whose result is recorded, and no tool is asked again whose answer is."""
    for name in {line.removeprefix("after agent ").rpartition("#")[0] for line in trace if "after agent" in line}:
        done = [i for i, line in enumerate(trace) if line.startswith(f"committed step.completed:{STEP_OF[name]}#")]
        began = [i for i, line in enumerate(trace) if line.startswith(f"before agent {name}#")]
        assert len(done) == 1
        assert max(began) < done[0], f"{name} worked again"
        assert len(began) <= 2


STEP_OF = {
    "researcher": "research", "drafter": "draft", "editor": "edit", "fact_checker": "check", "publisher": "post",
    "finance": "invoice",
}  # fmt: skip


# -- the long form: every point that a clean run passes


@pytest.mark.slow
@pytest.mark.parametrize("part", range(8))
@pytest.mark.parametrize("story", STORIES)
def test_killed_at_every_point(clean: Clean, tmp_path_factory: pytest.TempPathFactory, story: str, part: int) -> None:
    stage, act, job = STORIES[story]
    wanted = clean(stage, act, **job)
    name = story_name(stage, act, job)
    wrong = []
    for point in every(clean.points[name], part):
        crash = Crash(clean.stages, tmp_path_factory.mktemp("crash"))
        try:
            found = crash(stage, act, point, **job)
        except AssertionError as error:
            wrong.append(f"{point}: {error}")
            continue
        if found != wanted:
            wrong.append(f"{point}: {[(k, found[k]) for k in found if found[k] != wanted[k]]}")
    assert wrong == []


def every(points: list[str], part: int) -> Iterator[str]:
    """One of eight shares, so that two workers and more can divide the work."""
    yield from points[part::8]
