"""What a restored log learns from the world before it goes on: nothing is done twice, nothing is claimed unseen."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from agentos.backup.make import back_up
from agentos.backup.restore import restore
from agentos.effects.port import Observed
from agentos.errors import Refused, Transient
from agentos.invariants.check import check
from agentos.tasks.adopted_numbers import adopted_numbers
from agentos.tasks.adopting import Adoption, adopt_and_start
from agentos.tasks.answers import Desk
from agentos.tasks.finder import NotFound
from agentos.tasks.invoices import invoices, owner_of
from agentos.workspace.model import InvoiceSettings
from tests.fakes.backups import plain_lock, plain_unlock
from tests.fakes.business import Shop
from tests.fakes.effects import FakeSystem
from tests.fakes.platform import ALLOW, ASK, TEXT, Bench, FakeAgent, proposes

RECIPE = """
workflow = "publish-post"
title = "Test"
[[steps]]
id = "offer"
agent = "offer"
[[steps]]
id = "deliver"
kind = "effects"
needs = ["offer"]
inputs = { from = ["offer"] }
"""


class Office:
    """A bench that can be backed up and rewound; its outside systems are the world, and stay."""

    def __init__(self, tmp_path: Path, *slots: str, policy: Any = ASK, system: FakeSystem | None = None) -> None:
        self.system = system or FakeSystem()
        self.bench = Bench(
            tmp_path / "office", RECIPE, [FakeAgent("offer", proposes(*slots))], {"fake": self.system}, policy=policy
        )
        (tmp_path / "office" / "agentos.toml").write_text('[business]\nname = "Test"\n')
        self._disk = tmp_path / "disk"

    def back_up(self) -> None:
        store = self.bench.platform.store
        self._backup = back_up(store, self._disk, plain_lock, now=self.bench.clock.now()).path

    def rewind(self) -> None:
        self.bench.platform.store.close()
        restore(self._backup, self.bench.root, plain_unlock(self._backup), clock=self.bench.clock)
        self.bench.open()

    def start(self) -> Adoption:
        found = adopt_and_start(self.bench.platform)
        assert found is not None
        self.holds()
        return found

    def holds(self) -> None:
        """Every invariant of the log."""
        report = check(self.bench.platform.store)
        assert report.ok, report.violations

    async def approve(self, task: str) -> Any:
        for card in self.bench.state(task).open_cards():
            self.bench.desk.approve(card.id)
        state = (await self.bench.advance(task)).state
        self.holds()
        return state


async def test_an_open_task_does_not_do_again_what_was_done_after_the_backup(tmp_path: Path) -> None:
    office = Office(tmp_path, "one", "two")
    state = await office.bench.run()
    office.back_up()
    assert (await office.approve(state.id)).status == "completed"
    office.rewind()
    assert office.bench.state(state.id).status == "parked"
    stopped = await office.bench.advance(state.id)
    assert stopped.state.status == "parked"
    adopted = office.start()
    assert (len(adopted.found), adopted.task, adopted.asked_again) == (2, None, 1)
    after = (await office.bench.advance(state.id)).state
    assert (after.status, office.system.copies, len(office.system.attempts)) == ("completed", 2, 2)
    assert {effect.data["authority"] for effect in after.effects.values()} == {"adopted"}
    assert adopt_and_start(office.bench.platform) is None


async def test_a_card_that_expired_meanwhile_does_not_take_back_what_was_done(tmp_path: Path) -> None:
    office = Office(tmp_path, "one")
    state = await office.bench.run()
    office.back_up()
    await office.approve(state.id)
    office.rewind()
    office.bench.clock.advance(timedelta(days=400))
    early = await office.bench.advance(state.id)
    assert "nobody has looked" in early.stopped
    office.start()
    after = (await office.bench.advance(state.id)).state
    assert (after.status, len(list(office.system.observe()))) == ("completed", 1)


async def test_only_the_rest_is_asked_about_when_half_of_it_was_done(tmp_path: Path) -> None:
    office = Office(tmp_path, "one", "two")
    state = await office.bench.run()
    office.back_up()
    card = state.open_cards()[0]
    office.bench.desk.approve(card.id, ["two"])
    await office.bench.advance(state.id)
    office.rewind()
    office.start()
    after = (await office.bench.advance(state.id)).state
    (asks,) = after.open_cards()
    assert [effect["slot"] for effect in asks.data["effects"]] == ["two"]
    assert office.system.copies == 1


async def test_a_grant_from_before_the_restore_is_void_and_one_from_after_it_counts(tmp_path: Path) -> None:
    office = Office(tmp_path, "one")
    granted, waiting = (await office.bench.run(), await office.bench.run())
    office.bench.desk.approve(granted.open_cards()[0].id)
    office.back_up()
    office.rewind()
    office.bench.desk.approve(waiting.open_cards()[0].id)
    assert office.start().asked_again == 1
    again = (await office.bench.advance(granted.id)).state
    assert [card.status for card in again.cards.values()] == ["superseded", "open"]
    assert (await office.bench.advance(waiting.id)).state.status == "completed"
    assert office.system.copies == 1
    assert (await office.approve(granted.id)).status == "completed"


async def test_a_start_without_an_end_gets_its_end(tmp_path: Path) -> None:
    office = Office(tmp_path, "one")
    state = await office.bench.run()
    office.system.fail("in_doubt_after")
    await office.approve(state.id)
    office.back_up()
    office.rewind()
    adopted = office.start()
    assert len(adopted.found) == 1
    after = (await office.bench.advance(state.id)).state
    assert (after.status, after.open_cards(), office.system.copies) == ("completed", [], 1)


async def test_what_belongs_to_no_task_gets_one_that_can_be_undone(tmp_path: Path) -> None:
    office = Office(tmp_path, "one")
    office.back_up()
    state = await office.bench.run()
    await office.approve(state.id)
    office.rewind()
    adopted = office.start()
    assert adopted.task is not None
    assert office.bench.state(adopted.task).status == "completed"
    keys = office.bench.desk.undoable(adopted.task)
    undone = (await office.bench.advance(office.bench.desk.undo(keys))).state
    assert (undone.status, list(office.system.observe())) == ("completed", [])


async def test_what_was_undone_after_the_backup_is_undone_and_not_done_once_more(tmp_path: Path) -> None:
    office = Office(tmp_path, "one")
    state = await office.bench.run()
    office.back_up()
    await office.approve(state.id)
    await office.bench.advance(office.bench.desk.undo(office.bench.desk.undoable(state.id)))
    done = dict(office.system.done)
    office.rewind()
    office.system.observe = lambda: [  # type: ignore[method-assign]  # a system that keeps showing both
        Observed("thing", key, key, "") for key in office.system.done
    ]
    office.start()
    after = await office.bench.advance(state.id)
    assert (after.state.status, office.system.done) == ("cancelled", done)


async def test_an_undo_of_what_the_backup_knows_is_found_though_nothing_stands_any_more(tmp_path: Path) -> None:
    office = Office(tmp_path, "one")
    state = await office.bench.run()
    await office.approve(state.id)
    office.back_up()
    await office.bench.advance(office.bench.desk.undo(office.bench.desk.undoable(state.id)))
    office.rewind()
    (found,) = office.start().found
    assert found.key.endswith("/undo")
    with pytest.raises(Exception, match="nothing to undo"):
        office.bench.desk.undoable(state.id)


async def test_while_the_world_can_not_be_looked_at_nothing_goes_on(tmp_path: Path) -> None:
    office = Office(tmp_path, "one")
    office.back_up()
    office.rewind()

    def away() -> list[Observed]:
        raise Transient("It does not answer.")

    office.system.observe = away  # type: ignore[method-assign]
    with pytest.raises(Transient):
        office.start()
    with pytest.raises(Refused, match="looked"):
        office.bench.desk.start()


async def test_of_what_can_not_be_told_nothing_is_claimed(tmp_path: Path) -> None:
    office = Office(tmp_path, "one")
    office.back_up()
    state = await office.bench.run()
    await office.approve(state.id)
    office.rewind()
    office.system.searchable = False
    adopted = office.start()
    assert (len(adopted.found), len(adopted.unsure)) == (0, 1)
    assert "effect.found" not in [record.type for record in office.bench.platform.log.read()]


async def test_a_forgotten_client_s_things_are_known_as_done_and_nothing_more(tmp_path: Path) -> None:
    office = Office(tmp_path, "one")
    office.back_up()
    state = await office.bench.run()
    await office.approve(state.id)
    office.bench.platform.store.sealer.keys.destroy("acme-studio")
    office.rewind()
    (key,) = office.system.done
    office.system.observe = lambda: [  # type: ignore[method-assign]
        Observed("thing", "ref", key, "", {"client": "acme-studio", "title": "Secret", "payload": {"a": "secret"}})
    ]
    office.start()
    log = office.bench.platform.log
    record = log.by_key(f"effect.started/{key}/1")
    assert record is not None
    assert "ecret" not in record.stored.decode()
    assert log.by_key(f"effect.done/{key}") is not None


async def test_what_the_log_knew_of_a_client_forgotten_since_is_not_adopted_again(tmp_path: Path) -> None:
    office = Office(tmp_path, "one", policy=ALLOW)
    task = office.bench.submit(TEXT, check=lambda _: "acme-studio")
    done = (await office.bench.advance(task)).state
    assert done.status == "completed"
    office.bench.platform.store.sealer.keys.get_or_make("acme-studio")
    office.back_up()
    office.bench.platform.store.sealer.keys.destroy("acme-studio")
    office.rewind()
    assert office.start().found == ()


def test_numbers_go_on_above_the_highest_and_a_lost_one_is_voided(tmp_path: Path) -> None:
    office = Office(tmp_path)
    settings = InvoiceSettings()
    shown = [
        Observed(kind, ref, f"invoice:main/issue/{ref}", "", {"issued_on": "2026-11-23"})
        for kind, ref in (("invoice", "2026-0004"), ("invoice", "2026-0002"), ("credit_note", "CN-2026-0001"))
    ]
    found = [(e.type, e.data["text"]) for e in adopted_numbers(office.bench.platform.log, shown, settings)]
    assert found == [
        ("number.assigned", "2026-0002"), ("number.assigned", "2026-0003"), ("number.voided", "2026-0003"),
        ("number.assigned", "2026-0004"), ("number.assigned", "CN-2026-0001"),
    ]  # fmt: skip
    office.bench.platform.log.append(list(adopted_numbers(office.bench.platform.log, shown, settings)))
    assert list(adopted_numbers(office.bench.platform.log, shown, settings)) == []
    Desk(office.bench.platform.store).start()


def remove_by_hand(site: Path) -> None:
    (post,) = (site / "content/posts").glob("*.md")
    for words in (["rm", "-q", str(post)], ["-c", "user.name=H", "-c", "user.email=h@h", "commit", "-qm", "off"]):
        subprocess.run(["git", "-C", str(site), *words], check=True)


@pytest.mark.parametrize("by_hand", [False, True], ids=["undone", "removed by hand"])
async def test_a_post_that_was_published_and_taken_down_after_the_backup_is_known_from_the_sites_history(
    tmp_path: Path, by_hand: bool
) -> None:
    shop = Shop(tmp_path / "w")
    shop.open()
    backup = back_up(shop.platform.store, tmp_path / "disk", plain_lock, now=shop.clock.now()).path
    state = await shop.run("Write a blog post about heat pumps for older houses")
    done = await shop.approve(state)
    assert done.status == "completed"
    if by_hand:
        remove_by_hand(shop.root / "site")
    else:
        await shop.advance(shop.desk.undo(shop.desk.undoable(done.id)))
    outside = shop.outside()
    shop.close()
    restore(backup, shop.root, plain_unlock(backup), clock=shop.clock)
    adopted = adopt_and_start(shop.open())
    assert adopted is not None
    (published,) = done.effects
    assert [one.key for one in adopted.found] == [published] if by_hand else [published, f"{published}/undo"]
    assert shop.outside() == outside
    assert adopted.task is not None
    if not by_hand:
        with pytest.raises(NotFound):
            shop.desk.undoable(adopted.task)
    assert check(shop.platform.store).ok
    shop.close()


async def test_invoices_and_payments_of_after_the_backup_are_known_as_before(tmp_path: Path) -> None:
    """One whose number another pattern made, too; and a payment that follows one which nobody finds any more."""
    shop = Shop(tmp_path / "shop")
    await shop.run("Invoice Acme Studio 300 EUR net for the workshop")
    backup = back_up(shop.platform.store, tmp_path / "disk", plain_lock, now=shop.clock.now()).path
    await shop.run("Acme paid 100 EUR on invoice 2026-0001")
    await shop.run("Acme paid 7 EUR on invoice 2026-0001")
    settings = shop.root / "agentos.toml"
    usual = settings.read_text()
    settings.write_text(usual.replace('pattern = "{year}-{number:04}"', 'pattern = "R{number:04}-{year}"', 1))
    await shop.run("Invoice Acme Studio 50 EUR net for the talk")
    then = invoices(shop.platform.log)
    assert [one.paid for one in then.values()] == [Decimal(107), Decimal(0)]
    for name in ("R0002-2026", "2026-0001"):
        assert owner_of(shop.platform.log, name) == "acme-studio"
    shop.close()
    settings.write_text(usual)
    restore(backup, shop.root, plain_unlock(backup), clock=shop.clock)
    shop.open()
    assert adopt_and_start(shop.platform) is not None
    assert invoices(shop.platform.log) == then
    assert owner_of(shop.platform.log, "R0002-2026") == "acme-studio"
    shop.close()
