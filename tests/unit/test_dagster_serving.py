"""What stands behind `agentos up`, without Dagster's programs: settings, ports, environment, and no orphan ever."""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
import yaml

from agentos.errors import AgentOSError, WorkspaceError
from agentos_assets import children, guard
from agentos_assets.children import MADE_WAY, MOST_DEATHS, TO_OPERATOR, Family, Service
from agentos_assets.environment import harmless
from agentos_assets.home import LONGEST_SOCKET, make_home
from agentos_assets.ports import held_port
from agentos_assets.serving import AlreadyUp, serve, services_of

ROOT = Path(__file__).resolve().parents[2]
STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)"
)
WITH_CHILD = "import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']); "


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[int]:
    fd = os.open(tmp_path / "up.lock", os.O_RDWR | os.O_CREAT)
    yield fd
    os.close(fd)


def service(folder: Path, code: str, name: str = "one") -> Service:
    return Service(name, [sys.executable, "-c", code], dict(os.environ), folder, folder / f"{name}.log")


def wait_until_on(*stubborn: Service) -> None:
    until = time.monotonic() + 20
    while not all("on" in one.log.read_text() for one in stubborn):
        assert time.monotonic() < until
        time.sleep(0.02)


def gone(pids: list[int], within: float = 10.0) -> bool:
    until = time.monotonic() + within
    while any(alive(pid) for pid in pids) and time.monotonic() < until:
        time.sleep(0.05)
    return not any(alive(pid) for pid in pids)


def alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def members(pid: int, count: int) -> list[int]:
    """The process and its descendants, once there are `count` of them."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not start its child")


# -- settings


def test_the_roots_settings_name_no_environment_variable_and_no_path() -> None:
    text = (ROOT / "dagster.yaml").read_text()
    settings = yaml.safe_load(text)
    assert "env:" not in text
    assert "base_dir" not in text
    assert settings["telemetry"] == {"enabled": False}
    assert settings["nux"] == {"enabled": False}


def test_the_workspaces_settings_are_the_roots_with_storage_below_its_state(tmp_path: Path) -> None:
    home = make_home(tmp_path)
    settings = yaml.safe_load((home.folder / "dagster.yaml").read_text())
    parts = ("run_storage", "event_log_storage", "schedule_storage", "compute_logs", "local_artifact_storage")
    folders = [Path(settings[part]["config"]["base_dir"]) for part in parts]
    assert yaml.safe_load((ROOT / "dagster.yaml").read_text()).items() <= settings.items()
    assert all(folder.is_relative_to(tmp_path / "state" / "dagster") for folder in folders)
    assert settings["event_log_storage"]["class"] == "ConsolidatedSqliteEventLogStorage"
    assert yaml.safe_load(home.workspace_file.read_text())["load_from"][0]["grpc_server"]["socket"] == str(home.socket)


def test_what_services_print_lies_where_dagster_does_not_collect_it(tmp_path: Path) -> None:
    """Dagster's programs send every file of DAGSTER_HOME/logs to their makers, whatever the telemetry switch says."""
    home = make_home(tmp_path)
    assert home.log_of("daemon").parent not in (home.folder / "logs", home.folder / ".logs_queue")


def test_a_long_path_gets_a_socket_of_its_own_that_can_be_listened_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as short_folder:
        monkeypatch.setattr(tempfile, "tempdir", short_folder)
        deep = tmp_path / ("a" * 60) / ("b" * 60)
        home = make_home(deep)
        again = make_home(deep)
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(home.socket))
        assert len(os.fsencode(home.socket)) <= LONGEST_SOCKET
        assert home.socket.parent.stat().st_mode & 0o777 == 0o700
        assert again.socket == home.socket


def test_a_state_folder_that_is_a_file_is_said_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    with pytest.raises(AgentOSError, match="can't be written"):
        make_home(tmp_path)


# -- ports, environment, one at a time


def test_a_taken_port_is_passed_over() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with held_port("127.0.0.1", port) as other:
            assert port < other <= port + 49


def test_a_port_that_another_up_is_about_to_take_is_passed_over_and_free_when_that_one_dies() -> None:
    """The other one does not listen yet: it is still importing."""
    code = "import sys, time; from agentos_assets.ports import held_port\n"
    code += "with held_port('127.0.0.1', int(sys.argv[1])) as port: print(port, flush=True); time.sleep(600)"
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with held_port("127.0.0.1", 40_000) as mine:
        pass
    with subprocess.Popen(
        [sys.executable, "-c", code, str(mine)], env=environ, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        theirs = int(other.stdout.readline())
        with held_port("127.0.0.1", theirs) as next_one:
            assert next_one > theirs
        other.kill()
    with held_port("127.0.0.1", theirs) as again:
        assert again == theirs


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.0.0.2"])
def test_a_page_that_only_this_machine_reaches_has_its_buttons(tmp_path: Path, host: str) -> None:
    assert "--read-only" not in page_of(tmp_path, host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "studio.example", ""])
def test_beyond_loopback_the_page_is_read_only(tmp_path: Path, host: str) -> None:
    assert "--read-only" in page_of(tmp_path, host)


def page_of(root: Path, host: str) -> list[str]:
    (page,) = [one for one in services_of(root, make_home(root), host, 3000) if one.name == "webserver"]
    return list(page.argv)


def test_page_and_daemon_see_no_key() -> None:
    environ = {"PATH": "/bin", "LC_ALL": "C", "OPENAI_API_KEY": "sk-1", "SMTP_PASSWORD": "x", "DAGSTER_HOME": "/else"}
    assert harmless(environ) == {"PATH": "/bin", "LC_ALL": "C"}


