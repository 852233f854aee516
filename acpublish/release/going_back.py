"""Going back: rollback, withdrawal and deletion of a release, and who is ordered back.

A device that runs what was taken back keeps it, unless it is ordered back; then it is offered a
lower release, once it reports by its digest that it runs what was taken back. Nobody is ordered
back across a release that forbids it (:func:`forbids_return`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from acpublish.errors import ConflictError, NotFoundError
from acpublish.release.changes import (
    Planned,
    because,
    images_of,
    moved_from,
    recorded,
    release_of,
)
from acpublish.release.channels import Author, Channels, Mark, Move, Place, Pointer
from acpublish.release.manifest import Release, ReleaseImage
from acpublish.release.version import Version


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What is published of a product.

    Attributes:
        channels: The document.
        releases: The releases, as the document has them.
        offered: Those of them that may be offered: signed, if the product trusts keys.
    """

    channels: Channels
    releases: Sequence[Release]
    offered: Sequence[Release]

    def signed(self, version: Version, place: Place) -> bool:
        """Returns whether an image may be offered."""
        return _image_of(self.offered, version, place) is not None

    def before(self, channel: str, place: Place) -> list[Version]:
        """Returns what a channel pointed at before and may point at again, the newest last."""
        live = self.channels.live(channel, place)[:-1]
        return [pointer.version for pointer in live if self.signed(pointer.version, place)]


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
    ordered: dict[Place, tuple[Version, ...]] = {}
    for place, pointer in _moving(published.channels, product, channel, boards):
        target, stays = aims.target(place, pointer)
        if target is None:
            notes.append(f"{place} stays at {pointer.version}: {stays}.")
            continue
        after = after.taken_back(channel, place, _left(after.live(channel, place), target))
        own, faults = _ordered(published, after, channel, place, target)
        after = after.pushed(channel, place, target, who, own)
        moved.append(moved_from(channel, place, pointer, target))
        notes += faults
        if own:
            ordered[place] = own
    if not moved:
        why = "; ".join(note.rstrip(".") for note in notes) or "it points at nothing"
        raise ConflictError(
            f"{channel} of {product} cannot go back: {why}",
            hint=f"See 'acpublish channels {product}' for what it pointed at before.",
        )
    places = [move.place for move in moved]
    planned = recorded(after, "rollback", who, version, channel, places, moved)
    return replace(planned, notes=tuple(notes), ordered_back=ordered)


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
    if not fresh:
        return Planned(channels=published.channels, change=None)
    mark = Mark(state="withdrawn", serial=published.channels.serial + 1, author=who)
    after, moved, notes = _retreat(published, version, fresh, mark)
    ordered: dict[Place, tuple[Version, ...]] = {}
    for move in moved if order_back else ():
        if move.after is None:
            continue
        also = _current(published.channels, move).ordered_back
        own, faults = _ordered(
            published, after, move.channel, move.place, move.after, among={version, *also}
        )
        after = after.pushed(move.channel, move.place, move.after, who, own)
        notes += faults
        if own:
            ordered[move.place] = tuple(dict.fromkeys((*ordered.get(move.place, ()), *own)))
    planned = recorded(after, "withdraw", who, version, None, fresh, moved)
    return replace(planned, notes=tuple(notes), ordered_back=ordered)


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
    planned = recorded(after, "delete", who, version, None, fresh, moved)
    freed = {
        (version, place): image.stored_bytes
        for place, image in zip(fresh, images, strict=True)
        if image.withdrawn != "retired"
    }
    return replace(planned, notes=tuple(notes), freed=freed)


