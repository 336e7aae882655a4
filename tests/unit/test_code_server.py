"""The code server's parts without Dagster's programs: what is forked, what it sees, and what is said of lost runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import cast

import dagster as dg
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster._grpc.server import DagsterApiServer

from agentos_assets.code_server import __main__ as entry
from agentos_assets.code_server import server
from agentos_assets.code_server.lost import close_lost_runs
from agentos_assets.code_server.preload import SETTINGS
from agentos_assets.code_server.processes import ForkedRuns
from agentos_assets.code_server.server import unsupported

ROOT = Path(__file__).resolve().parents[2]
SOCKET = "/somewhere/code.sock"
FORKED = """
import os, signal, sys, time
import psutil
from agentos_assets.code_server import preload, processes

def work(queue, go):
    queue.put((os.getpid(), os.getppid(), os.environ["A_KEY"], os.environ["AGENTOS_WORKSPACE"]))
    go.wait()
    queue.put("done")

def main():
    preload.MODULES = ("json",)
    runs = processes.ForkedRuns(dict(os.environ))
    del os.environ["A_KEY"]
    runs.warm_up()
    queue, go = runs.Queue(), runs.Event()
    run = runs.Process(target=work, args=[queue, go])
    assert not vars(run).get("_popen")
    run.start()
    pid, fork_server, key, workspace = queue.get(timeout=20)
    assert (pid, key, workspace) == (run.pid, "sk-secret", "/ws")
    assert fork_server != os.getpid()
    assert not any("sk-secret" in psutil.Process(one).environ().values() for one in (pid, fork_server))
    os.kill(fork_server, signal.SIGKILL)
    time.sleep(0.3)
    assert run.is_alive()
    go.set()
    assert queue.get(timeout=20) == "done"
    until = time.monotonic() + 20
    while run.is_alive() and time.monotonic() < until:
        time.sleep(0.05)
    assert not run.is_alive()
    second = runs.Process(target=work, args=[queue, go])
    second.start()
    assert queue.get(timeout=20)[2] == "sk-secret"
    second.join(20)
    assert (second.exitcode, second.is_alive()) == (0, False)
    print("all well")

if __name__ == "__main__":
    main()
"""
ENDED = """
import os, signal, sys, time
from multiprocessing import forkserver
import psutil
from agentos_assets.code_server import preload, processes

def stay():
    time.sleep(60)

def main():
    preload.MODULES = ("slow_to_import",)
    runs = processes.ForkedRuns(dict(os.environ))
    meanwhile, late = (runs.Process(target=stay, args=[]) for _ in range(2))
    runs.warm_up()
    signal.signal(signal.SIGALRM, lambda *_: runs.end())
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    meanwhile.start()
    meanwhile.join(20)
    assert meanwhile.exitcode == -signal.SIGTERM, meanwhile.exitcode
    psutil.Process(forkserver._forkserver._forkserver_pid).kill()
    try:
        late.start()
    except RuntimeError as refused:
        print(refused)
    assert not late.is_alive()
    assert {one.status() for one in psutil.Process().children() if "forkserver" in str(one)} <= {"zombie"}

if __name__ == "__main__":
    main()
"""
INSISTING = """
import time
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.interrupts import raise_interrupts_as
from agentos_assets.code_server.insisting import insist

insist(again=0.2)
with raise_interrupts_as(DagsterExecutionInterruptedError):
    try:
        print("asked", flush=True)
        time.sleep(30)
    except BaseException:
        print("swallowed", flush=True)
    try:
        time.sleep(30)
    except DagsterExecutionInterruptedError:
        print("heeded", flush=True)
"""
PRELOADED = """
import importlib, json, psutil, threading
from agentos_assets.code_server import preload, rest
for name in (*preload.MODULES, *rest.MODULES):
    importlib.import_module(name)
me = psutil.Process()
print(json.dumps([me.num_threads(), threading.active_count(), len(me.net_connections("all")),
  [f.path for f in me.open_files() if f.path.endswith(".db")], [c.name() for c in me.children()]]))
"""

LATER = """
import os, sys, threading, time
from agentos_assets.code_server import preload, processes

