"""Going back: a rollback, and who is ordered back.

If a release is on its way to the channel, that ends, and the channel stays where it is.

A device that runs what was taken back keeps it, unless it is ordered back; then it is offered a
lower release, once it reports by its digest that it runs what was taken back. Nobody is ordered
back across a release that forbids it, and an order outlives most changes
(:mod:`acpublish.release.orders`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from acpublish.errors import ConflictError, NotFoundError
from acpublish.release.changes import (
    Planned,
    Published,
    because,
    image_of,
    moved_from,
    recorded,
    release_of,
)
from acpublish.release.channels import Author, Channels, Move, Place, Pointer
from acpublish.release.orders import divided
from acpublish.release.rolling import ended
from acpublish.release.version import Version


def rollback(
    published: Published,
    version: Version | None,
    channel: str,
    boards: Sequence[str],
    who: Author,
) -> Planned:
    """Lets a channel point at an older release, and orders its devices back.

    A channel that went back by itself, when a release was withdrawn, stays where it is: then only
    the devices go back.

    Args:
        published: What is published.
        version: The release; None for what the channel pointed at before.
        channel: The channel.
        boards: The boards to move; all of the channel's if empty.
        who: Who goes back.

    Raises:
        NotFoundError: There is no such release or channel, or no such board on it.
        ConflictError: There is nothing to go back to, or the release was taken back, or is higher.
    """
    product = published.releases[0].product
    if version is not None:
        release_of(published.releases, version)
    after = published.channels
    moved: list[Move] = []
    notes: list[str] = []
    places: list[Place] = []
    selected, rolling = _moving(published.channels, product, channel, boards, version)
    without = replace(published, channels=ended(published.channels, channel, rolling))
    aims = _Aims(without, version, channel, frozenset(rolling))
    for place, pointer in selected:
        target, stays = aims.target(place, pointer) if pointer else (None, "it pointed at nothing")
        goes = target is not None or version in (None, pointer and pointer.version)
        if place in rolling and (goes or pointer is None):
            after = ended(after, channel, (place,))
            places.append(place)
            notes.append(rollout_ends(published.channels, channel, place))
        if target is None or pointer is None:
            notes.append(f"{place} stays at {pointer.version if pointer else 'nothing'}: {stays}.")
            continue
        after = after.taken_back(channel, place, left_for(after.live(channel, place), target))
        left = _taken_back(after, channel, place)
        after = after.pushed(channel, place, target, who)
        after = after.ordering(channel, place, [gone for gone in left if gone != target])
        moved.append(moved_from(channel, place, pointer, target))
        notes += staying(published, after, channel, place)
    if after == published.channels:
        why = "; ".join(note.rstrip(".") for note in notes) or "it points at nothing"
        raise ConflictError(
            f"{channel} of {product} cannot go back: {why}",
            hint=f"See 'acpublish channels {product}' for what it pointed at before.",
        )
    places = list(dict.fromkeys((*places, *(move.place for move in moved))))
    after = published.carried_out(after, places)
    planned = recorded(published.channels, after, "rollback", who, version, channel, places, moved)
    notes += published.unrecognised(planned.ordered_back)
    return replace(planned, notes=tuple(notes))


def rollout_ends(channels: Channels, channel: str, place: Place) -> str:
    """Returns that a rollout ends, for a person."""
    entry = channels.rolling[channel][place]
    return f"The rollout of {entry.version} to {channel} ends for {place}."


def staying(published: Published, after: Channels, channel: str, place: Place) -> list[str]:
    """Returns which devices should leave what they run, and may not; a sentence for each."""
    last = after.pointers[channel][place][-1]
    if last.taken_back:
        return []
    faults = divided(published.releases, place, last.orders, last.version)[1]
    return [f"{place}: {fault}." for fault in faults]


def _taken_back(channels: Channels, channel: str, place: Place) -> list[Version]:
    """Returns what a channel has left for something older."""
    pointers = channels.pointers[channel][place]
    return [pointer.version for pointer in pointers if pointer.taken_back]


def _moving(
    channels: Channels,
    product: str,
    channel: str,
    boards: Sequence[str],
    version: Version | None,
) -> tuple[list[tuple[Place, Pointer | None]], list[Place]]:
    """Returns the places of a channel that may go back, each with what it points at there.

    The second list has those of them to which a release is on its way.

    Where a release is on its way, a rollback without a version ends that, and leaves the boards
    alone that have nothing to do with it.
    """
    places = channels.places(channel)
    if not places:
        known = ", ".join(channels.names) or "none"
        raise NotFoundError(
            f"{product} has no channel {channel}", hint=f"Its channels are: {known}."
        )
    unknown = [board for board in boards if board not in {place.board for place in places}]
    if unknown:
        known = ", ".join(sorted({place.board for place in places}))
        raise NotFoundError(
            f"{channel} of {product} has no board {unknown[0]}", hint=f"Its boards are: {known}."
        )
    selected = [place for place in places if not boards or place.board in boards]
    rolling = [place for place in selected if channels.rolling_at(channel, place) is not None]
    if rolling and version is None:
        selected = rolling
    pointers = [(place, channels.current(channel, place)) for place in selected]
    return [entry for entry in pointers if entry[1] or entry[0] in rolling], rolling


@dataclass(frozen=True, slots=True)
class _Aims:
    """What a rollback leads to.

    Attributes:
        published: What is published, with nothing on its way to the channel any more.
        version: The release that was named.
        channel: The channel.
        rolling: To which of its places something was on its way.
    """

    published: Published
    version: Version | None
    channel: str
    rolling: frozenset[Place]

    def target(self, place: Place, pointer: Pointer) -> tuple[Version | None, str]:
        """Returns what a place goes back to, or None and why it stays as it is."""
        firmware = Place(place.board, "firmware")
        its_pointer = self.published.channels.current(self.channel, firmware)
        target: Version | None
        if self.version is None and place in self.rolling and firmware not in self._others(place):
            # The channel is where it should be, and only devices go back.
            target, stays = pointer.version, ""
        elif place.kind == "filesystem" and its_pointer is not None:
            target, stays = self.target(firmware, its_pointer)
            if target is None:
                return None, "its firmware stays"
            target, stays = self._filesystem(place, pointer, target)
        elif self.version is not None:
            target, stays = self._named(self.version, place, pointer)
        else:
            target, stays = self._before(place, pointer)
        if target == pointer.version and not self._lag(place, pointer.version):
            faults = self._order(place, pointer.version)[1]
            return None, "; ".join(faults) or "that is what it points at"
        return target, stays

    def _others(self, place: Place) -> frozenset[Place]:
        return self.rolling - {place}

    def _before(self, place: Place, pointer: Pointer) -> tuple[Version | None, str]:
        left = self.published.channels.pointers[self.channel][place][-2:-1]
        if any(
            previous.taken_back
            and (previous.rolled or (previous.version, place) in self.published.channels.marks)
            and previous.version.precedence > pointer.version.precedence
            and previous.version not in pointer.orders
            for previous in left
        ):
            # The withdrawal has moved the channel already, or a rollout has never moved it. If its
            # devices must not go back, then no others may: they run what the channel points at.
            return pointer.version, ""
        before = self.published.before(self.channel, place)
        return (before[-1], "") if before else (None, "nothing was there before")

    def _named(
        self, version: Version, place: Place, pointer: Pointer
    ) -> tuple[Version | None, str]:
        if version.precedence > pointer.version.precedence:
            return None, f"{version} is higher, which takes 'acpublish promote'"
        image = image_of(self.published.releases, version, place)
        if image is None:
            return None, f"{version} has no image for it"
        if image.withdrawn:
            return None, f"{version} was {image.withdrawn}{because(image.withdrawn_reason)}"
        if not self.published.signed(version, place):
            return None, f"{version} is not signed with a key that the product trusts"
        return version, ""

    def _filesystem(
        self, place: Place, pointer: Pointer, firmware: Version
    ) -> tuple[Version | None, str]:
        """Returns the filesystem that was used with a firmware: its own, or the one before it."""
        image = image_of(self.published.offered, firmware, place)
        lower = firmware.precedence <= pointer.version.precedence
        if image is not None and not image.withdrawn and lower:
            return firmware, ""
        before = [*self.published.before(self.channel, place), pointer.version]
        older = [version for version in before if version.precedence <= firmware.precedence]
        return (older[-1], "") if older else (None, f"{firmware} and those before it have none")

    def _lag(self, place: Place, target: Version) -> tuple[Version, ...]:
        """Returns the releases whose devices have yet to be ordered back to what a place has."""
        pointer = self.published.channels.current(self.channel, place)
        known = pointer.ordered_back if pointer else ()
        return tuple(version for version in self._order(place, target)[0] if version not in known)

    def _order(self, place: Place, target: Version) -> tuple[tuple[Version, ...], list[str]]:
        pointers = self.published.channels.pointers[self.channel][place]
        left = _taken_back(self.published.channels, self.channel, place)
        running = dict.fromkeys((*pointers[-1].orders, *left))
        return divided(self.published.releases, place, running, target)


def left_for(live: Sequence[Pointer], target: Version | None) -> set[Version]:
    """Returns the releases that a channel leaves when it goes back."""
    versions = [pointer.version for pointer in live]
    if target is None:
        return set(versions)
    if target in versions:
        return set(versions[versions.index(target) + 1 :])
    higher = {version for version in versions if version.precedence > target.precedence}
    return higher | {versions[-1]}
