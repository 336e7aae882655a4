"""`make crash`: the program is killed at every durable point in turn, then at random instants, and nothing is lost.

Everything that is decided follows from the seed; how two processes meet does not, so a failure is repeated as far as
scheduling allows. The last line says what came of it: `kills N, lost N, doubled N, in doubt N`.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash.counting import Count
from tests.crash.nursery import Nursery
from tests.crash.ruin import WITH_MODELS, GaveUp, Pace, Places, Ruin, places

FEWEST, MOST = 15, 45
"""Kills in one workspace before it is left to finish and counted."""


@dataclass
class Tally:
    """What has come of it so far."""

    wanted: int
    kills: int = 0
    lost: int = 0
    doubled: int = 0
    doubts: int = 0
    uncarded: int = 0
    began: float = field(default_factory=time.monotonic)
    _said: float = 0.0

    def killed(self) -> None:
        self.kills += 1
        if time.monotonic() - self._said > 5:
            self._said = time.monotonic()
            rate = self.kills / (self._said - self.began)
            left = time.strftime("%H:%M:%S", time.gmtime(max(self.wanted - self.kills, 0) / rate))
            print(f"{self.kills}/{self.wanted} kills, {rate:.1f} a second, {left} to go: {self}", file=sys.stderr)

    def add(self, found: Count) -> None:
        self.lost += len(found.lost)
        self.doubled += len(found.doubled)
        self.doubts += found.doubts
        self.uncarded += len(found.uncarded)

    @property
    def ok(self) -> bool:
        return not (self.lost or self.doubled or self.uncarded)

    def __str__(self) -> str:
        return f"kills {self.kills}, lost {self.lost}, doubled {self.doubled}, in doubt {self.doubts}"


def main() -> int:
    asked = argparse.ArgumentParser(prog="make crash", description=__doc__)
    asked.add_argument("--kills", type=int, default=200, help="at random instants")
    asked.add_argument("--seed", default="4")
    asked.add_argument("--piece", default="1/1", help="2/5: the second of five equal pieces of the work")
    asked.add_argument("--points", choices=["yes", "no"], default="yes", help="whether every durable point comes first")
    given = asked.parse_args()
    piece, pieces = map(int, given.piece.split("/"))
    folder = Path(tempfile.mkdtemp(prefix="agentos-crash-"))
    kills = given.kills * piece // pieces - given.kills * (piece - 1) // pieces
    with closing(Nursery(folder)) as nursery, places(folder, nursery, f"{given.seed}/{given.piece}") as shared:
        tally = Tally(kills)
        if given.points == "yes":
            from tests.crash.turns import in_turn

            in_turn(shared, tally, piece, pieces)
        at_random(shared, tally, f"{given.seed}/{given.piece}", tally.kills + kills)
    if tally.ok:
        shutil.rmtree(folder, ignore_errors=True)
    if tally.uncarded:
        print(f"{tally.uncarded} doubts have no card", file=sys.stderr)
    print(tally)
    return 0 if tally.ok else 1


def at_random(shared: Places, tally: Tally, seed: str, until: int) -> None:
    """Workspace after workspace, each with a random number of kills, until there were enough."""
    tally.wanted, pace, index = until, clean_pace(shared, tally), 0
    while tally.kills < until:
        index += 1
        rng = random.Random(f"{seed}/{index}")
        ruin_one(shared, tally, pace, rng, f"{seed.replace('/', '-')}-{index}", until)


def clean_pace(shared: Places, tally: Tally) -> Pace:
    """How long it takes without a kill; what it leaves is counted, too."""
    ruin = Ruin(shared, shared.folder / "clean")
    began = time.monotonic()
    found = ruin(0)
    tally.add(found)
    if not found.ok:
        print(f"without a single kill: {found}", file=sys.stderr)
    return Pace(time.monotonic() - began, len(ruin.trace()))


def ruin_one(shared: Places, tally: Tally, pace: Pace, rng: random.Random, name: str, until: int) -> None:
    kills = min(rng.randint(FEWEST, MOST), until - tally.kills)
    models = rng.random() < 0.2
    folder, wishes = shared.folder / f"w-{name}", WITH_MODELS if models else ()
    ruin = Ruin(shared, folder, wishes, models, rng, pace, tally.killed)
    try:
        found = ruin(kills)
    except GaveUp as error:
        found = Count(lost=[f"a worker, which gave up: {error}"])
    tally.add(found)
    if found.ok:
        shutil.rmtree(ruin.folder, ignore_errors=True)
    else:
        print(f"seed and workspace {name}, kill {tally.kills}, kept in {ruin.folder}: {found}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
