"""Views made from the first event: from sealed days and from the log, beside DuckDB over raw-JSON Parquet of the same
events. Each in a process of its own, whose largest resident memory is told; the results are compared once.

BENCH_VIEWS=1000000 is the size that the design names; without it a tenth of that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from benchmarks.rows import Row, interleaved

NAMES = (
    "tasks", "steps", "approvals", "effects", "numbers", "calls", "invoices", "receivables", "balances", "costs",
)  # fmt: skip
SEALED, LOG, PEER = "from sealed days", "from the log", "DuckDB over raw-JSON Parquet"
LIMIT_MB = 300


def measure(rounds: int) -> list[Row]:
    events = int(os.environ.get("BENCH_VIEWS", "100000"))
    with tempfile.TemporaryDirectory(dir=".", prefix=".bench-") as scratch:
        root = Path(scratch) / "workspace"
        prepare(root, events)
        memory: dict[str, float] = {}
        computed: dict[str, list[float]] = {}
        found = interleaved({how: _child(how, root, memory, computed) for how in (SEALED, LOG, PEER)}, min(rounds, 5))
        compare(root)
    what = f"{len(NAMES)} views of {events:,} events"
    cpu = {how: median(seconds) * 1000 for how, seconds in computed.items()}
    return [
        Row(f"{what} {SEALED}", "ms", found[SEALED] * 1000, found[PEER] * 1000, PEER, "<= 0.167"),
        Row(f"{what} {LOG}", "ms", found[LOG] * 1000, found[PEER] * 1000, PEER),
        Row(f"{what} {SEALED}, processor time", "ms", cpu[SEALED], cpu[PEER], PEER),
        Row(f"resident memory, {SEALED}", "MB", memory[SEALED], LIMIT_MB, "the limit", "<= 1"),
        Row(f"resident memory, {LOG}", "MB", memory[LOG], LIMIT_MB, "the limit", "<= 1"),
        Row(f"resident memory, {SEALED}", "MB", memory[SEALED], memory[PEER], PEER),
    ]


def prepare(root: Path, events: int) -> None:
    """The log, its days sealed, and its export for the peer."""
    from agentos.events.export import export
    from agentos.views.history import seal, sealable
    from benchmarks.business import write

    root.mkdir()
    store = write(root, events)
    for day in sealable(store):
        seal(store, day)
    export(store.log, root / "export", format="parquet")
    store.close()


def _child(how: str, root: Path, memory: dict[str, float], computed: dict[str, list[float]]) -> Callable[[], float]:
    from agentos_assets.code_server.preload import SETTINGS

    environ = {**os.environ, **SETTINGS}  # as the platform's own runs have it; DuckDB heeds none of it

    def run() -> float:
        said = subprocess.run(
            [sys.executable, "-m", "benchmarks.views", how, str(root)],
            env=environ, check=True, capture_output=True, text=True,
        )  # fmt: skip
        seconds, processor, megabytes = json.loads(said.stdout)
        computed.setdefault(how, []).append(processor)
        memory[how] = max(memory.get(how, 0), megabytes)
        return float(seconds)

    return run


def rebuild(root: Path, how: str) -> float:
    """Seconds, without the imports."""
    from agentos.platform import open_store
    from agentos.views.refresh import refresh

    store = open_store(root)
    began = time.perf_counter()
    refresh(store, NAMES, rebuild=True, sealed=how == SEALED)
    return time.perf_counter() - began


def by_duckdb(root: Path) -> float:
    """Seconds, with the views written to Parquet as ours are."""
    import duckdb

    target = root / "peer"
    target.mkdir(exist_ok=True)
    sql = (Path(__file__).parent / "views.sql").read_text()
    sql = sql.replace("$FILES", f"{root}/export/*.parquet").replace("$TODAY", datetime.now(UTC).date().isoformat())
    connection = duckdb.connect()
    began = time.perf_counter()
    connection.execute(sql)
    for name in NAMES:
        connection.execute(f"COPY {name} TO '{target}/{name}.parquet' (COMPRESSION zstd)")
    return time.perf_counter() - began


def compare(root: Path) -> None:
    """Raises AssertionError where the peer's rows are not ours, in the columns that it makes."""
    import polars as pl
    from polars.testing import assert_frame_equal

    from agentos.views.catalogue import VIEWS
    from agentos.views.read import read_view

    for name in NAMES:
        peer = pl.read_parquet(root / "peer" / f"{name}.parquet")
        ours = read_view(root, name).select(peer.columns)
        peer = peer.cast(ours.schema)
        key = list(VIEWS[name].key)
        assert_frame_equal(ours.sort(key), peer.sort(key), check_row_order=True)


def largest_resident() -> float:
    """Of this program, in MB. getrusage would count what the process that started it had resident, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    seconds = by_duckdb(Path(sys.argv[2])) if sys.argv[1] == PEER else rebuild(Path(sys.argv[2]), sys.argv[1])
    print(json.dumps([seconds, time.process_time(), largest_resident()]))
