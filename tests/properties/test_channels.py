"""Random sequences of changes, beside a small model of what the channels should point at.

Whatever happens: no device is offered a release that was withdrawn, retired, deleted or is not
signed, and none a lower one than it runs, unless an order takes it back.
"""

from __future__ import annotations

import functools
import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone
from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from acpublish.errors import AcpublishError
from acpublish.fleet.deciding import decide
from acpublish.fleet.moments import NO_TIME
from acpublish.fleet.targets import Targets
from acpublish.image.model import ReportedDigests
from acpublish.keys import PrivateKey, create_key
from acpublish.release import channel_document, names
from acpublish.release.change_request import ChangeRequest, RequestedAction
from acpublish.release.changes import author, publish
from acpublish.release.channels import Channels, Place
from acpublish.release.decision import Rule, Verdict, choose, decide_update, kind_wanted
from acpublish.release.manifest import Release, ReleaseImage, ReleaseSignature
from acpublish.release.rollout_changes import RolloutAction, RolloutChange
from acpublish.release.signatures import admitted, sign, statement
from acpublish.release.version import Version
from acpublish.wire import Mode, Report
from tests.properties.channel_model import (
    C3,
    CHANNELS,
    D1_FS,
    SPOTS,
    VERSIONS,
    Made,
    Model,
    Spot,
    at,
    bytes_of,
)
from tests.unit.release.making import md5, release, sha256

BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)
POLICY = {"stages": ["1", "100%"]}
ACTIONS: dict[RequestedAction | RolloutAction | Literal["publish", "trust"], int] = {
    **{"publish": 5, "promote": 4, "rollback": 5, "withdraw": 4, "undo": 2},
    **{"retain": 1, "delete": 1, "trust": 1},
    **{"policy": 2, "start": 2, "settle": 3, "halt": 1, "abort": 1},
}


@functools.cache
def key() -> PrivateKey:
    return create_key()


@functools.cache
def image(version: str, spot: Spot) -> ReleaseImage:
    family = "esp32" if spot == C3 else "esp8266"
    made = release(
        version,
        board=spot.board,
        kind="filesystem" if spot == D1_FS else "firmware",
        channels={},
        family=family,
        chip=None,
    )
    (image,) = made.images
    if spot == D1_FS:
        return image
    # Twins have the same bytes.
    seed = f"{bytes_of(version)} {spot.board} firmware"
    running = ReportedDigests(md5s=(md5(seed),), sha256s=(sha256(seed),))
    return replace(image, md5=md5(seed), sha256=sha256(seed), running=running)


@functools.cache
def signature(version: str, spot: Spot) -> ReleaseSignature:
    return sign(statement("lamp", version, image(version, spot)), key())


def place(spot: Spot) -> Place:
    return Place(spot.board, "filesystem" if spot == D1_FS else "firmware")


