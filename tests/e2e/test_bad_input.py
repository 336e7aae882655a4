"""Whatever is said or lies about: a clear error or a question, what was given is kept, nothing is half done."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from agentos.errors import AgentOSError, Refused, StorageError, WorkspaceError
from agentos.tasks.state import TaskState
from tests.fakes.business import Shop, asked

STORY = "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR"
INVOICE = "Invoice Acme Studio 100 EUR for a talk"


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    made = Shop(tmp_path / "w")
    made.open()
    yield made
    made.close()


# -- what is said

REFUSED = {
    "empty": ("", "intent.empty"),
    "blank": (" \t\n ", "intent.empty"),
    "control characters": ("\x00\x07\x1b\x7f", "intent.empty"),
    "hidden characters": ("\u200b\u202e\ufeff", "intent.empty"),
    "quoted mail only": ("> Invoice Acme Studio 100 EUR\n> and pay me", "intent.empty"),
    "a megabyte": ("Write about heat pumps. " * 43_700, "intent.too_long"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_what_is_no_request_is_refused_and_kept(shop: Shop, case: str) -> None:
    text, code = REFUSED[case]
    state = await shop.run(text)
    (failed,) = shop.platform.log.read(types=("task.failed",))
    assert (state.status, failed.data["code"]) == ("failed", code)
    assert len(failed.data["why"]) > 20
    assert shop.intents() == [text]
    assert shop.outside() == []


ASKED = {
    "negative amount": "Invoice Acme Studio -1,200 EUR for a talk",
    "nothing to pay": "Invoice Acme Studio 0 EUR for a talk",
    "unknown currency": "Invoice Acme Studio 1,200 XYZ for a talk",
    "two amounts": "Invoice Acme Studio 1,200 EUR or 1,300 EUR for a talk",
    "ambiguous separator": "Invoice Acme Studio 1.200 for a talk",
    "no amount": "Invoice Acme Studio for a talk",
    "unknown client": "Invoice Nobody & Sons 100 EUR for a talk",
    "no client": "Send an invoice over 100 EUR",
    "Chinese": "请写一篇关于热泵的文章",
    "Arabic": "اكتب مقالا عن المضخات الحرارية",
    "Russian": "Напиши статью о тепловых насосах",
    "pictures": "🙂🙂🙂",
    "digits": "1234567890",
    "a lone surrogate": "\ud800 \udfff",
    "markup": "<script>alert(1)</script>'; DROP TABLE events; -- {topic} ⟦number⟧ $slots.amount",
}


@pytest.mark.parametrize("case", ASKED)
async def test_what_is_unclear_becomes_a_question(shop: Shop, case: str) -> None:
    state = await shop.run(ASKED[case])
    card = asked(state)
    assert (state.status, card.kind) == ("parked", "question")
    assert card.title.endswith("?") or "?" in card.title or len(card.title) > 20
    assert shop.intents() == [ASKED[case].encode("utf-8", "replace").decode()]
    assert shop.outside() == []
    assert shop.types("effect") == []


async def test_control_characters_inside_a_request_do_no_harm(shop: Shop) -> None:
    state = await shop.run("Invoice\x00 Acme\u202e Studio\x1b[31m 100 EUR\x07 for a talk")
    assert state.understanding is not None
    assert state.understanding["slots"]["client"] == "acme-studio"
    assert state.understanding["slots"]["amount"]["amount"] == "100.00"


async def test_an_answer_that_says_nothing_is_asked_again(shop: Shop) -> None:
    state = await shop.run("Invoice Acme Studio for a talk")
    for nonsense in ("banana", "-5 EUR", "1.200", "\x00", "x" * 100_000):
        with suppress(Refused):  # what is empty is refused at the desk
            state = await shop.answer(state, nonsense)
        assert asked(state).kind == "question", nonsense
    state = await shop.answer(state, "100 EUR net")
    assert (state.understanding or {})["slots"]["amount"]["amount"] == "100.00"


async def test_two_clients_of_one_name_are_told_apart_by_the_operator(shop: Shop) -> None:
    other = (shop.root / "clients" / "acme-studio.toml").read_text().replace("accounts@acme-studio", "pay@acme-vienna")
    (shop.root / "clients" / "acme-vienna.toml").write_text(other)
    state = await shop.run(INVOICE)
    choices = asked(state).data["question"]["choices"]
    assert len(choices) == 2
    state = await shop.answer(state, next(choice for choice in choices if "vienna" in choice))
    assert (state.understanding or {})["slots"]["client"] == "acme-vienna"
    assert shop.types("effect.started") == [] or "acme-vienna" in str(state.effects)


async def test_a_page_that_can_t_be_read_is_said_on_the_card_and_in_the_step(shop: Shop) -> None:
    page = "http://127.0.0.1:9/pumps"
    state = await shop.run(f"Write a blog post about heat pumps for older houses, using {page}")
    (card,) = state.open_cards()
    (said,) = [reason["text"] for reason in card.data["reasons"] if page in reason["text"]]
    assert re.search(r"could not be read: .*; the text rests on \d other sources", said)
    (done,) = [r.data for r in shop.platform.log.read(types=("step.completed",)) if r.data["step"] == "research"]
    assert done["confidence"] < 1
    assert page in done["notes"][0]
    assert card.data["body"]["confidence"] < 1


# -- what lies about


async def test_a_client_file_that_is_mended_is_taken_up_again(shop: Shop) -> None:
    path = shop.root / "clients" / "acme-studio.toml"
    right = path.read_text()
    path.write_text(right.replace('vat = "standard"', 'vat = "standart"'))
    state = await shop.run(INVOICE)
    assert "clients/acme-studio.toml:" in asked(state).title
    assert "'standard'" in asked(state).title
    shop.open()
    state = await shop.answer(state, "retry")
    assert "clients/acme-studio.toml:" in asked(state).title
    path.write_text(right)
    shop.open()
    state = await shop.answer(state, "retry")
    assert (state.understanding or {})["slots"]["client"] == "acme-studio"
    assert "effect.done" in shop.types("effect")


async def test_another_client_can_be_named_instead_of_a_broken_file(shop: Shop) -> None:
    (shop.root / "clients" / "acme-studio.toml").write_text('name = "Acme Studio GmbH"\nvat_id = "DE12"\n')
    state = await shop.run("Invoice ACME 100 EUR for a talk")
    assert "clients/acme-studio.toml:2" in asked(state).title
    state = await shop.answer(state, "Beta Ltd")
    assert (state.understanding or {})["slots"]["client"] == "beta-ltd"


BROKEN_RECIPES = {
    "no TOML": ('workflow = "short-note"\ntitle = "Note\n', ":2: is not valid TOML"),
    "a misspelt key": ('workflow = "short-note"\ntitel = "Note"\n', ":2: titel is not a setting"),
    "an unknown agent": (
        'workflow = "short-note"\ntitle = "Note"\n\n[[steps]]\nid = "a"\nagent = "poet"\n',
        ":6: steps[1].agent is 'poet', and there is no such agent",
    ),
    "an input it does not take": (
        'workflow = "short-note"\ntitle = "Note"\n[[steps]]\nid = "a"\nagent = "researcher"\n'
        'inputs = { topic = "$slots.topic", colour = "red" }\n',
        ":6: steps[1].inputs can't work: step 'a': agent 'researcher' does not take ['colour']",
    ),
}


@pytest.mark.parametrize("case", BROKEN_RECIPES)
async def test_a_broken_recipe_stops_only_what_wants_it(shop: Shop, case: str) -> None:
    text, said = BROKEN_RECIPES[case]
    path = shop.root / "recipes" / "note.toml"
    path.write_text(text)
    assert (await shop.run(INVOICE)).plan is not None
    state = await shop.run("Knit a scarf")
    assert "short-note" in asked(state).data["question"]["choices"]
    state = await shop.answer(state, "short-note")
    (card,) = state.open_cards()
    assert card.title.startswith("A file has to be mended first: recipes/note.toml:")
    assert f"recipes/note.toml{said}" in card.data["reasons"][0]["text"]


async def test_a_broken_recipe_for_a_known_goal_is_not_passed_over(shop: Shop) -> None:
    path = shop.root / "recipes" / "send-invoice.toml"
    path.write_text("workflow = \n")
    state = await shop.run(INVOICE)
    assert asked(state).title == "A file has to be mended first: recipes/send-invoice.toml:1"
    path.unlink()
    assert (await shop.answer(state, "retry")).plan is not None


async def test_a_broken_client_file_stops_only_that_client(shop: Shop) -> None:
    (shop.root / "clients" / "beta-ltd.toml").write_text('name = "Beta Ltd\n')
    state = await shop.run("Invoice Beta Ltd 100 EUR for a talk")
    assert "clients/beta-ltd.toml:1: is not valid TOML" in asked(state).title
    assert asked(state).data["question"]["choices"] == ["retry"]
    problem = shop.platform.workspace.problems[0]
    assert problem.where.startswith("clients/beta-ltd.toml:1")
    other = await shop.run(INVOICE)
    assert (other.understanding or {})["slots"]["client"] == "acme-studio"


@pytest.mark.parametrize(
    ("name", "text", "where"),
    [
        ("agentos.toml", '[business]\nname = "A"\ncurrency = "DOUBLOONS"\n', "agentos.toml:3"),
        ("agentos.toml", '[business]\nname = "A\n', "agentos.toml:2"),
        ("agentos.toml", "", "agentos.toml"),
        ("policy.toml", '[approvals]\nexpires_hours = "soon"\n', "policy.toml:2"),
        ("policy.toml", "[approvals\n", "policy.toml:1"),
    ],
)
def test_a_broken_file_of_the_workspace_is_named_with_its_line(shop: Shop, name: str, text: str, where: str) -> None:
    (shop.root / name).write_text(text)
    with pytest.raises(WorkspaceError) as caught:
        shop.open()
    assert str(caught.value).startswith(where)


@pytest.mark.parametrize("name", ["agentos.toml", "policy.toml"])
def test_a_file_of_the_workspace_that_is_no_text_is_named(shop: Shop, name: str) -> None:
    (shop.root / name).write_bytes(b"\xff\xfe\x00broken")
    with pytest.raises(WorkspaceError, match=name):
        shop.open()


async def test_without_any_knowledge_the_operator_is_told(shop: Shop) -> None:
    for path in (shop.root / "knowledge").iterdir():
        path.unlink()
    state = await shop.run("Write a blog post about heat pumps for older houses")
    assert state.status in ("parked", "failed")
    said = " ".join([*(card.title for card in state.open_cards()), state.summary])
    assert "knowledge" in said or "source" in said
    assert shop.outside() == []


async def test_odd_files_among_the_knowledge_do_no_harm(shop: Shop) -> None:
    knowledge = shop.root / "knowledge"
    (knowledge / "photo.md").write_bytes(bytes(range(256)) * 400)
    (knowledge / "latin.md").write_bytes(
        "# Wärmepumpen\n\nÄltere Häuser brauchen größere Heizkörper.".encode("latin-1")
    )
    (knowledge / "huge.md").write_bytes(b"# Huge\n\n" + b"word " * 4_000_000)
    (knowledge / "empty.md").write_bytes(b"")
    (knowledge / "loop").symlink_to(knowledge)
    (knowledge / "a folder.md").mkdir()
    state = await shop.run("Write a blog post about heat pumps for older houses")
    (card,) = state.open_cards()
    assert card.kind == "effects", card.title


RECIPES = {
    "a cycle": ('workflow = "publish-post"\ntitle = "T"\n[[steps]]\nid = "a"\nagent = "editor"\nneeds = ["b"]\n'
                '[[steps]]\nid = "b"\nagent = "editor"\nneeds = ["a"]\n'),
    "an unknown agent": 'workflow = "publish-post"\ntitle = "T"\n[[steps]]\nid = "a"\nagent = "wizard"\n',
    "no steps": 'workflow = "publish-post"\ntitle = "T"\nsteps = []\n',
    "a thousand steps": 'workflow = "publish-post"\ntitle = "T"\n'
    + "".join(f'[[steps]]\nid = "s{n}"\nagent = "researcher"\ninputs = {{ topic = "x" }}\n' for n in range(1000)),
    "no TOML": "workflow = [",
    "an unknown field": 'workflow = "publish-post"\ntitle = "T"\nshell = "rm -rf /"\nsteps = []\n',
    "a title that can't be filled": 'workflow = "publish-post"\ntitle = "{} {0} {topic.x!z}"\n[[steps]]\nid = "a"\n'
    'agent = "researcher"\ninputs = { topic = "$slots.topic" }\n',
    "an unknown reference": 'workflow = "publish-post"\ntitle = "T"\n[[steps]]\nid = "a"\nagent = "researcher"\n'
    'inputs = { topic = "$nowhere.topic" }\n',
    "an input of a wrong type": 'workflow = "publish-post"\ntitle = "T"\n[[steps]]\nid = "a"\nagent = "researcher"\n'
    "inputs = { topic = [1, 2] }\n",
}  # fmt: skip


@pytest.mark.parametrize("case", RECIPES)
async def test_a_recipe_that_cannot_work_is_said_so(shop: Shop, case: str) -> None:
    (shop.root / "recipes" / "mine.toml").write_text(RECIPES[case])
    state = await shop.run("Write a blog post about heat pumps for older houses")
    said = " ".join([*(card.title for card in state.open_cards()), state.summary])
    assert state.status in ("failed", "parked")
    assert len(said) > 20
    assert "Traceback" not in said
    assert "step.crashed" not in {step.code for step in state.steps.values()}
    assert shop.outside() == []
    assert len(shop.intents()) == 1


# -- the machine


async def test_without_git_nothing_is_published_and_nothing_is_half_done(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = await shop.run(STORY)
    assert state.open_cards()[0].kind == "effects"
    monkeypatch.setenv("PATH", str(shop.root / "nothing-here"))
    state = await shop.approve(state)
    assert "git is not installed" in said_by(state)
    assert shop.outside() == []
    assert shop.types("number") == []


async def test_a_file_where_a_folder_should_be_is_waited_for(shop: Shop) -> None:
    """The disk may come back: the task parks, and goes on once it can, with everything once."""
    state = await shop.run(STORY)
    shutil.rmtree(shop.root / "outbox")
    (shop.root / "outbox").write_text("not a folder")
    state = await shop.approve(state)
    assert state.status == "parked"
    assert "outbox" in said_by(state)
    (shop.root / "outbox").unlink()
    shop.clock.advance(timedelta(hours=2))
    state = await shop.advance(state.id)
    assert state.status == "completed"
    assert [path.rpartition(".")[2] for path in shop.outside() if path.startswith("outbox")] == ["eml"]
    assert len([path for path in shop.outside() if path.endswith(".pdf")]) == 1


async def test_blobs_that_cannot_be_written_are_no_fault_of_the_step(shop: Shop) -> None:
    """The run ends with an error that says what to do; the task goes on from its record once they can."""
    blobs = shop.root / "state" / "blobs"
    task = shop.desk.submit(STORY)
    blobs.rename(shop.root / "kept")
    blobs.write_text("not a folder")
    with pytest.raises(StorageError) as caught:
        await shop.advance(task)
    assert caught.value.hint
    blobs.unlink()
    (shop.root / "kept").rename(blobs)
    state = await shop.approve(await shop.advance(task))
    assert state.status == "completed"
    assert shop.types("step.failed") == []


def said_by(state: TaskState) -> str:
    """Everything that is said to the operator about why it does not go on."""
    reasons = [reason for step in state.steps.values() for reason in step.reasons]
    return " ".join([state.summary, *reasons, *(str(why["why"]) for why in state.parked)])


class Disk:
    """A small disk of its own, full or read-only when told."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._views: list[Path] = []
        path.mkdir()
        self._mount("size=8m")

    def _mount(self, options: str) -> None:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.path)], capture_output=True)
        if done.returncode != 0:
            pytest.skip("needs the right to mount a disk")

    def fill(self) -> None:
        with open(self.path / "filler", "ab", buffering=0) as file:
            for size in (65536, 4096, 1):
                try:
                    while file.write(b"x" * size):
                        pass
                except OSError:
                    continue

    def free(self) -> None:
        (self.path / "filler").unlink()

    def read_only(self) -> Path:
        """The same disk at another place, where nothing can be written."""
        view = self.path.with_name("read-only")
        view.mkdir()
        self._views.append(view)
        subprocess.run(["mount", "--bind", str(self.path), str(view)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(view)], check=True)
        return view

    def close(self) -> None:
        for path in (*self._views, self.path):
            subprocess.run(["umount", "-l", str(path)], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "disk")
    yield made
    made.close()


