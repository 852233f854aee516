"""What channels should point at and whom devices should get it, written from the issue's text.

The model knows nothing of the code: versions are strings whose order is :data:`VERSIONS`, a stack
is what a channel points at, with what it could go back to below it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from copy import deepcopy
from dataclasses import dataclass, field
from typing import NamedTuple

VERSIONS = [f"1.{minor}.0" for minor in range(8)]
#: What was published again under another version, with the same bytes.
TWINS = {"1.6.0": "1.2.0"}
CHANNELS = ("stable", "beta")


class Spot(NamedTuple):
    """A board and a kind of image."""

    board: str
    kind: str


C3 = Spot("c3", "firmware")
D1 = Spot("d1", "firmware")
D1_FS = Spot("d1", "filesystem")
SPOTS = (C3, D1, D1_FS)


class Made(NamedTuple):
    """What was published."""

    signed: bool
    secure: int
    below: str | None


def at(version: str) -> int:
    return VERSIONS.index(version)


def bytes_of(version: str) -> str:
    """The first version that the firmware of a release was published as."""
    return TWINS.get(version, version)


Images = dict[tuple[str, Spot], Made]
_Here = tuple[str, Spot]


@dataclass
class Model:
    """What the channels should point at."""

    trusting: bool = False
    images: Images = field(default_factory=dict)
    gone: dict[tuple[str, Spot], str] = field(default_factory=dict)
    stacks: dict[_Here, list[str]] = field(default_factory=lambda: defaultdict(list))
    #: What a channel left, and the last two that it ever pointed at.
    left: dict[_Here, set[str]] = field(default_factory=lambda: defaultdict(set))
    trail: dict[_Here, list[str]] = field(default_factory=lambda: defaultdict(list))
    #: Everything that the channel is known to have pointed at.
    ever: dict[_Here, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: Whose devices are to leave it, until the channel points at it again.
    orders: dict[_Here, set[str]] = field(default_factory=lambda: defaultdict(set))
    #: The channels to which releases go in stages, and what is on its way to each.
    policies: set[str] = field(default_factory=set)
    rolling: dict[str, dict[Spot, str]] = field(default_factory=lambda: defaultdict(dict))
    halted: set[str] = field(default_factory=set)
    #: What a channel left without ever having pointed at it.
    rolled: dict[_Here, set[str]] = field(default_factory=lambda: defaultdict(set))

    def may_offer(self, version: str, spot: Spot) -> bool:
        made = self.images.get((version, spot))
        return made is not None and (made.signed or not self.trusting)

    def offered(self, channel: str, spot: Spot) -> str | None:
        """What a new device gets."""
        signed = [entry for entry in self.stacks[channel, spot] if self.may_offer(entry, spot)]
        return signed[-1] if signed else None

    def spots(self, version: str, boards: Iterable[str]) -> list[Spot]:
        """The images of a release; none if it lacks a board that was named."""
        known = [spot for spot in SPOTS if (version, spot) in self.images]
        named = [spot for spot in known if not boards or spot.board in boards]
        return named if set(boards) <= {spot.board for spot in named} else []

    def allows(self, spot: Spot, running: str, to: str) -> bool:
        """Whether devices may go back: data that was changed, and the bootloader."""
        for version in VERSIONS[at(to) + 1 : at(running) + 1]:
            made = self.images.get((version, spot))
            if made and made.below and at(to) < at(made.below):
                return False
        higher, lower = self.images[running, spot], self.images[to, spot]
        return spot != C3 or lower.secure >= higher.secure

    def back(self, channel: str, spot: Spot, among: Iterable[str] | None = None) -> set[str]:
        """The releases whose devices go back to what a channel points at."""
        stack = self.stacks[channel, spot]
        among = self.orders[channel, spot] if among is None else among
        return {
            version
            for version in among
            if stack and at(version) > at(stack[-1]) and self.allows(spot, version, stack[-1])
        }

    def gets(self, channel: str, running: str, spot: Spot) -> str | None:
        """What a device gets that runs a firmware, which a server knows if it may be offered."""
        target, same = self.offered(channel, spot), self.same(running, spot)
        if target is None or target in same:
            return None
        if target == self.stacks[channel, spot][-1] and self.back(channel, spot) & {*same}:
            return target
        here = self.ever[channel, spot]
        elsewhere = set().union(*(self.ever[other, spot] for other in CHANNELS)) - here
        counting = {*same} - elsewhere if here & {*same} else {*same}
        return None if any(at(version) > at(target) for version in (running, *counting)) else target

    def same(self, running: str, spot: Spot) -> list[str]:
        """The releases that a server knows a device to run, by its digest."""
        known = [version for version in VERSIONS if self.may_offer(version, spot)]
        return [version for version in known if bytes_of(version) == bytes_of(running)]

    def gets_filesystem(self, channel: str, running: str, claims: str, spot: Spot) -> str | None:
        """What a device gets that runs a firmware and claims a version of a filesystem."""
        firmware = Spot(spot.board, "firmware")
        expected, same = self.offered(channel, firmware), self.same(running, firmware)
        known = expected in same if expected else bool(same)
        target = self.offered(channel, spot)
        if target is None or at(target) > at(claims):
            return target
        is_current = target == self.stacks[channel, spot][-1]
        ordered = known and is_current and claims in self.back(channel, spot)
        return target if ordered else None

    def push(self, channel: str, spot: Spot, version: str) -> None:
        here = channel, spot
        for other in (self.stacks[here], self.trail[here]):
            if version in other:
                other.remove(version)
            other.append(version)
        self.ever[here].add(version)
        self.left[here].discard(version)
        self.orders[here].discard(version)
        self.rolled[here].discard(version)

    def staged(self, channel: str, version: str) -> bool:
        """Whether a release goes to a channel in stages."""
        return channel in self.policies or version in self.rolling[channel].values()

    def send(self, channel: str, spots: Iterable[Spot], version: str) -> None:
        """A release is on its way; nothing that the channel points at changes."""
        self.supersede(channel, version)
        for spot in spots:
            self.leave(channel, spot, {version} & {*self.stacks[channel, spot]})
            self.rolling[channel][spot] = version
            self.ever[channel, spot].add(version)

    def supersede(self, channel: str, version: str) -> None:
        """A channel has one release on its way."""
        self.end(
            channel, [spot for spot, other in self.rolling[channel].items() if other != version]
        )

    def end(self, channel: str, spots: Iterable[Spot]) -> None:
        """What does not arrive is left, below what the channel points at."""
        for spot in [*spots]:
            version, here = self.rolling[channel].pop(spot), (channel, spot)
            trail = self.trail[here]
            self.left[here].add(version)
            if version not in trail:
                self.rolled[here].add(version)
            if trail[-1:] != [version]:
                others = [entry for entry in trail if entry != version]
                self.trail[here] = [*others[:-1], version, *others[-1:]]
        if not self.rolling[channel]:
            self.halted.discard(channel)

    def settle(self, channel: str) -> bool:
        if channel in self.halted or not self.rolling[channel]:
            return False
        for spot, version in self.rolling.pop(channel).items():
            self.push(channel, spot, version)
        return True

    def halt(self, channel: str) -> bool:
        if channel in self.halted or not self.rolling[channel]:
            return False
        self.halted.add(channel)
        return True

    def abort(self, channel: str) -> bool:
        known = bool(self.rolling[channel])
        self.end(channel, self.rolling[channel])
        return known

    def unsettled(self) -> set[tuple[str, Spot]]:
        """The images that no channel ever pointed at."""
        coming = {(version, spot) for own in self.rolling.values() for spot, version in own.items()}
        known = {(version, spot) for (_, spot), own in self.trail.items() for version in own}
        arrived = {
            (version, spot)
            for (channel, spot), own in self.trail.items()
            for version in own
            if version not in self.rolled[channel, spot]
        }
        return (known | coming) - arrived

    def leave(self, channel: str, spot: Spot, versions: Iterable[str]) -> None:
        here = channel, spot
        self.left[here].update(versions)
        self.stacks[here] = [entry for entry in self.stacks[here] if entry not in self.left[here]]

    def publish(self, version: str, spot: Spot, channel: str, made: Made) -> None:
        self.images[version, spot] = made
        if self.staged(channel, version):
            self.send(channel, (spot,), version)
        else:
            self.supersede(channel, version)
            self.push(channel, spot, version)

    def promote(
        self, version: str, channel: str, boards: Iterable[str], *, starts: bool = False
    ) -> bool:
        spots = self.spots(version, boards)
        for spot in spots:
            if (version, spot) in self.gone or not self.may_offer(version, spot):
                return False
        coming = dict(self.rolling[channel])
        again = starts and channel in self.halted and version in coming.values()
        moving = []
        for spot in spots:
            now, next_ = self.offered(channel, spot), None if again else coming.get(spot)
            if self.stacks[channel, spot][-1:] == [version] or next_ == version:
                continue
            if any(at(version) < at(other) for other in (now, next_) if other):
                return False
            moving.append(spot)
        staged = starts or self.staged(channel, version)
        if again and moving:
            self.end(channel, coming)
        if moving:
            self.supersede(channel, version)
        sending = [spot for spot in moving if staged and self.offered(channel, spot) != version]
        self.send(channel, sending, version) if sending else None
        for spot in moving:
            if spot not in sending:
                self.push(channel, spot, version)
        return bool(moving)

    def rollback(self, version: str | None, channel: str, boards: Iterable[str]) -> bool:
        if version and not self.spots(version, ()):
            return False
        spots = [spot for spot in SPOTS if not boards or spot.board in boards]
        rolling = [spot for spot in spots if spot in self.rolling[channel]]
        if rolling and version is None:
            # The boards that have nothing to do with it stay.
            spots = rolling
        without = deepcopy(self)
        without.end(channel, rolling)
        aims = {spot: without.aim(version, channel, spot, rolling) for spot in spots}
        ended = False
        for spot, target in aims.items():
            stack = self.stacks[channel, spot]
            refused = stack and target is None and version not in (None, stack[-1])
            if spot in rolling and not refused:
                self.end(channel, (spot,))
                ended = True
            if target is not None:
                if target in stack:
                    left = stack[stack.index(target) + 1 :]
                else:
                    left = [entry for entry in stack if at(entry) > at(target)]
                self.leave(channel, spot, left)
                self.orders[channel, spot] |= self.left[channel, spot]
                self.push(channel, spot, target)
        return ended or any(aims.values())

    def aim(
        self, version: str | None, channel: str, spot: Spot, rolling: Iterable[Spot] = ()
    ) -> str | None:
        """What a rollback leads to; None if the place stays as it is."""
        stack = self.stacks[channel, spot]
        if not stack:
            return None
        firmware = Spot(spot.board, "firmware")
        alone = firmware == spot or firmware not in rolling
        if version is None and spot in rolling and alone:
            target = stack[-1]
        elif spot.kind == "filesystem" and self.stacks[channel, firmware]:
            target = self.aim(version, channel, firmware, rolling)
            target = target and self.beside(target, channel, spot)
        elif version is None:
            target = self.before(channel, spot)
        else:
            there = self.may_offer(version, spot) and (version, spot) not in self.gone
            target = version if there and at(version) <= at(stack[-1]) else None
        waiting = self.back(channel, spot, self.orders[channel, spot] | self.left[channel, spot])
        if target == stack[-1] and waiting <= self.back(channel, spot):
            return None
        return target

    def before(self, channel: str, spot: Spot) -> str | None:
        """What a channel pointed at before, or still does, if a withdrawal moved it already."""
        here = channel, spot
        stack = self.stacks[here]
        for withdrawn in self.trail[here][-2:-1]:
            unordered = self.left[here] - self.orders[here]
            higher = at(withdrawn) > at(stack[-1])
            unmoved = (withdrawn, spot) in self.gone or withdrawn in self.rolled[here]
            if higher and withdrawn in unordered and unmoved:
                return stack[-1]
        lower = [entry for entry in stack[:-1] if self.may_offer(entry, spot)]
        return lower[-1] if lower else None

    def beside(self, firmware: str, channel: str, spot: Spot) -> str | None:
        """The filesystem that was used with a firmware."""
        *before, now = self.stacks[channel, spot]
        own = self.may_offer(firmware, spot) and (firmware, spot) not in self.gone
        if own and at(firmware) <= at(now):
            return firmware
        usable = [entry for entry in before if self.may_offer(entry, spot)]
        older = [entry for entry in (*usable, now) if at(entry) <= at(firmware)]
        return older[-1] if older else None

    def withdraw(self, version: str, boards: Iterable[str], *, order_back: bool) -> None:
        spots = self.spots(version, boards)
        for spot in spots:
            if (version, spot) not in self.gone:
                self.take_back(version, spot, "withdrawn")
            for channel in CHANNELS if order_back else ():
                if version in self.left[channel, spot]:
                    self.orders[channel, spot].add(version)

    def delete(self, version: str) -> None:
        for spot in self.spots(version, ()):
            self.take_back(version, spot, "deleted")

    def take_back(self, version: str, spot: Spot, state: str) -> None:
        self.gone[version, spot] = state
        for channel in CHANNELS:
            if self.rolling[channel].get(spot) == version:
                self.end(channel, (spot,))
            stack = self.stacks[channel, spot]
            if stack[-1:] != [version]:
                self.leave(channel, spot, {version} & {*stack})
                continue
            usable = [entry for entry in stack[:-1] if self.may_offer(entry, spot)]
            self.leave(channel, spot, stack[stack.index(usable[-1]) + 1 :] if usable else stack)
            if usable:
                self.push(channel, spot, usable[-1])

    def undo(self, version: str, boards: Iterable[str]) -> bool:
        keys = [(version, spot) for spot in self.spots(version, boards)]
        states = {self.gone.get(key) for key in keys}
        if states & {"deleted", "retired"} or "withdrawn" not in states:
            return False
        for key in keys:
            self.gone.pop(key, None)
        return True

    def retire(self, version: str, spot: Spot) -> None:
        """Forgets what no channel points at or pointed at before; orders stay."""
        self.gone[version, spot] = "retired"
        for channel in CHANNELS:
            here = channel, spot
            assert version not in self.stacks[here][-2:]
            assert self.rolling[channel].get(spot) != version
            for other in (self.stacks[here], self.trail[here]):
                if version in other:
                    other.remove(version)
            self.ever[here].discard(version)
            self.rolled[here].discard(version)
            self.left[here].discard(version)
