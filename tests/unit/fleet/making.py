"""Short ways to devices, releases and rollouts, and a small fleet, for the tests of the fleet."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from acpublish.fleet.advancing import Live, survey, tick
from acpublish.fleet.deciding import FleetDecision, decide
from acpublish.fleet.evidence import checked_in, delivered, offered
from acpublish.fleet.known_device import Device, device_id, new_device
from acpublish.fleet.moments import DAY_S, HOUR_S, Listening, Moment
from acpublish.fleet.policy import Policy
from acpublish.fleet.progress import Progress
from acpublish.fleet.rollout import Rollout, started
from acpublish.fleet.targets import Targets
from acpublish.release.decision import Verdict
from acpublish.release.manifest import Release
from acpublish.wire import Family, Report
from tests.unit.release.making import md5, release

BOARD = "d1"
#: A midnight, long after 1970.
START = 20_000 * DAY_S


def moment(hours: float = 0.0) -> Moment:
    """Returns a moment so many hours after the start, of a server that has always listened."""
    return Moment(START + hours * HOUR_S, hours * HOUR_S)


def mac(number: int) -> str:
    return ":".join(f"{byte:02x}" for byte in (0xA4, 0xCF, *number.to_bytes(4, "big")))


def digest(version: str, board: str = BOARD) -> str:
    """Returns the MD5 that a device with this release reports."""
    return md5(f"{version} {board} firmware")


def report(
    version: str | None = "1.0.0",
    *,
    number: int | None = 1,
    board: str = BOARD,
    family: Family = "esp8266",
    **fields: Any,
) -> Report:
    """Returns what a device reports that runs a release; ``number`` is that of its MAC address."""
    values: dict[str, Any] = {
        "family": family,
        "updater": True,
        "version": version,
        "sketch_md5": None if version is None else digest(version, board),
        "mac": None if number is None else mac(number),
    }
    return Report(**{**values, **fields})


def device(
    number: int = 1,
    *,
    seen: float = 0.0,
    gaps: Iterable[int] = (HOUR_S, HOUR_S, HOUR_S),
    said: Report | None = None,
    board: str = BOARD,
    **fields: Any,
) -> Device:
    """Returns a device that was known from the start and was last heard at an hour."""
    said = said or report(number=number, board=board)
    key = device_id("lamp", said, "10.0.0.1", "agent")
    assert key is not None
    made = new_device(key, moment(-100))
    made.report, made.board, made.channel, made.address = said, board, "stable", "10.0.0.1"
    made.gaps = list(gaps)
    made.visits = len(made.gaps) + 1
    made.last_heard = made.visit_heard = seen * HOUR_S
    made.last_seen = START + seen * HOUR_S
    return replace(made, **fields)


def version(
    text: str, *, requires: str | None = None, board: str = BOARD, **fields: Any
) -> Release:
    """Returns a release, on ``stable`` unless ``channels`` says otherwise."""
    taken = {
        key: fields.pop(key) for key in ("channels", "kind", "family", "chip") if key in fields
    }
    made = release(text, board=board, **taken)
    images = tuple(replace(image, requires=requires, **fields) for image in made.images)
    return replace(made, images=images)


ONE = version("1.0.0", channels={"stable": 1})
TWO = version("2.0.0", channels={})
TARGETS = Targets((ONE, TWO))


def live(
    stages: str = "1,10%,50%,100%",
    *,
    boards: Iterable[str] = (BOARD,),
    at: Moment | None = None,
    to: str = "2.0.0",
    **policy: Any,
) -> Live:
    """Returns a rollout of 2.0.0 to ``stable``, with nothing in it."""
    parsed = Policy.parse(stages, **policy)
    rollout = started(
        "r1",
        product="lamp",
        version=to,
        channel="stable",
        boards=boards,
        policy=parsed,
        now=at or moment(),
    )
    return Live(rollout, Progress(len(parsed.stages)))


def changed(rollout: Rollout, **fields: Any) -> Rollout:
    return replace(rollout, **fields)


@dataclass(slots=True)
class Thing:
    """A device of the small fleet: what it does, which the server does not know."""

    number: int
    poll_s: float = HOUR_S
    boots: bool = True
    on: Callable[[float], bool] = lambda at: True
    address: str = "10.0.0.1"
    board: str = BOARD
    runs: str = "1.0.0"
    silent_after: bool = False
    dead: bool = False
    _said: dict[str, Report] = field(default_factory=dict)

    def report(self) -> Report:
        if self.runs not in self._said:
            self._said[self.runs] = report(self.runs, number=self.number, board=self.board)
        return self._said[self.runs]


@dataclass(slots=True)
class World:
    """A small fleet and its server: who polls when, and what becomes of it, without any clock."""

    things: list[Thing]
    live: Live
    targets: Targets = TARGETS
    down: tuple[tuple[float, float], ...] = ()
    devices: dict[str, Device] = field(default_factory=dict)
    taken: list[tuple[float, Thing, FleetDecision]] = field(default_factory=list)
    states: list[tuple[float, str]] = field(default_factory=list)
    after_halt: int = 0

    def up(self, at: float) -> bool:
        return not any(start <= at < end for start, end in self.down)

    def listening(self, at: float) -> Moment:
        lost = sum(min(at, end) - start for start, end in self.down if start < at)
        return Listening(0.0, 0.0).moment(at - lost)._replace(at=START + at)

    def run(self, hours: float, *, begin: float = 0.0, seed: int = 1, rolling: bool = True) -> None:
        """Lets so many hours pass; the server ticks every half hour."""
        chance = random.Random(seed)
        events: list[tuple[float, int, Thing | None]] = [
            (begin * HOUR_S + chance.random() * thing.poll_s, thing.number, thing)
            for thing in self.things
        ]
        end = (begin + hours) * HOUR_S
        ticks = [(begin * HOUR_S + at * 1800.0, -1, None) for at in range(int(hours * 2))]
        events += ticks
        heapq.heapify(events)
        while events and events[0][0] < end:
            at, number, thing = heapq.heappop(events)
            if thing is None:
                if self.up(at) and rolling:
                    self._tick(self.listening(at))
                continue
            if not thing.dead:
                heapq.heappush(events, (at + thing.poll_s, number, thing))
                if self.up(at) and thing.on(at):
                    self._poll(thing, self.listening(at), [self.live] if rolling else [])

    def _tick(self, now: Moment) -> None:
        survey(self.live, self.devices.values(), now)
        tick(self.live, self.devices, now)
        state = self.live.rollout.state
        if not self.states or self.states[-1][1] != state:
            self.states.append((now.at, state))
        held = self.live.progress.survey
        assert held is not None
        for stage in range(self.live.progress.stages):
            total = sum(self.live.progress.of_stage(at).offered for at in range(stage + 1))
            assert total <= held.holds[stage], "more than the stage holds"

    def _poll(self, thing: Thing, now: Moment, rollouts: list[Live]) -> None:
        said = thing.report()
        key = device_id("lamp", said, thing.address, "agent")
        assert key is not None
        known = self.devices.get(key) or new_device(key, now)
        self.devices[key] = known
        arguments = (thing.board, "stable", self.targets, rollouts)
        checked_in(known, said, thing.address, *arguments, self.devices, now)
        decided = decide(known, said, self.targets, thing.board, "stable", rollouts, now)
        if decided.decision.verdict is not Verdict.OFFER:
            return
        assert decided.decision.release is not None
        offered(decided, known, said, now)
        if self.live.rollout.state == "halted" and not decided.choice.back:
            self.after_halt += 1
        delivered(decided, known, said, thing.address, self.targets, now, whole=True)
        self.taken.append((now.at, thing, decided))
        if thing.boots or decided.choice.back:
            thing.runs = str(decided.decision.release.version)
        elif thing.silent_after:
            thing.dead = True
