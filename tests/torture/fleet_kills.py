"""The promise "a killed server": ``kill -9`` at random moments of rollouts forgets nothing.

A real server makes one rollout after the other, good ones and bad ones, and is killed again and
again, every other time while a device has just got its image. After each kill the store is read:

1. No ring changes: who was offered a release in a stage stays in it, and that stage reaches it.
2. No halt is forgotten: what was halted is never offered again, and stays halted.
3. Nothing is counted twice, and whoever got an image of a rollout is counted.
4. Nobody is offered anything but the settled release and that of the rollout that is open, and
   never anything lower than what it runs.
5. At most about a second of check-ins is lost.
6. An offer whose delivery was lost is completed when the device comes back running it.
"""

from __future__ import annotations

import itertools
import random
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from acpublish.errors import StoreError
from acpublish.fleet.advancing import Live
from acpublish.fleet.progress import Outcome, Part
from acpublish.fleet.rings import first_reaching
from acpublish.store.stored import Stored, read, read_live
from tests.support.fleet_devices import FleetDevice
from tests.support.fleet_site import Site, until
from tests.support.server import RunningServer
from tests.torture.rows import Row

PROMISE = "a killed server"
DEVICES = 30
FIRST = 3
STAGES = f"{FIRST},20%,60%,100%"
#: How long a server lives at most, in seconds.
LONGEST_S = 2.5
#: Check-ins are written every half second; the rest is for a busy machine.
LOST_S = 2.0
#: The first release does not boot, and every so many-th after it.
BAD_EVERY = 3
#: How many servers have to remember a halt before the next release is published.
HALTED_LIVES = 3


@dataclass(slots=True)
class Outcomes:
    """What was tried, and what came of it.

    Attributes:
        kills: How often the server was killed.
        check_ins: How many requests were answered.
        offers: How many of them with a rolling release.
        rollouts: By id, the state of each rollout when it was seen last.
        lost: How many deliveries were lost with a server, and completed later.
        found: Each time that the promise was not kept, in words.
    """

    kills: int = 0
    check_ins: int = 0
    offers: int = 0
    rollouts: dict[str, str] = field(default_factory=dict)
    lost: int = 0
    found: list[str] = field(default_factory=list)


def measure(tmp: Path, kills: int, seed: int = 15) -> Row:
    """Kills a server so many times, and returns the row of the table."""
    begin = time.monotonic()
    outcomes = Killing(tmp, seed).run(kills)
    states = list(outcomes.rollouts.values())
    numbers = (
        f"{outcomes.kills} kills during {len(states)} rollouts, {states.count('halted')} of them "
        f"halted; {outcomes.check_ins:,} check-ins, {outcomes.offers} offers, {outcomes.lost} "
        "deliveries lost and completed"
    )
    result = f"{len(outcomes.found)} forgotten, counted twice or unstaged"
    return Row(PROMISE, numbers, outcomes.found, result, time.monotonic() - begin)


