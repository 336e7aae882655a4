"""The commands on a real workspace, called as the installed `agentos` calls them."""

from __future__ import annotations

import io
import json
import re
import shutil
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from agentos.platform import open_store
from agentos.tasks.lease import Lease
from agentos.tasks.state import CardState, TaskState
from desk.failing import guarded
from desk.main import COMMANDS, GROUPS, cli
from desk.session import Session
from desk.working import short_wait
from tests.fakes.terminal import Agentos

INVOICE = "Invoice Acme Studio 700 EUR for a workshop"


def card_of(agentos: Agentos) -> str:
    return str(agentos("desk", "--json").json[0]["card"])


def types(agentos: Agentos) -> list[str]:
    return [json.loads(line)["type"] for line in agentos("log", "--json").out.splitlines()]


def outbox(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "outbox").glob("*.eml"))


def test_every_command_is_there_and_grouped() -> None:
    assert sorted(name for _, names in GROUPS for name in names) == sorted(COMMANDS)
    for name in COMMANDS:
        found = cli.get_command(None, name)  # type: ignore[arg-type]
        assert found is not None
        assert found.name == name
        assert {"json"} <= {param.name for param in found.params}


def test_an_invoice_from_the_intent_to_its_undoing(agentos: Agentos, root: Path) -> None:
    ran = agentos("run", INVOICE)
    assert ran.code == 0
    assert "Why it asks" in ran.out
    assert "net 700.00 EUR + VAT 133.00 EUR = 833.00 EUR" in ran.out
    assert "agentos approve" in ran.out
    assert "\x1b" not in ran.out
    waiting = agentos("desk", "--json").json
    assert [(card["kind"], card["amounts"][0]["gross"]["amount"]) for card in waiting] == [("approval", "833.00")]
    assert outbox(root) == []

    approved = agentos("approve", waiting[0]["card"][-8:])
    assert approved.code == 0
    assert "-0001: net 700.00 EUR" in approved.out
    assert len(outbox(root)) == 1
    again = agentos("approve", waiting[0]["card"])
    assert (again.code, "-0001: net 700.00 EUR" in again.out) == (0, True)
    assert len(outbox(root)) == 1
    task = waiting[0]["task"]
    told = agentos("show", task)
    assert "Timeline" in told.out
    assert "estimated" in told.out
    replayed = agentos("replay", task, "--json")
    assert (replayed.code, replayed.json["same"]) == (0, True)

    undone = agentos("undo", task)
    assert undone.code == 0
    assert "Credit note" in undone.out
    assert outbox(root) == []
    assert agentos("undo", task).code == 1
    assert agentos("show", task).out.count("      undone") == 3
    refused = agentos("again", task)
    assert (refused.code, "nothing to take up again" in refused.err) == (1, True)


def test_what_is_struck_out_is_not_done(agentos: Agentos, root: Path) -> None:
    agentos("run", INVOICE)
    done = agentos("approve", card_of(agentos), "--strike", "mail", "--json").json
    assert done["status"] == "completed"
    assert [effect["title"].split()[0] for effect in done["effects"]] == ["Invoice", "Book"]
    assert outbox(root) == []


def test_a_denied_task_can_be_taken_up_again(agentos: Agentos) -> None:
    first = agentos("run", INVOICE, "--json").json
    denied = agentos("deny", first["cards"][0]["card"], "--reason", "too much", "--json")
    assert (denied.code, denied.json["status"], denied.json["summary"]) == (0, "failed", "too much")
    again = agentos("again", first["task"], "--json").json
    assert again["task"] != first["task"]
    assert again["cards"][0]["amounts"] == first["cards"][0]["amounts"]
    cancelled = agentos("cancel", again["task"], "--json").json
    assert cancelled["status"] == "cancelled"
    assert agentos("desk", "--json").json == []


