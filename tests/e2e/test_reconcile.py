"""What somebody changed outside is found once, asked about once, and repaired or let stand; with the real systems."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from agentos.invariants.check import check
from agentos.reconcile.closing import KEEP, MENDED
from agentos.reconcile.observing import reconcile
from agentos.reconcile.report import Finding
from agentos.reconcile.state import TYPES
from agentos.tasks.state import TaskState
from desk.main import main
from graphs.replay import replay
from tests.fakes.business import Shop

WANTED = "Write a blog post about heat pumps for Acme and invoice them 1200 EUR"


class House:
    """A business that has published a post and sent an invoice, and whose hands reach into its files."""

    def __init__(self, root: Path) -> None:
        self.shop, self.root = Shop(root), root

    async def work(self) -> None:
        state = await self.shop.run(WANTED)
        while state.open_cards():
            state = await self.shop.approve(state)
        self.shop.clock.advance(timedelta(minutes=30))
        state = await self.shop.advance(state.id)
        assert state.status == "completed", state.parked
        self.shop.close()

    @property
    def post(self) -> Path:
        (found,) = (self.root / "site/content/posts").glob("*.md")
        return found

    @property
    def year(self) -> Path:
        (found,) = (self.root / "books").glob("20*.beancount")
        return found

    @property
    def record(self) -> Path:
        (found,) = (self.root / "books/invoices").glob("*.json")
        return found

    def git(self, *arguments: str) -> str:
        place = ["git", "-C", str(self.root / "site"), "-c", "user.name=Petra", "-c", "user.email=p@example.test"]
        return subprocess.run([*place, *arguments], check=True, capture_output=True, text=True).stdout

    def found(self) -> list[Finding]:
        reports = reconcile(self.shop.platform)
        assert all(report.looked for report in reports), [report.why for report in reports]
        return [finding for report in reports for finding in report.findings]

    def one(self, system: str, kind: str) -> Finding:
        (finding,) = self.found()
        assert (finding.drift.system, finding.drift.kind) == (system, kind)
        return finding

    async def card(self, finding: Finding) -> TaskState:
        assert finding.task is not None
        state = await self.shop.advance(finding.task)
        assert len(state.open_cards()) == 1
        return state

    def events(self) -> list[str]:
        return [record.type for record in self.shop.platform.log.read(types=TYPES)]

    def stands(self) -> dict[str, bytes]:
        """Everything there is outside; of the books only what they say."""
        found = {name: (self.root / name).read_bytes() for name in self.shop.outside()}
        pages = {path.name: path.read_bytes() for path in (self.root / "site/public").glob("**/*.html")}
        kept = {name: data for name, data in found.items() if "replaced" not in name and name[-9:] != "beancount"}
        books = [entry.digest for entry in self.shop.platform.systems["ledger"].observe()]
        return kept | pages | {"books": "".join(books).encode()}

    def holds(self) -> None:
        report = check(self.shop.platform.store)
        assert report.ok, report.violations


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("house") / "shop"
    asyncio.run(House(root).work())
    return root


@pytest.fixture
def house(worked: Path, tmp_path: Path) -> Iterator[House]:
    shutil.copytree(worked, tmp_path / "shop", symlinks=True)
    made = House(tmp_path / "shop")
    made.shop.clock.advance(timedelta(minutes=40))
    made.shop.open()
    yield made
    made.shop.close()


def delete_post(house: House) -> None:
    house.post.unlink()
    house.git("commit", "-qam", "I don't want it")


def delete_post_only_in_the_folder(house: House) -> None:
    house.post.unlink()


def edit_post(house: House) -> None:
    house.post.write_text(house.post.read_text() + "\nMy own words.\n")
    house.git("commit", "-qam", "Mine")


def edit_post_only_in_the_folder(house: House) -> None:
    house.post.write_text(house.post.read_text() + "\nMy own words.\n")


def rename_post(house: House) -> None:
    house.git("mv", str(house.post.relative_to(house.root / "site")), "content/posts/another-name.md")
    house.git("commit", "-qm", "Renamed")


def revert_commit(house: House) -> None:
    house.git("revert", "--no-edit", "HEAD")


def edit_invoice(house: House) -> None:
    pdf = house.record.with_suffix(".pdf")
    pdf.write_bytes(pdf.read_bytes() + b"%")


def lose_pdf(house: House) -> None:
    house.record.with_suffix(".pdf").unlink()


def lose_invoice(house: House) -> None:
    for path in (house.root / "books/invoices").glob("20*"):
        path.unlink()


def spoil_record(house: House) -> None:
    house.record.write_text("{")


def amend_record(house: House) -> None:
    house.record.write_text(house.record.read_text().replace('"gross": "1428.00"', '"gross": "14.28"'))


def remove_entry(house: House) -> None:
    house.year.write_text("; nothing\n")


def edit_entry(house: House) -> None:
    house.year.write_text(house.year.read_text().replace("1428.00", "1429.00"))


Change = tuple[Callable[[House], None], str, str]
CHANGES: list[Change] = [
    (delete_post, "site", "missing"),
    (delete_post_only_in_the_folder, "site", "missing"),
    (edit_post, "site", "changed"),
    (edit_post_only_in_the_folder, "site", "changed"),
    (rename_post, "site", "changed"),
    (revert_commit, "site", "missing"),
    (edit_invoice, "invoice", "changed"),
    (lose_pdf, "invoice", "changed"),
    (lose_invoice, "invoice", "missing"),
    (spoil_record, "invoice", "changed"),
    (amend_record, "invoice", "changed"),
    (remove_entry, "ledger", "missing"),
    (edit_entry, "ledger", "changed"),
]


def named(change: Change) -> str:
    return change[0].__name__


@pytest.mark.parametrize("change", CHANGES, ids=named)
async def test_a_change_is_found_once_and_its_repair_puts_back_what_was_there(house: House, change: Change) -> None:
    assert house.found() == []
    before = house.stands()
    change[0](house)
    finding = house.one(*change[1:])
    assert finding.stands == "asked"
    assert house.one(*change[1:]) == finding
    assert house.events() == ["drift.detected", "repair.opened"]
    state = await house.card(finding)
    assert (await house.shop.approve(state)).status == "completed"
    assert house.events() == ["drift.detected", "repair.opened", "drift.closed", "repair.closed"]
    assert house.found() == []
    assert house.stands() == before
    house.holds()
    report = await replay(house.shop.platform, state.id)
    assert report.same, report.first_difference


@pytest.mark.parametrize("change", CHANGES, ids=named)
async def test_a_no_to_the_repair_lets_it_stand(house: House, change: Change) -> None:
    change[0](house)
    state = await house.card(house.one(*change[1:]))
    after = {path: path.read_bytes() for path in house.root.glob("site/content/posts/*")}
    house.shop.desk.deny(state.open_cards()[0].id, "I did that myself")
    assert (await house.shop.advance(state.id)).status == "failed"
    assert house.found() == []
    assert {path: path.read_bytes() for path in house.root.glob("site/content/posts/*")} == after
    closed = house.shop.platform.log.last(types=("drift.closed",))
    assert closed is not None
    assert (closed.data["how"], closed.data["why"]) == ("kept", "I did that myself")
    house.holds()


async def test_what_comes_back_after_its_repair_is_told_once_and_not_repaired_again(house: House) -> None:
    delete_post(house)
    state = await house.card(house.one("site", "missing"))
    await house.shop.approve(state)
    for change, kind in ((delete_post, "missing"), (lambda _: None, "missing")):
        change(house)
        assert house.one("site", kind).stands == "told"
    (notice,) = house.shop.desk.load(state.id).open_cards()
    assert house.events().count("repair.opened") == 1
    house.shop.desk.answer(notice.id, KEEP)
    assert house.found() == []
    house.holds()


async def test_another_change_of_what_was_repaired_is_told_too(house: House) -> None:
    delete_post(house)
    await house.shop.approve(await house.card(house.one("site", "missing")))
    edit_post(house)
    assert house.one("site", "changed").stands == "told"
    house.holds()


async def test_what_the_operator_mends_herself_is_over_and_its_card_withdrawn(house: House) -> None:
    text = house.post.read_text()
    edit_post(house)
    state = await house.card(house.one("site", "changed"))
    house.post.write_text(text)
    house.git("commit", "-qam", "As it was")
    assert house.found() == []
    after = house.shop.desk.load(state.id)
    assert (after.status, after.open_cards()) == ("cancelled", [])
    assert house.events()[-2:] == ["drift.closed", "repair.closed"]
    house.holds()
    report = await replay(house.shop.platform, state.id)
    assert report.same, report.first_difference


async def test_what_is_undone_is_no_drift_and_a_reverted_undo_is(house: House) -> None:
    key = next(one.key for one in house.shop.platform.systems["site"].observe() if one.kind == "post")
    assert key is not None
    assert (await house.shop.advance(house.shop.desk.undo([key]))).status == "completed"
    assert house.found() == []
    revert_commit(house)
    state = await house.card(house.one("site", "returned"))
    assert (await house.shop.approve(state)).status == "completed"
    assert [one for one in house.shop.platform.systems["site"].observe() if one.kind == "post"] == []
    assert house.found() == []
    house.holds()


async def test_an_undone_invoice_and_its_booking_still_have_to_be_there(house: House) -> None:
    task = next(house.shop.platform.log.read(types=("task.opened",))).data["task"]
    undo = await house.shop.advance(house.shop.desk.undo(house.shop.desk.undoable(task)))
    assert undo.status == "completed", undo.parked
    assert house.found() == []
    (credit,) = (house.root / "books/invoices").glob("CN*.pdf")
    credit.write_bytes(b"")
    assert (await house.shop.approve(await house.card(house.one("invoice", "changed")))).status == "completed"
    assert house.found() == []
    house.holds()


async def test_a_mail_that_nobody_knows_is_taken_out_of_the_outbox_or_kept(house: House) -> None:
    strange = house.root / "outbox" / "hello.eml"
    strange.write_bytes(b"From: petra@example.test\r\nTo: x@example.test\r\nSubject: Hello\r\n\r\nHello\r\n")
    state = await house.card(house.one("mail", "unknown"))
    assert (await house.shop.approve(state)).status == "completed"
    assert (strange.exists(), (house.root / "outbox/recalled/hello.eml").exists()) == (False, True)
    house.holds()


async def test_a_mail_that_was_sent_by_nobody_can_only_be_kept(house: House) -> None:
    sent = house.root / "outbox" / "sent"
    sent.mkdir()
    (sent / "odd.eml").write_bytes(b"To: x@example.test\r\nSubject: Odd\r\n\r\nOdd\r\n")
    state = await house.card(house.one("mail", "unknown"))
    house.shop.desk.answer(state.open_cards()[0].id, KEEP)
    assert (await house.shop.advance(state.id)).status == "completed"
    assert house.found() == []
    house.holds()


async def test_an_entry_that_stands_twice_is_the_operator_s_to_mend(house: House) -> None:
    text = house.year.read_text()
    house.year.write_text(text + "\n" + text)
    state = await house.card(house.one("ledger", "double"))
    house.year.write_text(text)
    house.shop.desk.answer(state.open_cards()[0].id, MENDED)
    assert (await house.shop.advance(state.id)).status == "completed"
    assert house.found() == []
    house.holds()


def test_a_number_that_was_never_given_out_is_seen(house: House) -> None:
    raw = json.loads(house.record.read_text())
    other = raw | {"number": "2026-0099", "key": raw["key"]}
    (house.root / "books/invoices/2026-0099.json").write_text(json.dumps(other))
    finding = house.one("invoice", "double")
    assert finding.drift.words.endswith("more than once.")


def test_the_operator_s_own_posts_and_entries_are_hers(house: House) -> None:
    (house.root / "site/content/posts/mine.md").write_text("---\ntitle: Mine\n---\n\nHello\n")
    with house.year.open("a") as out:
        out.write('\n2026-11-24 * "Shop" "Paper"\n  Expenses:Paper  10.00 EUR\n  Assets:Bank\n')
    house.year.write_text(house.year.read_text().replace("  key:", '  note: "checked"\n  key:'))
    assert house.found() == []


def call(house: House, *arguments: str) -> object:
    with pytest.raises(SystemExit) as ended:
        main(["--workspace", str(house.root), *arguments])
    return ended.value.code


def test_the_command_says_it_and_lays_the_card_on_the_desk(house: House, capsys: pytest.CaptureFixture[str]) -> None:
    house.shop.close()
    assert call(house, "reconcile") == 0
    assert "as the log says" in capsys.readouterr().out
    delete_post(house)
    assert call(house, "reconcile", "--json") == 1
    said = json.loads(capsys.readouterr().out)
    (finding,) = [one for system in said["systems"] for one in system["findings"]]
    assert (said["ok"], finding["kind"], finding["stands"]) == (False, "missing", "asked")
    assert call(house, "status") == 0
    out = capsys.readouterr().out
    assert "Differs from the log: 1" in out
    assert "Waiting for you: 1" in out
    assert call(house, "reconcile", "ledger") == 0


def test_while_stopped_it_is_looked_at_and_nothing_is_recorded(house: House) -> None:
    house.shop.desk.stop("lunch")
    delete_post(house)
    before = house.shop.platform.log.head()
    assert house.one("site", "missing").stands == "seen"
    assert house.shop.platform.log.head() == before
