"""The promise "publishing is all or nothing": kills and power cuts leave the old or the new.

Every change is killed before each of its calls and at random times, and what a power cut may leave
of it is made from its recorded calls; see :mod:`tests.torture.power_cuts`. What is left is opened
by the real code, repaired, and completed by the same change once more.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tests.integration.killing import kill_before
from tests.torture.power_cuts import cuts, record, replay
from tests.torture.rows import Row
from tests.torture.tried_changes import Bench, Tried, tried_changes, was_killed

PROMISE = "publishing is all or nothing"
#: The changes of the short form, which kills at random only: other tests kill before each call.
SHORT = ("publish another board", "withdraw", "token rotate")
_MOST_CALLS = 400


@dataclass(slots=True)
class Outcome:
    """What was tried, and what came of it.

    Attributes:
        calls: How many kills there were before a call.
        kills: How many there were at random.
        landed: How many of those came before the end of the change.
        cuts: How many power cuts were replayed.
        found: Each time that something else was left, in words.
    """

    calls: int = 0
    kills: int = 0
    landed: int = 0
    cuts: int = 0
    found: list[str] = field(default_factory=list)

    def note(self, tried: Tried, when: str, problem: str) -> None:
        """Notes a problem, if there is one."""
        if problem:
            self.found.append(f"{tried.name}, {when}: {problem}")


def measure(tmp: Path, kills: int, draws: int, *, names: Sequence[str] = ()) -> Row:
    """Tries every change, and returns the row of the table.

    Args:
        tmp: An empty folder.
        kills: How many kills at random there are, over all changes.
        draws: How many parts of what was not flushed are drawn by lot, for each power cut.
        names: The changes to try; all by default, and then also with a kill before each call.
    """
    begin = time.monotonic()
    outcome = Outcome()
    chosen = [tried for tried in tried_changes() if not names or tried.name in names]
    for number, tried in enumerate(chosen):
        folder = tmp / str(number)
        folder.mkdir()
        bench = Bench(tried, folder)
        if not names:
            kill_each(bench, outcome)
        count = kills * (number + 1) // len(chosen) - kills * number // len(chosen)
        kill_at_random(bench, outcome, count)
        cut_power(bench, outcome, draws)
        shutil.rmtree(folder)
    numbers = (
        f"{len(chosen)} changes: {outcome.calls:,} kills before each call, {outcome.kills:,} at "
        f"random ({outcome.landed:,} before the end), {outcome.cuts:,} power cuts"
    )
    result = f"{len(outcome.found)} left something else"
    return Row(PROMISE, numbers, outcome.found, result, time.monotonic() - begin)


def kill_each(bench: Bench, outcome: Outcome) -> None:
    """Kills a change before each of its calls."""
    for step in range(1, _MOST_CALLS):
        root = bench.copy("killed")
        killed = was_killed(bench.child(root, partial(kill_before, step, root)))
        outcome.calls += killed
        outcome.note(bench.tried, f"killed before call {step}", bench.problem(root))
        shutil.rmtree(root)
        if not killed:
            return
    outcome.note(bench.tried, "killed", "it never came to its end")


def kill_at_random(bench: Bench, outcome: Outcome, count: int, seed: int = 1) -> None:
    """Kills a change at random times."""
    draw = random.Random(f"{seed} {bench.tried.name}")
    whole_s = 0.02
    for number in range(count):
        root = bench.copy("killed")
        begin = time.monotonic()
        child = bench.child(root, lambda: None)
        time.sleep(draw.uniform(0, whole_s))
        os.kill(child, signal.SIGKILL)
        killed = was_killed(child)
        if not killed:
            # Half of them come too late if the time is right, or the machine has become faster.
            whole_s = max(0.002, 0.9 * min(whole_s, time.monotonic() - begin))
        else:
            whole_s *= 1.05
        outcome.kills += 1
        outcome.landed += killed
        outcome.note(bench.tried, f"kill {number} of seed {seed}", bench.problem(root))
        shutil.rmtree(root)


def cut_power(bench: Bench, outcome: Outcome, draws: int) -> None:
    """Replays what power cuts may leave of a change."""
    recorded = bench.copy("recorded")
    recording = record(recorded, bench.tried.change)
    last = f" before {len(recording.calls)}"
    for when, kept in cuts(recording, draws):
        root = bench.start.with_name("cut")
        replay(bench.start, recorded, kept, root)
        problem = bench.problem(root, only_new=when.endswith(last))
        outcome.cuts += 1
        outcome.note(bench.tried, when, problem)
        shutil.rmtree(root)
    shutil.rmtree(recorded)
