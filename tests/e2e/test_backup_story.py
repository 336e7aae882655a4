"""The installed `agentos`: a backup while two workers act, restored on another machine; and the story of the workspace
that went on after its backup."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

AGENTOS = Path(sys.executable).with_name("agentos")
WORD = "correct horse battery"


class Machine:
    """A home of its own and a workspace; `call` runs the command there and gives its JSON."""

    def __init__(self, home: Path) -> None:
        self.home, self.root = home, home / "office"
        home.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("AGENTOS_", "GIT_"))}
        self.environment = kept | {"HOME": str(home), "AGENTOS_BACKUP_PASSPHRASE": WORD}

    def start(self, *arguments: str, **more: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(AGENTOS), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, cwd=self.root if self.root.exists() else self.home, env=self.environment | more,
        )  # fmt: skip

    def call(self, *arguments: str, code: int = 0, **more: str) -> Any:
        running = self.start(*arguments, "--json", **more)
        out, err = running.communicate(timeout=180)
        assert running.returncode == code, out + err
        return json.loads(out)

    def cards(self) -> list[str]:
        return [card["card"] for card in self.call("desk") if card["kind"] == "approval"]

    def numbers(self) -> list[str]:
        return sorted(path.stem for path in self.root.glob("books/invoices/*.json"))

    def posts(self) -> list[str]:
        return sorted(path.stem for path in self.root.glob("site/content/posts/*.md"))

    def mails(self) -> int:
        return len(list(self.root.glob("outbox/*.eml")))

    def books_are_clean(self) -> None:
        check = Path(sys.executable).with_name("bean-check")
        done = subprocess.run([check, self.root / "books/main.beancount"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout + done.stderr) == (0, "")


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Machine:
    made = Machine(tmp_path_factory.mktemp("first"))
    made.call("demo", "--dir", str(made.root))
    return made


@pytest.mark.slow
def test_made_while_two_workers_act_it_comes_back_whole_on_another_machine(machine: Machine, tmp_path: Path) -> None:
    machine.call("run", "Write a blog post about the noise of heat pumps")
    machine.call("run", "Invoice Beta Ltd 900 EUR for the workshop")
    workers = [machine.start("approve", card) for card in machine.cards()]
    made = machine.call("backup", str(tmp_path / "disk"))
    for worker in workers:
        assert worker.communicate(timeout=180)[1] == ""
    assert len(workers) == 2
    assert machine.call("backup", str(tmp_path / "disk"), "--check")["keys_open"] is True

    other = Machine(tmp_path / "second")
    restore = ("restore", made["backup"], "--into", str(other.root))
    assert other.call(*restore)["seq"] == made["seq"]
    assert other.call("log", "verify")["ok"] is True
    assert other.call("status")["stopped"] is not None
    other.call("start")
    other.call("resume")
    for card in other.cards():  # granted before the restore: asked again
        other.call("approve", card)
    assert other.numbers() == machine.numbers() == ["2026-0001", "2026-0002"]
    assert other.posts() == machine.posts()
    assert (len(other.posts()), other.mails()) == (2, 2)
    assert other.call("status")["counts"] == {"completed": 3} | _adopted(other)
    assert other.call("log", "verify")["ok"] is True
    other.books_are_clean()


def _adopted(machine: Machine) -> dict[str, int]:
    """What was done before the backup, but after its log was copied, may have a task of its own."""
    restores = [record for record in machine_log(machine, "task.opened") if record["data"]["trigger"] == "restore"]
    return {"completed": 3 + len(restores)}


def machine_log(machine: Machine, type: str) -> list[Any]:
    out, _ = machine.start("log", "--type", type, "--json").communicate(timeout=60)
    return [json.loads(line) for line in out.splitlines()]


def test_what_happened_after_the_backup_is_adopted_and_never_repeated(machine: Machine, tmp_path: Path) -> None:
    word = tmp_path / "word.txt"
    word.write_text(f"{WORD}\n")
    machine.environment.pop("AGENTOS_BACKUP_PASSPHRASE")
    refused = machine.call("backup", str(tmp_path / "disk"), code=1)
    assert refused["error"]["code"] == "backup.no_passphrase"
    machine.call("backup", str(tmp_path / "disk"), "--passphrase-file", str(word))
    before = (machine.numbers(), machine.posts(), machine.mails())
    machine.call("run", "Produce a blog post about heat pump running costs and invoice Acme Studio 700 EUR")
    machine.call("approve", machine.cards()[0])
    after = (machine.numbers(), machine.posts(), machine.mails())
    assert [len(after[0]) - len(before[0]), len(after[1]) - len(before[1]), after[2] - before[2]] == [1, 1, 1]

    restore = ("restore", str(tmp_path / "disk"), "--yes")
    wrong = machine.call(*restore, code=1, AGENTOS_BACKUP_PASSPHRASE="wrong horse battery")
    assert wrong["error"]["message"] == "The passphrase does not open the keys of this backup."
    machine.call(*restore, "--passphrase-file", str(word))
    assert machine.call("status")["stopped"] is not None
    adopted = machine.call("start")["adopted"]
    assert sorted(one["effect"].partition(":")[0] for one in adopted) == ["invoice", "ledger", "mail", "site"]
    machine.call("resume")
    assert (machine.numbers(), machine.posts(), machine.mails()) == after
    machine.books_are_clean()

    invoice = next(one["effect"] for one in adopted if one["effect"].startswith("invoice:"))
    booking = next(one["effect"] for one in adopted if one["effect"].startswith("ledger:"))
    machine.call("undo", booking, "--yes")
    machine.call("undo", invoice, "--yes")
    assert "CN-2026-0001" in machine.numbers()
    machine.call("run", "Invoice Acme Studio 650 EUR for the workshop")
    machine.call("approve", machine.cards()[0])
    highest = max(int(number[-4:]) for number in after[0])
    assert f"2026-{highest + 1:04}" in machine.numbers()
    machine.books_are_clean()
    assert machine.call("log", "verify")["ok"] is True


def test_an_export_is_read_without_us(machine: Machine, tmp_path: Path) -> None:
    done = machine.call("export", str(tmp_path / "all"))
    folder = Path(done["export"])
    index = (folder / "index.html").read_text()
    for number in machine.numbers():
        assert f"books/invoices/{number}.pdf" in index
        assert (folder / f"books/invoices/{number}.pdf").read_bytes().startswith(b"%PDF")
    assert "1,200 EUR" in (folder / "timeline.html").read_text()
    told = [json.loads(line) for line in (folder / "timeline.jsonl").read_text().splitlines()]
    assert {"1428.00"} <= {row["amount"] for row in told}
