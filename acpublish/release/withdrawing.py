"""A release is taken back: withdrawn, which can be undone, or deleted.

A channel that points at it goes back; what was on its way to a channel stays away from it. A device
that runs it keeps it, unless it is ordered back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from acpublish.errors import ConflictError
from acpublish.release.changes import (
    Planned,
    Published,
    images_of,
    moved_from,
    recorded,
    release_of,
)
from acpublish.release.channels import Author, Channels, Mark, Move, Place
from acpublish.release.going_back import left_for, rollout_ends, staying
from acpublish.release.manifest import CLEARED, Release
from acpublish.release.rolling import ended
from acpublish.release.version import Version


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


def undo(
    channels: Channels,
    releases: Sequence[Release],
    version: Version,
    boards: Sequence[str],
    who: Author,
) -> Planned:
    """Takes a withdrawal back. Channels and orders stay as they are: a promotion changes them.

    Raises:
        NotFoundError: There is no such release, or it has no image for a board.
        ConflictError: Its bytes are gone.
    """
    release = release_of(releases, version)
    places = []
    marks = dict(channels.marks)
    for image in images_of(release, boards):
        place = Place(image.board, image.kind)
        if image.withdrawn in CLEARED:
            raise ConflictError(
                f"{release.product} {version} for {place} was {image.withdrawn}, and its bytes are "
                "gone",
                hint="Publish it as a newer version.",
            )
        if marks.pop((version, place), None) is not None:
            places.append(place)
    if not places:
        return Planned(channels=channels, change=None)
    after = replace(channels, marks=marks)
    notes = (
        *_standing(channels, version, places),
        f"No channel points at it. To offer it again: acpublish promote {release.product} "
        f"{version} --channel CHANNEL.",
    )
    return replace(recorded(channels, after, "undo", who, version, None, places, ()), notes=notes)


def _standing(channels: Channels, version: Version, places: Iterable[Place]) -> Iterator[str]:
    """Returns where devices that run a release are ordered to; a sentence for each."""
    for place in places:
        for channel in channels.pointers:
            current = channels.current(channel, place)
            if current is not None and version in current.ordered_back:
                yield (
                    f"{place}: devices that run {version} still go back to {current.version} on "
                    f"{channel}, until it is promoted there."
                )


def _retreat(
    published: Published, version: Version, places: Sequence[Place], mark: Mark
) -> tuple[Channels, list[Move], list[str]]:
    """Lets every channel leave a release, for what it pointed at before."""
    channels = published.channels
    after = channels.marked(version, places, mark)
    moved: list[Move] = []
    notes: list[str] = []
    for channel in channels.names:
        for place in places:
            entry = channels.rolling_at(channel, place)
            if entry is not None and entry.version == version:
                after = ended(after, channel, (place,))
                notes.append(rollout_ends(channels, channel, place))
            live = channels.live(channel, place)
            if not live or live[-1].version != version:
                after = after.taken_back(channel, place, {version})
                continue
            before = published.before(channel, place)
            target = before[-1] if before else None
            after = after.taken_back(channel, place, left_for(live, target))
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
    for channel in after.pointers:
        for place in places:
            pointers = after.pointers[channel].get(place, ())
            if not pointers or version in pointers[-1].orders:
                continue
            if version in {pointer.version for pointer in pointers if pointer.taken_back}:
                after = after.ordering(channel, place, (version,))
                notes += staying(published, after, channel, place)
    return after, notes