def test_a_failure_waits_on_the_desk_until_it_is_seen(agentos: Agentos, root: Path) -> None:
    card = agentos("run", INVOICE, "--json").json["cards"][0]["card"]
    shutil.rmtree(root / "books")
    (root / "books").write_text("in the way")
    (root / "policy.toml").write_text((root / "policy.toml").read_text().replace('"allow"', '"refuse"'))
    failed = agentos("approve", card)
    assert (failed.code, "Failed: " in failed.out) == (1, True)
    (notice,) = agentos("desk", "--json").json
    assert notice["kind"] == "failure"
    assert f"agentos answer {notice['card'][-8:]} seen" in failed.out
    assert agentos("status", "--json").json["waiting"] == 1
    assert agentos("answer", notice["card"], "seen").code == 0
    assert agentos("desk", "--json").json == []


def test_a_question_is_answered_in_words(agentos: Agentos) -> None:
    assert "How much" in agentos("run", "Invoice Acme Studio").out
    asked = agentos("answer", card_of(agentos), "1200", "EUR", "net").out
    assert "What is the invoice for?" in asked
    answered = agentos("answer", card_of(agentos), "a talk", "--json").json
    assert answered["cards"][0]["amounts"][0]["net"]["amount"] == "1200.00"
    wrong = agentos("answer", answered["cards"][0]["card"], "yes", "--json")
    assert (wrong.code, wrong.json["error"]["code"]) == (1, "card.approval")


def test_a_choice_may_be_given_by_its_number(agentos: Agentos) -> None:
    asked = agentos("run", "Invoice Acme Studio and Beta Ltd 900 EUR for a talk").out
    assert "2  Beta Ltd (beta-ltd)" in asked
    answered = agentos("answer", card_of(agentos), "2", "--json").json
    assert answered["cards"][0]["title"] == "Invoice beta-ltd"


def test_an_edited_mail_comes_back_as_a_new_card_that_shows_the_change(agentos: Agentos, tmp_path: Path) -> None:
    agentos("run", INVOICE)
    old = card_of(agentos)
    assert agentos("edit", old).code == 2  # no terminal, and nothing given
    file = tmp_path / "mail.md"
    file.write_text("Subject: Your invoice ⟦number⟧\n\nDear Anna,\nhere it is.\n")
    edited = agentos("edit", old, "--slot", "mail", "--file", str(file))
    assert edited.code == 0
    assert "+ Dear Anna," in edited.out
    new = card_of(agentos)
    assert new != old
    done = agentos("approve", new, "--json").json
    assert done["status"] == "completed"
    assert agentos("approve", old).code == 1


def test_an_edited_post_goes_over_the_rules_again(agentos: Agentos, tmp_path: Path) -> None:
    agentos("run", "Write a blog post about heat pumps for older houses")
    edited = agentos("edit", card_of(agentos), "--title", "Warm old houses", "--json").json
    assert edited["steps"]["edit"]["round"] == 2
    shown = agentos("show", edited["cards"][0]["card"])
    assert "Publish “Warm old houses”" in shown.out
    assert "- # Heat Pumps for Older Houses" in shown.out
    assert "+ # Warm old houses" in shown.out


REFUTED = "# Warm old houses\n\nA heat pump costs 9,999 EUR in an old house. Nobody has to wait for one.\n"
BOTH = "Produce a blog post about heat pumps for older houses and invoice Acme Studio 1,200 EUR"


def test_the_operators_own_refuted_words_count_as_unsure(agentos: Agentos, tmp_path: Path) -> None:
    agentos("run", BOTH)
    (tmp_path / "post.md").write_text(REFUTED)
    edited = agentos("edit", card_of(agentos), "--file", str(tmp_path / "post.md"), "--json").json
    assert edited["steps"]["check"]["confidence"] <= 0.5
    codes = {reason["code"] for reason in edited["cards"][0]["reasons"]}
    assert "confidence.low" in codes
    shown = agentos("show", edited["cards"][0]["card"]).out
    assert "confidence 100%" not in shown
    assert "Not found in the sources" in shown


