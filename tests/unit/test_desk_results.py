"""What a task has made can be read, saved and taken out whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fakes.terminal import Agentos

BRIEF = "Write a research brief on heat pump noise and siting"


@pytest.fixture
def brief(agentos: Agentos) -> tuple[str, str]:
    """(the task, what the terminal said at its end)"""
    ran = agentos("run", BRIEF)
    assert ran.code == 0
    return json.loads(agentos("log", "--type", "task.completed", "--json").out)["correlation"], ran.out


def test_a_brief_is_printed_at_its_end_and_read_whole(agentos: Agentos, brief: tuple[str, str]) -> None:
    task, said = brief
    assert "# Heat" in said
    assert f"agentos show {task[-8:]} --full" in said
    text = agentos("show", task, "--step", "draft", "--json").json["markdown"]
    assert len(text) > 500
    first = next(line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    assert first[:40] in said
    full = agentos("show", task, "--full").out
    assert "## Sources" in full
    assert "  - costs-and-grants-method.md" in full, "what was read is named"
    assert "$blob" not in full
    last = [line for line in text.splitlines() if line.strip()][-1]
    assert last[:40] in full


def test_results_come_whole_as_json(agentos: Agentos, brief: tuple[str, str]) -> None:
    task, _ = brief
    shown = agentos("show", task, "--json", "--full")
    assert "$blob" not in shown.out
    assert list(shown.json["results"]) == ["research", "draft", "check"]
    assert shown.json["results"]["draft"]["markdown"] in agentos("run", BRIEF, "--json").json["text"]


def test_a_step_that_has_no_result_names_those_that_have(agentos: Agentos, brief: tuple[str, str]) -> None:
    refused = agentos("show", brief[0], "--step", "nothing")
    assert refused.code == 1
    assert "research, draft, check" in refused.err


def test_the_text_is_saved_to_a_new_file_only(
    agentos: Agentos,
    brief: tuple[str, str],
    tmp_path: Path,
) -> None:
    file = tmp_path / "brief.md"
    assert agentos("show", brief[0], "--output", str(file)).code == 0
    assert file.read_text().startswith("# ")
    assert "is there already" in agentos("show", brief[0], "--output", str(file)).err


def test_an_export_holds_the_texts_that_its_events_name(
    agentos: Agentos,
    brief: tuple[str, str],
    tmp_path: Path,
) -> None:
    draft = agentos("show", brief[0], "--step", "draft", "--json").json
    agentos("log", "export", str(tmp_path / "out"))
    events = [json.loads(line) for line in (tmp_path / "out" / "events.jsonl").read_text().splitlines()]
    [done] = [e["data"] for e in events if e["type"] == "step.completed" and e["data"]["step"] == "draft"]
    output = done["output"]
    if "$blob" in output:
        output = json.loads((tmp_path / "out" / "blobs" / output["$blob"]).read_text())
    assert output == draft
    assert list((tmp_path / "out" / "blobs").iterdir())
    agentos("log", "export", str(tmp_path / "bare"), "--no-blobs")
    assert not (tmp_path / "bare" / "blobs").exists()