class Killing:
    """A site whose server is killed, and what is known of it from outside."""

    def __init__(self, tmp: Path, seed: int, lost_s: float = LOST_S) -> None:
        """Publishes the release that all devices run at first.

        Args:
            tmp: An empty folder.
            seed: What the moments of the kills depend on.
            lost_s: Check-ins that are older have to be stored, in seconds.
        """
        self._lost_s = lost_s
        self.chance = random.Random(seed)
        self.site = Site(tmp)
        self.site.publish("1.0.0")
        self.site.policy(STAGES, halt=str(FIRST))
        self.devices = [
            FleetDevice(number, self.site.images["1.0.0"], boots=False) for number in range(DEVICES)
        ]
        self.outcomes = Outcomes()
        self._minors = itertools.count(1)
        self._bad: set[str] = set()
        self._halted: set[str] = set()
        self._allowed: set[str] = set()
        self._rolling = ""
        self._halted_lives = 0
        #: When each device was answered last by this server, in seconds since 1970.
        self._answered: dict[str, float] = {}
        #: Who got the image of a release while it was on its way.
        self._got: dict[str, set[str]] = {}
        #: Who got it, though the store does not say that it was delivered.
        self._lost: set[tuple[str, str]] = set()
        #: By rollout, what the store said last.
        self._parts: dict[str, dict[str, Part]] = {}
        self._stages: dict[str, int] = {}

    def run(self, kills: int) -> Outcomes:
        """Kills the server so many times, and lets the last one end its rollout in peace."""
        with self.site.serve() as server:
            # The devices are known before the first stage, so what becomes of them counts.
            for device in self.devices:
                self._ask(device, server)
            until(lambda: self._stored() == DEVICES)
        for kill in range(kills):
            self._publish_next()
            with self.site.serve() as server:
                self._live_and_die(server, at_an_offer=kill % 2 == 0)
            self._examine(server, time.time())
        with self.site.serve() as server:
            self._finish(server)
        self._examine(server, time.time())
        return self.outcomes

    def _stored(self) -> int:
        try:
            return len(read(self.site.state).devices)
        except StoreError:
            # It is being made.
            return 0

    def _publish_next(self) -> None:
        """Publishes a release if none is on its way, or if the one that is was halted for long."""
        rolling = self.site.rolling()
        self._halted_lives = self._halted_lives + 1 if any(why for _, why in rolling) else 0
        if rolling and self._halted_lives < HALTED_LIVES:
            return
        self._halted_lives = 0
        settled = {self._rolling} if not rolling and self._rolling else self._allowed - self._bad
        minor = next(self._minors)
        self._rolling = f"1.{minor}.0"
        if minor % BAD_EVERY == 1:
            self._bad.add(self._rolling)
        self._allowed = {self._rolling} | settled
        self.site.publish(self._rolling)

    def _live_and_die(self, server: RunningServer, *, at_an_offer: bool) -> None:
        """Lets the devices ask one after the other until the server is killed.

        Args:
            server: The server.
            at_an_offer: Whether it is killed as soon as some device has got its image, if one does.
        """
        life_s = self.chance.random() * LONGEST_S
        last_offer = self.outcomes.offers + self.chance.randrange(1, FIRST + 1)
        killer = threading.Timer(life_s, server.signal, (signal.SIGKILL,))
        killer.start()
        try:
            while server.process.poll() is None:
                for device in self.chance.sample(self.devices, DEVICES):
                    got = self._ask(device, server)
                    if got and at_an_offer and self.outcomes.offers >= last_offer:
                        # What became of the image is not stored yet.
                        server.signal(signal.SIGKILL)
        except (OSError, AssertionError):
            # It was killed while it answered.
            pass
        killer.cancel()
        server.signal(signal.SIGKILL)
        status = server.wait()
        self.outcomes.kills += 1
        if status != -signal.SIGKILL:
            self._found(f"the server ended by itself, with status {status}")

    def _ask(self, device: FleetDevice, server: RunningServer) -> bool:
        """Lets a device ask; returns whether it got the release that is on its way."""
        at, before = time.time(), self._version_of(device.runs)
        answer = device.ask(server)
        self.outcomes.check_ins += 1
        self._answered[device.id] = at
        if answer.status == 304:
            return False
        got = self._version_of(answer.body)
        if answer.status != 200 or got not in self._allowed:
            self._found(f"{device.id} got {answer.status} with {got or answer.body[:100]!r}")
            return False
        if _number(got) <= _number(before):
            self._found(f"{device.id} got {got} and runs {before}")
        if got in self._halted:
            self._found(f"{device.id} got {got}, which was halted")
        if got not in self._bad:
            device.runs = answer.body
        if got != self._rolling:
            return False
        self.outcomes.offers += 1
        self._got.setdefault(got, set()).add(device.id)
        return True

    def _version_of(self, image: bytes) -> str:
        return next((key for key, own in self.site.images.items() if own == image), "")

    def _finish(self, server: RunningServer) -> None:
        """Lets the last rollout end: complete, or halted."""

        def ended() -> bool:
            for device in self.devices:
                self._ask(device, server)
            return all(why for _, why in self.site.rolling())

        if not until(ended):
            self._found(f"the last rollout does not end: {self.site.rolling()}")

    def _examine(self, server: RunningServer, end: float) -> None:
        """Looks whether the store has all that was promised."""
        log = server.log()
        if "Traceback" in log:
            self._found(f"logged: {log[log.index('Traceback') :][:300]}")
        stored = read(self.site.state)
        for key, at in self._answered.items():
            device = stored.devices.get(key)
            if at < end - self._lost_s and (device is None or device.last_seen < at):
                self._found(f"{key} was answered {end - at:.1f} s before, and is not stored")
        # Those who do not ask the next server are as they were.
        self._answered.clear()
        on_its_way = {version for version, _ in self.site.rolling()}
        for rollout in stored.rollouts:
            live = read_live(self.site.state, rollout)
            parts = {
                key: part for key, part in live.progress.parts() if part.offered_at is not None
            }
            self._examine_state(live)
            self._examine_parts(live, parts, stored)
            missing = self._got.get(rollout.version, set()) - parts.keys()
            if missing and rollout.version in on_its_way:
                self._found(f"{rollout} does not count {sorted(missing)}")
            self._parts[rollout.id] = parts

    def _examine_state(self, live: Live) -> None:
        rollout = live.rollout
        was = self.outcomes.rollouts.get(rollout.id, "")
        if was in ("halted", "complete") and rollout.state not in (was, "superseded"):
            self._found(f"{rollout} was {was} and is {rollout.state}")
        if rollout.stage < self._stages.get(rollout.id, 0):
            self._found(f"{rollout} was at stage {self._stages[rollout.id]}")
        if rollout.seed != rollout.id:
            self._found(f"{rollout} has other rings")
        if rollout.state == "halted":
            self._halted.add(rollout.version)
        self._stages[rollout.id] = rollout.stage
        # A rollout that has halted and was superseded counts as halted.
        if was != "halted":
            self.outcomes.rollouts[rollout.id] = rollout.state

    def _examine_parts(self, live: Live, parts: dict[str, Part], stored: Stored) -> None:
        rollout, known = live.rollout, self._parts.get(live.rollout.id, {})
        if live.progress.in_all.offered != len(parts):
            self._found(f"{rollout} counts {live.progress.in_all.offered} of {len(parts)} devices")
        if rollout.version in self._bad and len(parts) > FIRST:
            self._found(f"{rollout} reached {len(parts)} devices and does not boot")
        if known.keys() - parts.keys():
            self._found(f"{rollout} has forgotten {sorted(known.keys() - parts.keys())}")
        for key, part in parts.items():
            before = known.get(key, part)
            if (before.stage, before.offered_at) != (part.stage, part.offered_at):
                self._found(f"{key} was in {rollout} as {before}, and is as {part}")
            if not _reaches(live, key, part, stored):
                self._found(f"{key} is not in stage {part.stage} of {rollout}")
            self._look_for_lost(key, part, rollout.version)

    def _look_for_lost(self, key: str, part: Part, version: str) -> None:
        if part.outcome is Outcome.RUNNING:
            if part.delivered_at is None:
                self._found(f"{key} runs {version}, and its delivery is open")
            self.outcomes.lost += (key, version) in self._lost
            self._lost.discard((key, version))
        elif part.delivered_at is None and key in self._got.get(version, ()):
            self._lost.add((key, version))

    def _found(self, text: str) -> None:
        self.outcomes.found.append(f"after {self.outcomes.kills} kills: {text}")


def _reaches(live: Live, key: str, part: Part, stored: Stored) -> bool:
    device, stages = stored.devices.get(key), live.rollout.policy.stages
    if device is None:
        return False
    share, chosen = live.first_share(device), live.progress.chosen
    first = first_reaching(stages, part.stage, device, live.rollout.seed, chosen, share)
    return first is not None or key in live.progress.added


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