def test_a_new_text_is_published_with_a_summary_and_a_title_of_its_own(
    agentos: Agentos, root: Path, tmp_path: Path
) -> None:
    agentos("run", "Write a blog post about heat pumps for older houses")
    (tmp_path / "post.md").write_text(REFUTED)
    edited = agentos("edit", card_of(agentos), "--file", str(tmp_path / "post.md"), "--json").json
    assert agentos("approve", edited["cards"][0]["card"]).code == 0
    page = next((root / "site").rglob("*warm-old-houses*.md")).read_text()
    assert "summary: A heat pump costs 9,999 EUR in an old house. Nobody has to wait for one." in page.replace("'", "")
    assert page.count("Warm old houses") == 1
    for published in (root / "site").rglob("*.html"):
        assert published.read_text().count("<h1>Warm old houses</h1>") <= 1


def test_a_summary_may_be_said(agentos: Agentos, tmp_path: Path) -> None:
    agentos("run", "Write a blog post about heat pumps for older houses")
    (tmp_path / "post.md").write_text(REFUTED)
    options = ("--file", str(tmp_path / "post.md"), "--title", "Warmth", "--summary", "What it costs.", "--json")
    card = agentos("edit", card_of(agentos), *options).json["cards"][0]["card"]
    payload = agentos("show", card, "--json").json["effects"][0]["payload"]
    assert (payload["title"], payload["summary"]) == ("Warmth", "What it costs.")
    assert not payload["markdown"].startswith("#")


def test_undoing_while_a_mail_is_held_takes_back_the_whole_task_and_says_so(agentos: Agentos, root: Path) -> None:
    configuration = root / "agentos.toml"
    configuration.write_text(re.sub(r"(?m)^#? ?hold_minutes = .*$", "hold_minutes = 30", configuration.read_text()))
    assert "hold_minutes = 30" in configuration.read_text()
    ran = agentos("run", "Invoice Acme Studio 60 EUR for a show", "--json").json
    assert (ran["status"], [effect["status"] for effect in ran["effects"]]) == ("parked", ["done", "done"])
    undone = agentos("undo", "--yes").out
    assert f"Task {ran['task'][-8:]} still goes on: it is cancelled." in undone
    assert "will not happen: Mail" in undone
    shown = agentos("show", ran["task"], "--json").json
    assert shown["status"] == "cancelled"
    assert all(effect["undone_by"] for effect in shown["effects"])
    assert "Credit note" in undone
    assert outbox(root) == []


def test_a_type_that_no_event_has_is_refused_with_the_near_ones(agentos: Agentos) -> None:
    wrong = agentos("log", "--type", "efect.done")
    assert wrong.code == 2
    assert "effect.done" in wrong.err
    assert agentos("log", "--type", "effect").code == 0
    assert agentos("log", "--type", "effect.*").code == 0


def test_a_broken_policy_says_that_the_request_is_kept(agentos: Agentos, root: Path) -> None:
    policy = root / "policy.toml"
    good = policy.read_text()
    policy.write_text('min_confidence = "high"\n')
    stopped = agentos("run", "Invoice Acme Studio 90 EUR for tea")
    assert stopped.code == 1
    kept = re.search(r"kept as task (\w+)", stopped.err)
    assert kept is not None
    assert f"agentos cancel {kept[1]}" in stopped.err
    policy.write_text(good)
    assert agentos("resume", kept[1]).code == 0
    assert agentos("show", kept[1], "--json").json["status"] == "completed"


def test_in_the_background_only_the_id_is_printed_and_resume_goes_on(agentos: Agentos, root: Path) -> None:
    ran = agentos("run", "--background", "Invoice Acme Studio 90 EUR for tea")
    assert len(ran.out.split()) == 1
    assert "step.started" not in types(agentos)
    assert agentos("status", "--json").json["tasks"][0]["state"] == "ready"
    resumed = agentos("resume", "--json").json
    assert [(task["task"], task["status"]) for task in resumed] == [(ran.out.strip(), "completed")]
    assert len(outbox(root)) == 1
    assert "Nothing can go on now" in agentos("resume").out