def forbids_return(releases: Iterable[Release], place: Place, running: Version, to: Version) -> str:
    """Returns why devices that run a release must not go back to another; empty if they may.

    Args:
        releases: The product's releases.
        place: Their board, and the kind of image.
        running: What they run.
        to: What they would go back to.
    """
    images = {release.version: release.image_for(*place) for release in releases}
    for version, image in images.items():
        passed = to.precedence < version.precedence <= running.precedence
        below = image and image.no_downgrade_below and Version.or_none(image.no_downgrade_below)
        if passed and below and to.precedence < below.precedence:
            return f"{version} forbids going back below {below}"
    theirs, ours = images.get(running), images.get(to)
    if theirs is None or ours is None:
        return "one of the two has no image for it"
    if theirs.family == "esp32" and place.kind == "firmware":
        if theirs.secure_version is None or ours.secure_version is None:
            return "the secure version of one of the two is not known"
        if ours.secure_version < theirs.secure_version:
            return (
                f"its secure version {ours.secure_version} is lower than {theirs.secure_version}, "
                f"that of {running}"
            )
    return ""


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
            return None, "; ".join(faults).rstrip(".") or "that is what it points at"
        return target, stays

    def _before(self, place: Place, pointer: Pointer) -> tuple[Version | None, str]:
        marks = self.published.channels.marks
        here = [mark for (_, other), mark in marks.items() if other == place]
        if any(mark.serial == pointer.serial for mark in here):
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
        image = _image_of(self.published.releases, version, place)
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
        image = _image_of(self.published.offered, firmware, place)
        lower = firmware.precedence <= pointer.version.precedence
        if image is not None and not image.withdrawn and lower:
            return firmware, ""
        before = [*self.published.before(self.channel, place), pointer.version]
        older = [version for version in before if version.precedence <= firmware.precedence]
        return (older[-1], "") if older else (None, f"{firmware} and those before it have none")

    def _lag(self, place: Place, target: Version) -> tuple[Version, ...]:
        """Returns the releases whose devices have yet to be ordered back to what a place has."""
        pointer = self.published.channels.current(self.channel, place)
        ordered = self._order(place, target)[0]
        known = pointer.ordered_back if pointer else ()
        return tuple(version for version in ordered if version not in known)

    def _order(self, place: Place, target: Version) -> tuple[tuple[Version, ...], list[str]]:
        channels = self.published.channels
        return _ordered(self.published, channels, self.channel, place, target)


def _ordered(
    published: Published,
    channels: Channels,
    channel: str,
    place: Place,
    target: Version,
    among: Iterable[Version] | None = None,
) -> tuple[tuple[Version, ...], list[str]]:
    """Returns who is ordered back to a release, and why others are not.

    Args:
        published: What is published.
        channels: The document in which the channel has left what was taken back.
        channel: The channel.
        place: The board, and the kind of image.
        target: The release.
        among: The releases whose devices go back; None for everything that the channel has left.
    """
    pointers = channels.pointers[channel][place]
    if among is None:
        left = {pointer.version for pointer in pointers if pointer.taken_back}
        earlier = {version for pointer in pointers for version in pointer.ordered_back}
        among = (left | earlier) - {pointer.version for pointer in channels.live(channel, place)}
    ordered, notes = [], []
    for version in sorted(among, key=lambda entry: entry.precedence, reverse=True):
        if version.precedence <= target.precedence:
            continue
        fault = forbids_return(published.releases, place, version, target)
        if fault:
            notes.append(f"{place}: devices that run {version} stay there: {fault}.")
        else:
            ordered.append(version)
    return tuple(ordered), notes


def _left(live: Sequence[Pointer], target: Version | None) -> set[Version]:
    """Returns the releases that a channel leaves when it goes back."""
    versions = [pointer.version for pointer in live]
    if target is None:
        return set(versions)
    if target in versions:
        return set(versions[versions.index(target) + 1 :])
    higher = {version for version in versions if version.precedence > target.precedence}
    return higher | {versions[-1]}


def _current(channels: Channels, move: Move) -> Pointer:
    return channels.live(move.channel, move.place)[-1]


def _image_of(releases: Iterable[Release], version: Version, place: Place) -> ReleaseImage | None:
    for release in releases:
        if release.version == version:
            return release.image_for(*place)
    return None