@dataclass
class World:
    """The functions under test, with the model beside them."""

    rng: random.Random
    manifests: dict[str, Release] = field(default_factory=dict)
    channels: Channels = field(default_factory=lambda: Channels(stored=True))
    model: Model = field(default_factory=Model)
    now: datetime = BEGIN

    @property
    def releases(self) -> tuple[Release, ...]:
        return self.channels.applied(self.manifests.values())

    @property
    def offered(self) -> tuple[Release, ...]:
        return admitted(self.releases, (key().public,) if self.model.trusting else ())[0]

    def step(self) -> None:
        rng = self.rng
        self.now += timedelta(days=rng.choice((0, 1, 40)))
        (action,) = rng.choices([*ACTIONS], [*ACTIONS.values()])
        channel, spot = rng.choice(CHANNELS), rng.choice(SPOTS)
        boards = rng.choice(((), (), ("c3",), ("d1",)))
        # What has a past on the channel is more telling.
        past = self.model.trail[channel, spot]
        version = rng.choice(past if past and rng.random() < 0.7 else VERSIONS)
        if action == "publish":
            version = rng.choice(VERSIONS)
            for each in rng.choice((SPOTS, (spot,))):
                self.publish(version, each, channel)
        elif action == "trust":
            self.model.trusting = not self.model.trusting
        elif action == "promote":
            made = self.model.promote(version, channel, boards)
            assert made == self.request("promote", version, channel, boards)
        elif action == "rollback":
            named = rng.choice((None, None, version))
            made = self.model.rollback(named, channel, boards)
            assert made == self.request("rollback", named, channel, boards)
        elif action == "withdraw":
            order_back = rng.random() < 0.5
            self.model.withdraw(version, boards, order_back=order_back)
            self.request("withdraw", version, None, boards, order_back=order_back)
        elif action == "delete":
            self.model.delete(version)
            self.request("delete", version)
        elif action == "undo":
            made = self.model.undo(version, boards)
            assert made == self.request("undo", version, None, boards)
        elif action == "retain":
            self.retain(rng.randint(1, 3))
        else:
            self.roll(action, version, channel, boards)

    def roll(
        self, action: RolloutAction, version: str, channel: str, boards: tuple[str, ...]
    ) -> None:
        """Changes a policy, or what is on its way to a channel."""
        policy = None
        if action == "policy":
            policy = self.rng.choice((None, POLICY))
            made = (policy is not None) != (channel in self.model.policies)
            (self.model.policies.add if policy else self.model.policies.discard)(channel)
        elif action == "start":
            policy = POLICY
            made = self.model.promote(version, channel, boards, starts=True)
        else:
            coming = {*self.model.rolling[channel].values()}
            version = coming.pop() if coming else version
            made = getattr(self.model, action)(channel)
        change = RolloutChange(
            action=action,
            channel=names.channel(channel),
            version=None if action == "policy" else v(version),
            boards=tuple(map(names.board, boards)) if action == "start" else (),
            policy=policy,
        )
        assert made == self.planned(change)

    def publish(self, version: str, spot: Spot, channel: str) -> None:
        known = self.model.images.get((version, spot))
        made = known or Made(
            signed=self.rng.random() < 0.7,
            secure=self.rng.choice((1, 1, 1, 0)),
            below=self.rng.choice((None, None, None, *VERSIONS[: at(version) + 1])),
        )
        now = self.model.offered(channel, spot)
        on_purpose = self.rng.random() < 0.2
        here = channel, spot
        if (
            (self.model.trusting and not made.signed)
            or (version, spot) in self.model.gone
            or version in (*self.model.stacks[here], *self.model.left[here])
            or self.model.rolling[channel].get(spot) == version
            or (now is not None and at(now) > at(version) and not on_purpose)
        ):
            return
        fresh = replace(
            image(version, spot),
            published_at=self.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
            secure_version=made.secure if spot == C3 else None,
            no_downgrade_below=made.below,
            signatures=(signature(version, spot),) if made.signed else (),
        )
        if known is None:
            empty = Release(product=names.product("lamp"), version=v(version), images=())
            self.manifests[version] = self.manifests.get(version, empty).with_image(fresh)
        self.channels = publish(
            self.channels,
            v(version),
            place(spot),
            channel,
            author(self.now),
            moves=True,
            releases=tuple(self.manifests.values()),
        ).channels
        self.model.publish(version, spot, channel, made)

    def request(
        self,
        action: RequestedAction,
        version: str | None = None,
        channel: str | None = None,
        boards: tuple[str, ...] = (),
        *,
        order_back: bool = False,
        keep: int = 0,
    ) -> bool:
        request = ChangeRequest(
            action=action,
            version=None if version is None else v(version),
            channel=None if channel is None else names.channel(channel),
            boards=tuple(map(names.board, boards)),
            order_back=order_back,
            keep=keep,
            older_than_s=0,
            why="test",
        )
        return self.planned(request)

    def planned(self, request: ChangeRequest | RolloutChange) -> bool:
        try:
            planned = request.plan(self.channels, self.releases, self.offered, self.now)
        except AcpublishError:
            return False
        self.channels = planned.channels
        return planned.change is not None

    def retain(self, keep: int) -> None:
        before = dict(self.channels.marks)
        self.request("retain", keep=keep)
        for (version, where), mark in self.channels.marks.items():
            if before.get((version, where)) != mark:
                assert mark.state == "retired"
                self.model.retire(str(version), Spot(where.board, where.kind))

    def check(self) -> None:
        offered = self.offered
        for channel in CHANNELS:
            for spot in SPOTS:
                current = self.channels.current(channel, place(spot))
                stack = self.model.stacks[channel, spot]
                assert (current and str(current.version)) == (stack[-1] if stack else None)
                ordered = set(map(str, current.ordered_back)) if current else set()
                assert ordered == self.model.back(channel, spot)
                trail = self.channels.pointers.get(channel, {}).get(place(spot), ())
                assert [str(entry.version) for entry in trail] == self.model.trail[channel, spot]
                self.check_devices(offered, channel, spot)
        self.check_rolling()
        marks = {
            (str(version), Spot(where.board, where.kind)): mark.state
            for (version, where), mark in self.channels.marks.items()
        }
        assert marks == self.model.gone
        text = channel_document.to_json(self.channels, "lamp")
        assert channel_document.from_json(text, "channels.json", "lamp") == self.channels
        assert [line.serial for line in self.channels.history] == list(
            range(1, self.channels.serial + 1)
        )

    def check_rolling(self) -> None:
        for channel in CHANNELS:
            entries = self.channels.rolling.get(channel, {})
            rolling = {Spot(*where): str(entry.version) for where, entry in entries.items()}
            assert rolling == self.model.rolling[channel]
            assert {bool(entry.halted) for entry in entries.values()} <= {
                channel in self.model.halted
            }
            assert len({entry.rollout for entry in entries.values()}) <= 1
        unsettled = {(str(version), Spot(*where)) for version, where in self.channels.unsettled()}
        assert unsettled == self.model.unsettled()
        images = [entry for known in self.releases for entry in known.images]
        assert not any(entry.rolling.keys() & entry.channels.keys() for entry in images)

    def check_devices(self, offered: Sequence[Release], channel: str, spot: Spot) -> None:
        firmware = Spot(spot.board, "firmware")
        for running in VERSIONS:
            if (running, firmware) not in self.model.images:
                continue
            claims = running if spot == firmware else self.rng.choice((running, *VERSIONS))
            if spot == firmware:
                expected = self.model.gets(channel, running, spot)
            else:
                expected = self.model.gets_filesystem(channel, running, claims, spot)
            gets = what_it_gets(offered, channel, running, claims, spot)
            assert gets == expected
            assert gets is None or (gets, spot) not in self.model.gone


