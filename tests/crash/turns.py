"""Killed at every durable point in turn: every point that a clean run of every story passes, once each."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tests.crash.counting import Count
from tests.crash.ruin import GaveUp, Places, Ruin
from tests.crash.stages import STORIES, Clean, Crash, make_stages, story_name

if TYPE_CHECKING:
    from tests.crash.kills import Tally

OUTSIDE = {"mailing": ("invoice",), "ordering": ("order",), "refusing": ("refused",)}
"""Stories with a mail server and a shop: the wishes that each is about."""


def in_turn(shared: Places, tally: Tally, piece: int, pieces: int) -> None:
    """One of `pieces` shares of all points, the stories with files and git first, then those with real servers."""
    folder = shared.folder / "turns"
    for name in ("stages", "clean"):
        (folder / name).mkdir(parents=True)
    clean = Clean(make_stages(shared.nursery, folder / "stages"), folder / "clean")

    def turn(story: str, points: list[str], kill: Callable[[str, Path], Count | None]) -> None:
        mine = points[piece - 1 :: pieces]
        print(f"{story}: {len(mine)} of {len(points)} durable points, each in turn", file=sys.stderr)
        tally.wanted += len(mine)
        for point in mine:
            found = kill(point, folder / "w")
            _told(tally, f"{story}, killed at {point}", folder / "w", found)

    for name, (stage, act, job) in STORIES.items():
        clean(stage, act, **job)
        turn(name, clean.points[story_name(stage, act, job)], partial(_in_story, clean, name))
    for name, wishes in OUTSIDE.items():
        points = list(_outside_points(shared, folder / "w", wishes))
        turn(name, points, partial(_outside, shared, wishes))


def _in_story(clean: Clean, story: str, point: str, folder: Path) -> Count | None:
    """What differs from the clean run."""
    stage, act, job = STORIES[story]
    folder.mkdir()
    try:
        found = Crash(clean.stages, folder)(stage, act, point, **job)
    except AssertionError as error:
        return Count(lost=[str(error)])
    wanted = clean(stage, act, **job)
    return Count(lost=[f"{name}: {found[name]}, not {wanted[name]}" for name in found if found[name] != wanted[name]])


def _outside_points(shared: Places, folder: Path, wishes: tuple[str, ...]) -> list[str]:
    ruin = Ruin(shared, folder, wishes)
    ruin.run()
    points = ruin.trace()
    shutil.rmtree(folder)
    return points


def _outside(shared: Places, wishes: tuple[str, ...], point: str, folder: Path) -> Count | None:
    """None where this run did not pass the point: the worlds have their whims."""
    ruin = Ruin(shared, folder, wishes)
    try:
        killed = ruin.run(point)
        if killed:
            ruin.run()
        return ruin.counted() if killed else None
    except GaveUp as error:
        return Count(lost=[f"a worker, which gave up: {error}"])


def _told(tally: Tally, what: str, folder: Path, found: Count | None) -> None:
    if found is not None:
        tally.killed()
        tally.add(found)
    else:
        tally.wanted -= 1
    if found is None or found.ok:
        shutil.rmtree(folder)
    else:
        kept = folder.rename(folder.with_name(f"kept-{tally.kills}"))
        print(f"{what}, kill {tally.kills}, kept in {kept}: {found}", file=sys.stderr)