def test_a_second_up_is_refused_and_told_where_the_first_is(tmp_path: Path) -> None:
    (tmp_path / "agentos.toml").write_text("")
    (tmp_path / "state").mkdir()
    with (tmp_path / "state" / "up.lock").open("w+") as first:
        fcntl.flock(first, fcntl.LOCK_EX)
        first.write("http://127.0.0.1:3000 (process 1)\n")
        first.flush()
        with pytest.raises(AlreadyUp, match=r"served already: http://127\.0\.0\.1:3000"):
            serve(tmp_path)


def test_a_folder_that_is_no_workspace_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(WorkspaceError):
        serve(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_state_that_is_no_folder_is_said_in_one_sentence_by_up_too(tmp_path: Path) -> None:
    (tmp_path / "agentos.toml").write_text("")
    (tmp_path / "state").write_text("")
    with pytest.raises(AgentOSError, match="can't be written"):
        serve(tmp_path)


# -- children


def test_leaving_the_family_ends_children_and_grandchildren_even_stubborn_ones(
    tmp_path: Path, lock: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "GRACE", 0.5)
    first, second = service(tmp_path, WITH_CHILD + STUBBORN, "first"), service(tmp_path, STUBBORN, "second")
    with Family(lock) as family:
        family.start(first)
        family.start(second)
        assert first.process is not None
        assert second.process is not None
        pids = [*members(first.process.pid, 2), second.process.pid]
        wait_until_on(first, second)
    assert gone(pids)
    assert family.killed == ["first", "second"], "who looks for why it took so long is told where to look"


def test_a_supervisor_killed_outright_leaves_nobody_and_frees_the_lock_when_they_are_gone(tmp_path: Path) -> None:
    code = f"""
import os, pathlib, sys, time
from agentos_assets.children import Family, Service
lock = os.open("up.lock", os.O_RDWR | os.O_CREAT)
import fcntl; fcntl.flock(lock, fcntl.LOCK_EX)
here = pathlib.Path.cwd()
one = Service("one", [sys.executable, "-c", {WITH_CHILD + "time.sleep(600)"!r}], dict(os.environ), here, here / "log")
with Family(lock) as family:
    family.start(one)
    print(one.process.pid, flush=True)
    time.sleep(600)
"""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=tmp_path, env=environ, stdout=subprocess.PIPE, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pids = members(int(supervisor.stdout.readline()), 2)
        supervisor.kill()
    assert gone(pids)
    with (tmp_path / "up.lock").open("r+") as second:
        until = time.monotonic() + 5
        while True:
            try:
                fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                assert time.monotonic() < until
                time.sleep(0.05)


def guards() -> list[psutil.Process]:
    """Our children that are a guard. One that has ended and is not waited for yet has no command line any more."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.Error):
            if guard.__file__ in child.cmdline():
                found.append(child)
    return found


def test_when_the_guard_was_killed_its_successor_knows_the_children(tmp_path: Path, lock: int) -> None:
    one, two = service(tmp_path, "import time; time.sleep(600)", "one"), service(tmp_path, "pass", "two")
    with Family(lock) as family:
        family.start(one)
        (first,) = guards()
        first.kill()
        assert gone([first.pid])
        family.start(two)
        (second,) = guards()
        assert second.pid != first.pid
        assert one.process is not None
        assert alive(one.process.pid)


def test_one_that_dies_again_and_again_is_restarted_later_and_later_and_then_given_up(tmp_path: Path) -> None:
    one = service(tmp_path, "print('no such table'); raise SystemExit(3)")
    delays = []
    for _ in range(MOST_DEATHS + 1):
        one.start().wait()
        delays.append(one.plan_restart())
    assert delays == [0.5, 1.0, 2.0, 4.0, 8.0, None]
    assert one.last_words() == "no such table"


def test_one_that_lived_long_starts_again_with_a_clean_slate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = service(tmp_path, "pass")
    one.start().wait()
    one.plan_restart()
    one.start().wait()
    monkeypatch.setattr(children, "STEADY", 0.0)
    assert one.plan_restart() == 0.5


def test_one_that_makes_way_for_itself_starts_again_at_once_however_often(tmp_path: Path) -> None:
    one = service(tmp_path, f"raise SystemExit({MADE_WAY})")
    for _ in range(MOST_DEATHS + 2):
        one.start().wait()
        assert one.plan_restart() == 0


def test_what_a_service_says_to_the_operator_is_heard_once(tmp_path: Path) -> None:
    one = service(tmp_path, f"print('chatter'); print('{TO_OPERATOR}Runs start slowly.')")
    assert one.news() == []
    one.start().wait()
    assert one.news() == ["Runs start slowly."]
    assert one.news() == []
    one.start().wait()
    assert one.news() == ["Runs start slowly."]


def test_a_group_of_zombies_is_no_reason_to_wait() -> None:
    with subprocess.Popen([sys.executable, "-c", "pass"], start_new_session=True) as child:
        until = time.monotonic() + 10
        while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < until:
            time.sleep(0.02)
        assert guard.send(child.pid, 0)
        assert not guard.lives(child.pid)
        assert guard.lives(os.getpgrp())


def test_the_guard_asks_first() -> None:
    polite = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); print(1, flush=True); "
    polite += "signal.pause()"
    with subprocess.Popen(
        [sys.executable, "-c", polite], start_new_session=True, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        waiting = threading.Thread(target=guard.end, args=([child.pid],), kwargs={"reap": child.poll})
        waiting.start()
        waiting.join(10)
    assert child.returncode == 7
    assert not guard.send(child.pid, signal.SIGTERM)
