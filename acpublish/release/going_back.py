"""Going back: rollback, withdrawal and deletion of a release, and who is ordered back.

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
    images_of,
    moved_from,
    recorded,
    release_of,
)
from acpublish.release.channels import Author, Channels, Mark, Move, Place, Pointer
from acpublish.release.orders import divided
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
    aims = _Aims(published=published, version=version, channel=channel)
    after = published.channels
    moved: list[Move] = []
    notes: list[str] = []
    for place, pointer in _moving(published.channels, product, channel, boards):
        target, stays = aims.target(place, pointer)
        if target is None:
            notes.append(f"{place} stays at {pointer.version}: {stays}.")
            continue
        after = after.taken_back(channel, place, _left(after.live(channel, place), target))
        left = _taken_back(after, channel, place)
        after = after.pushed(channel, place, target, who)
        after = after.ordering(channel, place, [gone for gone in left if gone != target])
        moved.append(moved_from(channel, place, pointer, target))
        notes += _staying(published, after, channel, place)
    if not moved:
        why = "; ".join(note.rstrip(".") for note in notes) or "it points at nothing"
        raise ConflictError(
            f"{channel} of {product} cannot go back: {why}",
            hint=f"See 'acpublish channels {product}' for what it pointed at before.",
        )
    places = [move.place for move in moved]
    after = published.carried_out(after, places)
    planned = recorded(published.channels, after, "rollback", who, version, channel, places, moved)
    notes += published.unrecognised(planned.ordered_back)
    return replace(planned, notes=tuple(notes))


def withdraw(
    published: Published,
    version: Version,
    boards: Sequence[str],
    who: Author,
    *,
    order_back: bool = False,
) -> Planned:
    """Stops offering a release; a channel that points at it goes back.

    Args:
        published: What is published.
        version: The release.
        boards: The boards whose images are withdrawn; all if empty.
        who: Who withdraws it, and why.
        order_back: Whether devices that run it are ordered back to what the channel points at.

    Raises:
        NotFoundError: There is no such release, or it has no image for a board.
    """
    images = images_of(release_of(published.releases, version), boards)
    fresh = [Place(image.board, image.kind) for image in images if not image.withdrawn]
    mark = Mark(state="withdrawn", serial=published.channels.serial + 1, author=who)
    after, moved, notes = _retreat(published, version, fresh, mark)
    places = [Place(image.board, image.kind) for image in images] if order_back else fresh
    if order_back:
        after, faults = _ordering(published, after, version, places)
        notes += faults
    after = published.carried_out(after, places)
    if after == published.channels:
        return Planned(channels=published.channels, change=None)
    planned = recorded(published.channels, after, "withdraw", who, version, None, places, moved)
    notes += published.unrecognised(planned.ordered_back)
    return replace(planned, notes=tuple(notes))


def delete(published: Published, version: Version, who: Author) -> Planned:
    """Stops offering a release for ever; the caller then removes its bytes.

    Raises:
        NotFoundError: There is no such release.
    """
    images = [
        image
        for image in release_of(published.releases, version).images
        if image.withdrawn != "deleted"
    ]
    if not images:
        return Planned(channels=published.channels, change=None)
    fresh = [Place(image.board, image.kind) for image in images]
    mark = Mark(state="deleted", serial=published.channels.serial + 1, author=who)
    after, moved, notes = _retreat(published, version, fresh, mark)
    after = published.carried_out(after, fresh)
    planned = recorded(published.channels, after, "delete", who, version, None, fresh, moved)
    freed = {
        (version, place): image.stored_bytes
        for place, image in zip(fresh, images, strict=True)
        if image.withdrawn != "retired"
    }
    return replace(planned, notes=tuple(notes), freed=freed)


def _retreat(
    published: Published, version: Version, places: Sequence[Place], mark: Mark
) -> tuple[Channels, list[Move], list[str]]:
    """Lets every channel leave a release, for what it pointed at before."""
    channels = published.channels
    after = channels.marked(version, places, mark)
    moved: list[Move] = []
    notes: list[str] = []
    for channel in channels.pointers:
        for place in places:
            live = channels.live(channel, place)
            if not live or live[-1].version != version:
                after = after.taken_back(channel, place, {version})
                continue
            before = published.before(channel, place)
            target = before[-1] if before else None
            after = after.taken_back(channel, place, _left(live, target))
            if target is None:
                notes.append(f"{channel} points at nothing for {place} now.")
            else:
                after = after.pushed(channel, place, target, mark.author)
            moved.append(moved_from(channel, place, live[-1], target))
    return after, moved, notes


def _ordering(
    published: Published, after: Channels, version: Version, places: Sequence[Place]
) -> tuple[Channels, list[str]]:
    """Orders the devices of a release to leave it, wherever a channel ever pointed at it."""
    notes: list[str] = []
    for channel in published.channels.pointers:
        for place in places:
            pointers = after.pointers[channel].get(place, ())
            if not pointers or version in pointers[-1].orders:
                continue
            if version in {pointer.version for pointer in pointers if pointer.taken_back}:
                after = after.ordering(channel, place, (version,))
                notes += _staying(published, after, channel, place)
    return after, notes


def _staying(published: Published, after: Channels, channel: str, place: Place) -> list[str]:
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
    channels: Channels, product: str, channel: str, boards: Sequence[str]
) -> list[tuple[Place, Pointer]]:
    """Returns the places of a channel that point at something, and at what."""
    places = channels.places(channel)
    if not places:
        known = ", ".join(sorted(channels.pointers)) or "none"
        raise NotFoundError(
            f"{product} has no channel {channel}", hint=f"Its channels are: {known}."
        )
    unknown = [board for board in boards if board not in {place.board for place in places}]
    if unknown:
        known = ", ".join(sorted({place.board for place in places}))
        raise NotFoundError(
            f"{channel} of {product} has no board {unknown[0]}", hint=f"Its boards are: {known}."
        )
    pointers = [
        (place, channels.current(channel, place))
        for place in places
        if not boards or place.board in boards
    ]
    return [(place, pointer) for place, pointer in pointers if pointer is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Aims:
    """What a rollback leads to."""

    published: Published
    version: Version | None
    channel: str

    def target(self, place: Place, pointer: Pointer) -> tuple[Version | None, str]:
        """Returns what a place goes back to, or None and why it stays as it is."""
        firmware = Place(place.board, "firmware")
        its_pointer = self.published.channels.current(self.channel, firmware)
        if place.kind == "filesystem" and its_pointer is not None:
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

    def _before(self, place: Place, pointer: Pointer) -> tuple[Version | None, str]:
        left = self.published.channels.pointers[self.channel][place][-2:-1]
        if any(
            previous.taken_back
            and (previous.version, place) in self.published.channels.marks
            and previous.version.precedence > pointer.version.precedence
            and previous.version not in pointer.orders
            for previous in left
        ):
            # The withdrawal has moved the channel already. If its devices must not go back, then
            # no others may: they run what the channel points at.
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


def _left(live: Sequence[Pointer], target: Version | None) -> set[Version]:
    """Returns the releases that a channel leaves when it goes back."""
    versions = [pointer.version for pointer in live]
    if target is None:
        return set(versions)
    if target in versions:
        return set(versions[versions.index(target) + 1 :])
    higher = {version for version in versions if version.precedence > target.precedence}
    return higher | {versions[-1]}
