"""A process that writes is killed at 25 random moments: what it had promised is there."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from acpublish.store.stored import read
from tests.docs.documents import ROOT

KILLS = 25
#: How long a writer lives: until it has said so much, and a few milliseconds more.
MOST_LINES = 9
LONGEST_S = 0.02


@contextmanager
def killed_writers(state: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.unit.store.killed_writer", str(state)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        process.stdin.close()  # type: ignore[union-attr]
        process.wait(20)
        process.stdout.close()  # type: ignore[union-attr]


def promised(process: subprocess.Popen[str], chance: random.Random) -> list[str]:
    """Lets one writer live for a while, and returns what it said was on the disk."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("go\n")
    process.stdin.flush()
    pid = int(process.stdout.readline().removeprefix("pid "))
    lines = [process.stdout.readline() for _ in range(chance.randrange(MOST_LINES))]
    time.sleep(chance.random() * LONGEST_S)
    os.kill(pid, signal.SIGKILL)
    for line in process.stdout:
        if line == "ended\n":
            return [each.rstrip("\n") for each in lines]
        lines.append(line)
    raise AssertionError("it ended by itself")


def test_what_was_promised_survives_each_kill(tmp_path: Path) -> None:
    chance = random.Random(15)
    offers: set[str] = set()
    chosen: set[str] = set()
    states: list[str] = []
    with killed_writers(tmp_path) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for kill in range(KILLS):
            for line in promised(process, chance):
                what, *rest = line.split()
                if what == "offer":
                    offers.add(rest[0])
                else:
                    states.append(" ".join(rest[:2]))
                    chosen.add(rest[2])
            stored = read(tmp_path)
            if not stored.lives:
                assert not states
                continue
            (live,) = stored.lives
            parts = dict(live.progress.parts())
            # The last one of each life may be on the disk though nobody was told.
            assert offers <= parts.keys()
            assert len(parts) - len(offers) <= kill + 1
            assert offers <= stored.devices.keys()
            assert live.progress.in_all.offered == len(parts), "nothing is counted twice"
            assert chosen <= live.progress.chosen.keys()
            assert live.rollout.seed == "r1", "no ring changes"
            stage, state = live.rollout.tracks[0].stage, live.rollout.state
            if states:
                assert stage >= int(states[-1].split()[0])
                assert state == "halted" or not any("halted" in each for each in states)
    assert len(offers) > KILLS
    assert "2 halted" in states
