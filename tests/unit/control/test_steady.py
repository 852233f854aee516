"""What is remembered of devices that are up to date is never stale.

After random sequences of all that may happen, each answer from memory is compared with a fresh
decision on a copy of the fleet: the decision, the device and the rollouts have to be the same.
"""

from __future__ import annotations

import copy
import random
from dataclasses import dataclass, field
from typing import NamedTuple

import pytest

from acpublish.control.following import go_on, lives, surveyed
from acpublish.control.serving import Case, DeviceRequest
from acpublish.fleet.advancing import look
from acpublish.fleet.evidence import retried
from acpublish.fleet.known_device import Pin
from acpublish.fleet.rollout import advanced, halted, paused, resumed
from acpublish.fleet.targets import Targets
from acpublish.release.decision import Decision, Verdict
from acpublish.release.manifest import Release
from acpublish.wire import Mode, Report
from tests.unit.control.making import PRODUCT, Fleet, ForgetfulStore, document
from tests.unit.fleet.making import ONE, TWO, digest, report, version

THREE = version("3.0.0", channels={})
BETA = version("1.5.0", channels={"beta": 1})
RELEASES = ((ONE, TWO), (ONE, TWO, THREE), (ONE, BETA, TWO, THREE))
STEPS = 120


class Memo(NamedTuple):
    """What the server remembers with the head of a request; mirrors ``server/updates.py``."""

    decision: Decision
    releases: tuple[Release, ...]


