"""What differs outside is recorded once, repaired at most once, and never while it can't be told."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agentos.backup.make import back_up
from agentos.backup.restore import restore
from agentos.effects.port import Deed, Expected, Observed, Receipt
from agentos.errors import Refused, Transient
from agentos.invariants.check import check
from agentos.reconcile.closing import KEEP
from agentos.reconcile.drift import Standing, compare
from agentos.reconcile.observing import observe_and_record
from agentos.reconcile.report import Finding, Report
from agentos.reconcile.state import TYPES, fold
from agentos.tasks.adopting import adopt_and_start
from agentos.tasks.state import TaskState
from agents import reconciler
from tests.fakes.backups import plain_lock, plain_unlock
from tests.fakes.effects import FakeSystem
from tests.fakes.platform import ALLOW, RECIPE, TEXT, Bench, FakeAgent, proposes

ACCOUNT = "fake:test"


class World:
    """A bench with things that were done outside, and hands that change them there."""

    def __init__(self, root: Path, *slots: str, policy: Any = ALLOW) -> None:
        self.system = FakeSystem()
        agents: Any = [FakeAgent("make", proposes(*slots)), reconciler]
        self.bench = Bench(root, RECIPE, agents, {"fake": self.system}, policy=policy)
        (root / "agentos.toml").write_text('[business]\nname = "Test"\n')

    async def work(self, text: str = TEXT, **more: Any) -> list[str]:
        state = await self.bench.run(text, **more)
        assert state.status == "completed"
        return list(state.effects)

    def look(self) -> Report:
        report = observe_and_record(self.bench.platform, "fake")
        self.holds()
        return report

    def found(self) -> list[Finding]:
        report = self.look()
        assert report.looked, report.why
        return report.findings

    def one(self) -> Finding:
        (finding,) = self.found()
        return finding

    def lose(self, key: str) -> None:
        del self.system.done[key]

    def edit(self, key: str, text: str = "by hand") -> None:
        self.system.done[key] = ("act", {"what": text})

    async def approve(self, task: str | None) -> TaskState:
        assert task is not None
        state = (await self.bench.advance(task)).state
        for card in state.open_cards():
            self.bench.desk.approve(card.id)
        return (await self.bench.advance(task)).state

    def events(self) -> list[str]:
        return [record.type for record in self.bench.platform.log.read(types=TYPES)]

    def how(self) -> list[str]:
        return [record.data["how"] for record in self.bench.platform.log.read(types=("drift.closed",))]

    def holds(self) -> None:
        report = check(self.bench.platform.store)
        assert report.ok, report.violations


async def world(tmp_path: Path, *slots: str, **more: Any) -> tuple[World, list[str]]:
    made = World(tmp_path / "ws", *(slots or ("one",)), **more)
    return made, await made.work()


async def test_a_look_that_finds_what_is_known_appends_nothing(tmp_path: Path) -> None:
    made, (key,) = await world(tmp_path)
    head = made.bench.platform.log.head()
    assert made.found() == []
    assert made.bench.platform.log.head() == head
    made.lose(key)
    assert made.one().stands == "asked"
    head = made.bench.platform.log.head()
    made.one()
    assert made.bench.platform.log.head() == head


async def test_another_edit_of_what_was_edited_is_the_same_difference_until_one_is_kept(tmp_path: Path) -> None:
    made, (key,) = await world(tmp_path)
    made.edit(key, "once")
    first = made.one()
    made.edit(key, "twice")
    assert made.one().drift.fingerprint == first.drift.fingerprint
    made.edit(key, "once")
    assert first.task is not None
    state = (await made.bench.advance(first.task)).state
    made.bench.desk.deny(state.open_cards()[0].id, "mine")
    await made.bench.advance(first.task)
    assert made.found() == []
    made.edit(key, "twice")
    again = made.one()
    assert (again.stands, again.drift.fingerprint != first.drift.fingerprint) == ("asked", True)


async def test_what_is_under_way_or_in_doubt_is_no_difference(tmp_path: Path) -> None:
    made, _ = await world(tmp_path)
    for failure in ("in_doubt_after", "in_doubt_before"):
        made.system.searchable = False
        made.system.fail(failure)
        assert (await made.bench.run()).open_cards()
    assert made.found() == []
    assert made.look().unsettled == 2


async def test_what_moves_while_the_world_is_looked_at_waits_for_the_next_look(tmp_path: Path) -> None:
    made, (key,) = await world(tmp_path)
    seen = made.system.observe

    def slow() -> Any:
        found = list(seen())
        undo = made.bench.desk.undo([key])
        made.system.observe = seen  # type: ignore[method-assign]
        advanced(made, undo)
        return found

    made.system.observe = slow  # type: ignore[method-assign]
    assert made.found() == []
    assert made.found() == []
    assert made.events() == []


def advanced(made: World, task: str) -> None:
    """As another process does it, in the middle of this one."""
    import asyncio
    from threading import Thread

    other = Thread(target=lambda: asyncio.run(made.bench.advance(task)))
    other.start()
    other.join()


async def test_a_system_that_can_not_be_looked_at_says_nothing(tmp_path: Path) -> None:
    made, (key,) = await world(tmp_path)
    made.lose(key)
    made.one()
    seen, head = made.system.observe, made.bench.platform.log.head()

    def away() -> list[Observed]:
        raise Transient("It does not answer.")

    made.system.observe = away  # type: ignore[method-assign]
    report = made.look()
    assert (report.looked, report.ok, report.why) == (False, False, "It does not answer.")
    assert made.bench.platform.log.head() == head
    made.system.observe = seen  # type: ignore[method-assign]
    assert made.one().stands == "asked"


async def test_no_more_repairs_than_policy_allows_are_opened_on_a_day(tmp_path: Path) -> None:
    made, keys = await world(tmp_path, "a", "b", "c", "d", policy=ALLOW | {"repairs": {"per_day": 3}})
    for key in keys:
        made.lose(key)
    assert [finding.stands for finding in made.found()] == ["asked", "asked", "asked", "waits"]
    assert [finding.stands for finding in made.found()] == ["asked", "asked", "asked", "waits"]
    made.bench.clock.advance(timedelta(days=1))
    assert [finding.stands for finding in made.found()] == ["asked"] * 4
    assert made.events().count("drift.detected") == 4


async def test_what_waits_and_goes_away_is_closed_and_may_be_repaired_later(tmp_path: Path) -> None:
    made, (key,) = await world(tmp_path, policy=ALLOW | {"repairs": {"per_day": 0}})
    thing = made.system.done[key]
    made.lose(key)
    assert made.one().stands == "waits"
    made.system.done[key] = thing
    assert made.found() == []
    assert (made.events(), made.how()) == (["drift.detected", "drift.closed"], ["gone"])


async def test_policy_may_let_a_repair_happen_where_nothing_stands_in_its_place(tmp_path: Path) -> None:
    rule = {"fake.restore": {"autonomy": "allow", "known_clients_only": False}}
    made, (one, two) = await world(tmp_path, "one", "two", policy={"actions": ALLOW["actions"] | rule})
    made.lose(one)
    made.edit(two)
    missing, changed = made.found()
    assert missing.task is not None
    assert changed.task is not None
    assert (await made.bench.advance(missing.task)).state.status == "completed"
    (card,) = (await made.bench.advance(changed.task)).state.open_cards()
    assert [reason["code"] for reason in card.data["reasons"]] == ["forced"]
    assert card.title.startswith(changed.drift.words)


async def test_policy_may_refuse_every_repair(tmp_path: Path) -> None:
    rule = {"fake.restore": {"autonomy": "refuse"}}
    made, (key,) = await world(tmp_path, policy={"actions": ALLOW["actions"] | rule})
    made.lose(key)
    task = made.one().task
    assert task is not None
    assert (await made.bench.advance(task)).state.status == "failed"
    assert made.how() == ["failed"]
    assert made.one().stands == "told"


async def expire(made: World, task: str) -> None:
    made.bench.clock.advance(timedelta(days=30))
    assert (await made.bench.advance(task)).state.status == "failed"


async def break_down(made: World, task: str) -> None:
    made.system.fail("permanent")
    assert (await made.approve(task)).status == "failed"


@pytest.mark.parametrize("end", [expire, break_down])
async def test_a_repair_that_comes_to_nothing_is_told_once_and_not_tried_again(
    tmp_path: Path, end: Callable[[World, str], Any]
) -> None:
    made, (key,) = await world(tmp_path)
    made.lose(key)
    task = made.one().task
    assert task is not None
    await made.bench.advance(task)
    await end(made, task)
    assert made.how() == ["failed"]
    assert [made.one().stands, made.one().stands] == ["told", "told"]
    notices = [card for card in made.bench.state(task).open_cards() if card.data["body"].get("drift")]
    assert len(notices) == 1
    made.bench.desk.answer(notices[0].id, KEEP)
    assert made.found() == []


async def test_a_cancelled_repair_lets_it_stand(tmp_path: Path) -> None:
    made, (key,) = await world(tmp_path)
    made.lose(key)
    task = made.one().task
    assert task is not None
    made.bench.desk.cancel(task, "leave it")
    assert made.how() == ["kept"]
    assert made.found() == []
    made.edit(key)
    assert made.found() == [], "she took it over"


async def test_a_repair_taken_up_again_is_the_operator_s_own(tmp_path: Path) -> None:
    made, (key,) = await world(tmp_path)
    made.lose(key)
    task = made.one().task
    assert task is not None
    made.bench.desk.cancel(task, "leave it")
    assert (await made.approve(made.bench.desk.again(task))).status == "completed"
    assert key in made.system.done
    assert made.found() == []


async def test_a_repair_at_work_is_not_called_off_because_it_has_worked(tmp_path: Path) -> None:
    made, (key,) = await world(tmp_path)
    made.lose(key)
    task = made.one().task
    assert task is not None
    state = (await made.bench.advance(task)).state
    made.bench.desk.approve(state.open_cards()[0].id)
    made.system.fail("in_doubt_after")
    made.system.searchable = False
    assert (await made.bench.advance(task)).state.open_cards()[0].kind == "doubt"
    assert made.found() == []
    assert made.bench.state(task).status == "parked"
    made.bench.desk.answer(made.bench.state(task).open_cards()[0].id, "it happened")
    assert (await made.bench.advance(task)).state.status == "completed"
    assert made.how() == ["repaired"]


async def test_two_observers_at_once_make_one_repair(tmp_path: Path) -> None:
    made, (key,) = await world(tmp_path)
    made.lose(key)
    seen = made.system.observe

    def slow() -> Any:
        made.system.observe = seen  # type: ignore[method-assign]
        made.one()
        return list(seen())

    made.system.observe = slow  # type: ignore[method-assign]
    assert made.one().stands == "asked"
    assert made.events() == ["drift.detected", "repair.opened"]


async def test_a_forgotten_client_s_things_are_neither_compared_nor_recorded(tmp_path: Path) -> None:
    made = World(tmp_path / "ws", "one")
    (key,) = await made.work(check=lambda _: "acme-studio")
    made.lose(key)
    finding = made.one()
    assert finding.task is not None
    await made.bench.advance(finding.task)
    told = made.bench.platform.log.last(types=("drift.detected",))
    assert told is not None
    assert told.subject == "acme-studio"
    assert b"The one" not in told.stored
    made.bench.platform.store.sealer.keys.destroy("acme-studio")
    head = made.bench.platform.log.head()
    assert made.found() == []
    assert fold(made.bench.platform.log.read(types=TYPES)).open() == []
    await made.bench.advance(finding.task)
    made.found()
    assert made.bench.platform.log.head()[0] - head[0] <= 3


async def test_after_a_restore_the_operator_starts_first(tmp_path: Path) -> None:
    made = World(tmp_path / "ws", "one")
    backup = back_up(made.bench.platform.store, tmp_path / "disk", plain_lock, now=made.bench.clock.now()).path
    (key,) = await made.work()
    made.bench.platform.store.close()
    restore(backup, made.bench.root, plain_unlock(backup), clock=made.bench.clock)
    made.bench.open()
    with pytest.raises(Refused, match="restored"):
        made.look()
    adopt_and_start(made.bench.platform)
    made.found()
    assert made.events() == []
    made.system.done[f"{ACCOUNT}/act/nobody/knows/this"] = ("act", {"what": "strange"})
    assert made.one().drift.kind == "unknown"
    assert key in made.system.done


def test_documents_are_held_against_the_sequence_of_numbers() -> None:
    standing = Standing("invoice", "invoice:main", numbers={"1": "a", "2": "b"}, voided={"2"}, known={"k", "l", "m"})
    seen = [Observed("invoice", number, key, "") for number, key in (("1", "k"), ("2", "l"), ("3", "m"))]
    assert [(one.kind, one.ref, one.words) for one in compare(standing, seen, {})] == [
        ("unassigned", "2", "Invoice 2 carries a number which is voided."),
        ("unassigned", "3", "Invoice 3 carries a number which was never given out."),
    ]


def test_comparing_says_what_is_expected_and_what_is_seen() -> None:
    deed = Deed("site:main/publish/a", "publish", {}, Receipt(ref="c"))
    expected = Expected(deed.key, "post", "heat", "The post “Heat”", "d1")
    standing = Standing("site", "site:main", {deed.key: deed}, {deed.key: expected}, known={deed.key})

    def of(*things: Observed) -> list[tuple[str, str, str]]:
        return [(one.kind, one.expected, one.seen) for one in compare(standing, things, {})]

    post = Observed("post", "heat", deed.key, "d1")
    assert of(post) == []
    assert of() == [("missing", "d1", "")]
    assert of(Observed("post", "heat", deed.key, "d2")) == [("changed", "d1", "d2")]
    assert of(Observed("post", "heat", None, "d3")) == [("changed", "d1", "d3")]
    assert of(Observed("post", "cold", deed.key, "d1")) == [("changed", "d1", "cold")]
    assert of(post, Observed("draft", "heat", None, "", {"state": "deleted"})) == [("missing", "d1", "uncommitted")]
    assert of(post, Observed("draft", "heat", None, "d4", {"state": "changed"})) == [("changed", "d1", "d4")]
    assert of(post, Observed("post", "copy", deed.key, "d1"), Observed("post", "own", None, "d5")) == []
