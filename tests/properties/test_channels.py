"""Random sequences of changes, beside a small model of what the channels should point at.

Whatever happens: no device is offered a release that was withdrawn, retired or deleted, and none is
offered a lower one than it runs, unless a rollback ordered it back.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

from hypothesis import given, settings
from hypothesis import strategies as st

from acpublish.errors import AcpublishError
from acpublish.release import channel_document, names
from acpublish.release.change_request import ChangeRequest
from acpublish.release.changes import author, publish
from acpublish.release.channels import Channels, Place
from acpublish.release.decision import Rule, Verdict, choose, decide_update, kind_wanted
from acpublish.release.manifest import Release
from acpublish.release.names import ImageKind
from acpublish.release.version import Version
from acpublish.server.decision_cache import DecisionCache
from acpublish.wire import Mode, Report
from tests.unit.release.making import release

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
CHANNELS = ("stable", "beta")
PLACES = (Place("c3", "firmware"), Place("d1", "firmware"), Place("d1", "filesystem"))
VERSIONS = [f"1.{minor}.0" for minor in range(8)]


@dataclass
class Model:
    """What the channels should point at, written as simply as possible."""

    stacks: dict[tuple[str, Place], list[str]] = field(default_factory=dict)
    published: set[tuple[str, Place]] = field(default_factory=set)
    gone: dict[tuple[str, Place], str] = field(default_factory=dict)
    ordered: dict[tuple[str, Place], set[str]] = field(default_factory=dict)
    taken_back: dict[tuple[str, Place], set[str]] = field(default_factory=dict)
    fallen: dict[tuple[str, Place], str] = field(default_factory=dict)

    def stack(self, channel: str, place: Place) -> list[str]:
        return self.stacks.setdefault((channel, place), [])

    def push(self, channel: str, place: Place, version: str) -> None:
        stack = self.stack(channel, place)
        if version in stack:
            stack.remove(version)
        stack.append(version)
        self.left(channel, place).discard(version)
        self.ordered[channel, place] = set()
        self.fallen.pop((channel, place), None)

    def remove(self, version: str, place: Place, state: str) -> None:
        self.gone[version, place] = state
        for channel in CHANNELS:
            stack = self.stack(channel, place)
            moved = stack[-1:] == [version]
            if version in stack:
                stack.remove(version)
                self.left(channel, place).add(version)
            if moved:
                self.ordered[channel, place] = set()
                self.fallen[channel, place] = version

    def left(self, channel: str, place: Place) -> set[str]:
        return self.taken_back.setdefault((channel, place), set())

    def lag(self, channel: str, place: Place) -> set[str]:
        """What the channel has left, and whose devices are not ordered back yet."""
        now = at(self.stack(channel, place)[-1])
        higher = {version for version in self.left(channel, place) if at(version) > now}
        return higher - self.ordered.get((channel, place), set())

    def aim(self, channel: str, place: Place) -> str | None:
        """What a rollback leads to; None if the place stays as it is."""
        stack = self.stack(channel, place)
        firmware = Place(place.board, "firmware")
        if not stack:
            return None
        if place.kind == "filesystem" and self.stack(channel, firmware):
            target = self.aim(channel, firmware)
            if target is None:
                return None
            own = (target, place) in self.published and (target, place) not in self.gone
            if not (own and at(target) <= at(stack[-1])):
                lower = [version for version in stack if at(version) <= at(target)]
                if not lower:
                    return None
                target = lower[-1]
            stays = target == stack[-1] and not self.lag(channel, place)
            return None if stays else target
        if self.fallen.get((channel, place)) in self.lag(channel, place):
            return stack[-1]
        return stack[-2] if len(stack) > 1 else None

    def back(self, channel: str, place: Place, target: str) -> None:
        stack = self.stack(channel, place)
        if target in stack:
            left = set(stack[stack.index(target) + 1 :])
        else:
            left = {version for version in stack if at(version) > at(target)}
        self.left(channel, place).update(left)
        stack[:] = [version for version in stack if version not in {*left, target}]
        earlier = self.ordered.get((channel, place), set())
        self.push(channel, place, target)
        self.ordered[channel, place] = {
            version
            for version in earlier | self.left(channel, place)
            if at(version) > at(target) and version not in stack
        }


@dataclass
class World:
    """The functions under test, with the model beside them."""

    manifests: dict[str, Release] = field(default_factory=dict)
    channels: Channels = field(default_factory=lambda: Channels(stored=True))
    model: Model = field(default_factory=Model)
    now: datetime = BEGIN

    @property
    def releases(self) -> tuple[Release, ...]:
        return self.channels.applied(self.manifests.values())

    def publish(self, version: str, place: Place, channel: str) -> None:
        key = (version, place)
        stack = self.model.stack(channel, place)
        if key in self.model.published or (stack and VERSIONS.index(stack[-1]) > at(version)):
            return
        made = release(version, board=place.board, kind=place.kind, channels={})
        stamp = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        image = replace(made.images[0], published_at=stamp, chip=None)
        before = self.manifests.get(version, replace(made, images=()))
        self.manifests[version] = before.with_image(image)
        self.channels = publish(
            self.channels, Version.parse(version), place, channel, author(self.now), moves=True
        ).channels
        self.model.published.add(key)
        self.model.push(channel, place, version)

    def request(self, request: ChangeRequest) -> bool:
        try:
            planned = request.plan(self.channels, self.releases, self.releases, self.now)
        except AcpublishError:
            return False
        self.channels = planned.channels
        return planned.change is not None

    def promote(self, version: str, channel: str) -> None:
        if not self.request(
            ChangeRequest(
                action="promote",
                version=Version.parse(version),
                channel=names.channel(channel),
            )
        ):
            return
        for place in PLACES:
            stack = self.model.stack(channel, place)
            if (version, place) in self.model.published and stack[-1:] != [version]:
                assert not stack or VERSIONS.index(stack[-1]) < at(version)
                assert (version, place) not in self.model.gone
                self.model.push(channel, place, version)

    def rollback(self, channel: str) -> None:
        aims = {place: self.model.aim(channel, place) for place in PLACES}
        moved = self.request(ChangeRequest(action="rollback", channel=names.channel(channel)))
        assert moved == any(aims.values())
        for place, target in aims.items():
            if target is not None:
                self.model.back(channel, place, target)

    def withdraw(self, version: str, action: str) -> None:
        places = [place for place in PLACES if (version, place) in self.model.published]
        self.request(
            ChangeRequest(
                action="withdraw" if action == "withdraw" else "delete",
                version=Version.parse(version),
                why="bad",
            )
        )
        state = "withdrawn" if action == "withdraw" else "deleted"
        for place in places:
            if self.model.gone.get((version, place)) in (None, "withdrawn"):
                self.model.remove(version, place, state)
            elif state == "deleted":
                self.model.gone[version, place] = state

    def undo(self, version: str) -> None:
        if self.request(ChangeRequest(action="undo", version=Version.parse(version))):
            for place in PLACES:
                assert self.model.gone.get((version, place)) in (None, "withdrawn")
                self.model.gone.pop((version, place), None)

    def retain(self, keep: int) -> None:
        before = set(self.model.gone)
        self.request(ChangeRequest(action="retain", keep=keep, older_than_s=0))
        for (version, place), mark in self.channels.marks.items():
            key = (str(version), place)
            if key not in before or (self.model.gone[key] != mark.state):
                assert mark.state == "retired"
                for channel in CHANNELS:
                    assert str(version) not in self.model.stack(channel, place)[-2:]
                self.model.remove(*key, "retired")
                for channel in CHANNELS:
                    self.model.left(channel, place).discard(str(version))

    def check(self) -> None:
        for channel in CHANNELS:
            for place in PLACES:
                current = self.channels.current(channel, place)
                stack = self.model.stack(channel, place)
                assert (current and str(current.version)) == (stack[-1] if stack else None)
                self.check_devices(channel, place)
        marks = {
            (str(version), place): mark.state
            for (version, place), mark in self.channels.marks.items()
        }
        assert marks == self.model.gone
        text = channel_document.to_json(self.channels, "lamp")
        assert channel_document.from_json(text, "channels.json", "lamp") == self.channels
        assert [line.serial for line in self.channels.history] == list(
            range(1, self.channels.serial + 1)
        )

    def check_devices(self, channel: str, place: Place) -> None:
        releases = self.releases
        for running in self.manifests.values():
            firmware = running.image_for(place.board, "firmware")
            if firmware is None:
                continue
            report = Report(
                updater=True,
                mode=Mode.SKETCH if place.kind == "firmware" else Mode.FILESYSTEM,
                family="esp8266",
                sketch_md5=firmware.md5,
                version=str(running.version),
            )
            kind: ImageKind = kind_wanted(report)
            target = choose(releases, place.board, channel, kind)
            decision = decide_update(report, releases, target, board=place.board, channel=channel)
            cached = DecisionCache().decide(report, releases, "lamp", place.board, channel)
            assert cached == decision
            if decision.verdict is not Verdict.OFFER or decision.release is None:
                continue
            offered = str(decision.release.version)
            assert (offered, place) not in self.model.gone
            assert offered == self.model.stack(channel, place)[-1]
            if decision.release.version.precedence < running.version.precedence:
                assert decision.rule is Rule.ORDERED_BACK
                assert str(running.version) in self.model.ordered[channel, place]


def at(version: str) -> int:
    return VERSIONS.index(version)


ACTIONS = ("publish", "publish", "promote", "rollback", "withdraw", "undo", "retain", "delete")


@settings(deadline=None)
@given(st.integers(min_value=0), st.integers(min_value=1, max_value=40))
def test_channels_point_at_what_the_model_says(seed: int, steps: int) -> None:
    rng = random.Random(seed)
    world = World()
    for _ in range(steps):
        world.now += timedelta(days=rng.choice((0, 1, 40)))
        version, channel = rng.choice(VERSIONS), rng.choice(CHANNELS)
        action = rng.choice(ACTIONS)
        if action == "publish":
            world.publish(version, rng.choice(PLACES), channel)
        elif action == "promote":
            world.promote(version, channel)
        elif action == "rollback":
            world.rollback(channel)
        elif action in ("withdraw", "delete"):
            world.withdraw(version, action)
        elif action == "undo":
            world.undo(version)
        else:
            world.retain(rng.randint(1, 3))
        world.check()