@dataclass
class Site:
    """A fleet, its devices, and all that may happen to them."""

    chance: random.Random
    fleet: Fleet = field(default_factory=lambda: Fleet(max_offers=2))
    memos: dict[object, Memo] = field(default_factory=dict)
    runs: dict[int, str] = field(default_factory=dict)
    releases: tuple[Release, ...] = RELEASES[0]
    serial: int = 1
    remembered: int = 0

    def __post_init__(self) -> None:
        self.fleet.state.store = ForgetfulStore()  # type: ignore[assignment]

    def happens(self) -> None:
        events = [self.check_in] * 20
        events += [self.publish, self.go_on, self.time, self.release]
        events += [self.stage] * 2
        events += [self.person] * 3
        self.chance.choice(events)()

    def request(self) -> DeviceRequest:
        chance = self.chance
        number = chance.randrange(6)
        runs = self.runs.setdefault(number, chance.choice(["0.5.0", "1.0.0", "1.0.0", "1.0.0"]))
        said = report(runs, number=number)
        if chance.random() < 0.05:
            said = said._replace(version=chance.choice(["9.0.0", None]))
        mode = chance.choices(list(Mode), [0.9, 0.05, 0.05])[0]
        address = f"10.0.0.{chance.choices([1, 2], [0.95, 0.05])[0]}"
        channel = chance.choices(["stable", "beta", "none"], [0.9, 0.07, 0.03])[0]
        return DeviceRequest(
            said._replace(mode=mode), address, "agent", "d1", channel, mode is not Mode.VERSION
        )

    def check_in(self) -> None:
        """A device checks in twice, as one that has nothing to do does."""
        request = self.request()
        self.respond(request)
        if self.chance.random() < 0.2:
            # Somebody has flashed something else, for a moment.
            runs = self.chance.choice(["0.5.0", "2.0.0", "3.0.0"])
            said = request.report._replace(version=runs, sketch_md5=digest(runs))
            self.respond(request._replace(report=said))
        self.respond(request)

    def respond(self, request: DeviceRequest) -> None:
        head = request.report._replace(mac=None), request.board, request.channel
        memo, serving = self.memos.get(head), self.fleet.serving
        if memo is not None and memo.releases is self.releases:
            fresh = self.copied()
            if serving.again(PRODUCT, request.report, request.address, memo):
                self.remembered += 1
                self.compare(fresh, request, memo)
                return
        case = serving.checked_in(request, PRODUCT, self.releases)
        assert case is not None
        if case.decision.verdict is Verdict.UP_TO_DATE and case.shared:
            if memo is None or memo.decision != case.decision or memo.releases != self.releases:
                memo = self.memos[head] = Memo(case.decision, self.releases)
            serving.remember(case, memo)
        elif case.decision.verdict is Verdict.OFFER and request.installs:
            self.deliver(case, request.report)

    def copied(self) -> Fleet:
        fresh = copy.deepcopy(self.fleet)
        for own in fresh.state.products.values():
            # What these remember goes by the identity of objects.
            own.targets = Targets(self.releases)
            for live in own.lives:
                live._remembered.clear()
        return fresh

    def compare(self, fresh: Fleet, request: DeviceRequest, memo: Memo) -> None:
        case = fresh.serving.checked_in(request, PRODUCT, self.releases)
        assert case is not None
        assert case.decision == memo.decision
        assert case.device == self.fleet.state.device(case.device.id)
        ours, theirs = self.fleet.state, fresh.state
        assert ours.rollouts == theirs.rollouts
        assert [dict(live.progress.parts()) for live in lives(ours)] == [
            dict(live.progress.parts()) for live in lives(theirs)
        ]

    def deliver(self, case: Case, said: Report) -> None:
        serving, chance = self.fleet.serving, self.chance
        before = serving.part(case)
        stored = serving.offered(case)
        if stored is not None and chance.random() < 0.2:
            serving.taken_back(case, before, serving.part(case))
            return
        end = chance.choice(["whole", "whole", "whole", "range", "broken", "nothing"])
        if end == "nothing":
            self.fleet.end(case, 0, drained=False, answered=False)
            return
        self.fleet.end(case, 1000 if end == "whole" else 500, drained=end != "broken")
        release = case.decision.release
        if end == "whole" and release is not None and said.mode is Mode.SKETCH:
            number = int((said.mac or "0").rpartition(":")[2], 16)
            if chance.random() < 0.7:
                self.runs[number] = str(release.version)
                assert digest(self.runs[number])

    def publish(self) -> None:
        self.serial += 1
        what = self.chance.choice(["2.0.0", "2.0.0", "3.0.0", ""])
        policy = {"halt": str(self.chance.randrange(1, 4))}
        if self.chance.random() < 0.3:
            policy["on_halt"] = "order-back"
        stages = self.chance.choice(["1,50%,100%", "100%", "tag:a,100%", "30%,60%,100%"])
        if what in {str(release.version) for release in self.releases} | {""}:
            self.fleet.follow(document(self.serial, what, stages=stages, of_policy=policy))

    def go_on(self) -> None:
        for live in list(lives(self.fleet.state)):
            if live.rollout.is_open:
                devices, now = list(self.fleet.state.devices()), self.fleet.state.clock.now()
                surveyed(self.fleet.state, live, look(live, devices, now))
            go_on(self.fleet.state, live)

    def time(self) -> None:
        self.fleet.clocks.pass_(self.chance.choice([1, 61, 3600, 20_000]))

    def stage(self) -> None:
        for live in list(lives(self.fleet.state)):
            rollout, now = live.rollout, self.fleet.state.clock.now()
            if rollout.state == "paused":
                live.rollout = resumed(rollout, now)
            elif rollout.is_open:
                changes = [paused(rollout, "why"), advanced(rollout, now), advanced(rollout, now)]
                if self.chance.random() < 0.2:
                    changes = [halted(rollout, "devices failed", now)]
                live.rollout = self.chance.choice(changes)
            self.fleet.state.moved(live)

    def person(self) -> None:
        devices = list(self.fleet.state.devices())
        if not devices:
            return
        device = self.chance.choice(devices)
        what = self.chance.randrange(5)
        if what == 0:
            device.pin = self.chance.choice([None, Pin("1.0.0"), Pin("0.5.0", order_back=True)])
        elif what == 1:
            device.hold = not device.hold
        elif what == 2:
            device.tags = frozenset() if device.tags else frozenset({"a"})
        elif what == 3:
            retried(device, self.fleet.state.product(PRODUCT).lives)
        else:
            self.fleet.state.forget(device.id)
            return
        self.fleet.state.keep(device)

    def release(self) -> None:
        self.releases = self.chance.choice(RELEASES)


@pytest.mark.parametrize("seed", range(8))
def test_an_answer_from_memory_is_the_one_that_a_fresh_decision_gives(seed: int) -> None:
    site = Site(random.Random(seed))
    for _ in range(STEPS):
        site.happens()
    assert site.remembered > STEPS // 4
