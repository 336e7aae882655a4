"""`agentos up`: the Dagster page and daemon of one workspace, and the code server they share, until told to stop."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from types import FrameType

from agentos.errors import AgentOSError
from agentos.workspace.find import VARIABLE, find_workspace
from agentos_assets.alarm import Alarm
from agentos_assets.children import Family, Service
from agentos_assets.environment import harmless
from agentos_assets.first_day import told
from agentos_assets.home import Home, make_home
from agentos_assets.ports import held_port

START_WITHIN = 120.0
"""Seconds for all of them to come up on a slow machine."""
TICK = 0.2

Echo = Callable[[str], object]


class AlreadyUp(AgentOSError):
    code = "up.already"


def serve(
    workspace: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 3000,
    echo: Echo = print,
    stop: threading.Event | None = None,
) -> int:
    """Serve until SIGINT, SIGTERM or `stop`; 0 when asked to stop, 1 when a service could not be kept alive.

    `port` is where looking for a free one begins. Raises AlreadyUp, and AgentOSError when the workspace, its state
    folder or every port is unusable.
    """
    root = find_workspace(workspace, {}, Path.cwd())
    stop = stop or threading.Event()
    with _only_one(root / "state" / "up.lock") as lock, held_port(host, port) as port, _signals(stop):
        home = make_home(root)
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        os.write(lock, f"{address} (process {os.getpid()})\n".encode())
        verify_first(root, echo)
        services = list(services_of(root, home, host, port))
        echo(f"Starting Dagster for {root} ...")
        with Family(lock) as family:
            code = _Supervisor(family, services, home, Alarm(root, echo), echo, stop).run(host, port, address)
            echo("Stopping ...")
        killed = " and ".join(family.killed)
        echo(f"{killed} did not heed and had to be killed." if killed else "Everything has ended.")
        return code


def verify_first(root: Path, echo: Echo) -> None:
    """The whole log, before anything is served. A damaged one is served stopped, so that it can be looked at, even one
    that can't be opened. Raises AgentOSError for any other reason not to open it."""
    from agentos.damage import MEND, verify_or_stop

    why = verify_or_stop(root, lambda done: echo(f"Verifying the log: {done} events ..."))
    if why:
        echo(f"STOPPED: {why}.\n{MEND}; nothing is done until then.")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a page that listens there. A name other than localhost counts as open."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _Supervisor:
    def __init__(
        self,
        family: Family,
        services: list[Service],
        home: Home,
        alarm: Alarm,
        echo: Echo,
        stop: threading.Event,
    ) -> None:
        self._family = family
        self._services = services
        self._home = home
        self._alarm = alarm
        self._echo = echo
        self._stop = stop

    def run(self, host: str, port: int, address: str) -> int:
        code_server, *others = self._services
        self._family.start(code_server)
        if not self._wait(lambda: _listens(self._home.socket), code_server):
            return self._outcome()
        for service in others:
            self._family.start(service)
        if not self._wait(lambda: _answers(host, port), *others):
            return self._outcome()
        self._echo(
            f"Dagster's page:  {address}\nRuns:            {address}/runs\nTasks:           {address}/assets/task"
        )
        if not is_loopback(host):
            self._echo("Read-only: the page has no login, and others can reach it.")
        self._echo(f"Logs:            {self._home.output}\nCtrl-C stops everything.")
        while not self._stop.wait(TICK):
            if not self._keep_alive():
                return 1
            self._alarm.look()
        return 0

    def _outcome(self) -> int:
        return 0 if self._stop.is_set() else 1

    def _wait(self, is_up: Callable[[], bool], *needed: Service) -> bool:
        """True once `is_up`; False when told to stop, when one dies too often, or after START_WITHIN seconds."""
        until = time.monotonic() + START_WITHIN
        while not is_up():
            if self._stop.wait(TICK) or not self._keep_alive():
                return False
            if time.monotonic() > until:
                slow = " or ".join(service.name for service in needed)
                self._echo(f"{slow} did not answer within {START_WITHIN:.0f} seconds; see {self._home.output}")
                return False
        return True

    def _keep_alive(self) -> bool:
        """Restart what has died, after a pause that doubles. False when one dies again and again."""
        for service in self._services:
            for news in service.news():
                self._echo(news)
            if service.restart_at is not None:
                if time.monotonic() >= service.restart_at:
                    self._family.start(service)
            elif service.process is not None and (code := service.process.poll()) is not None:
                self._family.bury(service.process)
                delay = service.plan_restart()
                if delay == 0:
                    self._echo(f"{service.name} is started anew: its definitions are loaded again.")
                    continue
                words = f"{service.name} ended ({_how(code)}); {service.last_words()}"
                if delay is None:
                    self._echo(f"{words}\nIt has died too often: see {service.log}")
                    return False
                self._echo(f"{words}\nIt is started again in {delay:g} s.")
        return True


def services_of(root: Path, home: Home, host: str, port: int) -> Iterator[Service]:
    """Only the code server, whose runs do the work, sees the environment's secrets."""
    own = {"DAGSTER_HOME": str(home.folder), VARIABLE: str(root), "PYTHONUNBUFFERED": "1"}
    full = {name: value for name, value in os.environ.items() if not name.startswith("DAGSTER_")} | own
    full |= told(root)
    page = harmless(os.environ) | own
    python, workspace = [sys.executable, "-m"], ["-w", str(home.workspace_file)]
    code = [*python, "agentos_assets.code_server", str(home.socket)]
    web = [*python, "dagster_webserver", "-h", host, "-p", str(port), *workspace]
    web += [] if is_loopback(host) else ["--read-only"]
    for name, argv, env in (
        ("code", code, full),
        ("webserver", web, page),
        ("daemon", [*python, "dagster._daemon", "run", *workspace], page),
    ):
        yield Service(name, argv, env, home.folder, home.log_of(name))


@contextlib.contextmanager
def _only_one(path: Path) -> Iterator[int]:
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        hint = "Check the permissions of the workspace."
        raise AgentOSError(f"{path} can't be written: {error.strerror}.", hint=hint, code="up.state") from None
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            where = path.read_text().strip()
            raise AlreadyUp(
                f"This workspace is served already{': ' + where if where else ''}.",
                hint="Stop it there with Ctrl-C; after a crash it is free again within seconds.",
            ) from None
        os.ftruncate(fd, 0)
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def _signals(stop: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set `stop`. Outside the main thread there are no signals to take, only the event."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(signum: int, frame: FrameType | None) -> None:
        stop.set()

    before = {one: signal.signal(one, ask) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True


def _answers(host: str, port: int) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", "/server_info")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _how(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
