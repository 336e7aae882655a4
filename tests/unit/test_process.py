from __future__ import annotations

import fcntl
import os
import sys
import time
from pathlib import Path

import pytest

from agentos import process
from agentos.errors import InDoubt, Permanent, Transient


def test_a_failing_command_is_a_result_with_both_outputs_as_text(tmp_path: Path) -> None:
    done = process.run(["sh", "-c", "printf 'gr\\303\\274n \\377'; echo bad >&2; exit 3"], cwd=tmp_path, timeout=10)
    assert (done.code, done.ok, done.stdout, done.stderr) == (3, False, "grün �", "bad\n")
    assert done.raw == b"gr\xc3\xbcn \xff"


def test_input_reaches_the_child(tmp_path: Path) -> None:
    assert process.run(["cat"], cwd=tmp_path, timeout=10, input="Müller").stdout == "Müller"


def test_a_child_sees_no_secret_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    done = process.run(["env"], cwd=tmp_path, timeout=10, env={"GIVEN": "yes"})
    names = {line.partition("=")[0] for line in done.stdout.splitlines()}
    assert "GIVEN" in names
    assert names <= {"GIVEN", "PATH", "HOME", "LANG", "PWD", "SHLVL", "_"}


def test_a_missing_program_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(Permanent, match=r"git is not installed\. Install git"):
        process.run(["git", "status"], cwd=tmp_path, timeout=10, env={"PATH": str(tmp_path)})


@pytest.mark.parametrize("declared", [Transient, InDoubt])
def test_a_timeout_kills_grandchildren_too(tmp_path: Path, declared: type[Transient | InDoubt]) -> None:
    script = "(sleep 0.6; touch survived) & echo started > begun; sleep 30"
    with pytest.raises(declared, match=r"did not end within 0\.3 seconds"):
        process.run(["sh", "-c", script], cwd=tmp_path, timeout=0.3, on_timeout=declared)
    time.sleep(0.7)
    assert (tmp_path / "begun").exists()
    assert not (tmp_path / "survived").exists()


def _is_free(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def test_a_lease_lives_on_in_a_child_after_the_parent_has_let_go(tmp_path: Path) -> None:
    lease = tmp_path / "lease"
    descriptor = os.open(lease, os.O_RDWR | os.O_CREAT)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    process.inherit(descriptor)
    try:
        # The grandchild lets go of the pipes, so that `run` returns while it still holds the lease.
        process.run(["sh", "-c", "sleep 0.5 >/dev/null 2>&1 </dev/null &"], cwd=tmp_path, timeout=10)
    finally:
        process.release(descriptor)
        os.close(descriptor)
    assert not _is_free(lease)
    time.sleep(0.7)
    assert _is_free(lease)


def test_only_held_descriptors_are_passed_on(tmp_path: Path) -> None:
    lease = os.open(tmp_path / "lease", os.O_RDWR | os.O_CREAT)
    probe = [sys.executable, "-c", "import os, sys; os.fstat(int(sys.argv[1]))", str(lease)]
    assert not process.run(probe, cwd=tmp_path, timeout=10).ok
    process.inherit(lease)
    assert process.run(probe, cwd=tmp_path, timeout=10).ok
    process.release(lease)
    assert not process.run(probe, cwd=tmp_path, timeout=10).ok
    os.close(lease)
    assert process.held() == ()


def test_a_closed_descriptor_can_not_become_a_lease() -> None:
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    with pytest.raises(OSError, match="Bad file descriptor"):
        process.inherit(write)