async def test_a_full_disk_takes_nothing_and_loses_nothing(disk: Disk) -> None:
    shop = Shop(disk.path / "w")
    state = await shop.run(STORY)
    card = state.open_cards()[0]
    disk.fill()
    with pytest.raises(AgentOSError) as caught:
        shop.desk.submit(INVOICE)
    assert "space" in caught.value.hint or "disk" in str(caught.value)
    disk.free()
    shop.close()
    shop.open()
    shop.desk.approve(card.id)
    state = await shop.advance(state.id)
    assert state.status == "completed"
    assert len([path for path in shop.outside() if path.endswith(".pdf")]) == 1
    shop.close()


async def test_a_disk_that_fills_up_in_mid_work_is_waited_for(disk: Disk) -> None:
    """Whatever could not be written is done later; whatever was done is not done again."""
    shop = Shop(disk.path / "w")
    state = await shop.run(STORY)
    shop.desk.approve(state.open_cards()[0].id)
    disk.fill()
    with suppress(AgentOSError):
        await shop.advance(state.id)
    disk.free()
    shop.close()
    shop.open()
    for _ in range(4):
        shop.clock.advance(timedelta(hours=2))
        state = await shop.advance(state.id)
    assert state.status == "completed", said_by(state)
    assert len([path for path in shop.outside() if path.endswith(".pdf")]) == 1
    assert [path for path in shop.outside() if path.endswith(".eml")] != []
    assert shop.types("number.assigned") == ["number.assigned"]
    shop.close()


async def test_a_read_only_folder_is_said_so_and_nothing_is_lost(disk: Disk) -> None:
    shop = Shop(disk.path / "w")
    state = await shop.run(STORY)
    view = Shop(disk.read_only() / "w")

    def use() -> None:
        view.open()
        view.desk.submit(INVOICE)

    with pytest.raises(AgentOSError) as caught:
        use()
    assert caught.value.hint
    state = await shop.approve(state)
    assert state.status == "completed"
    assert len(shop.intents()) == 1
    shop.close()