def test_a_task_that_another_worker_has_is_watched_and_then_taken_on(agentos: Agentos, root: Path) -> None:
    task = agentos("run", "--background", "Invoice Acme Studio 90 EUR for tea").out.strip()
    with Lease(root / "state" / "leases", task) as lease:
        threading.Timer(1.0, lambda: lease.__exit__(None, None, None)).start()
        resumed = agentos("resume", task)
    assert "another worker is on this task" in resumed.out
    assert resumed.code == 0
    assert len(outbox(root)) == 1


def test_a_rehearsal_shows_its_card_and_does_nothing(agentos: Agentos, root: Path) -> None:
    ran = agentos("run", "--rehearse", INVOICE)
    assert ran.code == 0
    assert "net 700.00 EUR" in ran.out
    assert "nothing was done outside" in ran.out
    assert outbox(root) == []
    assert not list((root / "books").glob("*.beancount"))


def test_the_knobs_are_recorded_and_nonsense_is_refused(agentos: Agentos) -> None:
    task = agentos("run", "--background", "--by", "2h", "--budget", "0.50 EUR", INVOICE).out.strip()
    opened = json.loads(agentos("log", "--json", "--type", "task.opened", "--task", task).out)
    assert opened["data"]["budget"] == {"amount": "0.50", "currency": "EUR"}
    assert opened["data"]["by"] is not None
    for bad in (("--by", "soonish"), ("--budget", "a lot"), ("--budget", "-1 EUR")):
        refused = agentos("run", *bad, INVOICE)
        assert (refused.code, refused.err.startswith("error: ")) == (1, True)


def test_a_broken_configuration_stops_work_but_not_the_switch(agentos: Agentos, root: Path) -> None:
    agentos("run", INVOICE)
    with (root / "agentos.toml").open("a") as file:
        file.write("\n{broken\n")
    assert agentos("stop", "--reason", "testing").code == 0
    assert "Stopped: testing" in agentos("status").out
    assert "833.00 EUR" in agentos("desk").out
    assert agentos("log").code == 0
    ran = agentos("run", "Write about cats", "--json")
    assert (ran.code, ran.json["error"]["message"].startswith("agentos.toml:")) == (1, True)
    assert types(agentos)[-2:] == ["intent.received", "intent.rejected"]
    assert agentos("start").code == 0
    assert agentos("status", "--json").json["stopped"] is None


def test_stopping_works_when_the_log_does_not(agentos: Agentos, root: Path) -> None:
    (root / "state" / "events.db").mkdir()
    stopped = agentos("stop")
    assert stopped.code == 0
    assert (root / "state" / "STOPPED").exists()
    assert "stopped by the file" in stopped.err


def test_a_stopped_platform_does_nothing_and_says_how_to_go_on(agentos: Agentos) -> None:
    agentos("stop")
    ran = agentos("run", INVOICE)
    assert "agentos start" in ran.out
    assert not any(type.startswith(("step.", "effect.")) for type in types(agentos))


def test_the_log_can_be_filtered_verified_and_exported(agentos: Agentos, root: Path, tmp_path: Path) -> None:
    task = agentos("run", INVOICE, "--json").json["task"]
    families = {json.loads(line)["type"] for line in agentos("log", "--json", "--type", "step").out.splitlines()}
    assert families == {"step.started", "step.completed"}
    assert agentos("log", "--task", task, "--until", "2h").out == ""
    assert agentos("log", "verify", "--json").json["ok"] is True
    assert agentos("log", "export", str(tmp_path / "x")).out.splitlines()[0].endswith("events.jsonl")
    blob = next(path for path in (root / "state" / "blobs").rglob("*") if path.is_file())
    blob.chmod(0o600)
    blob.write_bytes(b"something else")
    verdict = agentos("log", "verify")
    assert (verdict.code, "not what was written" in verdict.out) == (1, True)


