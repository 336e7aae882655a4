"""We hand the program on under Apache-2.0: nothing it needs at run time may forbid that."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STRONG = re.compile(
    r"\b(A?GPL|GNU (Affero )?General Public|SSPL|BUSL|Business Source|Elastic License|Commons Clause)", re.I
)
CHOICE = re.compile(r"\bOR\b")


def pinned() -> list[str]:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    return [match[1] for line in lines if (match := re.match(r"([a-z0-9._-]+)(\[.*\])?==", line))]


def licences(distribution: metadata.Distribution) -> list[str]:
    """Each place where a licence is stated; one line of a licence text is enough to know it."""
    head = distribution.metadata
    stated = [head[name].strip().partition("\n")[0] for name in ("License-Expression", "License") if name in head]
    classified = [c for c in head.get_all("Classifier") or [] if c.startswith("License ::")]
    return [text for text in [*stated, *classified] if text]


def forbids(stated: list[str]) -> bool:
    """GPL and its kin, unless the same package is offered under another licence to choose."""
    if not any(STRONG.search(text) for text in stated):
        return False
    choices = [part for text in stated for part in CHOICE.split(text)]
    return len(choices) < 2 or all(STRONG.search(part) for part in choices)


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        (["GPL-3.0-only"], True),
        (["License :: OSI Approved :: GNU Affero General Public License v3"], True),
        (["GPL-2.0-only", "License :: OSI Approved :: GNU General Public License v2 (GPLv2)"], True),
        (["LGPL-3.0-or-later"], False),
        (["MPL-1.1 OR GPL-2.0-only OR LGPL-2.1-or-later"], False),
        (["Apache-2.0"], False),
    ],
)
def test_which_licences_forbid_handing_on(stated: list[str], expected: bool) -> None:
    assert forbids(stated) is expected


def test_no_runtime_dependency_forbids_apache() -> None:
    installed = {d.metadata["Name"].lower().replace("_", "-").replace(".", "-"): d for d in metadata.distributions()}
    found = {name: licences(installed[key]) for name in pinned() if (key := name.replace(".", "-")) in installed}
    assert len(found) > 100, "the runtime dependencies are not installed"
    assert {name: stated for name, stated in found.items() if forbids(stated)} == {}


def test_the_build_tools_and_locks_name_no_address() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text("utf-8")
        assert "://" not in text, lock.name
        pins = re.findall(r"^[a-z0-9._-]+(?:\[.*\])?==[^\n]*\\\n +--hash=sha256:[0-9a-f]{64}", text, re.M)
        assert len(pins) == len(re.findall(r"^[a-z0-9]", text, re.M)), f"{lock.name} has a line without a hash"


def test_gpl_stays_out_of_the_runtime() -> None:
    """beancount writes and checks books in the tests only: we write its format and do not import it."""
    assert "beancount" not in pinned()