def work(queue):
    queue.put(("great_expectations" in sys.modules, threading.active_count(), os.getppid()))

def run(runs, queue):
    process = runs.Process(target=work, args=[queue])
    process.start()
    process.join(60)
    return queue.get(timeout=60)

def main():
    preload.MODULES = ("json", preload.HEEDING)
    os.environ.update(preload.SETTINGS)
    runs = processes.ForkedRuns(dict(os.environ))
    runs.warm_up()
    threading.Thread(target=runs.keep_warm, daemon=True).start()
    queue = runs.Queue()
    imported, threads, fork_server = run(runs, queue)
    assert not imported
    until = time.monotonic() + 120
    while (now := run(runs, queue)) != (True, threads, fork_server):
        assert time.monotonic() < until, now
        time.sleep(1.5)
    runs.end()
    print("all well")

if __name__ == "__main__":
    main()
"""

BROKEN = """
import os, signal, threading, time
from multiprocessing import forkserver
from agentos_assets.code_server import preload, processes

def work(queue):
    queue.put(os.getppid())

def run(runs, queue):
    process = runs.Process(target=work, args=[queue])
    process.start()
    process.join(20)
    return queue.get(timeout=20)

def main():
    processes.REST_AFTER, processes.LOOK_AGAIN = 0.0, 0.1
    preload.MODULES = ("slow_to_import", preload.HEEDING)
    runs = processes.ForkedRuns(dict(os.environ))
    runs.warm_up()
    keeper = threading.Thread(target=runs.keep_warm, daemon=True)
    keeper.start()
    time.sleep(0.5)
    os.kill(forkserver._forkserver._forkserver_pid, signal.SIGKILL)
    queue = runs.Queue()
    time.sleep(0.5)
    first = run(runs, queue)
    time.sleep(1.0)
    assert run(runs, queue) == first
    assert keeper.is_alive()
    runs.end()
    print("all well")

if __name__ == "__main__":
    main()
