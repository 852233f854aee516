"""Writes a store, and says what is on the disk, until it is killed: ``killed_writer STATE``.

It forks for each line that it reads, so that most of the time is spent on writing and not on
loading Python. What it prints: ``ready``, ``pid N``, ``rollout STAGE STATE DEVICE``,
``offer DEVICE``, ``ended``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from acpublish.fleet.rollout import halted
from acpublish.store.fleet_store import FleetStore
from tests.unit.fleet.making import live, moment
from tests.unit.store.making import full_part, opened, plain_device

ROLLOUT = "r1"


def main() -> None:
    """Forks a writer for each line on stdin."""
    state = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as warm, opened(Path(warm)) as store:
        # What this loads, no child has to.
        store.load()
    say("ready")
    for number, _ in enumerate(sys.stdin):
        child = os.fork()
        if not child:
            try:
                write(state, number)
            finally:
                os._exit(1)
        os.waitpid(child, 0)
        say("ended")


def write(state: Path, number: int) -> None:
    """Writes for ever: check-ins, offers of a rollout, and the rollout as it moves."""
    store = FleetStore.open(state)
    lives = store.load().lives
    rolling = lives[0] if lives else live("1,10%,100%")
    say(f"pid {os.getpid()}")
    at = number * 1000
    while True:
        at += 1
        device = plain_device(at)
        part = full_part(stage=0, board=device.board, offered_at=float(at))
        store.note(plain_device(at - 1, name="checked in"))
        store.keep_offer(ROLLOUT, device, part).result(5)
        say(f"offer {device.id}")
        if at % 5 == 0:
            policy_stage = min(2, rolling.rollout.tracks[0].stage + 1)
            track = rolling.rollout.tracks[0]._replace(stage=policy_stage)
            rolling.rollout = replace(rolling.rollout, tracks=(track,))
            rolling.progress.chosen = {**rolling.progress.chosen, device.id: 0}
            if number >= 20 and rolling.rollout.is_open:
                rolling.rollout = halted(rolling.rollout, "3 devices failed", moment(1))
            store.keep_rollout(rolling).result(5)
            say(f"rollout {policy_stage} {rolling.rollout.state} {device.id}")


def say(line: str) -> None:
    """Prints a line at once."""
    os.write(1, f"{line}\n".encode())


if __name__ == "__main__":
    main()