def test_a_log_that_was_cut_is_found_by_its_witness(agentos: Agentos, root: Path) -> None:
    agentos("run", "Invoice Acme Studio 90 EUR for tea")
    for name in ("events.db", "events.db-wal", "events.db-shm"):
        (root / "state" / name).unlink(missing_ok=True)
    open_store(root).close()
    verdict = agentos("log", "verify", "--json")
    assert (verdict.code, verdict.json["first_bad"]) == (1, 1)


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (("sttus",), 2, "Did you mean `agentos status`?"),
        (("run",), 2, "Missing argument"),
        (("show", "abcdabcd"), 1, "There is no card or task"),
        (("run", ""), 1, "The request is empty."),
        (("deny", "abcdabcd"), 2, "--reason"),
        (("--workspace", "nowhere", "status"), 1, "does not exist"),
    ],
)
def test_errors_are_one_sentence_and_a_hint(agentos: Agentos, arguments: tuple[str, ...], code: int, says: str) -> None:
    said = agentos(*arguments)
    assert said.code == code
    assert said.out == ""
    first, second = said.err.splitlines()
    assert first.startswith("error: ")
    assert says in first
    assert second.startswith("hint: ")


def test_errors_as_json_stand_on_stdout(agentos: Agentos) -> None:
    said = agentos("show", "abcdabcd", "--json")
    assert said.err == ""
    assert said.json["error"].keys() == {"code", "message", "hint"}
    assert agentos("nonsense", "--json").json["error"]["code"] == "usage"


