"""The knowledge folder is searched as it is on disk now, and says what it could not read."""

from __future__ import annotations

from pathlib import Path

import pytest

from agentos.capabilities.knowledge import LARGEST, Knowledge

PUMPS = """---
title: Heat pumps
---
# Heat pumps

Heat pumps move heat. They suit many older houses.

## Costs

A unit costs 18,000 EUR.

| kind | price |
| --- | --- |
| air | 18,000 |

- Ask for three offers.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pumps.md").write_text(PUMPS)
    (tmp_path / "wärme.md").write_text(
        "# Wärmepumpen\n\nEine Wärmepumpe für den Altbau spart und ist für die Zukunft gut."
    )
    (tmp_path / "terms.txt").write_text("Invoices are due in 14 days. Older invoices are kept.")
    return tmp_path


def test_stems_match_and_the_rest_stays_out(folder: Path) -> None:
    found = Knowledge(folder).search("heat pump for an old house costs")
    assert {p.source for p in found} == {"pumps.md"}
    assert {p.title for p in found} == {"Heat pumps"}
    assert any(p.heading == "Costs" and "| air | 18,000" in p.text and "- Ask" in p.text for p in found)


def test_german_inflections_match(folder: Path) -> None:
    assert [p.source for p in Knowledge(folder).search("Wärmepumpen")] == ["wärme.md"]


def test_nothing_on_the_topic_is_nothing(folder: Path) -> None:
    assert Knowledge(folder).search("sourdough bread recipes") == []
    assert Knowledge(folder).search("") == []
    assert Knowledge(folder / "absent").search("heat") == []


def test_a_changed_a_new_and_a_deleted_file_are_seen(folder: Path) -> None:
    knowledge = Knowledge(folder)
    before = knowledge.refresh()
    assert knowledge.refresh() == before
    (folder / "bread.md").write_text("Sourdough needs a starter and much time.")
    assert [p.source for p in knowledge.search("sourdough starter")] == ["bread.md"]
    (folder / "bread.md").write_text("Rye only.")
    assert knowledge.search("sourdough starter") == []
    (folder / "bread.md").unlink()
    assert knowledge.refresh() == before


def test_order_does_not_depend_on_when_it_was_read(folder: Path) -> None:
    assert Knowledge(folder).search("heat houses unit") == Knowledge(folder).search("heat houses unit")


def test_what_can_not_be_read_is_reported_and_nothing_else_suffers(folder: Path, tmp_path: Path) -> None:
    (folder / "photo.jpg").write_bytes(b"\xff\xd8")
    (folder / "binary.md").write_bytes(b"heat\0pump")
    with (folder / "huge.md").open("wb") as file:
        file.truncate(LARGEST + 1)
    (folder / ".secret.md").write_text("heat pump secret")
    knowledge = Knowledge(folder)
    assert all(p.source == "pumps.md" for p in knowledge.search("heat pumps"))
    assert {p.source for p in knowledge.problems} == {"photo.jpg", "binary.md", "huge.md"}


def test_a_link_out_of_the_folder_is_not_followed(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "diary.md"
    outside.write_text("heat pump diary")
    (folder / "diary.md").symlink_to(outside)
    assert "diary.md" not in {p.source for p in Knowledge(folder).search("heat pump diary")}


def test_latin_1_and_html_are_read(folder: Path) -> None:
    (folder / "alt.txt").write_bytes("Die Dämmung der Kellerdecke ist günstig.".encode("cp1252"))
    (folder / "page.html").write_text(
        "<html><head><title>Chimneys</title></head><body><nav>Home</nav><article><h1>Chimneys</h1>"
        "<p>A chimney sweep visits once a year and looks at the flue, which takes about an hour.</p></article>"
        "</body></html>"
    )
    knowledge = Knowledge(folder)
    assert "günstig" in knowledge.search("Dämmung Kellerdecke")[0].text
    assert "chimney sweep" in knowledge.search("chimney sweep")[0].text