"""


def test_the_one_private_name_is_there() -> None:
    assert unsupported() == ""


def test_another_dagster_gets_its_own_code_server_and_the_operator_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = []
    monkeypatch.setattr(DagsterApiServer, "StartRun", lambda self, request, context: None)
    monkeypatch.setattr(ForkedRuns, "warm_up", lambda self: None)
    monkeypatch.setattr(os, "execv", lambda path, argv: ran.append([path, *argv[1:]]))
    monkeypatch.setattr("agentos_assets.code_server.server.serve", lambda *_: None)
    monkeypatch.setenv("A_KEY", "sk-secret")
    entry.main(SOCKET)
    assert capsys.readouterr().out.startswith("agentos: Runs start slowly: Dagster ")
    assert ran == [[sys.executable, "-m", "dagster", *ran[0][3:]]]
    assert ran[0][3:7] == ["api", "grpc", "--socket", SOCKET]
    assert os.environ["A_KEY"] == "sk-secret", "the stock server's runs need it"


def test_the_code_server_keeps_what_up_tells_it_and_nothing_that_could_be_a_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left: dict[str, str] = {}
    monkeypatch.setattr(os, "environ", {"PATH": "/bin", "A_KEY": "x", "DAGSTER_HOME": "/d", "AGENTOS_WORKSPACE": "/w",
                                        "AGENTOS_FIRST_DAY": "2026-08-31"})  # fmt: skip
    monkeypatch.setattr(ForkedRuns, "warm_up", lambda self: left.update(os.environ))
    monkeypatch.setattr("agentos_assets.code_server.server.serve", lambda *_: None)
    entry.main(SOCKET)
    assert left.keys() - SETTINGS.keys() == {"PATH", "DAGSTER_HOME", "AGENTOS_WORKSPACE", "AGENTOS_FIRST_DAY"}


def test_a_run_sees_the_keys_its_fork_server_does_not_and_outlives_it(tmp_path: Path) -> None:
    script = tmp_path / "forked.py"
    script.write_text(FORKED)
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "A_KEY": "sk-secret", "AGENTOS_WORKSPACE": "/ws"}
    done = subprocess.run([sys.executable, str(script)], env=environ, capture_output=True, text=True, timeout=60)
    assert done.stdout == "all well\n", done.stderr


@pytest.mark.slow
def test_a_first_run_does_not_wait_for_what_only_checks_need_and_later_ones_have_it(tmp_path: Path) -> None:
    script = tmp_path / "later.py"
    script.write_text(LATER)
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, str(script)], env=environ, capture_output=True, text=True, timeout=200)
    assert done.stdout == "all well\n", done.stderr


def test_a_fork_server_killed_while_it_starts_is_started_again_and_outlives_a_library_that_is_broken(
    tmp_path: Path,
) -> None:
    script = tmp_path / "broken.py"
    script.write_text(BROKEN)
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(1)")
    (tmp_path / "great_expectations.py").write_text("raise RuntimeError('built for another numpy')")
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run([sys.executable, str(script)], env=environ, capture_output=True, text=True, timeout=60)
    assert done.stdout == "all well\n", done.stderr


def test_no_run_begins_once_the_code_server_ends_and_one_that_was_beginning_is_told(tmp_path: Path) -> None:
    script = tmp_path / "ended.py"
    script.write_text(ENDED)
    (tmp_path / "slow_to_import.py").write_text("import time; time.sleep(2)")
    environ = {"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    done = subprocess.run([sys.executable, str(script)], env=environ, capture_output=True, text=True, timeout=60)
    assert done.stdout == "the code server ends, no run begins any more\n", done.stderr


def test_a_second_signal_while_the_first_is_being_told_neither_hangs_nor_hides_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told = []

    lock = threading.Lock()

    class Interrupted(threading.Event):
        def set(self) -> None:
            assert lock.acquire(blocking=False), "the second signal waits for the first, and that for the second"
            signal.raise_signal(signal.SIGTERM)
            super().set()

    class Runs:
        def end(self) -> None:
            told.append("ended")

    monkeypatch.setattr(threading, "Event", Interrupted)
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        stopping = server._told_to_stop(cast(ForkedRuns, Runs()))
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGTERM)
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert stopping.is_set()
    assert told == ["ended"]


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_swallows_the_request_to_end_is_asked_again(asked: signal.Signals) -> None:
    command = [sys.executable, "-c", INSISTING]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "asked\n"
        run.send_signal(asked)
        assert run.stdout.read() == "swallowed\nheeded\n"


def test_what_is_imported_before_the_fork_starts_nothing_and_opens_nothing() -> None:
    command, environ = [sys.executable, "-W", "ignore", "-c", PRELOADED], {**os.environ, **SETTINGS}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, cwd=ROOT)
    assert json.loads(done.stdout) == [1, 1, 0, [], []], done.stderr


@dg.job
def nothing() -> None:
    pass


def test_runs_whose_process_is_gone_are_closed_and_others_left_alone(instance: dg.DagsterInstance) -> None:
    def begun(status: dg.DagsterRunStatus, socket: str | None) -> str:
        tags = {GRPC_INFO_TAG: json.dumps({"host": "localhost", "socket": socket})} if socket else {}
        return instance.create_run_for_job(nothing, status=status, tags=tags).run_id

    started = begun(dg.DagsterRunStatus.STARTED, SOCKET)
    starting = begun(dg.DagsterRunStatus.STARTING, SOCKET)
    canceling = begun(dg.DagsterRunStatus.CANCELING, SOCKET)
    elsewhere = begun(dg.DagsterRunStatus.STARTED, "/another/code.sock")
    in_process = begun(dg.DagsterRunStatus.STARTED, None)
    over = begun(dg.DagsterRunStatus.SUCCESS, SOCKET)
    assert sorted(close_lost_runs(instance, SOCKET)) == sorted([started, starting, canceling])
    statuses = {run.run_id: run.status.value for run in instance.get_runs()}
    assert statuses == {
        started: "FAILURE", starting: "FAILURE", canceling: "CANCELED",
        elsewhere: "STARTED", in_process: "STARTED", over: "SUCCESS",
    }  # fmt: skip
    (said,) = [log.dagster_event.message for log in instance.all_logs(started) if log.dagster_event]
    assert said is not None
    assert "the machine was restarted" in said
    assert "taken up again" in said
    assert close_lost_runs(instance, SOCKET) == []
