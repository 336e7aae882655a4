from __future__ import annotations

import argparse
import importlib
import sys
import time

from benchmarks.rows import LATEST, Row, table, write

ALL = ("steps", "layers", "appends", "status", "growth", "starts", "views")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Ours beside its peers, as ratios.")
    parser.add_argument("only", nargs="*", choices=[*ALL, []], help="which to run; all of them by default")
    parser.add_argument("--rounds", type=int, default=9, help="rounds of each, of which the median counts")
    parser.add_argument("--dry", action="store_true", help=f"don't write {LATEST.name}")
    given = parser.parse_args()
    rows: list[Row] = []
    for name in given.only or ALL:
        began = time.monotonic()
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        rows += importlib.import_module(f"benchmarks.{name}").measure(given.rounds)
        print(f"{time.monotonic() - began:.0f} s", file=sys.stderr)
    print(table(rows))
    if not given.dry:
        from benchmarks.pictures import draw

        write(rows)
        draw()
    return 0


if __name__ == "__main__":
    sys.exit(main())
