"""What is there in the end, counted in the worlds themselves and in the log: what is lost, what is doubled."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentos.events.verify import verify
from agentos.events.witness import witness_of
from agentos.platform import Store, open_store
from agentos.tasks.state import TaskState, fold
from tests.crash.tally import git, numbers
from tests.crash.wishes import Wish, expected, sender_of

_KEY = re.compile(r"[a-z]+:[a-z]+/(\w+)/([0-9a-f-]{36})/.*")


@dataclass
class Count:
    """`doubts`: how often the program could not tell whether an effect had happened, each with its card but
    `uncarded`."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    doubts: int = 0
    uncarded: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not (self.lost or self.doubled or self.uncarded)

    def compare(self, what: str, found: Counter[str], wanted: Counter[str]) -> None:
        self.lost += [f"{what} {one}" for one in (wanted - found).elements()]
        self.doubled += [f"{what} {one}" for one in (found - wanted).elements()]


def count(
    root: Path, wishes: Sequence[Wish], record: list[dict[str, Any]], acked: list[str], asked: int | None = None
) -> Count:
    """acked: the tasks whose opening was confirmed. asked: how often the models were asked about this workspace; None
    where there are none."""
    store = open_store(root)
    try:
        found = Count()
        verdict = verify(store.log, store.blobs, witness_of(root).notes())
        if not verdict.ok:
            found.lost.append(f"an intact log: {verdict.why}")
        tasks = [fold(r.data["task"], store.log.read(stream=r.stream)) for r in store.log.read(types=("task.opened",))]
        asked_for = [state for state in tasks if state.trigger == "terminal"]
        names = {state.id: wish.name for wish, state in zip(wishes, asked_for, strict=False)}
        _tasks(found, wishes, tasks, asked_for, acked)
        found.compare("outside", things(root, record, names), expected(wishes))
        _numbers(found, wishes, root, store)
        _cards(found, tasks, names)
        _doubts(found, store, tasks)
        if asked is not None:
            _models(found, store, asked)
        return found
    finally:
        store.close()


def things(root: Path, record: list[dict[str, Any]], names: dict[str, str]) -> Counter[str]:
    """Everything that stands outside, by wish: read without our own code from git, files and the worlds' record."""
    found: Counter[str] = Counter()
    invoices = [json.loads(path.read_text()) for path in sorted((root / "books" / "invoices").glob("[!.]*.json"))]
    books = "".join(path.read_text() for path in sorted((root / "books").glob("2*.beancount")))
    keys = git(root, "log", "--format=%(trailers:key=AgentOS-Key,valueonly)").split()
    keys += [one["key"] for one in invoices]
    keys += re.findall(r'^\s+key: "(.*)"', books, re.MULTILINE)
    for key in keys:
        found[_named(key, names)] += 1
    of = {one["number"]: one["key"] for one in invoices}
    sender = sender_of(root)
    for line in record:
        if line["what"] == "mail" and line["sender"] == sender:
            number = line["subject"].split()[1]
            found[_named(of[number], names).replace("issue", "mail")] += 1
        elif line["what"] == "orders" and line["key"].split("/")[2] in names:
            found[f"{_named(line['key'], names).partition(':')[0]}: {line['branch']} order"] += 1
    return found


_UNDONE = {"issue": "credit", "book": "reverse", "publish": "unpublish"}


def _named(key: str, names: dict[str, str]) -> str:
    parts = _KEY.fullmatch(key)
    assert parts is not None, key
    verb, undone = parts[1], key.endswith("/undo")
    return f"{names.get(parts[2], 'nobody')}: {_UNDONE.get(verb, verb) if undone else verb}"


def _tasks(
    found: Count, wishes: Sequence[Wish], tasks: list[TaskState], asked_for: list[TaskState], acked: list[str]
) -> None:
    there = {state.id for state in tasks}
    found.lost += [f"task {task}, which was confirmed" for task in acked if task not in there]
    ends = Counter(f"{wish.name} {state.status}" for wish, state in zip(wishes, asked_for, strict=False))
    found.compare("task", ends, Counter(f"{wish.name} {wish.ends}" for wish in wishes))
    undone = Counter(f"undo {state.status}" for state in tasks if state.trigger == "undo")
    found.compare("task", undone, Counter({"undo completed": sum(wish.undoes for wish in wishes)}))


def _numbers(found: Count, wishes: Sequence[Wish], root: Path, store: Store) -> None:
    """Gap-free, each once, and each with its three files."""
    invoices = sum("issue" in wish.leaves for wish in wishes)
    credits = sum("credit" in wish.leaves for wish in wishes)
    wanted = {"invoice": list(range(1, invoices + 1)), "credit_note": list(range(1, credits + 1))}
    for series, taken in numbers(store).items():
        found.compare(f"number of {series}", Counter(map(str, taken)), Counter(map(str, wanted.get(series, []))))
    suffixes = Counter(path.suffix for path in (root / "books" / "invoices").glob("[!.]*"))
    every = invoices + credits
    found.compare("invoice file", suffixes, Counter({suffix: every for suffix in (".pdf", ".xml", ".json") if every}))
    if untidy := git(root, "status", "--porcelain"):
        found.lost.append(f"a tidy site: {untidy}")


def _cards(found: Count, tasks: list[TaskState], names: dict[str, str]) -> None:
    """No card stays open, and none is asked again that was answered."""
    for state in tasks:
        name = names.get(state.id, "undo")
        found.lost += [f"an answer to {name}: {card.data['title']}" for card in state.open_cards()]
        answered = Counter(
            f"{name} {card.kind}/{card.step}/{(card.data['question'] or {}).get('slot')}/"
            f"{card.data['body'].get('effect')}/{card.data['body'].get('attempt')}/{card.data['body'].get('nth')}/"
            f"{sorted((effect['key'], effect['digest']) for effect in card.data['effects'])}"
            for card in state.cards.values()
            if card.status in ("granted", "answered")
        )
        found.compare("card", answered, Counter(set(answered)))


def _doubts(found: Count, store: Store, tasks: list[TaskState]) -> None:
    cards = {
        (card.data["body"].get("effect"), card.data["body"].get("attempt"))
        for state in tasks
        for card in state.cards.values()
        if card.kind == "doubt"
    }
    for record in store.log.read(types=("effect.in_doubt",)):
        found.doubts += 1
        if (record.data["effect"], record.data["attempt"]) not in cards:
            found.uncarded.append(f"{record.data['effect']} attempt {record.data['attempt']}")


def _models(found: Count, store: Store, asked: int) -> None:
    """What was answered and recorded is never asked again: every request is an answer, or one that was lost."""
    settled = Counter(record.data["why"] for record in store.log.read(types=("model.settled",)))
    answered, lost = settled["answered"], settled["lost"]
    called = sum(1 for _ in store.log.read(types=("model.called",)))
    found.doubled += ["model call"] * max(asked - answered - lost, called - answered, 0)
    found.lost += ["model answer"] * max(answered - asked, 0)
