"""Processes of the real program that start at once: one parent imports everything and forks a child for every job.

The parent never computes and never has a second thread (a fork copies locks, not the threads that would free them); it
refuses to fork otherwise. Talk is JSON lines: {"start": job} -> {"pid"}; {"wait": pid} -> {"code"}; {"poll": pid} ->
the same, with null while it lives.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

HEAVY = (
    "Stemmer", "agentos.capabilities.knowledge", "agentos.effects.invoice.cii", "agentos.effects.ledger",
    "agentos.effects.mail", "agentos.effects.site", "agentos.models.wire", "agentos.tasks.capabilities",
    "agentos.tasks.effects_step", "agents.rules", "anyio._backends._asyncio", "attr", "babel.dates", "babel.numbers",
    "bm25s", "cryptography", "cryptography.hazmat.primitives.ciphers.aead", "facturx", "feedgen", "feedgen.feed",
    "graphs.advance", "graphs.opening", "h11", "httpcore", "httpcore2", "httpx", "jinja2", "jsonschema", "lxml.etree",
    "markdown_it", "nh3", "numpy", "openai.lib.streaming.chat", "openai.resources.chat.completions", "pypdf",
    "rapidfuzz", "rpds", "scipy.sparse", "smtplib", "tests.crash.script", "truststore", "typst", "watchfiles", "yaml",
    "zstandard",
)  # fmt: skip
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


class Child:
    """A job in a process of its own. `code` is its exit code, negative for the signal that ended it."""

    def __init__(self, nursery: Nursery, pid: int, out: Path) -> None:
        self._nursery, self.pid, self._out = nursery, pid, out

    def wait(self) -> int:
        return int(self._nursery.say({"wait": self.pid})["code"])

    def poll(self) -> int | None:
        """The code once it has ended; told once, and None while it lives."""
        code: int | None = self._nursery.say({"poll": self.pid})["code"]
        return code

    @property
    def result(self) -> dict[str, Any]:
        """What the job returned; its traceback is in "error" where it raised."""
        said: dict[str, Any] = json.loads(self._out.read_text()) if self._out.exists() else {}
        return said


class Nursery:
    """`environ` comes on top of our own: for a library that is to be loaded before everything else."""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._jobs = 0
        root = Path(__file__).parents[2]
        env = {**os.environ, **ONE_THREAD, "PYTHONPATH": str(root), **(environ or {})}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery"], cwd=root, env=env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip

    def start(self, **job: Any) -> Child:
        self._jobs += 1
        out = self._folder / f"{self._jobs}.json"
        return Child(self, int(self.say({"start": job | {"out": str(out)}})["pid"]), out)

    def run(self, **job: Any) -> tuple[int, dict[str, Any]]:
        child = self.start(**job)
        return child.wait(), child.result

    def say(self, what: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate()


def _serve() -> None:
    for name in HEAVY:
        importlib.import_module(name)
    import agents

    for role in agents.ROLES:
        importlib.import_module(f"agents.{role}")
    gc.freeze()  # what every child shares is not walked, and so not copied, by its collector
    for line in sys.stdin:
        said = json.loads(line)
        if "start" in said:
            print(json.dumps({"pid": _fork(said["start"])}), flush=True)
        elif "poll" in said:
            pid, status = os.waitpid(said["poll"], os.WNOHANG)
            print(json.dumps({"code": os.waitstatus_to_exitcode(status) if pid else None}), flush=True)
        else:
            _, status = os.waitpid(said["wait"], 0)
            print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


def _fork(job: dict[str, Any]) -> int:
    threads = len(os.listdir("/proc/self/task")) if os.path.isdir("/proc/self/task") else 1
    if threads != 1:
        raise RuntimeError(f"the nursery has {threads} threads: a fork would copy their locks")
    if pid := os.fork():
        return pid
    code = 1
    try:
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, 0)
        os.dup2(nowhere, 1)
        code = _child(job)
    finally:
        os._exit(code)


def _child(job: dict[str, Any]) -> int:
    from tests.crash.script import play

    try:
        result, code = play(job), 0
    except BaseException:  # whatever it is, the test that waits must be told
        result, code = {"error": traceback.format_exc()}, 1
    Path(job["out"]).write_text(json.dumps(result))
    return code


if __name__ == "__main__":
    _serve()
