"""The peers, each doing the same five steps as it is meant to be used: `run(tasks, at_once)` returns seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Annotated, Any, TypedDict

from benchmarks.coordinator import RESULT, STEPS


def merged(left: dict[str, str], right: dict[str, str]) -> dict[str, str]:
    return {**left, **right}


class State(TypedDict):
    done: Annotated[dict[str, str], merged]


def five_nodes() -> Any:
    from langgraph.graph import END, START, StateGraph

    def node(name: str) -> Callable[..., Awaitable[dict[str, Any]]]:
        async def work(state: State) -> dict[str, Any]:
            return {"done": {name: RESULT}}

        return work

    graph: StateGraph[Any, Any, Any, Any] = StateGraph(State)
    names = [f"s{n}" for n in range(STEPS)]
    for name in names:
        graph.add_node(name, node(name))
    for before, after in zip([START, *names], [*names, END], strict=True):
        graph.add_edge(before, after)
    return graph


class LangGraph:
    """Without a saver: nothing is durable. The floor of whatever runs on LangGraph."""

    name = "LangGraph without a saver"

    def __init__(self, folder: Path, loop: asyncio.Runner) -> None:
        self._loop, self._graph = loop, five_nodes().compile()
        self._options: dict[str, Any] = {}
        self._threads = (f"thread-{n}" for n in count())

    def run(self, tasks: int, at_once: int) -> float:
        return self._loop.run(self._run(tasks, at_once))

    async def _run(self, tasks: int, at_once: int) -> float:
        places = asyncio.Semaphore(at_once)

        async def one() -> None:
            async with places:
                config = {"configurable": {"thread_id": next(self._threads)}}
                result = await self._graph.ainvoke({"done": {}}, config=config, **self._options)
                assert len(result["done"]) == STEPS

        began = time.perf_counter()
        await asyncio.gather(*(one() for _ in range(tasks)))
        return time.perf_counter() - began

    def close(self) -> None:
        return


class Saver(LangGraph):
    """With its own SQLite saver, as durable as ours: every step synced before the next."""

    name = "LangGraph, SQLite saver"

    def __init__(self, folder: Path, loop: asyncio.Runner) -> None:
        super().__init__(folder, loop)
        loop.run(self._open(folder / "saver.db"))
        self._options = {"durability": "sync"}

    async def _open(self, path: Path) -> None:
        import aiosqlite
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        self._connection = await aiosqlite.connect(str(path))
        await self._connection.execute("PRAGMA journal_mode=WAL")
        await self._connection.execute("PRAGMA synchronous=FULL")
        saver = AsyncSqliteSaver(self._connection)
        await saver.setup()
        self._graph = five_nodes().compile(checkpointer=saver)

    def close(self) -> None:
        self._loop.run(self._connection.close())


class Dbos:
    """Its own SQLite system database with its own settings, each workflow called from a thread."""

    name = "DBOS, SQLite"

    def __init__(self, folder: Path, loop: asyncio.Runner) -> None:
        from dbos import DBOS

        self._dbos = DBOS
        DBOS(
            config={
                "name": "bench",
                "system_database_url": f"sqlite:///{folder}/dbos.db",
                "log_level": "ERROR",
                "run_admin_server": False,
            }
        )

        @DBOS.step()  # type: ignore[untyped-decorator]
        def step() -> str:
            return RESULT

        @DBOS.workflow()  # type: ignore[untyped-decorator]
        def work() -> int:
            return sum(len(step()) for _ in range(STEPS))

        self._work = work
        DBOS.launch()

    def run(self, tasks: int, at_once: int) -> float:
        began = time.perf_counter()
        with ThreadPoolExecutor(at_once) as threads:
            list(threads.map(lambda _: self._work(), range(tasks)))
        return time.perf_counter() - began

    def close(self) -> None:
        self._dbos.destroy()


class BareTable:
    """Five commits of a 2 KB row each; at once, each commit carries a row of every run. The floor of whatever is
    durable on this disk."""

    name = "the bare table"

    def __init__(self, folder: Path, loop: asyncio.Runner) -> None:
        self._table = Table(folder / "bare.db")

    def run(self, tasks: int, at_once: int) -> float:
        began = time.perf_counter()
        for n in range(0, tasks, at_once):
            for _ in range(STEPS):
                self._table.commit([RESULT.encode()] * min(at_once, tasks - n))
        return time.perf_counter() - began

    def close(self) -> None:
        self._table.close()


class Table:
    """A table with a sequence number and bytes, with the log's own settings."""

    def __init__(self, path: Path) -> None:
        import apsw

        self._connection = apsw.Connection(str(path))
        self._connection.execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL")
        self._connection.execute("CREATE TABLE bare (seq INTEGER PRIMARY KEY, data BLOB NOT NULL)")

    def commit(self, rows: list[bytes]) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for row in rows:
            self._connection.execute("INSERT INTO bare (data) VALUES (?)", (row,))
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()