def what_it_gets(
    offered: Sequence[Release], channel: str, running: str, claims: str, spot: Spot
) -> str | None:
    """Returns what a device is offered."""
    report = Report(
        updater=True,
        mode=Mode.FILESYSTEM if spot == D1_FS else Mode.SKETCH,
        family="esp32" if spot == C3 else "esp8266",
        sketch_md5=image(running, Spot(spot.board, "firmware")).md5,
        version=claims,
    )
    target = choose(offered, spot.board, channel, kind_wanted(report))
    decision = decide_update(report, offered, target, board=spot.board, channel=channel)
    cached = decide(
        None, report, Targets(tuple(offered)), spot.board, channel, (), NO_TIME
    ).decision
    assert cached == decision
    if decision.verdict is not Verdict.OFFER or decision.release is None:
        return None
    # The order may be for what else has the same bytes.
    lower = decision.release.version.precedence < v(claims).precedence
    assert not lower or decision.rule is Rule.ORDERED_BACK
    return str(decision.release.version)


@functools.cache
def v(version: str) -> Version:
    return Version.parse(version)


@settings(deadline=None)
@given(st.integers(min_value=0), st.integers(min_value=1, max_value=40))
def test_channels_point_at_what_the_model_says(seed: int, steps: int) -> None:
    world = World(rng=random.Random(seed))
    for _ in range(steps):
        world.step()
        world.check()