def test_without_a_workspace_init_is_named(agentos: Agentos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    said = agentos("status")
    assert (said.code, "agentos init DIR" in said.err) == (1, True)


def test_the_unexpected_leaves_a_traceback_in_a_file_and_none_on_the_screen(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(lambda: 1 / 0, Session(named=root)) == 1
    told = capsys.readouterr()
    assert "Traceback" not in told.err
    (written,) = (root / "state" / "errors").iterdir()
    assert str(written) in told.err
    assert "ZeroDivisionError" in written.read_text()


def test_on_a_terminal_the_answer_is_asked_right_there(
    agentos: Agentos, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Session, "asks", True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("f\nperhaps\nn\ny\n"))
    ran = agentos("run", INVOICE)
    assert ran.code == 0
    assert "Thank you" in ran.out  # the whole mail, once f was said
    assert "Deny it" in ran.out  # words alone never deny
    assert len(outbox(root)) == 1


def test_on_a_terminal_enter_leaves_it_for_later(agentos: Agentos, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Session, "asks", True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert agentos("run", INVOICE).code == 0
    assert len(agentos("desk", "--json").json) == 1


def test_init_makes_a_workspace_that_works(agentos: Agentos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "MISTRAL_API_KEY", "GEMINI_API_KEY", "GROQ_API_KEY",
                 "DEEPSEEK_API_KEY", "OPENROUTER_API_KEY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    made = agentos("init", str(tmp_path / "new"), "--no-call", "--json").json
    assert "agentos.toml" in made["made"]
    assert agentos("init", str(tmp_path / "new"), "--no-call", "--json").json["made"] == []
    checked = agentos("--workspace", str(tmp_path / "new"), "doctor", "--json")
    assert {"configuration", "git", "sqlite"} <= {one["area"] for one in checked.json["findings"]}
    full = tmp_path / "full"
    full.mkdir()
    (full / "x").write_text("mine")
    assert "not empty" in agentos("init", str(full)).err


def test_a_model_that_failed_its_trial_is_not_configured(
    agentos: Agentos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from agentos.workspace.load import load_configuration

    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-to-be-seen")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setattr("agentos.workspace.probe.PORTS", ())
    said = agentos("init", str(tmp_path / "new"))
    assert "commented out" in said.out
    assert "offline writer" in said.out
    models = load_configuration(tmp_path / "new").models
    assert (models.small, models.large, models.local) == ((), (), ())
    written = (tmp_path / "new" / "agentos.toml").read_text()
    assert "# A real call failed: " in written
    assert '# [[models.small]]\n# model = "gpt-5-mini"\n# api_key_env = "OPENAI_API_KEY"' in written
    assert "sk-not-to-be-seen" not in said.out + written


def test_on_a_terminal_init_asks_what_an_invoice_needs(
    agentos: Agentos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = ["Lindenweg 7", "10115", "Berlin", "de", "Heide", "Lang", "", "DE999999999", "", "", "de", "", "y"]
    monkeypatch.setattr(Session, "asks", True)
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(said) + "\n"))
    assert agentos("init", str(tmp_path / "new"), "--no-call").code == 0
    written = (tmp_path / "new" / "agentos.toml").read_text()
    for part in ('owner = "Heide"', 'name = "Lang"', 'country = "DE"', 'language = "de"', 'amounts = "gross"'):
        assert part in written


def test_completion_knows_the_shells(agentos: Agentos) -> None:
    assert "_AGENTOS_COMPLETE" in agentos("completion", "bash").out


def test_a_folder_that_can_not_be_written_is_said(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def call() -> None:
        raise PermissionError(13, "Permission denied", str(root / "state"))

    assert guarded(call, Session(named=root)) == 1
    assert f"error: {root / 'state'}: Permission denied" in capsys.readouterr().err


def test_json_may_stand_before_the_command(agentos: Agentos) -> None:
    assert agentos("--json", "desk").json == []


def test_only_a_short_wait_is_waited_for() -> None:
    def parked(seconds: float, cards: bool = False) -> TaskState:
        until = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
        state = TaskState("t", status="parked", parked=[{"kind": "backoff", "until": until}])
        if cards:
            state.cards["c"] = CardState("c", "question", "s", "?", {"expires_at": None}, datetime.now(UTC))
        return state

    short = short_wait(parked(3))
    assert short is not None
    assert short <= timedelta(seconds=3)
    assert short_wait(parked(60)) is None
    assert short_wait(parked(3, cards=True)) is None
    assert short_wait(TaskState("t", status="completed")) is None


def test_doctor_lists_what_was_answered_and_the_line_that_settles_it(agentos: Agentos, root: Path) -> None:
    path = root / "agentos.toml"
    path.write_text(path.read_text().replace('iban = "DE89370400440532013000"\n', ""))
    agentos("run", INVOICE, "--json")
    assert agentos("answer", card_of(agentos), "DE89370400440532013000", "--no-wait").code == 0
    said = agentos("doctor").out
    assert "business.iban is known from an answer" in said
    assert 'iban = "DE89370400440532013000"' in said
    path.write_text(path.read_text().replace("[business]\n", '[business]\niban = "DE89370400440532013000"\n'))
    assert "from an answer" not in agentos("doctor").out


def test_doctor_lists_a_recipe_that_can_t_be_used(agentos: Agentos, root: Path) -> None:
    (root / "recipes" / "note.toml").write_text('workflow = "note"\ntitel = "Note"\n')
    said = agentos("doctor")
    assert said.code == 1
    assert "recipes/note.toml:2: titel is not a setting" in said.out


SMALL = "Invoice Acme Studio 300 EUR for consulting"


@pytest.mark.parametrize(
    ("said", "quote"),
    [(", but ask me first", "but ask me first"), (", don't send it", "don't send it"), (" monthly", "monthly")],
)
def test_what_was_said_and_not_understood_stands_on_a_card(agentos: Agentos, root: Path, said: str, quote: str) -> None:
    agentos("run", SMALL + said)
    waiting = agentos("desk", "--json").json[0]
    if waiting["kind"] == "question":  # "monthly" may change the amount, too
        agentos("answer", waiting["card"], "300 EUR net")
    shown = " ".join(agentos("show", card_of(agentos)).out.split())
    assert f"This was said and not understood: “{quote}”" in shown
    assert outbox(root) == []


def test_striking_one_effect_says_what_rests_on_it(agentos: Agentos, root: Path) -> None:
    agentos("run", INVOICE)
    card = card_of(agentos)
    assert "rests on ledger" in agentos("show", card).out
    approved = agentos("approve", card, "--strike", "ledger")
    assert "Without ledger these are not done either" in approved.out
    assert approved.out.index("not done either") < approved.out.index("Approved")
    told = approved.out[approved.out.index("Not done:") :]
    assert "[ledger]" in told
    assert "[mail]" in told
    assert outbox(root) == []


def test_undoing_one_effect_takes_along_what_rests_on_it(agentos: Agentos, root: Path) -> None:
    agentos("run", INVOICE)
    task = agentos("approve", card_of(agentos), "--json").json["task"]
    undone = agentos("undo", f"invoice:main/issue/{task}/invoice/invoice")
    assert undone.code == 0
    lines = [line for line in undone.out.splitlines() if "↶" in line]
    assert ["Mail" in lines[0], "Book" in lines[1], "Invoice" in lines[2]] == [True, True, True]
    assert outbox(root) == []
    assert agentos("show", task).out.count("      undone") == 3


def test_undoing_only_one_effect_leaves_the_others(agentos: Agentos, root: Path) -> None:
    agentos("run", INVOICE)
    task = agentos("approve", card_of(agentos), "--json").json["task"]
    assert agentos("undo", "--only", f"ledger:main/book/{task}/invoice/ledger").code == 0
    assert agentos("show", task).out.count("      undone") == 1
    assert len(outbox(root)) == 1


def test_an_edit_that_could_not_be_sent_is_refused_at_once(agentos: Agentos) -> None:
    agentos("run", INVOICE)
    card = card_of(agentos)
    refused = agentos("edit", card, "--slot", "mail", "--title", "x\r\nBcc: evil@evil.example")
    assert (refused.code, "line break" in refused.err) == (1, True)
    assert card_of(agentos) == card
    assert "approval.edited" not in types(agentos)


def test_an_export_goes_nowhere_where_it_is_read_and_overwrites_nothing(
    agentos: Agentos, root: Path, tmp_path: Path
) -> None:
    for folder in ("site/public", "knowledge", "outbox/x", "books"):
        refused = agentos("log", "export", str(root / folder))
        assert (refused.code, "in the open" in refused.err) == (1, True)
    target = tmp_path / "kept"
    assert agentos("log", "export", str(target)).code == 0
    assert (target / "events.jsonl").stat().st_mode & 0o777 == 0o600
    again = agentos("log", "export", str(target))
    assert (again.code, "--force" in again.err) == (1, True)
    assert agentos("log", "export", str(target), "--force").code == 0


def test_a_vat_category_that_does_not_fit_the_country_asks(agentos: Agentos, root: Path) -> None:
    file = root / "clients" / "acme-studio.toml"
    text = file.read_text().replace('country = "DE"', 'country = "US"')
    file.write_text(f'vat = "reverse_charge"\nvat_id = "XX99"\n{text}' if "vat_id" not in text else text)
    agentos("run", SMALL)
    shown = " ".join(agentos("show", card_of(agentos)).out.split())
    assert "outside the EU" in shown
    assert outbox(root) == []


def test_the_card_shows_all_that_an_approval_of_an_invoice_binds(agentos: Agentos, root: Path) -> None:
    agentos("run", "Invoice Beta Ltd 700 EUR for a workshop, due 5 January")
    shown = " ".join(agentos("show", card_of(agentos)).out.split())
    for fact in ("for: a workshop", "to pay: by 20", "-01-05, to DE", "VAT: none, reverse charge: ",
                 "buyer: Beta Ltd, 1 Sample Lane, D02 X285 Dublin, IE, VAT id IE1234567T"):  # fmt: skip
        assert fact in shown


def test_terms_that_differ_are_not_called_the_same_as_the_last_ones(agentos: Agentos) -> None:
    agentos("run", INVOICE)
    agentos("approve", card_of(agentos))
    agentos("run", f"{INVOICE}, due 5 January")
    shown = " ".join(agentos("show", card_of(agentos)).out.split())
    assert "The same as the last one" not in shown
    assert "The same words as the last one" in shown
    assert "-01-05" in shown
