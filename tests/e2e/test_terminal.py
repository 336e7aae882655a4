"""The installed `agentos`: the demo's story, light commands, interruption, a closed pipe, a real terminal."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

AGENTOS = Path(sys.executable).with_name("agentos")
HEAVY = ("pydantic", "cyclopts", "langgraph", "dagster", "rich", "httpx", "asyncio", "cryptography")


def agentos(*arguments: str, cwd: Path, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key != "AGENTOS_WORKSPACE"} | more
    return subprocess.run(
        [str(AGENTOS), *arguments], capture_output=True, text=True, cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
        check=False, timeout=120,
    )  # fmt: skip


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the demo has been told."""
    folder = tmp_path_factory.mktemp("terminal") / "demo"
    done = agentos("demo", "--dir", str(folder), cwd=folder.parent)
    assert done.returncode == 0, done.stderr
    (folder / "demo.out").write_text(done.stdout)
    return folder


def test_the_demo_tells_the_whole_story(workspace: Path) -> None:
    told = (workspace / "demo.out").read_text()
    for part in (
        "Why it asks", "The demo’s operator approves: agentos approve", "net 1,200.00 EUR + VAT 228.00 EUR",
        "Assets:Receivable:Acme-Studio", "replays to the same bytes", "Timeline", "agentos undo",
    ):  # fmt: skip
        assert part in told
    assert "\x1b" not in told
    assert len(list((workspace / "books" / "invoices").glob("*.pdf"))) == 1
    assert len(list((workspace / "outbox").glob("*.eml"))) == 1
    assert len(list((workspace / "site" / "public" / "posts").glob("*.html"))) == 1
    for place in re.findall(rf"{re.escape(str(workspace))}/\S+", told):
        assert Path(place).exists(), place


@pytest.mark.parametrize("command", ["status", "desk"])
def test_quick_commands_import_nothing_heavy(workspace: Path, command: str) -> None:
    code = (
        "import sys\nfrom desk.main import main\n"
        f"try:\n    main([{command!r}])\nexcept SystemExit as end:\n    assert not end.code\n"
        f"print('HEAVY', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=workspace)
    assert done.stdout.splitlines()[-1] == "HEAVY"


@pytest.mark.slow
def test_status_takes_a_small_part_of_the_time_that_importing_dagster_takes(workspace: Path) -> None:
    def seconds(*command: str) -> float:
        taken = []
        for _ in range(5):
            began = time.perf_counter()
            subprocess.run(command, check=True, capture_output=True, cwd=workspace)
            taken.append(time.perf_counter() - began)
        return min(taken)

    assert seconds(str(AGENTOS), "status") <= 0.15 * seconds(sys.executable, "-c", "import dagster")


def test_an_interrupted_run_goes_on_with_resume(workspace: Path) -> None:
    running = subprocess.Popen(
        [str(AGENTOS), "run", "Write a blog post about the noise of heat pumps"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=workspace,
    )  # fmt: skip
    assert running.stdout is not None
    assert running.stdout.readline().startswith("Task ")  # the intent is durable from here on
    running.send_signal(signal.SIGINT)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "agentos resume" in err
    assert "Traceback" not in err
    resumed = agentos("resume", cwd=workspace)
    assert resumed.returncode == 0
    assert "Publish “" in resumed.stdout


def test_following_the_log_shows_what_another_process_writes(workspace: Path) -> None:
    following = subprocess.Popen(
        [str(AGENTOS), "log", "-f", "--type", "platform"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        cwd=workspace, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert following.stdout is not None
    assert agentos("stop", "--reason", "a test", cwd=workspace).returncode == 0
    assert agentos("start", cwd=workspace).returncode == 0
    seen = [following.stdout.readline() for _ in range(2)]
    following.send_signal(signal.SIGINT)
    _, err = following.communicate(timeout=30)
    assert ["platform.stopped" in seen[0], "platform.started" in seen[1]] == [True, True]
    assert (following.returncode, err) == (0, "")


def test_a_closed_pipe_is_no_error(workspace: Path) -> None:
    done = subprocess.run(
        f"{AGENTOS} log | head -n 1", shell=True, capture_output=True, text=True, cwd=workspace, check=False, timeout=60
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_on_a_terminal_there_are_colours_and_no_color_is_honoured(workspace: Path) -> None:
    task = (workspace / "demo.out").read_text().split("agentos show ")[1].split()[0]
    assert "\x1b[" in on_terminal(["show", task], workspace)
    assert "\x1b[" not in on_terminal(["show", task], workspace, NO_COLOR="1")


def on_terminal(arguments: list[str], cwd: Path, **more: str) -> str:
    """What the command shows on a terminal of its own."""
    ours, theirs = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"} | {"TERM": "xterm"} | more
    running = subprocess.Popen(
        [str(AGENTOS), *arguments], stdin=theirs, stdout=theirs, stderr=theirs, cwd=cwd, env=environment
    )
    os.close(theirs)
    shown = b""
    until = time.monotonic() + 60
    while time.monotonic() < until and select.select([ours], [], [], 5)[0]:
        try:
            part = os.read(ours, 65536)
        except OSError:  # EIO: the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(ours)
    running.wait(timeout=30)
    return shown.decode("utf-8", "replace")
